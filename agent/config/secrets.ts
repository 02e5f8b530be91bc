// Passwords and key files: read once at start, so that an unreadable one is an error before anything runs.
import { messageOf } from '../core/errors.ts'
import type { LoadContext } from './context.ts'
import type { TlsConfig } from './contract.ts'
import type { Path } from './issues.ts'
import type { LinkIn, SecretIn } from './schema-sources.ts'

const SECRET_BYTES_MAX = 65_536
const PEM_BYTES_MAX = 2 ** 20

/** The secret itself; undefined when it cannot be read, which is reported. */
export function readSecret(
  ctx: LoadContext,
  secret: SecretIn,
  path: Path,
  example = 'password: {file: broker.pw}',
): string | undefined {
  const what = example.split(':')[0]
  if (typeof secret === 'string') {
    ctx.issues.warn(
      path,
      `the ${what} stands in the configuration itself`,
      `better: ${example}, a file only the agent can read`,
    )
    return secret
  }
  if ((secret.file === undefined) === (secret.env === undefined)) {
    ctx.issues.error(path, 'expected either {file: PATH} or {env: NAME}', `write ${example}`)
    return undefined
  }
  if (secret.file !== undefined) return secretFromFile(ctx, secret.file, [...path, 'file'])
  return secretFromEnv(ctx, secret.env ?? '', [...path, 'env'])
}

function secretFromEnv(ctx: LoadContext, name: string, path: Path): string | undefined {
  // Somebody may have put the secret itself where its name belongs: only what looks like a name is shown.
  const plain = /^[A-Z][A-Z0-9_]*$/.test(name)
  const value = Object.hasOwn(ctx.io.env, name) ? ctx.io.env[name] : undefined
  if (value !== undefined && value !== '') return value
  const what = plain
    ? `the environment variable ${name} is ${value === '' ? 'empty' : 'not set'}`
    : 'the environment variable named here is not set'
  ctx.issues.error(
    path,
    what,
    'set it for the service (systemd: EnvironmentFile=), or use {file: PATH}',
    'SECRET_UNREADABLE',
  )
  return undefined
}

function secretFromFile(ctx: LoadContext, file: string, path: Path): string | undefined {
  const text = readSmall(ctx, file, path, SECRET_BYTES_MAX, true)?.replace(/\r?\n$/, '')
  if (text === undefined) return undefined
  if (text !== '' && !text.includes('\n') && !text.includes('\0')) return text
  const problem = text === '' ? 'is empty' : 'holds more than one line'
  ctx.issues.error(
    path,
    `the secret file ${ctx.absolute(file)} ${problem}`,
    'put the password alone into it',
    'SECRET_UNREADABLE',
  )
  return undefined
}

/** PEM text of the files named under `tls`. */
export function readTls(ctx: LoadContext, tls: LinkIn['tls'], path: Path): TlsConfig {
  const read: TlsConfig = {}
  for (const part of ['ca', 'cert', 'key'] as const) {
    const file = tls?.[part]
    if (file === undefined) continue
    const pem = readSmall(ctx, file, [...path, part], PEM_BYTES_MAX, part === 'key')
    if (pem === undefined) continue
    if (/-----BEGIN [A-Z ]+-----/.test(pem)) read[part] = pem
    else
      ctx.issues.error(
        [...path, part],
        `${ctx.absolute(file)} is not a PEM file`,
        'expected text with -----BEGIN … -----; convert DER with openssl',
      )
  }
  if ((tls?.cert === undefined) !== (tls?.key === undefined)) {
    const missing = tls?.cert === undefined ? 'cert' : 'key'
    ctx.issues.error(
      path,
      `${missing} is missing; a client certificate needs cert and key`,
      `add ${missing}: FILE, or remove both`,
    )
  }
  return read
}

export function readSmall(
  ctx: LoadContext,
  file: string,
  path: Path,
  bytesMax: number,
  secret: boolean,
): string | undefined {
  const refuse = (message: string, hint: string): undefined => {
    ctx.issues.error(path, message, hint, 'SECRET_UNREADABLE')
  }
  // Pasted keys must not come back in a message.
  if (/[\n\0]|-----BEGIN/.test(file))
    return refuse('expected the path of a file, got its contents', 'save it to a file and name that')
  const absolute = ctx.absolute(file)
  try {
    const { bytes, mode } = ctx.io.readFile(absolute)
    if (bytes.length > bytesMax)
      return refuse(`${absolute} has ${bytes.length} bytes; the most is ${bytesMax}`, 'is it the right file?')
    if (secret && mode !== undefined && (mode & 0o077) !== 0) {
      const octal = (mode & 0o777).toString(8).padStart(3, '0')
      ctx.issues.warn(path, `${absolute} can be read by others than its owner (mode ${octal})`, `chmod 600 ${absolute}`)
    }
    return new TextDecoder().decode(bytes)
  } catch (error) {
    return refuse(
      `${absolute} cannot be read (${reason(error)})`,
      'create it, readable by the user the agent runs as; relative paths begin at the folder of this file',
    )
  }
}

/** In words, for the errors people meet. */
export function reason(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code
  if (code === 'ENOENT') return 'it does not exist'
  if (code === 'EACCES') return 'permission denied'
  if (code === 'EISDIR') return 'it is a folder'
  return typeof code === 'string' ? code : messageOf(error)
}
