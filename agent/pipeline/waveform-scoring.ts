import type { AssetConfig } from '../config/contract.ts'
import type { WaveformBlock } from '../core/types.ts'
import type { ModelFile } from '../models/contract.ts'
import type { WindowQueue } from '../scoring/contract.ts'
import { WaveformCutter } from '../windows/waveform-cutter.ts'

export interface WaveformScoringDeps {
  queue(): WindowQueue | undefined
  model(): ModelFile | undefined
}

/** Feeds the waveform channel that the asset's model names, if it names one, to the model's windows. */
export class WaveformScoring {
  readonly #asset: AssetConfig
  readonly #deps: WaveformScoringDeps
  #model: ModelFile | undefined
  #channel = -1
  #cutter: WaveformCutter | undefined

  constructor(asset: AssetConfig, deps: WaveformScoringDeps) {
    this.#asset = asset
    this.#deps = deps
  }

  /** The machine stopped: a window must not join what was before with what comes after. */
  stopped(): void {
    this.#cutter?.void()
  }

  push(block: WaveformBlock): void {
    const model = this.#deps.model()
    const queue = this.#deps.queue()
    if (!model || !queue) return
    if (model !== this.#model) this.#follow(model)
    if (block.channel === this.#channel) this.#cutter?.push(block, queue, () => {})
  }

  #follow(model: ModelFile): void {
    this.#model = model
    const { channels, samples, hop } = model.manifest
    const only = channels.length === 1 ? channels[0]!.id : undefined
    this.#channel = this.#asset.channels.findIndex(channel => channel.waveform && channel.id === only)
    this.#cutter = this.#channel < 0 ? undefined : new WaveformCutter(this.#asset.index, samples, hop)
  }
}
