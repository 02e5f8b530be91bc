// SCORES frames -> ScoredBatch.
import type { ScoredBatch } from './contract.ts'
import type { Batch } from './lane.ts'
import { protocolError, SUB_HEADER_BYTES, viewOf } from './protocol.ts'

/** Decodes into buffers of its own, which grow to the largest batch once; a batch is valid until the next call. */
export class ResultDecoder {
  #tags = new Int32Array(0)
  #timesUs = new Float64Array(0)
  #values = new Float32Array(0)

  /** Throws SCORER_PROTOCOL when the frame does not answer the batch. Rows whose score is not finite are left out. */
  decode(batch: Batch, payload: Uint8Array): ScoredBatch {
    const { count, slots, entry } = batch
    const view = viewOf(payload)
    const contributionCount = entry.model.manifest.contributions.length
    const featureCount = entry.model.manifest.features.length
    const floats = count * (1 + contributionCount + featureCount)
    if (payload.length !== SUB_HEADER_BYTES + floats * 4 || view.getUint32(0, true) !== count) {
      throw protocolError(`${payload.length} bytes for a batch of ${count} of ${entry.key}`)
    }
    this.#grow(count, floats)
    // The chunk it arrived in has no alignment; this copy gives it one.
    new Uint8Array(this.#values.buffer).set(payload.subarray(SUB_HEADER_BYTES))
    for (let i = 0; i < count; i++) {
      this.#tags[i] = entry.ring.tags[slots[i]!]!
      this.#timesUs[i] = entry.ring.timesUs[slots[i]!]!
    }
    const rows = this.#keepFinite(count, contributionCount, featureCount)
    const at = (from: number, size: number): Float32Array => this.#values.subarray(from, from + size)
    return {
      key: entry.key,
      model: entry.model,
      count: rows,
      tags: this.#tags.subarray(0, rows),
      timesUs: this.#timesUs.subarray(0, rows),
      scores: at(0, rows),
      contributions: at(count, rows * contributionCount),
      contributionCount,
      features: at(count * (1 + contributionCount), rows * featureCount),
      featureCount,
    }
  }

  /** A NaN compares false with every setpoint: passed on, it would look like health for ever. */
  #keepFinite(count: number, contributionCount: number, featureCount: number): number {
    const values = this.#values
    let kept = 0
    for (let i = 0; i < count; i++) {
      if (!Number.isFinite(values[i]!)) continue
      if (kept !== i) {
        values[kept] = values[i]!
        this.#tags[kept] = this.#tags[i]!
        this.#timesUs[kept] = this.#timesUs[i]!
        moveRow(values, count, contributionCount, i, kept)
        moveRow(values, count * (1 + contributionCount), featureCount, i, kept)
      }
      kept++
    }
    return kept
  }

  #grow(count: number, floats: number): void {
    if (this.#tags.length < count) {
      this.#tags = new Int32Array(count)
      this.#timesUs = new Float64Array(count)
    }
    if (this.#values.length < floats) this.#values = new Float32Array(floats)
  }
}

function moveRow(values: Float32Array, base: number, width: number, from: number, to: number): void {
  values.copyWithin(base + to * width, base + from * width, base + (from + 1) * width)
}
