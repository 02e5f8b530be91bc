// One YAML file -> one frozen AgentConfig, or every error at once.
//
//   text -> YAML with lines -> migration -> sections, types and assets checked one by one (schema) -> units, templates,
//   secrets, defaults -> rules across sections -> line load -> AgentConfig
//
// Each step leaves out what it refused and goes on, so that one run finds all errors; the result is used only when there
// are none. This file alone touches files and the environment.
import { closeSync, constants, fstatSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { errnoOf } from '../core/disk.ts'
import { AgentError } from '../core/errors.ts'
import { buildAssets } from './assets.ts'
import { type BaselineRows, baselineRows } from './baseline-rows.ts'
import { check, isRecord } from './check.ts'
import { type ConfigIo, LoadContext } from './context.ts'
import type { AgentConfig, ConfigIssue } from './contract.ts'
import { crossCheck } from './cross-checks.ts'
import { DEFAULTS } from './defaults.ts'
import { ConfigError, Issues } from './issues.ts'
import { type LineLoad, lineLoads } from './line-load.ts'
import { migrate } from './migrations.ts'
import { checkPlaces } from './places.ts'
import { FILE_KEYS, logSchema } from './schema.ts'
import { reason } from './secrets.ts'
import { buildControl, buildGateway, buildScorer, buildStorage, buildSync, buildUplink } from './sections.ts'
import { buildSources } from './sources.ts'
import { buildWebhooks } from './webhooks.ts'
import { describeValue, didYouMean, shown } from './wording.ts'
import { FILE_BYTES_MAX, readYaml } from './yaml-text.ts'

export type { ConfigIo } from './context.ts'
export { ConfigError } from './issues.ts'

export interface LoadedConfig {
  /** Frozen, all the way down. */
  config: AgentConfig
  /** In the order of the file; the agent runs all the same. */
  warnings: readonly ConfigIssue[]
  /** One per serial source with channels. */
  lineLoads: readonly LineLoad[]
  /** One per asset that learns a model of its own. */
  baselines: readonly BaselineRows[]
}

/** Throws ConfigError with all issues. `text` is the YAML; `io.file` its name. */
export function loadConfig(text: string, io: ConfigIo): LoadedConfig {
  const yaml = readYaml(text)
  const issues = new Issues(yaml.lineOf)
  const syntax = yaml.errors.map(error => ({ path: '(file)', ...error }))
  const raw = yaml.value === undefined ? undefined : rootOf(yaml.value, issues)
  const built = raw && build(new LoadContext(issues, io, raw), raw)
  const errors = [...syntax, ...issues.errors].sort((a, b) => a.line - b.line)
  if (errors.length > 0 || !built) throw new ConfigError(io.file, errors)
  const { config, loads, baselines } = built
  return { config: deepFreeze(config), warnings: issues.warnings, lineLoads: loads, baselines }
}

/**
 * Reads the file, the secrets it names, the environment and /etc/machine-id. Throws CONFIG_UNREADABLE, or ConfigError.
 * `io` replaces parts of the world, for tests and for the demo.
 */
export function loadConfigFile(path: string, io: Partial<Omit<ConfigIo, 'file'>> = {}): LoadedConfig {
  const readFile = io.readFile ?? readSmallFile
  const text = readText(path, readFile)
  const machineId = 'machineId' in io ? io.machineId : readMachineId()
  const world = { env: process.env, hostname: hostname(), kindOf, ...io, readFile, machineId }
  return loadConfig(text, { file: resolve(path), ...world })
}

function readText(path: string, readFile: ConfigIo['readFile']): string {
  const unreadable = (why: string, todo: string, cause: unknown): AgentError =>
    new AgentError('CONFIG_UNREADABLE', `cannot read the configuration ${path}: ${why}; ${todo}`, { cause })
  let bytes: Uint8Array
  try {
    bytes = readFile(path).bytes
  } catch (error) {
    throw unreadable(reason(error), TODO[errnoOf(error)] ?? 'name another file', error)
  }
  try {
    return new TextDecoder('utf-8', { fatal: bytes.length <= FILE_BYTES_MAX }).decode(bytes)
  } catch (error) {
    throw unreadable('it is not UTF-8 text', 'save it as UTF-8, or name another file', error)
  }
}

const TODO: Record<string, string> = {
  ENOENT: 'create it (docs/config.md) or name another file',
  EISDIR: 'name the file in it, such as config.yaml',
  EACCES: 'let this user read it, or name another file',
}

function rootOf(value: unknown, issues: Issues): Record<string, unknown> | undefined {
  if (!isRecord(value)) {
    issues.error(
      [],
      `expected a mapping of keys, got ${describeValue(value)}`,
      'begin with version: 1 and gateway: {site: hamburg}',
    )
    return undefined
  }
  return migrate(value, issues)
}

interface Built {
  config: AgentConfig
  loads: LineLoad[]
  baselines: BaselineRows[]
}

function build(ctx: LoadContext, raw: Record<string, unknown>): Built {
  for (const key of Object.keys(raw)) {
    if (!FILE_KEYS.includes(key)) ctx.issues.error([key], `unknown key "${shown(key)}"`, didYouMean(key, FILE_KEYS))
  }
  for (const [key, what, hint] of NEEDED) {
    if (raw[key] === undefined || (isRecord(raw[key]) && ctx.keysAt([key]).length === 0))
      ctx.issues.error([key], `${what}`, hint)
  }
  const gateway = buildGateway(ctx, raw.gateway)
  const sources = buildSources(ctx, raw.sources, gateway.id)
  const assets = buildAssets(ctx, raw.types, raw.assets, sources)
  const uplink = buildUplink(ctx, raw.uplink, gateway.id, raw.sync !== undefined)
  const webhooks = buildWebhooks(ctx, raw.webhooks)
  const storage = buildStorage(ctx, raw.storage)
  const log = raw.log === undefined ? undefined : check(logSchema, raw.log, ['log'], ctx.issues)
  crossCheck(ctx, { sources, assets, uplink })
  checkPlaces(ctx, { sources, assets, storage })
  const loads = lineLoads(ctx, sources.values(), assets)
  const baselines = baselineRows(ctx, assets, sources)
  const config: AgentConfig = {
    version: 1,
    gateway,
    sources: [...sources.values()].filter(source => source !== undefined),
    assets,
    uplink,
    ...(webhooks.length > 0 ? { webhooks } : {}),
    storage,
    scorer: buildScorer(ctx, raw.scorer),
    sync: buildSync(ctx, raw.sync),
    control: buildControl(ctx, raw.control, storage.dir),
    log: { level: log?.level ?? DEFAULTS.log.level },
  }
  return { config, loads, baselines }
}

const NEEDED = [
  ['sources', 'names no source: there is nothing to read', 'write sources: {plant: {mqtt: {url: mqtt://broker:1883}}}'],
  ['assets', 'names no asset: there is nothing to watch', 'add the machines by id, each with its channels or a type'],
] as const

function deepFreeze<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  for (const inner of Object.values(value)) deepFreeze(inner)
  return Object.freeze(value)
}

// One descriptor for stat and read, so both speak of the same file; never more than can be a configuration or a secret.
function readSmallFile(path: string): { bytes: Uint8Array; mode: number | undefined } {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const bytes = new Uint8Array(FILE_BYTES_MAX + 1)
    let length = 0
    for (let got = -1; got !== 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, null)
    return { bytes: bytes.slice(0, length), mode: fstatSync(fd).mode }
  } finally {
    closeSync(fd)
  }
}

function kindOf(path: string): 'file' | 'folder' | 'none' {
  try {
    return statSync(path).isDirectory() ? 'folder' : 'file'
  } catch {
    return 'none'
  }
}

function readMachineId(): string | undefined {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      return readFileSync(path, 'utf8')
    } catch {
      // A container or a fresh image has none; the loader says what to do when it needs one.
    }
  }
  return undefined
}
