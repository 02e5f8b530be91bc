// Keys that sign commands, and the counter beside each: what was used is durable before anything is signed with it.
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { AgentError, messageOf } from '../core/errors.ts'
import { readPrivateKey } from '../uplink/command-envelope.ts'
import { readInputText, unwritable } from './files.ts'

const KEY_ID = /^[a-z0-9][a-z0-9-]{0,63}$/

export interface CommandKeyFile {
  path: string
  id: string
  privateKey: KeyObject
}

/** `id` where not given: the name of the file. Throws FILE_UNREADABLE, USAGE. */
export function readCommandKey(path: string, id = idOf(path)): CommandKeyFile {
  const pem = readInputText(path)
  try {
    return { path, id: checkedId(id), privateKey: readPrivateKey(pem) }
  } catch (error) {
    if (error instanceof AgentError) throw error
    const what = `${path} holds no private key for commands (${messageOf(error)})`
    throw new AgentError('FILE_UNREADABLE', `${what}; make one with "wearwatch command key new"`, { cause: error })
  }
}

/** Writes `<path>` (private, mode 0600) and `<path>.pub`; never over an older key. Returns the public key as the configuration takes it. */
export function newCommandKey(path: string, id = idOf(path)): { id: string; publicKey: string; publicPath: string } {
  checkedId(id)
  const { privateKey, publicKey } = generateKeyPairSync('ed25519')
  const publicPath = `${path}.pub`
  writeNew(path, privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), 0o600)
  writeNew(publicPath, publicKey.export({ type: 'spki', format: 'pem' }).toString(), 0o644)
  return { id, publicKey: publicKey.export({ type: 'spki', format: 'der' }).toString('base64'), publicPath }
}

/**
 * The next counter of a key: above the last one, and not below the time, so that a key whose counter file is gone still counts
 * up. Durable when it returns. Throws FILE_UNWRITABLE; COMMAND_REFUSED while another command holds the file.
 */
export function nextCounter(keyPath: string, nowMs: number): number {
  const path = `${keyPath}.counter`
  const lock = `${path}.lock`
  takeLock(lock)
  try {
    const counter = Math.max(lastCounter(path) + 1, Math.floor(nowMs))
    writeDurably(path, `${counter}\n`)
    return counter
  } finally {
    rmSync(lock, { force: true })
  }
}

function lastCounter(path: string): number {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return 0
  }
  const last = Number(text)
  if (Number.isSafeInteger(last) && last >= 0) return last
  throw new AgentError('FILE_UNREADABLE', `${path} does not hold a counter; remove it, the time takes its place`)
}

/** The pid in it tells a lock that a kill left behind from one that is held. */
function takeLock(lock: string): void {
  for (let tries = 0; tries < 2; tries++) {
    try {
      writeNew(lock, String(process.pid), 0o600)
      return
    } catch (error) {
      const code = (error as { cause?: NodeJS.ErrnoException }).cause?.code
      if (code !== 'EEXIST') throw error
      if (tries > 0 || isAlive(Number(readFileSync(lock, 'utf8')))) break
      rmSync(lock, { force: true })
    }
  }
  throw new AgentError('COMMAND_REFUSED', `another command is using this key (${lock}); try again when it is done`)
}

function isAlive(pid: number): boolean {
  if (!Number.isSafeInteger(pid) || pid <= 0) return false
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function writeDurably(path: string, text: string): void {
  const beside = `${path}.new`
  try {
    rmSync(beside, { force: true })
    writeNew(beside, text, 0o600)
    renameSync(beside, path)
    const dir = openSync(dirname(path), 'r')
    fsyncSync(dir)
    closeSync(dir)
  } catch (error) {
    throw error instanceof AgentError ? error : unwritable(path, error)
  }
}

/** Throws FILE_UNWRITABLE, also where it exists. */
function writeNew(path: string, text: string, mode: number): void {
  try {
    const fd = openSync(path, 'wx', mode)
    try {
      writeSync(fd, text)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    throw unwritable(path, error)
  }
}

function idOf(path: string): string {
  return basename(path).replace(/\.[^.]*$/, '')
}

function checkedId(id: string): string {
  if (KEY_ID.test(id)) return id
  throw new AgentError(
    'USAGE',
    `"${id}" cannot be the id of a key: small letters, digits and hyphens; give one with --key-id`,
  )
}
