// (a) A steady 20,000 messages/s, every row read back; (e) the memory meanwhile.
import { streamDaemon } from '../http/client.ts'
import { type Figure, median } from './bench-figure.ts'
import { proportionalMb } from './bench-proc.ts'
import { type BenchDaemon, type Publisher, sleepMs } from './bench-processes.ts'
import { ASSETS, benchAsset, CHANNELS } from './bench-telemetry.ts'

const ROUNDS = 5
const PACED_PER_S = 20_000
const PACED_SAMPLE_MS = 200
const SETTLE_MAX_MS = 120_000

/** Nothing waits for the scorer any more. */
async function settled(daemon: BenchDaemon): Promise<void> {
  await daemon.when(
    status => status.assets.every(asset => !asset.windowsWaiting),
    'the scorer to catch up',
    SETTLE_MAX_MS,
  )
}

export async function benchPaced(daemon: BenchDaemon, publisher: Publisher, seconds: number): Promise<Figure[]> {
  const job = { prefix: 'agent', assets: ASSETS, count: PACED_PER_S * seconds, perSecond: PACED_PER_S }
  const { nextMs } = await publisher.publish({ ...job, count: PACED_PER_S })
  await settled(daemon)
  const before = await daemon.status()
  const memory: Memory[] = []
  for (let round = 0; round < ROUNDS; round++) memory.push(await pacedRound(daemon, publisher, job))
  await settled(daemon)
  const after = await daemon.status()
  const sent = job.count * ROUNDS
  const stored = await storedRows(daemon, nextMs * 1000)
  const scored = after.scorer.windowsScored - before.scorer.windowsScored
  const dropped = after.scorer.windowsDropped - before.scorer.windowsDropped
  const lost = after.history.lostRows - before.history.lostRows
  return [
    {
      name: `messages not stored at ${PACED_PER_S}/s`,
      unit: `of ${sent}`,
      samples: [sent - stored],
      aim: '0',
      note: `${sent} sent, ${stored} rows read back, ${lost} counted as lost; ${scored} windows scored, ${dropped} dropped`,
    },
    {
      name: `memory at ${PACED_PER_S}/s`,
      unit: 'MB, main + scorer',
      samples: memory.map(round => round.rssMb),
      aim: '< 200',
      note: `main ${after.memoryMb} MB, scorer ${after.scorer.rssMb} MB at the end; node's own code counts in both`,
    },
    {
      name: `memory at ${PACED_PER_S}/s, shared pages once`,
      unit: 'MB, main + scorer',
      samples: memory.map(round => round.proportionalMb),
    },
  ]
}

interface Memory {
  rssMb: number
  proportionalMb: number
}

/** Medians of main + scorer over the round. */
async function pacedRound(
  daemon: BenchDaemon,
  publisher: Publisher,
  job: Parameters<Publisher['publish']>[0],
): Promise<Memory> {
  let running = true
  const published = publisher.publish(job)
  const ended = (): void => {
    running = false
  }
  published.then(ended, ended)
  const rssMb: number[] = []
  const sharedOnceMb: number[] = []
  while (running) {
    const { memoryMb, scorer } = await daemon.status()
    rssMb.push(memoryMb + (scorer.rssMb ?? 0))
    sharedOnceMb.push((proportionalMb(daemon.pid) ?? Number.NaN) + (proportionalMb(scorer.pid ?? 0) ?? Number.NaN))
    await sleepMs(PACED_SAMPLE_MS)
  }
  await published
  return { rssMb: median(rssMb), proportionalMb: median(sharedOnceMb) }
}

/** Rows of all assets in the history from that time on, read back over the socket. */
async function storedRows(daemon: BenchDaemon, fromUs: number): Promise<number> {
  let rows = 0
  for (let asset = 0; asset < ASSETS; asset++) {
    const query = `asset=${benchAsset(asset)}&class=samples&columns=${CHANNELS[0][0]}&from=${fromUs}`
    for await (const line of streamDaemon(daemon.socket, `/v1/history?${query}`)) if (Array.isArray(line)) rows++
  }
  return rows
}
