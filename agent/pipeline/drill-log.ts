// How far each of the newest drills has come: on the disk, upstream, seen by somebody.
import type { Who } from '../alarms/contract.ts'
import { AgentError } from '../core/errors.ts'
import type { DrillView } from '../http/contract.ts'
import type { AgentParts } from './parts.ts'

const DRILLS_MAX = 64

type Parts = Pick<AgentParts, 'engine' | 'commits' | 'cases' | 'clock' | 'uplink'>

interface Drill {
  alertSeq: number
  raisedMs: number
  view: Omit<DrillView, 'ended' | 'link'>
}

export class DrillLog {
  readonly #parts: Parts
  /** By id, oldest first. */
  readonly #drills = new Map<string, Drill>()

  constructor(parts: Parts) {
    this.#parts = parts
    parts.uplink?.onDelivered(alertSeq => this.#delivered(alertSeq))
  }

  /** Resolves when it is journalled. Throws as Drills.raise does. */
  async begin(asset: string, forMs: number, who: Who): Promise<DrillView> {
    const { engine, commits, clock } = this.#parts
    const raisedMs = clock.monotonicMs()
    const { id, alertSeq, asset: known, tag, message } = engine.drills.raise(asset, forMs, who)
    const view: Drill['view'] = { id, asset: known, ...(tag === undefined ? {} : { tag }), message }
    this.#drills.set(id, { alertSeq, raisedMs, view })
    const [oldest] = this.#drills.keys()
    if (this.#drills.size > DRILLS_MAX && oldest !== undefined) this.#drills.delete(oldest)
    await commits.settled()
    view.journalledMs = this.#since(raisedMs)
    return this.view(id)
  }

  /** Throws NOT_FOUND. */
  async view(id: string): Promise<DrillView> {
    const { uplink, engine, cases } = this.#parts
    const drill = this.#drills.get(id.toUpperCase())
    if (!drill) {
      const text = `no drill ${id} since the start; \`wearwatch alarms history\` has older ones`
      throw new AgentError('NOT_FOUND', text)
    }
    const { view } = drill
    const ended = !engine.standing().some(alarm => alarm.id === view.id)
    // While the history refuses, who saw it is told by `alarms show` later.
    const { raised, acknowledged } = (await cases.get(view.id).catch(() => undefined)) ?? {}
    if (raised && acknowledged && acknowledged.actor !== 'agent') {
      const { atUs, by = '?', actor = 'operator', note } = acknowledged
      const ms = Math.round((atUs - raised.atUs) / 1000)
      view.acknowledged = { ms, by, actor, ...(note === undefined ? {} : { note }) }
    }
    const { state, detail } = uplink?.status() ?? { state: 'off', detail: 'no uplink is configured' }
    return { ...view, ended, link: { state, detail } }
  }

  #since(raisedMs: number): number {
    return Math.round(10 * (this.#parts.clock.monotonicMs() - raisedMs)) / 10
  }

  #delivered(alertSeq: number): void {
    for (const { view, ...drill } of this.#drills.values()) {
      if (drill.alertSeq === alertSeq) view.deliveredMs ??= this.#since(drill.raisedMs)
    }
  }
}
