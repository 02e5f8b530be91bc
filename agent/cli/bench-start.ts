// (e) From the start of the process to the first score, with a model on the disk and rows flowing.
import type { Figure } from './bench-figure.ts'
import { telemetryConfig, writeBenchModel } from './bench-json.ts'
import { type BenchContext, BenchDaemon, Publisher } from './bench-processes.ts'

const ASSETS = 10
/** 100 rows/s an asset: a window of 15 rows fills in 0.15 s. At 10 rows/s it takes 1.5 s whatever the agent does. */
const PER_S = 1000
const ROUNDS = 5
const LONGEST_S = 120

export async function benchStart(context: BenchContext): Promise<Figure[]> {
  const { broker, dir, progress } = context
  const config = telemetryConfig(broker.port, writeBenchModel(dir), 'start', ASSETS)
  const publisher = await Publisher.start(context)
  const published = publisher.publish({ prefix: 'start', assets: ASSETS, count: PER_S * LONGEST_S, perSecond: PER_S })
  // It is ended before it is done.
  published.catch(() => {})
  const samples: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    progress(`e: start ${round + 1} of ${ROUNDS}`)
    const startMs = performance.now()
    const daemon = BenchDaemon.spawn(context, 'start', config)
    await daemon.when(status => status.scorer.windowsScored > 0, 'a first score')
    samples.push((performance.now() - startMs) / 1000)
    await daemon.stop()
  }
  await publisher.stop()
  const note = `${ASSETS} assets with a model each, ${PER_S / ASSETS} rows/s an asset; from the second on with its stores of before`
  return [{ name: 'start of the process to the first score', unit: 's', samples, aim: '< 2', note }]
}
