import type { AssetConfig } from '../config/contract.ts'
import type { WaveformBlock } from '../core/types.ts'
import type { History } from '../history/contract.ts'
import type { ModelFile } from '../models/contract.ts'
import { type CapturePlan, capturePlan } from '../models/live/captures.ts'
import { type Capture, CaptureCutter } from '../windows/capture-cutter.ts'
import type { WaveformScoringDeps } from './waveform-scoring.ts'

interface CaptureLineDeps extends WaveformScoringDeps {
  history: Pick<History, 'appendWaveform'>
  /** It is in the history. */
  captured(startUs: number): void
}

/** As many as the fit looks at: fit-bands.ts. */
const WINDOWS_MAX = 32

export function windowsPerCapture({ samples }: CapturePlan, window: number): number {
  return Math.min(WINDOWS_MAX, Math.floor(samples / window))
}

/**
 * Captures of one asset: cut by schedule while the machine runs, kept in the history (nothing else of these channels is: 5 s every
 * 10 min of 25.6 kHz are 37 MB a day, all of it 4.4 GB), learnt from, and scored by the model that looks at them.
 */
export class CaptureLine {
  readonly #asset: AssetConfig
  readonly #deps: CaptureLineDeps
  readonly #plan: CapturePlan | undefined
  readonly #cutter: CaptureCutter | undefined

  constructor(asset: AssetConfig, deps: CaptureLineDeps) {
    this.#asset = asset
    this.#deps = deps
    this.#plan = capturePlan(asset)
    const plan = this.#plan
    if (!plan) return
    const axes = plan.columns.map((channel, i) => ({
      channel,
      type: plan.channels[i]!.waveform!.type,
      samples: plan.samples,
    }))
    this.#cutter = new CaptureCutter(axes, plan.everyUs)
  }

  takes(column: number): boolean {
    return this.#plan?.columns.includes(column) ?? false
  }

  push(block: WaveformBlock, running: boolean): void {
    // A capture is of a machine that runs from its first sample to its last.
    if (running) this.#cutter?.push(block, this.#onCapture)
    else this.#cutter?.void()
  }

  readonly #onCapture = (capture: Capture): void => {
    const { id, channels } = this.#asset
    for (const axis of capture.axes) this.#deps.history.appendWaveform(id, channels[axis.channel]!.id, axis)
    this.#deps.captured(capture.startUs)
    const model = this.#deps.model()
    if (model) this.#score(capture, model)
  }

  /** The windows of a capture follow each other by a microsecond, which puts them together again; see capture-scores.ts. */
  #score(capture: Capture, { manifest }: ModelFile): void {
    const queue = this.#deps.queue()
    const axes = manifest.channels.flatMap(
      ({ id }) => capture.axes.find(axis => this.#asset.channels[axis.channel]!.id === id) ?? [],
    )
    if (!queue || axes.length < manifest.channels.length) return
    const { samples } = manifest
    const count = windowsPerCapture(this.#plan!, samples)
    for (let w = 0; w < count; w++) {
      const offset = queue.claim(this.#asset.index, capture.endUs + w)
      const { input } = queue
      for (const [c, axis] of axes.entries()) {
        const from = w * samples
        const to = offset + c * samples
        for (let i = 0; i < samples; i++) input[to + i] = axis.samples[from + i]! * axis.scale + axis.offset
      }
    }
  }
}
