// Alarms of sensors, apart from those of the machine: what a capture of vibration says of the sensor that took it.
import type { AssetConfig, ChannelConfig } from '../config/contract.ts'
import type { AlarmBook } from './book.ts'
import type { AlarmRule, Evidence, RuleState } from './contract.ts'
import { sensorCleared, sensorRaised } from './message.ts'
import { newRuleState, stepRule } from './rule.ts'
import { sensorRule } from './rules.ts'

/** What is wrong with the capture of one channel. */
export interface SensorTrouble {
  /** Column of the channel. */
  channel: number
  /** `clipping`. */
  fault: string
  /** `0.8 % of samples stand at the end of the range`. */
  text: string
}

interface SensorWatch {
  asset: AssetConfig
  channel: ChannelConfig
  column: number
  rule: AlarmRule
  state: RuleState
}

export class SensorWatches {
  readonly #book: AlarmBook
  /** By asset index, in the order of its channels. */
  readonly #watches: SensorWatch[][]

  constructor(book: AlarmBook, assets: readonly AssetConfig[]) {
    this.#book = book
    this.#watches = assets.map(asset =>
      asset.channels.flatMap((channel, column) =>
        channel.waveform?.capture
          ? [{ asset, channel, column, rule: sensorRule(asset, channel), state: newRuleState() }]
          : [],
      ),
    )
  }

  get all(): readonly SensorWatch[] {
    return this.#watches.flat()
  }

  of(asset: number): readonly SensorWatch[] {
    return this.#watches[asset] ?? []
  }

  /** A capture of all axes, `runningUs` of running time after the one before; channels that are not in `troubles` are well. */
  judge(asset: number, timeUs: number, runningUs: number, troubles: readonly SensorTrouble[]): void {
    for (const watch of this.of(asset)) {
      const trouble = troubles.find(({ channel }) => channel === watch.column)
      const value = trouble ? 1 : 0
      const decision = stepRule(watch.rule, watch.state, value, timeUs, runningUs, true)
      if (decision === 'none') continue
      const finding = { timeUs, value, evidence: [evidenceOf(watch.channel, trouble)] }
      if (decision === 'raise' && trouble) {
        const message = sensorRaised(watch.channel, trouble)
        this.#book.raise(watch.rule, watch.state.onsetUs, { ...finding, message })
      } else {
        const message = sensorCleared(watch.channel, timeUs - watch.state.onsetUs)
        this.#book.clear(watch.rule, { ...finding, message })
      }
    }
  }
}

function evidenceOf({ id }: ChannelConfig, trouble: SensorTrouble | undefined): Evidence {
  const feature = trouble ? `sensor fault: ${trouble.fault}` : 'sensor fault'
  return { channel: id, feature, value: trouble ? 1 : 0, baseline: 0, unit: '1', share: 1 }
}
