// Captures of vibration through the scorer child and the alarm rule, as the live agent does.
import { AlarmEngine } from '../alarms/engine.ts'
import { newAlarmState } from '../alarms/state.ts'
import { systemClock } from '../core/clock.ts'
import { Counters } from '../core/counters.ts'
import { AgentError } from '../core/errors.ts'
import { seededPrng } from '../core/prng.ts'
import type { ModelFile } from '../models/contract.ts'
import { windowOf } from '../models/fit/fit-bands.ts'
import { doubtOf, NO_DOUBT, rmsOf, withDoubt } from '../models/live/capture-doubt.ts'
import { nameOfSet } from '../models/live/reduced.ts'
import type { SensorFinding } from '../models/vibration/judge.ts'
import type { ScoredBatch, ScoringHost, WindowDoubt } from '../scoring/contract.ts'
import type { LeftOut } from './backtest-gone.ts'
import type { BacktestScores } from './backtest-score.ts'
import { judgeAxes, type SensorFaultAt, type UsualFaults } from './backtest-sensors.ts'
import { assetOf, KEY } from './capture-asset.ts'
import { addWindow, type CaptureSum, newSum } from './capture-sums.ts'
import type { Captures } from './captures-file.ts'

export { type CaptureOptions, type Captures, readCaptures } from './captures-file.ts'

/** Handed to the scorer at once; its queue takes more. */
const PUSHED_FLOATS = 1 << 20
const PUSHED_WINDOWS = 256

/** What a score of captures tells beside the scores. */
export interface CaptureScores extends BacktestScores {
  sensorFaults: SensorFaultAt[]
  /** By capture: what its sensors leave in doubt; undefined where it could not be scored for them. Those that are well are not in it. */
  doubts: Map<number, WindowDoubt | undefined>
  /** Whenever other axes than before are not looked at. */
  leftOut: LeftOut[]
}

/**
 * Scores captures [from, end), in order. A capture longer than the model's window is scored by windows one after another, and its score,
 * contributions and features are their means; the alarm rule sees the capture once. An axis whose sensor has a fault is not looked at, one
 * that clips shows the least there is (capture-doubt.ts). A capture without any other axis is not scored: it keeps the score before
 * it, and the alarm stays as it is. `usual`: faults that are no news in this recording.
 *
 * Throws MODEL_MISMATCH when the captures are not what the model was made for.
 */
export async function scoreCaptures(
  host: ScoringHost,
  model: ModelFile,
  captures: Captures,
  from: number,
  progress: (capture: number) => void = () => {},
  usual: UsualFaults = new Map(),
): Promise<CaptureScores> {
  checkFit(model, captures)
  const run = new CaptureRun(host, model, captures, from, usual)
  return run.run(progress)
}

class CaptureRun {
  readonly #host: ScoringHost
  readonly #model: ModelFile
  readonly #captures: Captures
  readonly #from: number
  readonly #usual: UsualFaults
  readonly #out: CaptureScores
  readonly #engine: AlarmEngine
  readonly #perCapture: number
  /** Sums over the windows of the captures that are being scored, by capture. */
  readonly #sums = new Map<number, CaptureSum>()
  #inAlarm = false

  constructor(host: ScoringHost, model: ModelFile, captures: Captures, from: number, usual: UsualFaults) {
    this.#host = host
    this.#model = model
    this.#captures = captures
    this.#from = from
    this.#usual = usual
    this.#perCapture = windowOf(captures.channels.length, captures.samples).perCapture
    const count = captures.count - from
    this.#out = {
      scores: new Float64Array(count),
      alarms: new Uint8Array(count),
      scored: 0,
      messages: [],
      sensorFaults: [],
      doubts: new Map(),
      leftOut: [],
    }
    this.#engine = new AlarmEngine({
      assets: [assetOf(model, captures)],
      state: newAlarmState(),
      clock: systemClock(),
      prng: seededPrng(1),
      counters: new Counters(),
      clockState: () => 'synced',
      commit: ({ transition, atUs, message }) => {
        if (transition === 'acknowledged') return
        this.#inAlarm = transition === 'raised'
        if (this.#inAlarm) this.#out.messages.push({ row: captures.timesUs.indexOf(atUs), text: message })
      },
    })
  }

  async run(progress: (capture: number) => void): Promise<CaptureScores> {
    let listening = true
    this.#host.onScores(batch => {
      if (listening) this.#take(batch)
    })
    const { count, channels } = this.#captures
    const windows = Math.min(PUSHED_WINDOWS, PUSHED_FLOATS / (channels.length * this.#model.manifest.samples))
    const perPush = Math.max(1, Math.floor(windows / this.#perCapture))
    for (let at = this.#from; at < count; at += perPush) {
      const to = Math.min(count, at + perPush)
      for (let capture = at; capture < to; capture++) await this.#push(capture)
      await this.#host.idle()
      for (let capture = at; capture < to; capture++) this.#settle(capture)
      progress(to)
    }
    listening = false
    return this.#out
  }

  async #push(capture: number): Promise<void> {
    const { samples, reference } = this.#model.manifest
    const { channels, rateHz, fullScale } = this.#captures
    const axes = await this.#captures.capture(capture)
    const healthy = reference?.vibration
    const findings = judgeAxes(axes, channels, { rateHz, fullScale, healthy, usual: this.#usual })
    const doubt = this.#doubtOf(capture, axes, findings)
    this.#follow(capture, doubt)
    if (!doubt) return
    for (const [c, { id }] of this.#model.manifest.channels.entries()) {
      if (doubt.unwatched.includes(id)) axes[c]!.fill(0)
    }
    for (let w = 0; w < this.#perCapture; w++) {
      const queue = this.#host.queue(KEY)
      if (!queue) throw new AgentError('SCORER_DIED', 'the scorer lost its model')
      const offset = queue.claim(0, this.#captures.timesUs[capture]! + w)
      for (const [c, axis] of axes.entries()) {
        queue.input.set(axis.subarray(w * samples, (w + 1) * samples), offset + c * samples)
      }
    }
  }

  #doubtOf(
    capture: number,
    axes: readonly Float32Array[],
    findings: readonly SensorFinding[][],
  ): WindowDoubt | undefined {
    const { channels } = this.#captures
    findings.forEach(([found], c) => {
      if (found) this.#out.sensorFaults.push({ row: capture, channel: channels[c]!.id, ...found })
    })
    const { manifest } = this.#model
    // The model takes channels in order; its names need not be those of the file.
    const ids = manifest.channels.map(({ id }) => id)
    const doubt = doubtOf(manifest, id => {
      const c = ids.indexOf(id)
      const found = findings[c]!
      return { findings: found, rms: found.length > 0 ? rmsOf(axes[c]!) : undefined }
    })
    if (doubt !== NO_DOUBT) this.#out.doubts.set(capture, doubt)
    return doubt
  }

  /** Notes when the axes that are not looked at become others. */
  #follow(row: number, doubt: WindowDoubt | undefined): void {
    const { leftOut } = this.#out
    const without = doubt?.unwatched ?? this.#model.manifest.channels.map(({ id }) => id)
    const before = leftOut.at(-1)
    if (nameOfSet(without) === nameOfSet(before?.without ?? [])) return
    const since = Object.fromEntries(without.map(id => [id, before?.since[id] ?? row]))
    const scored = doubt !== undefined
    leftOut.push({ row, without: [...without], since, scored, ...(scored ? {} : { reason: 'no axis is left' }) })
  }

  #take(batch: ScoredBatch): void {
    for (let i = 0; i < batch.count; i++) {
      // Windows of a capture are told apart by a microsecond each; captures are further apart than that.
      const capture = captureAt(this.#captures.timesUs, batch.timesUs[i]!)
      const sum = this.#sums.get(capture) ?? newSum(batch)
      this.#sums.set(capture, sum)
      addWindow(sum, batch, i, this.#perCapture)
    }
  }

  /** A capture whose windows are all scored goes through the alarm rule. */
  #settle(capture: number): void {
    const at = capture - this.#from
    const sum = this.#sums.get(capture)
    this.#sums.delete(capture)
    if (sum && sum.windows === this.#perCapture && Number.isFinite(sum.scores[0]!)) {
      this.#out.scored++
      this.#out.scores[at] = sum.scores[0]!
      const { scores, contributions, features } = sum
      const batch: ScoredBatch = {
        key: KEY,
        model: this.#model,
        count: 1,
        tags: new Int32Array(1),
        timesUs: Float64Array.of(this.#captures.timesUs[capture]!),
        scores,
        contributions,
        contributionCount: contributions.length,
        features,
        featureCount: features.length,
      }
      this.#engine.scores(withDoubt(batch, this.#out.doubts.get(capture) ?? NO_DOUBT))
    } else {
      this.#out.scores[at] = at > 0 ? this.#out.scores[at - 1]! : 0
    }
    this.#out.alarms[at] = this.#inAlarm ? 1 : 0
  }
}

/** Index of the last capture at or before `timeUs`. */
function captureAt(timesUs: Float64Array, timeUs: number): number {
  let low = 0
  let high = timesUs.length - 1
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if (timesUs[middle]! <= timeUs) low = middle
    else high = middle - 1
  }
  return low
}

function checkFit({ manifest }: ModelFile, { path, channels, samples }: Captures): void {
  const wanted = manifest.channels
  const window = windowOf(channels.length, samples)
  const units = channels.every(({ unit }, c) => unit === wanted[c]?.unit)
  if (wanted.length === channels.length && units && window.samples === manifest.samples) return
  const has = `${channels.length} channels in ${channels[0]?.unit} and windows of ${window.samples}`
  const wants = `${wanted.length} in ${wanted[0]?.unit} and ${manifest.samples}`
  throw new AgentError('MODEL_MISMATCH', `${path} has ${has}; the model wants ${wants}. Fit one with --fit-captures.`)
}
