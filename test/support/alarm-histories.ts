// Random histories of alarms: values, people, the calendar, restarts, in any order.
import fc from 'fast-check'
import { AlarmBook } from '../../agent/alarms/book.ts'
import { ByDesign } from '../../agent/alarms/by-design.ts'
import type { AlarmRule, AlarmTransition, Who } from '../../agent/alarms/contract.ts'
import { AlarmDesk } from '../../agent/alarms/desk.ts'
import { type AlarmState, checkpointPayload, newAlarmState, standingOf } from '../../agent/alarms/state.ts'
import { AgentError } from '../../agent/core/errors.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import type { JournalRecord } from '../../agent/journal/contract.ts'
import { MINUTE_US, rule, START_US } from './alarm-parts.ts'
import { asset, channel } from './assets.ts'
import { type ManualClock, manualClock } from './manual-clock.ts'

export const RULES: AlarmRule[] = [
  rule({ id: 'r0' }),
  rule({ id: 'r1', latching: true }),
  rule({ id: 'r2', asset: 'p-102' }),
]
const PUMPS = ['p-101', 'p-102'].map((id, index) =>
  asset([channel('mode')], {
    id,
    index,
    suppress: [
      { cron: 'window', forMs: 600_000, note: 'maintenance window' },
      {
        text: 'mode > 2',
        anyOf: [[{ channel: 0, op: '>', value: 2 }]],
        note: 'cleaning',
        rules: [index === 0 ? 'r0' : 'r2'],
      },
    ],
  }),
)
export const OPS = [
  'raise',
  'clear',
  'ack',
  'shelve',
  'unshelve',
  'out',
  'in',
  'label',
  'wait',
  'window',
  'mode',
  'checkpoint',
] as const
export type Op = { op: (typeof OPS)[number]; at: number; whole: boolean; minutes: number }

export const histories = fc.array(
  fc.record({
    op: fc.constantFrom(...OPS),
    at: fc.integer({ min: 0, max: 2 }),
    whole: fc.boolean(),
    minutes: fc.integer({ min: -30, max: 40 }),
  }),
  { maxLength: 60 },
)

const ANNA: Who = { actor: 'operator', by: 'anna', note: 'why not' }

export class Plant {
  readonly state: AlarmState = newAlarmState()
  readonly records: JournalRecord[] = []
  readonly made: AlarmTransition[] = []
  readonly clock: ManualClock = manualClock(START_US)
  readonly desk: AlarmDesk
  readonly #book: AlarmBook
  readonly #byDesign: ByDesign
  /** Minutes in which a window begins. */
  readonly #windows = new Set<number>()

  constructor() {
    const { state, clock } = this
    const commit = (made: AlarmTransition): void => {
      this.made.push(made)
      this.#put('alarm', Buffer.from(JSON.stringify(made)))
    }
    const isRunning = (): boolean => true
    this.#book = new AlarmBook({ state, prng: seededPrng(1), clockState: () => 'synced', commit })
    const rulesOf = (index: number): AlarmRule[] => RULES.filter(({ asset }) => asset === PUMPS[index]!.id)
    const shared = { book: this.#book, state, assets: PUMPS, clock, isRunning }
    this.desk = new AlarmDesk({ ...shared, rulesOf })
    const targetOf: AlarmDesk['targetOf'] = (of, id) => this.desk.targetOf(of, id)
    this.#byDesign = new ByDesign({ ...shared, targetOf, cronMatcher: () => minuteMs => this.#windows.has(minuteMs) })
  }

  #put(kind: 'alarm' | 'checkpoint', payload: Uint8Array): void {
    this.records.push({ seq: this.records.length + 1, kind, priority: 1, payload })
  }

  play(ops: readonly Op[]): this {
    for (const op of ops) this.#play(op)
    return this
  }

  #play({ op, at, whole, minutes }: Op): void {
    const of = RULES[at]!
    const target = whole ? { target: of.asset } : { target: of.asset, rule: of.id }
    const timeUs = this.clock.nowUs()
    const finding = { timeUs, value: at, message: 'm', evidence: [] }
    const standing = standingOf(this.state, of.asset, of.id)
    if (op === 'checkpoint') this.#put('checkpoint', checkpointPayload(this.state))
    else if (op === 'raise' && (!standing?.active || standing.latched)) this.#book.raise(of, timeUs, finding)
    else if (op === 'clear') this.#book.clear(of, finding)
    else if (op === 'window') this.#windows.add(Math.floor(timeUs / MINUTE_US) * 60_000)
    else if (op === 'mode') this.#byDesign.row(of.asset === 'p-101' ? 0 : 1, Float64Array.of(whole ? 3 : 1), 0)
    else if (op === 'wait') this.#wait(minutes)
    else this.try(() => this.#desk(op, target, standing))
  }

  #desk(op: string, target: { target: string; rule?: string }, standing: AlarmTransition | undefined): void {
    if (op === 'ack' && standing) this.desk.acknowledge(standing.id, ANNA)
    else if (op === 'label' && standing) this.desk.label(standing.id, 'false', ANNA)
    else if (op === 'shelve') this.desk.shelve(target, 600_000, ANNA)
    else if (op === 'unshelve') this.desk.unshelve(target, ANNA)
    else if (op === 'out') this.desk.outOfService(target, ANNA)
    else if (op === 'in') this.desk.inService(target, ANNA)
  }

  /** The clock may go back. */
  #wait(minutes: number): void {
    this.clock.step(minutes * MINUTE_US)
    this.tick()
  }

  tick(): void {
    this.desk.tick()
    this.#byDesign.tick()
  }

  /** What a person would do to have nothing left: everything in service, calm, seen. */
  calm(): void {
    this.#windows.clear()
    this.clock.step(24 * 60 * MINUTE_US)
    for (const index of [0, 1]) this.#byDesign.row(index, Float64Array.of(0), 0)
    this.tick()
    for (const of of RULES) {
      for (const target of [{ target: of.asset }, { target: of.asset, rule: of.id }]) {
        this.try(() => this.desk.inService(target, ANNA))
        this.try(() => this.desk.unshelve(target, ANNA))
      }
      this.#book.clear(of, { timeUs: this.clock.nowUs(), value: 0, message: 'm', evidence: [] })
    }
    for (const alarm of [...this.state.standing.values()]) this.try(() => this.desk.acknowledge(alarm.id, ANNA))
  }

  /** A refusal is an answer; anything else is a defect. */
  try(act: () => void): void {
    try {
      act()
    } catch (error) {
      if (!(error instanceof AgentError)) throw error
    }
  }
}
