// A centrifugal pump with motor, strainer and control valve, in the size of a small process pump: 100 m3/h at 32 m.
//
//   tank ── strainer ──► pump ──► valve ──► plant        head  H = H0 n² − a Q²          (affinity laws, n = N/N0)
//           k_s Q²       N, I     k_v Q²                 plant H = Hs + (k_s + k_v) Q²   (flow is where both meet)
//
// Pressures follow from the heads, shaft power and current from flow and speed, temperatures lag behind with first order.
// Valve and speed wander with the load; nothing here knows time but through step().
import { type Prng, seededPrng } from '../core/prng.ts'

export const PUMP_CHANNELS = [
  'flow',
  'suction',
  'discharge',
  'current',
  'speed',
  'motor-temp',
  'bearing-temp',
  'vibration',
] as const
export type PumpFault = 'none' | 'clogged-strainer' | 'bearing-wear' | 'impeller-wear'

export interface PumpConfig {
  fault: PumpFault
  /** Seconds of simulated time until the fault begins to develop. */
  faultAfterS: number
}

const RATED_SPEED = 1450
const STEP_S_MAX = 0.5
const SHUTOFF_HEAD = 40
const PUMP_SLOPE = 8e-4
const STATIC_HEAD = 10
const VALVE_LOSS = 2e-3
const STRAINER_LOSS = 2e-4
/** Bar per metre of water. */
const BAR = 0.0981
const TANK_BAR = 0.5
/** Faults are fully developed this long after they began: minutes, so that the way there can be watched. */
const FAULT_S = 900
/** Standard deviations of the sensors, in the units of PUMP_CHANNELS. */
const NOISE = [0.8, 0.003, 0.008, 0.06, 0.8, 0.06, 0.06, 0.05]

/** Ornstein-Uhlenbeck: wanders about 0 with standard deviation 1, forgetting itself over `tauS`. */
class Wander {
  readonly #prng: Prng
  readonly #tauS: number
  value: number

  constructor(prng: Prng, tauS: number) {
    this.#prng = prng
    this.#tauS = tauS
    this.value = prng.normal()
  }

  step(dtS: number): number {
    const keep = Math.exp(-dtS / this.#tauS)
    this.value = this.value * keep + this.#prng.normal() * Math.sqrt(1 - keep * keep)
    return this.value
  }
}

export class PumpModel {
  /** Sensor readings after the last step, in the order and units of PUMP_CHANNELS. */
  readonly values = new Float64Array(PUMP_CHANNELS.length)
  readonly #config: PumpConfig
  #faultAfterS: number
  readonly #prng: Prng
  readonly #valve: Wander
  readonly #demand: Wander
  readonly #tank: Wander
  readonly #voltage: Wander
  readonly #ambient: Wander
  #timeS = 0
  #on = true
  #switchAtS: number
  #starts = 1
  #speed = 0
  #motorTemp = 24
  #bearingTemp = 24

  constructor(seed: number, config: PumpConfig) {
    this.#config = config
    this.#faultAfterS = config.faultAfterS
    this.#prng = seededPrng(seed)
    this.#valve = new Wander(this.#prng, 40)
    this.#demand = new Wander(this.#prng, 90)
    this.#tank = new Wander(this.#prng, 60)
    this.#voltage = new Wander(this.#prng, 30)
    this.#ambient = new Wander(this.#prng, 6 * 3600)
    this.#switchAtS = this.#runS()
  }

  /** Starts so far, the one at time 0 included. */
  get starts(): number {
    return this.#starts
  }

  get running(): boolean {
    return this.#on
  }

  /** Brings the fault forward: it begins to develop in `seconds` at the latest. */
  beginFaultIn(seconds: number): void {
    this.#faultAfterS = Math.min(this.#faultAfterS, this.#timeS + seconds)
  }

  /** 0 = sound, 1 = fully developed. */
  get severity(): number {
    if (this.#config.fault === 'none') return 0
    return Math.min(1, Math.max(0, (this.#timeS - this.#faultAfterS) / FAULT_S))
  }

  /** Moves on by `dtS` seconds and reads the sensors into `values`. */
  step(dtS: number): void {
    for (let left = dtS; left > 1e-9; left -= STEP_S_MAX) this.#integrate(Math.min(left, STEP_S_MAX))
  }

  #integrate(dtS: number): void {
    this.#timeS += dtS
    if (this.#timeS >= this.#switchAtS) this.#toggle()
    const fault = this.#faults()
    const setpoint = this.#on ? RATED_SPEED * (0.97 + 0.015 * this.#demand.step(dtS)) : 0
    // A drive ramps up over seconds; without power the water brakes a loaded pump about as fast.
    this.#speed += (setpoint - this.#speed) * (1 - Math.exp(-dtS / (this.#on ? 3 : 1)))
    const n = this.#speed / RATED_SPEED
    const opening = 1 + 0.08 * this.#valve.step(dtS)
    const strainer = STRAINER_LOSS * fault.strainer
    const drive = SHUTOFF_HEAD * fault.head * n * n - STATIC_HEAD
    // The check valve holds the water while the pump cannot lift it.
    const flow = Math.sqrt(Math.max(0, drive) / (PUMP_SLOPE + strainer + VALVE_LOSS / (opening * opening)))
    const head = Math.max(SHUTOFF_HEAD * fault.head * n * n - PUMP_SLOPE * flow * flow, STATIC_HEAD)
    const suction = TANK_BAR + 0.02 * this.#tank.step(dtS) - BAR * strainer * flow * flow
    const current = this.#currentOf(n, flow, this.#voltage.step(dtS), fault.friction)
    this.#heat(dtS, n, current, fault.bearingHeat)
    const duty = n === 0 ? 0 : flow / (100 * n) - 0.9
    const vibration = (1.6 + 1.5 * duty * duty) * n * n * fault.vibration + 0.05
    const truth = [
      flow,
      suction,
      suction + BAR * (head - 2),
      current,
      // The drive reports its output, which is 0 as soon as it is blocked, while the shaft still coasts.
      this.#on ? this.#speed : 0,
      this.#motorTemp,
      this.#bearingTemp,
      vibration,
    ]
    this.#read(truth, n, current)
  }

  /** Magnetising current plus shaft power; a slack grid needs more of it for the same power. */
  #currentOf(n: number, flow: number, voltage: number, friction: number): number {
    if (!this.#on) return 0
    const shaft = n * n * n * (0.45 * friction + 0.55 * (n < 0.05 ? 0 : flow / (100 * n)))
    return (6 + 24 * shaft) * (1 - 0.01 * voltage)
  }

  #heat(dtS: number, n: number, current: number, bearingHeat: number): void {
    const ambient = 22 + 4 * this.#ambient.step(dtS)
    const motorRise = 45 * (current / 28) ** 2
    this.#motorTemp += (ambient + motorRise - this.#motorTemp) * (1 - Math.exp(-dtS / 900))
    this.#bearingTemp += (ambient + 28 * n * bearingHeat - this.#bearingTemp) * (1 - Math.exp(-dtS / 600))
  }

  #read(truth: readonly number[], n: number, current: number): void {
    for (let i = 0; i < truth.length; i++) {
      // Sensors of what stands still are quiet: no flow and no current have no turbulence.
      const quiet = (n < 0.02 && i !== 1 && i !== 2 && i !== 5 && i !== 6) || (i === 3 && current === 0)
      this.values[i] = quiet
        ? Math.max(0, truth[i]! < 0.1 ? 0 : truth[i]!)
        : truth[i]! + NOISE[i]! * this.#prng.normal()
    }
  }

  #faults(): { strainer: number; head: number; friction: number; vibration: number; bearingHeat: number } {
    const developed = this.severity
    const sound = { strainer: 1, head: 1, friction: 1, vibration: 1, bearingHeat: 1 }
    switch (this.#config.fault) {
      case 'none':
        return sound
      case 'clogged-strainer':
        return { ...sound, strainer: 1 + 7 * developed, vibration: 1 + 0.05 * developed }
      case 'bearing-wear':
        return { ...sound, vibration: 1 + 2 * developed, bearingHeat: 1 + developed, friction: 1 + 0.06 * developed }
      case 'impeller-wear':
        return { ...sound, head: 1 - 0.12 * developed, vibration: 1 + 0.3 * developed }
    }
  }

  #toggle(): void {
    this.#on = !this.#on
    if (this.#on) this.#starts++
    this.#switchAtS = this.#timeS + (this.#on ? this.#runS() : 60 + 60 * this.#prng.next())
  }

  /** Commissioning is busy: four starts in the first hour; later the pump runs for hours. */
  #runS(): number {
    return this.#starts < 5 ? 600 + 400 * this.#prng.next() : 7200 + 7200 * this.#prng.next()
  }
}
