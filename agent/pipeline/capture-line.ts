import type { CaptureFigures } from '../alarms/watched.ts'
import type { AssetConfig } from '../config/contract.ts'
import type { WaveformBlock } from '../core/types.ts'
import type { History } from '../history/contract.ts'
import type { ModelFile } from '../models/contract.ts'
import { binAt } from '../models/families/bands-speeds.ts'
import type { Analyser } from '../models/live/analyser.ts'
import { Doubts, doubtOf, type JudgedAxis, NO_DOUBT } from '../models/live/capture-doubt.ts'
import { type CapturePlan, capturePlan, learnsCaptures, readCapture } from '../models/live/captures.ts'
import { type SpeedTrack, speedColumn, steadySpeed } from '../models/live/speed.ts'
import type { AxisOut, CaptureIn, RawAxis, RawCapture } from '../models/vibration/analyse.ts'
import type { SpeedOfCapture } from '../models/vibration/velocity.ts'
import type { WindowDoubt } from '../scoring/contract.ts'
import { type Capture, CaptureCutter } from '../windows/capture-cutter.ts'
import { captureFigures } from './capture-figures.ts'
import { speedTrouble } from './capture-speed.ts'
import type { Vibration } from './vibration.ts'
import type { WaveformScoringDeps } from './waveform-scoring.ts'

interface CaptureLineDeps extends WaveformScoringDeps {
  history: Pick<History, 'appendWaveform' | 'waveforms'>
  analyser: Pick<Analyser, 'analyse'>
  speed: Pick<SpeedTrack, 'during'>
  vibration: Pick<Vibration, 'keep' | 'lost' | 'stream'>
  /** What the sensors of a capture that ended at `endUs` have, empty where all are well; and what it tells of the machine. */
  sensors(endUs: number, troubles: { channel: number; fault: string; text: string }[], figures: CaptureFigures[]): void
  /** It is in the history, and may be learnt from. */
  captured(startUs: number): void
  /** Told what cannot be read back. */
  failed(error: unknown): void
}

/** A capture that may be scored: it is in the history, and waits there while there is no model. */
interface Unscored {
  endUs: number
  speed: SpeedOfCapture | undefined
  /** In the order of the plan. */
  judged: JudgedAxis[]
  /** Of each axis, in the order of the plan. */
  startsUs: number[]
}

/** µs: of the first sample, of the last. */
export interface CaptureTaken {
  startUs: number
  endUs: number
}

/** As many as the fit looks at: fit-bands.ts. */
const WINDOWS_MAX = 32
/** Largest number of a digitiser of 16 bits. */
const INT16_MAX = 32_767
/** Axes of one capture end within this. */
const TOGETHER_US = 1e6
/** Captures that may wait for a model; a fit takes seconds, and a day of them would only tell of yesterday. */
const UNSCORED_MAX = 64

export function windowsPerCapture({ samples }: CapturePlan, window: number): number {
  return Math.min(WINDOWS_MAX, Math.floor(samples / window))
}

/**
 * Captures of one asset: cut by schedule while the machine runs, kept in the history (nothing else of these channels is: 5 s every
 * 10 min of 25.6 kHz are 37 MB a day, all of it 4.4 GB), and then
 *
 *   capture ─► analyser (a thread) ─┬─► figures: history, status, features
 *                                   ├─► sensor faults: alarms of the sensor
 *                                   ├─ none in any axis ─► learnt from
 *                                   └─ an axis that is well, or clips and is louder than ever ─► scored by the model, on those
 */
export class CaptureLine {
  readonly #asset: AssetConfig
  readonly #deps: CaptureLineDeps
  readonly #plan: CapturePlan | undefined
  readonly #cutter: CaptureCutter | undefined
  #unscored: Unscored[] = []
  /** By the capture's end. */
  readonly #doubts = new Doubts()
  #catchingUp = false
  /** Who waits for the next capture. */
  #asked: ((taken: CaptureTaken) => void)[] = []

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
    this.#cutter = new CaptureCutter(axes, plan.everyUs, plan.settleUs)
  }

  takes(column: number): boolean {
    return this.#plan?.columns.includes(column) ?? false
  }

  /** The next stretch that can be is a capture, beside those that are due. Returns what gives up waiting. */
  takeNow(taken: (capture: CaptureTaken) => void): () => void {
    this.#asked.push(taken)
    this.#cutter?.takeNow()
    return () => {
      this.#asked = this.#asked.filter(asked => asked !== taken)
      if (this.#asked.length === 0) this.#cutter?.takeNow(false)
    }
  }

  /** What the sensors of a capture that was scored leave in doubt; undefined where they are well. */
  doubtAt(endUs: number): WindowDoubt | undefined {
    return this.#doubts.take(endUs)
  }

  push(block: WaveformBlock, running: boolean): void {
    this.#deps.vibration.stream(this.#asset.index, running)
    // A capture is of a machine that runs from its first sample to its last.
    if (running) this.#cutter?.push(block, this.#onCapture)
    else this.#cutter?.void()
  }

  /** A model took over: captures that came while it was being fitted, or loaded, are scored before newer ones. */
  bound(model: ModelFile): void {
    const learntUs = model.origin === 'local' ? (model.manifest.fitted?.toUs ?? 0) : 0
    this.#unscored = this.#unscored.filter(({ endUs }) => endUs > learntUs + TOGETHER_US)
    if (this.#catchingUp || this.#unscored.length === 0) return
    this.#catchingUp = true
    this.#catchUp()
      .catch((error: unknown) => this.#deps.failed(error))
      .finally(() => {
        this.#catchingUp = false
      })
  }

  readonly #onCapture = (capture: Capture): void => {
    const { id, channels } = this.#asset
    for (const axis of capture.axes) this.#deps.history.appendWaveform(id, channels[axis.channel]!.id, axis)
    const { startUs, endUs, axes } = capture
    for (const taken of this.#asked.splice(0)) taken({ startUs, endUs })
    const { speed, unknown } = this.#deps.speed.during(startUs, endUs)
    const taken = { startUs, endUs, speed, startsUs: axes.map(axis => axis.startUs) }
    const raw: RawCapture = {
      rateHz: this.#plan!.rateHz,
      axes: axes.map(axis => this.#axisOf(axis, steadySpeed(speed))),
      ...(speed ? { speed } : {}),
      ...(unknown === undefined ? {} : { noVelocity: unknown }),
    }
    void this.#deps.analyser.analyse(raw).then(analysed => {
      if (analysed) this.#analysed(taken, analysed)
      else this.#deps.vibration.lost(this.#asset.index, endUs)
    })
  }

  #axisOf({ channel, samples, scale, offset }: Capture['axes'][number], perMin: number): RawAxis {
    const { id, unit } = this.#asset.channels[channel]!
    const { channels, reference, speed } = this.#deps.model()?.manifest ?? {}
    // What is usual at one speed says nothing of another.
    const known = !speed || binAt(speed.bins, perMin) >= 0
    const healthy = known && reference?.vibration?.[channels?.findIndex(known => known.id === id) ?? -1]
    return {
      // Borrowed for the call.
      raw: samples.slice(),
      scale,
      offset,
      unit,
      ...(samples instanceof Int16Array ? { fullScale: INT16_MAX * Math.abs(scale) } : {}),
      ...(healthy ? { healthy } : {}),
    }
  }

  #analysed(
    { startUs, ...taken }: Omit<Unscored, 'judged'> & { startUs: number },
    { capture, axes }: { capture: CaptureIn; axes: AxisOut[] },
  ): void {
    const { vibration, sensors, captured, model } = this.#deps
    const { columns, channels } = this.#plan!
    const { endUs, speed } = taken
    const troubles = axes.flatMap(({ findings }, i) =>
      findings.slice(0, 1).map(found => ({ channel: columns[i]!, ...found })),
    )
    const scorer = model()
    const judged = axes.map(({ findings, figures }) => ({ findings, rms: figures?.rms }))
    const doubt = this.#doubtOf(judged, scorer)
    // A process model, of rows, has no use for captures.
    const looks = scorer ? channels.some(({ id }) => looksAt(scorer, id)) : learnsCaptures(this.#asset)
    const notScored = looks ? this.#speedTrouble(speed, scorer) : ''
    const unusable = this.#unusable(axes, doubt, scorer) || notScored
    const doubtful = doubt && doubt !== NO_DOUBT ? { doubt } : {}
    vibration.keep(this.#asset.index, { endUs, axes, unusable, notScored, ...doubtful, ...(speed ? { speed } : {}) })
    sensors(endUs, troubles, captureFigures(axes, columns, channels, doubt))
    if (troubles.length === 0 && this.#speedTrouble(speed, undefined) === '') captured(startUs)
    if (!doubt || notScored !== '') return
    const unscored = { ...taken, judged }
    if (scorer && !this.#catchingUp) {
      const samples = capture.axes.map(axis => axis.samples)
      this.#score(unscored, samples, scorer, doubt)
    } else this.#unscored = [...this.#unscored, unscored].slice(-UNSCORED_MAX)
  }

  /** Before there is a model as if there were one of all axes, without a baseline to hold a level against. */
  #doubtOf(judged: readonly JudgedAxis[], model: ModelFile | undefined): WindowDoubt | undefined {
    const { channels } = this.#plan!
    const manifest = model?.manifest ?? { family: 'bands', channels }
    return doubtOf(manifest, id => judged[channels.findIndex(channel => channel.id === id)])
  }

  /** Why nothing can be said of the machine, unless the score is beyond its setpoint all the same: no axis that is looked at is well. */
  #unusable(axes: readonly AxisOut[], doubt: WindowDoubt | undefined, model: ModelFile | undefined): string {
    const needed = this.#plan!.channels.flatMap(({ id }, i) => (!model || looksAt(model, id) ? [{ id, i }] : []))
    const faulty = needed.flatMap(({ id, i }) => {
      const [found] = axes[i]!.findings
      return found ? [`${id} ${found.fault}`] : []
    })
    return doubt && faulty.length < needed.length ? '' : faulty.join(', ')
  }

  #speedTrouble(speed: SpeedOfCapture | undefined, model: ModelFile | undefined): string {
    const channel = this.#asset.channels[speedColumn(this.#asset) ?? -1]?.id
    return speedTrouble(channel, speed, model?.manifest)
  }

  async #catchUp(): Promise<void> {
    const { history, model } = this.#deps
    for (let next = this.#unscored.shift(); next; next = this.#unscored.shift()) {
      const axes = await readCapture(history, this.#asset.id, this.#plan!, next.startsUs)
      const scorer = model()
      const doubt = this.#doubtOf(next.judged, scorer)
      if (axes && scorer && doubt && this.#speedTrouble(next.speed, scorer) === '')
        this.#score(next, axes, scorer, doubt)
    }
  }

  /** The windows of a capture follow each other by a microsecond, which puts them together again; see capture-scores.ts. */
  #score(
    { endUs, speed: turned }: Unscored,
    axes: readonly Float32Array[],
    { manifest }: ModelFile,
    doubt: WindowDoubt,
  ): void {
    const queue = this.#deps.queue()
    const { channels } = this.#plan!
    const { samples, speed } = manifest
    const wanted = manifest.channels.map(({ id }) => axes[channels.findIndex(channel => channel.id === id)])
    if (!queue || manifest.channels.some(({ id }, c) => !wanted[c] && id !== speed?.channel)) return
    this.#doubts.add(endUs, doubt)
    const silent = manifest.channels.map(({ id }) => doubt.unwatched.includes(id))
    const count = windowsPerCapture(this.#plan!, samples)
    for (let w = 0; w < count; w++) {
      const offset = queue.claim(this.#asset.index, endUs + w)
      for (const [c, values] of wanted.entries()) {
        const to = offset + c * samples
        if (silent[c]) queue.input.fill(0, to, to + samples)
        else if (values) queue.input.set(values.subarray(w * samples, (w + 1) * samples), to)
        else queue.input.fill(steadySpeed(turned), to, to + samples)
      }
    }
  }
}

function looksAt({ manifest }: ModelFile, id: string): boolean {
  return manifest.channels.some(channel => channel.id === id)
}
