// wearwatch publish: makes the signed repository that gateways sync their models from.
import { Command } from 'commander'
import { systemClock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import { parseModelFile } from '../models/file/model-file.ts'
import { type AddResult, type InitResult, Publisher, type RepositoryStatus } from '../sync/publisher.ts'
import { readInputText } from './files.ts'
import { action, EXIT, paint, print, printJson, table } from './shared.ts'

const HOURS = { h: 1, d: 24, w: 168 } as const
/** Below this many days the status warns. */
const DAYS_LEFT_LOW = 14

interface Options {
  keys?: string
  passphraseFile?: string
  expires: string
  json?: boolean
  repo: string
  class?: string
}

export function publishCommand(): Command {
  const publish = new Command('publish').description('make the signed repository that gateways sync their models from')
  withKey(publish.command('init'))
    .description('make a repository in a folder, and the key that signs it')
    .argument('<dir>', 'folder that a web server or USB stick will carry')
    .action(action((dir: string, options: Options) => init({ ...options, repo: dir })))
  withKey(publish.command('add'))
    .description('publish a model for the assets of a class')
    .argument('<model>', 'model file (.onnx with its manifest inside)')
    .requiredOption('--repo <dir>', 'the repository')
    .option('--class <type>', 'asset type, or asset id, it is for; default: the class in its manifest')
    .action(action(add))
  withKey(publish.command('refresh'))
    .description('sign again before the metadata expires')
    .requiredOption('--repo <dir>', 'the repository')
    .action(action(refresh))
  publish
    .command('status')
    .description('what is published, and until when it is valid')
    .requiredOption('--repo <dir>', 'the repository')
    .option('--json', 'machine-readable')
    .action(action((options: Options) => status({ ...options, expires: '90d' })))
  return publish
}

function withKey(command: Command): Command {
  return command
    .option('--keys <dir>', 'folder of the signing key (default: <repository>-keys)')
    .option('--passphrase-file <file>', 'passphrase of the key; or set WEARWATCH_PASSPHRASE')
    .option('--expires <duration>', 'how long what is signed now stays valid: 12h, 90d, 8w', '90d')
    .option('--json', 'machine-readable')
}

async function init(options: Options): Promise<number> {
  const result = await publisher(options).init()
  if (options.json) printJson({ ...result, next: `install ${result.root} on the gateways as sync.root` })
  else showInit(result)
  return EXIT.ok
}

function showInit(result: InitResult): void {
  print(`repository  ${result.repository}, valid until ${result.expires}`)
  print(`key         ${result.key} (${result.keyEncrypted ? 'encrypted with your passphrase' : 'mode 0600'})`)
  if (!result.keyEncrypted) {
    print(paint('            NOT encrypted: whoever reads this file can put models on your gateways.', 'yellow'))
    print('            Give a passphrase with --passphrase-file FILE or in WEARWATCH_PASSPHRASE to have it encrypted.')
  }
  print('            Back it up. Lost, every gateway needs a new root by hand.')
  print(`next        install ${result.root} on the gateways as sync.root,`)
  print('            and point sync.repository at this folder: served as https://…, or as a path')
  print(`then        wearwatch publish add MODEL.onnx --repo ${result.repository} --class TYPE`)
}

async function add(path: string, options: Options): Promise<number> {
  const result = await publisher(options).add(path, options.class)
  if (options.json) printJson(result)
  else showAdded(result)
  return EXIT.ok
}

function showAdded(result: AddResult): void {
  print(`published   ${result.name} release ${result.release} for ${result.assetClass} (${result.bytes} bytes)`)
  print(`digest      ${result.sha256}`)
  print(`valid       until ${result.expires}; sign again before that with "wearwatch publish refresh"`)
  print('next        gateways take it at their next sync, or now with "wearwatch sync" on the gateway')
}

async function refresh(options: Options): Promise<number> {
  const result = await publisher(options).refresh()
  if (options.json) printJson(result)
  else showStatus(result)
  return EXIT.ok
}

async function status(options: Options): Promise<number> {
  const result = await publisher(options).status()
  if (options.json) printJson(result)
  else showStatus(result)
  return EXIT.ok
}

function showStatus(result: RepositoryStatus): void {
  print(`repository  ${result.repository}`)
  const roles = result.roles.map(role => [role.role, String(role.version), role.expires, String(role.daysLeft)])
  print(table(['ROLE', 'VERSION', 'EXPIRES', 'DAYS LEFT'], roles))
  print()
  const models = result.classes.flatMap(({ assetClass, releases }) =>
    releases.map(r => [assetClass, String(r.release), r.name, String(r.bytes), r.published, r.sha256.slice(0, 12)]),
  )
  if (models.length === 0) print('nothing is published yet: wearwatch publish add MODEL.onnx --repo DIR --class TYPE')
  else print(table(['CLASS', 'RELEASE', 'MODEL', 'BYTES', 'PUBLISHED', 'DIGEST'], models))
  const low = result.roles.filter(role => role.daysLeft < DAYS_LEFT_LOW).map(role => role.role)
  if (low.length > 0) print(paint(`expires soon: ${low.join(', ')}; run "wearwatch publish refresh"`, 'yellow'))
}

function publisher(options: Options): Publisher {
  const passphrase = readPassphrase(options.passphraseFile)
  return new Publisher({
    repo: options.repo,
    ...(options.keys === undefined ? {} : { keys: options.keys }),
    ...(passphrase === undefined ? {} : { passphrase }),
    expiresMs: parseDuration(options.expires),
    clock: systemClock(),
    readModel: parseModelFile,
  })
}

function readPassphrase(file: string | undefined): string | undefined {
  if (file === undefined) return process.env.WEARWATCH_PASSPHRASE || undefined
  const text = readInputText(file).replace(/\r?\n$/, '')
  if (text === '')
    throw new AgentError('FILE_UNREADABLE', `cannot read ${file}: it is empty; put the passphrase on its first line`)
  return text
}

function parseDuration(text: string): number {
  const [, count, unit] = /^(\d{1,5})(h|d|w)$/.exec(text) ?? []
  const hours = Number(count) * HOURS[unit as keyof typeof HOURS]
  if (hours > 0) return hours * 3_600_000
  throw new AgentError('USAGE', `--expires: "${text}" is not a duration; write 12h, 90d or 8w`)
}
