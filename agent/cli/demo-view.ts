// The demo's terminal: one line per event, the progress bar redrawn in place on a terminal and in steps elsewhere.
import type { Agent } from '../pipeline.ts'
import { paint, print } from './shared.ts'
import { learningText } from './status-text.ts'

interface AssetView {
  id: string
  machine: string
  channels: number
  channelsGood: number
  mode: string
  score?: number
  learning?: Parameters<typeof learningText>[0]
  pending?: { rule: string; value: number; elapsedUs: number; delayUs: number }
}

const PROGRESS_STEP = 0.2
const PENDING_STEP = 0.2

export class DemoView {
  readonly #agent: Agent
  readonly #redraw: boolean
  #machine = ''
  #mode = ''
  #modelShown = false
  #progressShown = -1
  #pendingShown = -1
  #open = false

  constructor(agent: Agent) {
    this.#agent = agent
    this.#redraw = Boolean(process.stdout.isTTY)
  }

  /** Looks at the asset and prints what changed. */
  update(): void {
    const asset = this.#agent.assetStatus(0) as unknown as AssetView
    this.#showMachine(asset)
    if (asset.mode !== this.#mode) this.#showMode(asset)
    this.#showPending(asset)
    if (asset.learning) this.#showLearning(asset.learning)
    else if (this.#redraw && asset.score !== undefined) this.#inPlace('score', this.#scoreText(asset.score))
  }

  /** Above the line that is redrawn in place, which comes back with the next update. */
  line(label: string, text: string): void {
    if (this.#open) process.stdout.write('\r\u001b[K')
    this.#open = false
    print(`${label.padEnd(9)} ${text}`)
  }

  #showMachine(asset: AssetView): void {
    const text = `${asset.channelsGood}/${asset.channels} channels good, ${asset.machine}`
    if (text === this.#machine || asset.channelsGood === 0 || asset.machine === 'settling') return
    this.#machine = text
    this.line(asset.id, text)
  }

  #showLearning(learning: Parameters<typeof learningText>[0]): void {
    if (this.#redraw) {
      this.#inPlace('learning', learningText(learning))
      return
    }
    const step = Math.floor(learning.share / PROGRESS_STEP)
    if (step === this.#progressShown) return
    this.#progressShown = step
    this.line('learning', learningText(learning))
  }

  #showMode(asset: AssetView): void {
    this.#mode = asset.mode
    if (asset.mode === 'fitting') {
      this.line('learning', learningText(this.#agent.parts.scoring[0]!.progress()))
      this.line('fitting', 'a model of this machine from what was just learnt')
    }
    const placement = this.#agent.parts.host.status().placements[0]
    if (this.#modelShown || !placement) return
    this.#modelShown = true
    // What follows in brackets says where the library was looked for; `wearwatch doctor` shows that.
    const notTaken = placement.notTaken
      .map(({ provider, reason }) => `${provider}: ${reason.replace(/ \(.*/, '')}`)
      .join('; ')
    const us = Math.round(placement.windowUs)
    this.line('scorer', `${placement.provider}, ${us} µs/window${notTaken ? ` (${notTaken})` : ''}`)
  }

  #scoreText(score: number): string {
    const { windowsScored } = this.#agent.parts.host.status()
    const standing = this.#agent.parts.engine.standing().length
    const alarms = standing === 0 ? '' : `, ${standing} alarm${standing > 1 ? 's' : ''} standing`
    return `${score.toFixed(2)} (setpoint 1), ${windowsScored.toLocaleString('en')} windows scored${alarms}; Ctrl-C ends`
  }

  #showPending(asset: AssetView): void {
    const { pending } = asset
    if (!pending) {
      this.#pendingShown = -1
      return
    }
    const text = `score ${pending.value.toFixed(2)} for ${Math.floor(pending.elapsedUs / 60e6)}/${Math.round(pending.delayUs / 60e6)} min`
    // A glance over the setpoint that is over at the next sample is no news.
    const share = pending.delayUs === 0 ? 1 : pending.elapsedUs / pending.delayUs
    const step = Math.floor(share / PENDING_STEP)
    if (step < 1 || step === this.#pendingShown) return
    this.#pendingShown = step
    this.line(paint('pending', 'yellow').padEnd(paint('pending', 'yellow').length + 2), text)
  }

  #inPlace(label: string, text: string): void {
    process.stdout.write(`\r${label.padEnd(9)} ${text}\u001b[K`)
    this.#open = true
  }
}
