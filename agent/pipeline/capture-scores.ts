// The score of a capture is the mean over its windows; what is stored, alarmed on and shown is that of the capture.
import type { AgentConfig } from '../config/contract.ts'
import { NO_DOUBT, withDoubt } from '../models/live/capture-doubt.ts'
import { capturePlan } from '../models/live/captures.ts'
import type { ScoredBatch, WindowDoubt } from '../scoring/contract.ts'
import { windowsPerCapture } from './capture-line.ts'

/** Windows of one capture are a microsecond apart each, captures much further. */
const TOGETHER_US = 64

interface Sum {
  firstUs: number
  windows: number
  batch: ScoredBatch
}

/** Lets scores of rows pass; those of captures go on one by one, joined where they are of several windows, with what their sensors leave in doubt. */
export class CaptureScores {
  readonly #plans: ReturnType<typeof capturePlan>[]
  readonly #sums = new Map<number, Sum>()
  readonly #doubtAt: (asset: number, endUs: number) => WindowDoubt | undefined
  readonly #out: (batch: ScoredBatch) => void

  constructor(
    { assets }: Pick<AgentConfig, 'assets'>,
    doubtAt: (asset: number, endUs: number) => WindowDoubt | undefined,
    out: (batch: ScoredBatch) => void,
  ) {
    this.#plans = assets.map(capturePlan)
    this.#doubtAt = doubtAt
    this.#out = out
  }

  push(batch: ScoredBatch): void {
    // A batch is of one model, and a model of one asset.
    const asset = batch.tags[0]
    const plan = asset === undefined ? undefined : this.#plans[asset]
    const { channels, samples } = batch.model.manifest
    const ofCaptures = plan?.channels.some(({ id }) => id === channels[0]?.id)
    const of = plan && ofCaptures ? windowsPerCapture(plan, samples) : 0
    if (asset === undefined || of < 1) {
      this.#out(batch)
      return
    }
    for (let i = 0; i < batch.count; i++) this.#add(asset, batch, i, of)
  }

  /** One whose windows are not all there (dropped, lost) comes to nothing. */
  #add(asset: number, batch: ScoredBatch, i: number, of: number): void {
    const timeUs = batch.timesUs[i]!
    let sum = this.#sums.get(asset)
    if (!sum || Math.abs(timeUs - sum.firstUs) > TOGETHER_US || sum.batch.model !== batch.model) {
      sum = { firstUs: timeUs, windows: 0, batch: emptyOf(batch, asset, timeUs) }
      this.#sums.set(asset, sum)
    }
    addTo(sum.batch.scores, batch.scores, i, 1, of)
    addTo(sum.batch.contributions, batch.contributions, i, batch.contributionCount, of)
    addTo(sum.batch.features, batch.features, i, batch.featureCount, of)
    if (++sum.windows < of) return
    this.#sums.delete(asset)
    this.#out(withDoubt(sum.batch, this.#doubtAt(asset, sum.firstUs) ?? NO_DOUBT))
  }
}

function emptyOf(batch: ScoredBatch, asset: number, timeUs: number): ScoredBatch {
  const { key, model, contributionCount, featureCount } = batch
  return {
    key,
    model,
    count: 1,
    tags: Int32Array.of(asset),
    timesUs: Float64Array.of(timeUs),
    scores: new Float32Array(1),
    contributions: new Float32Array(contributionCount),
    contributionCount,
    features: new Float32Array(featureCount),
    featureCount,
  }
}

function addTo(sum: Float32Array, from: Float32Array, i: number, width: number, of: number): void {
  for (let k = 0; k < width; k++) sum[k]! += from[i * width + k]! / of
}
