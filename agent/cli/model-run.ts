// Runs a model that may have no manifest yet in a scorer child, as a gateway would: limits on memory and time, killed when it
// hangs. What comes back are its outputs, or why there are none.
import { DEFAULTS } from '../config/defaults.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { silentLogger } from '../core/logger.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'
import type { Manifest, ModelFile } from '../models/contract.ts'
import type { GraphShape } from '../models/file/contract-points.ts'
import { sha256Hex } from '../models/file/model-file.ts'
import type { LoadResult, ScoringHost } from '../scoring/contract.ts'
import { createScoringHost } from '../scoring/host.ts'

// Any finite score passes: what it should be is not known yet.
const TOLERANCE_ANY = 1e300
/** Windows of a batch of the live agent. */
const BATCH = 64
/** Of windows that wait together: the queue of the scorer keeps twice as much. */
const TOGETHER_BYTES_MAX = 32 * 2 ** 20

export interface Outputs {
  /** [windows] */
  scores: Float32Array
  /** [windows x K], empty where the model has none. */
  contributions: Float32Array
  /** Size of the largest batch that went through in one piece. */
  batch: number
  /** At batch 1, median. */
  windowUs: number
}

export type RunResult = { ok: true; outputs: Outputs } | { ok: false; reason: string }
type Refused = LoadResult['refused'][number]

/** A scorer child for `use`, ended afterwards. */
export async function withHost<T>(use: (host: ScoringHost) => Promise<T>): Promise<T> {
  const host = createScoringHost({
    config: { ...DEFAULTS.scorer, providers: ['cpu'], require: true, batchMax: BATCH },
    clock: systemClock(),
    prng: seededPrng(entropySeed()),
    logger: silentLogger,
    counters: new Counters(),
    environment: process.env,
  })
  await host.start()
  try {
    return await use(host)
  } finally {
    await host.stop(0)
  }
}

/** Loads a complete model file and runs its self-test there. Undefined when it passes. */
export function loadInScorer(model: ModelFile): Promise<Refused | undefined> {
  return withHost(async host => (await host.load([{ key: 'model', model }])).refused[0])
}

/** `windows` [count, channels, samples] once for each of `at`: all in as few batches as can be, or every window alone. */
export function runInScorer(
  bytes: Uint8Array,
  shape: GraphShape,
  windows: Float32Array,
  at: readonly ('together' | 'alone')[],
): Promise<RunResult[]> {
  const model = standIn(bytes, shape, windows)
  return withHost(async host => {
    const { accepted, refused } = await host.load([{ key: 'model', model }])
    const windowUs = accepted[0]?.windowUs
    if (windowUs === undefined) {
      return at.map(() => ({ ok: false, reason: refused[0]?.message ?? 'the scorer did not answer' }))
    }
    const runs: RunResult[] = []
    const most = Math.max(1, Math.min(BATCH, Math.floor(TOGETHER_BYTES_MAX / (4 * shape.channels * shape.samples))))
    for (const how of at) runs.push(await scoreAll(host, shape, windows, how === 'alone' ? 1 : most, windowUs))
    return runs
  })
}

async function scoreAll(
  host: ScoringHost,
  shape: GraphShape,
  windows: Float32Array,
  together: number,
  windowUs: number,
): Promise<RunResult> {
  const floats = shape.channels * shape.samples
  const count = windows.length / floats
  const scores = new Float32Array(count).fill(Number.NaN)
  const contributions = new Float32Array(count * shape.contributions)
  let batch = 0
  let done = false
  host.onScores(scored => {
    if (done) return
    batch = Math.max(batch, scored.count)
    for (let i = 0; i < scored.count; i++) {
      const row = scored.tags[i] ?? 0
      scores[row] = scored.scores[i] ?? Number.NaN
      const shares = scored.contributions.subarray(i * shape.contributions, (i + 1) * shape.contributions)
      contributions.set(shares, row * shape.contributions)
    }
  })
  for (let first = 0; first < count; first += together) {
    for (let row = first; row < Math.min(count, first + together); row++) {
      const queue = host.queue('model')
      if (!queue) return { ok: false, reason: 'the scorer died while it scored' }
      queue.input.set(windows.subarray(row * floats, (row + 1) * floats), queue.claim(row, row))
    }
    await host.idle()
  }
  done = true
  const missing = scores.findIndex(score => !Number.isFinite(score))
  if (missing >= 0) return { ok: false, reason: `window ${missing} has no finite score` }
  return { ok: true, outputs: { scores, contributions, batch, windowUs } }
}

/** The manifest that loading needs, made from the graph; never written to a file. */
function standIn(bytes: Uint8Array, shape: GraphShape, windows: Float32Array): ModelFile {
  const labels = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i}`)
  const floats = shape.channels * shape.samples
  const first = Math.min(windows.length / floats, BATCH)
  const manifest: Manifest = {
    schema: 'wearwatch.model/1',
    name: 'model',
    release: 1,
    family: 'unknown',
    channels: labels(shape.channels).map(id => ({ id, unit: '' })),
    samples: shape.samples,
    hop: 1,
    alarm: { onDelayMs: 0, offDelayMs: 0, deadband: 0 },
    contributions: labels(shape.contributions),
    features: labels(shape.features).map(name => ({ name, unit: '' })),
    quantiles: {},
    selfTest: {
      windows: encodeWindows(windows.subarray(0, first * floats)),
      scores: new Array<number>(first).fill(0),
      tolerance: TOLERANCE_ANY,
    },
  }
  return { bytes, sha256: sha256Hex(bytes), manifest, origin: 'file' }
}

/** Base64 of float32 little-endian. */
export function encodeWindows(windows: Float32Array): string {
  const bytes = Buffer.alloc(windows.length * 4)
  windows.forEach((value, i) => {
    bytes.writeFloatLE(value, i * 4)
  })
  return bytes.toString('base64')
}

export function decodeWindows(base64: string): Float32Array {
  const bytes = Buffer.from(base64, 'base64')
  return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4))
}
