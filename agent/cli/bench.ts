// `wearwatch bench`: what this build does on this machine, as docs/bench.md explains. Shows, never judges.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command } from 'commander'
import { AgentError } from '../core/errors.ts'
import { benchAlarm } from './bench-alarm.ts'
import { benchFamilies } from './bench-families.ts'
import { type Figure, figureTable, machine, machineLines, ratioOf } from './bench-figure.ts'
import { benchHistory } from './bench-history.ts'
import { benchJson } from './bench-json.ts'
import { type BenchContext, startBenchBroker } from './bench-processes.ts'
import { benchScorerFigures, denseModel } from './bench-scorer.ts'
import { benchStart } from './bench-start.ts'
import { benchWaveform } from './bench-waveform.ts'
import { action, EXIT, print, printJson } from './shared.ts'
import { stopSignal } from './signals.ts'
import { VERSION } from './version.ts'

interface BenchOptions {
  quick?: boolean
  only?: string
  json?: boolean
  profile?: string
}

const SECTIONS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'] as const
/** Of the yardstick beside the families: 640 floats. */
const DENSE = { channels: 10, samples: 64 } as const
type Section = (typeof SECTIONS)[number]

export function benchCommand(): Command {
  return new Command('bench')
    .description('measure this build on this machine: throughput, latency, memory, each beside its yardstick')
    .option('--quick', 'shorter measurements: three minutes instead of seven')
    .option(
      '--only <LETTERS>',
      'some of: a JSON over MQTT, b waveforms, c scorer, d alarm latency, e memory and start, f families, g stores',
    )
    .option('--profile <DIR>', 'write a CPU profile of the agent there')
    .option('--json', 'print JSON')
    .action(action(runBench))
}

async function runBench(options: BenchOptions): Promise<number> {
  const wanted = sectionsOf(options.only)
  const about = machine()
  const dir = await mkdtemp(join(tmpdir(), 'wearwatch-bench-'))
  const teardown: BenchContext['teardown'] = []
  const progress = (text: string): void => void process.stderr.write(`${text}\n`)
  let stopped = false
  const stop = stopSignal().then(signal => {
    stopped = true
    throw new AgentError('BENCH_FAILED', `stopped by ${signal}`)
  })
  stop.catch(() => {})
  try {
    const broker = await startBenchBroker({ dir, teardown })
    const context = { dir, broker, quick: options.quick === true, profile: options.profile, progress, teardown }
    if (!options.json) for (const text of [`wearwatch ${VERSION}`, ...machineLines(about)]) print(text)
    if (!options.json) print(`broker: ${broker.kind}, all of it on loopback and this machine's cores`)
    const figures = await Promise.race([stop, measure(context, wanted)])
    if (options.json) {
      const rows = figures.map(figure => ({ ...figure, ratio: ratioOf(figure) }))
      printJson({ wearwatch: VERSION, machine: about, broker: broker.kind, figures: rows })
    } else print(`\n${figureTable(figures)}`)
    return EXIT.ok
  } finally {
    for (const undo of teardown.reverse()) await undo().catch(() => {})
    await rm(dir, { recursive: true, force: true })
    // What is being measured in this process would go on to its end.
    if (stopped) process.exit(EXIT.failed)
  }
}

/** One after the other: they share the cores. */
async function measure(context: BenchContext, wanted: ReadonlySet<Section>): Promise<Figure[]> {
  const figures: Figure[] = []
  if (wanted.has('a') || wanted.has('e')) figures.push(...(await benchJson(context, wanted.has('a'))))
  if (wanted.has('b')) figures.push(...(await benchWaveform(context)))
  if (wanted.has('c')) figures.push(...(await benchScorerFigures(process.env, context.quick, context.progress)))
  if (wanted.has('d')) figures.push(...(await benchAlarm(context)))
  if (wanted.has('e')) figures.push(...(await benchStart(context)))
  const dense = denseModel(DENSE.channels, DENSE.samples).bytes
  if (wanted.has('f')) figures.push(...(await benchFamilies(dense, context.quick, context.progress)))
  if (wanted.has('g')) figures.push(...(await benchHistory(context)))
  return figures
}

function sectionsOf(only: string | undefined): ReadonlySet<Section> {
  if (only === undefined) return new Set(SECTIONS)
  const letters = only.split(',').map(letter => letter.trim())
  const unknown = letters.find(letter => !SECTIONS.includes(letter as Section))
  if (unknown !== undefined) throw new AgentError('USAGE', `--only ${only}: expected letters of a to g, such as a,c`)
  return new Set(letters as Section[])
}
