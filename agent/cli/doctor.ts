// `wearwatch doctor --providers MODEL`: what this machine can score on, proved node by node. `--links`: the brokers of the config.
import { Command } from 'commander'
import type { ScorerConfig } from '../config/contract.ts'
import { loadConfigFile } from '../config/load.ts'
import { systemClock } from '../core/clock.ts'
import { AgentError, messageOf } from '../core/errors.ts'
import { silentLogger } from '../core/logger.ts'
import { MODEL_BYTES_MAX, parseModelFile } from '../models/file/model-file.ts'
import { findSetpriv } from '../scoring/launch.ts'
import { type PlacementProof, type ProviderProof, provePlacement } from '../scoring/prove-placement.ts'
import { checkLinks } from './doctor-links.ts'
import { readInput } from './files.ts'
import { action, EXIT, paint, print, printJson, table } from './shared.ts'
import { DEFAULT_CONFIG } from './socket.ts'

const LADDER: ScorerConfig = {
  providers: ['tensorrt', 'cuda', 'cpu'],
  require: false,
  deviceId: 0,
  threads: 1,
  deadlineMs: 10_000,
  queueWindowsMax: 1,
  batchMax: 1,
  memoryMb: 2048,
}

interface DoctorOptions {
  providers?: string
  links?: boolean
  config: string
  device: string
  json?: boolean
}

export function doctorCommand(): Command {
  return new Command('doctor')
    .description('prove what this machine can score on, and that its brokers let it in')
    .option('--providers <model>', 'run this model on every execution provider and show where each node ran')
    .option('--device <id>', 'GPU to ask', '0')
    .option('--links', 'log in once at every broker of the config, under client ids that end in -doctor')
    .option('-c, --config <FILE>', 'config file, for --links', DEFAULT_CONFIG)
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 the model runs on at least one provider, 2 usage, 3 the file cannot be read, 5 it runs on none, or a broker does not let us in',
    )
    .action(action((options: DoctorOptions) => doctor(options)))
}

async function doctor(options: DoctorOptions): Promise<number> {
  if (options.links) return doctorLinks(options)
  if (options.providers === undefined) {
    throw new AgentError('USAGE', 'doctor: nothing to examine; say --providers MODEL.onnx or --links')
  }
  const bytes = readInput(options.providers, MODEL_BYTES_MAX)
  const contract = contractOf(bytes, options.providers)
  const proof = await provePlacement(bytes, options.providers, {
    config: { ...LADDER, deviceId: Number(options.device) || 0 },
    clock: systemClock(),
    logger: silentLogger,
    environment: process.env,
  })
  const diesWithParent = findSetpriv() !== undefined
  if (options.json) printJson({ model: options.providers, contract, ...proof, diesWithParent })
  else printProof(options.providers, contract, proof, diesWithParent)
  return proof.providers.some(provider => provider.nodes) ? EXIT.ok : EXIT.refused
}

async function doctorLinks({ config, json }: DoctorOptions): Promise<number> {
  const links = await checkLinks(loadConfigFile(config).config)
  if (json) printJson({ links })
  else if (links.length === 0) print('the config names no broker')
  else
    for (const { link, good, detail, notes } of links) {
      print(`${paint(good ? 'good' : 'bad ', good ? 'green' : 'red')}  ${link}: ${detail}`)
      for (const note of notes) print(`      ${paint(note, 'yellow')}`)
    }
  return links.every(({ good }) => good) ? EXIT.ok : EXIT.refused
}

/** Any ONNX file can be placed; whether it may score is said beside it. */
function contractOf(bytes: Uint8Array, path: string): { model: string; problem?: undefined } | { problem: string } {
  try {
    const { manifest } = parseModelFile(bytes, 'file', path)
    return { model: `${manifest.name} release ${manifest.release} (${manifest.family})` }
  } catch (error) {
    return { problem: messageOf(error) }
  }
}

function printProof(
  path: string,
  contract: ReturnType<typeof contractOf>,
  proof: PlacementProof,
  diesWithParent: boolean,
): void {
  print(`model     ${path}`)
  print(
    `contract  ${contract.problem === undefined ? contract.model : paint(`not kept: ${contract.problem}`, 'yellow')}`,
  )
  print(`runtime   onnxruntime ${proof.onnxruntime}, ${process.platform}-${process.arch}, node ${process.version}`)
  if (!diesWithParent)
    print(paint('scorer    no setpriv: a hung scorer would outlive a kill -9; install util-linux', 'yellow'))
  print()
  print(table(['provider', 'can be had', 'nodes'], proof.providers.map(providerRow)))
  const best = proof.providers.find(provider => provider.nodes)
  if (!best?.nodes) return
  print()
  print(`on ${best.provider}:`)
  print(
    table(
      ['node', 'op', 'provider'],
      best.nodes.map(({ node, op, provider }) => [node, op, provider]),
    ),
  )
  print()
  print(summaryOf(best))
}

function providerRow(proof: ProviderProof): string[] {
  return [proof.provider, proof.nodes ? 'yes' : `no: ${proof.reason}`, proof.nodes ? summaryOf(proof) : '']
}

/** `12 of 12 nodes on cpu`, or `10 of 12 nodes on cuda, 2 on cpu`. */
function summaryOf({ provider, nodes = [] }: ProviderProof): string {
  const counts = new Map<string, number>()
  for (const node of nodes) counts.set(node.provider, (counts.get(node.provider) ?? 0) + 1)
  const own = counts.get(provider) ?? 0
  const others = [...counts].filter(([name]) => name !== provider).map(([name, count]) => `, ${count} on ${name}`)
  return `${own} of ${nodes.length} nodes on ${provider}${others.join('')}`
}
