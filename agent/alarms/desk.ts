// What people do with alarms: acknowledge, shelve, take out of service, label. Each throws an AgentError that says what to do
// instead, and leaves one record with who, when and why; suppression by design is in by-design.ts.
import type { AssetConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import { isoFromUs } from '../core/types.ts'
import type { AlarmBook, Moment, Target } from './book.ts'
import {
  type AlarmRule,
  type AlarmTransition,
  type Suppressions,
  type Verdict,
  WHOLE_ASSET,
  type Who,
} from './contract.ts'
import type { AlarmState } from './state.ts'
import { durationText } from './text.ts'

export interface AlarmDeskOptions {
  book: AlarmBook
  state: AlarmState
  assets: readonly AssetConfig[]
  clock: Clock
  /** Everything that is watched on an asset, in the order in which people are told. */
  rulesOf: (asset: number) => readonly AlarmRule[]
  isRunning: (asset: number) => boolean
  /** Of the gateway itself, whose rules name it as their asset; absent: none. */
  rulesOfGateway?: () => readonly AlarmRule[]
}

/** Of alarms of the gateway itself. */
const GATEWAY_SHELVE_MAX_MS = 7 * 86_400_000

/** An asset's id and a rule of it; without the rule the asset as a whole. Or the id of an alarm that stands. */
export interface TargetRequest {
  /** Of an asset, or of an alarm. */
  target: string
  rule?: string
}

export class AlarmDesk {
  readonly #options: AlarmDeskOptions

  constructor(options: AlarmDeskOptions) {
    this.#options = options
  }

  /** Throws NOT_FOUND for an alarm that does not stand, COMMAND_REFUSED for one acknowledged before. */
  acknowledge(id: string, who: Who): AlarmTransition {
    const alarm = this.#standing(id)
    if (alarm.acked) {
      const why =
        alarm.transition === 'acknowledged'
          ? `was acknowledged at ${isoFromUs(alarm.atUs)} by ${alarm.by ?? 'someone'}`
          : 'is acknowledged already'
      throw new AgentError('COMMAND_REFUSED', `alarm ${id} ${why}`)
    }
    return this.#options.book.acknowledge(alarm, this.#moment(alarm.asset), who)
  }

  /** For `forMs`, at most what the configuration of the asset allows. Shelved again, the new time counts. */
  shelve(request: TargetRequest, forMs: number, who: Who): AlarmTransition {
    const target = this.#target(request)
    const config = this.#options.assets.find(({ id }) => id === target.asset)
    const mostMs = config?.alarm.shelveMaxMs ?? GATEWAY_SHELVE_MAX_MS
    if (!(forMs > 0) || forMs > mostMs) {
      const most = durationText(mostMs * 1000)
      throw new AgentError(
        'COMMAND_REFUSED',
        `alarms of ${target.asset} can be shelved for at most ${most}; shelve for less, or take it out of service`,
      )
    }
    const moment = this.#moment(target.asset)
    const fact = { ...who, sinceUs: moment.atUs, untilUs: moment.atUs + Math.round(forMs * 1000) }
    const message = `${nameOf(target)} shelved for ${durationText(forMs * 1000)} by ${who.by}${because(who)}`
    return this.#options.book.suppress(target, 'shelved', ['shelved', fact], { ...moment, who, message })
  }

  unshelve(request: TargetRequest, who: Who): AlarmTransition {
    return this.#lift(request, 'shelved', who)
  }

  outOfService(request: TargetRequest, who: Who): AlarmTransition {
    const target = this.#target(request)
    this.#refuseHeld(target, 'outOfService', 'out of service')
    const moment = this.#moment(target.asset)
    const message = `${nameOf(target)} out of service by ${who.by}${because(who)}`
    const fact = { ...who, sinceUs: moment.atUs }
    return this.#options.book.suppress(target, 'out-of-service', ['outOfService', fact], { ...moment, who, message })
  }

  inService(request: TargetRequest, who: Who): AlarmTransition {
    return this.#lift(request, 'outOfService', who)
  }

  /** @param ended last transition of an alarm that stands no more, where it is known from elsewhere */
  label(id: string, verdict: Verdict, who: Who, ended?: AlarmTransition): AlarmTransition {
    const alarm = this.#options.state.standing.get(id.toUpperCase()) ?? ended ?? this.#standing(id)
    return this.#options.book.label(alarm, verdict, this.#moment(alarm.asset), who)
  }

  /** Ends what was shelved until now, and what a clock that was set back would shelve for years. Call it every second. */
  tick(): void {
    const nowUs = this.#options.clock.nowUs()
    for (const [key, { shelved }] of [...this.#options.state.suppressions]) {
      if (!shelved || (nowUs < shelved.untilUs && nowUs >= shelved.sinceUs)) continue
      const note = nowUs < shelved.sinceUs ? 'the clock was set back to before it was shelved' : 'the time is up'
      this.#lift(requestOf(key), 'shelved', { actor: 'agent', by: 'agent', note })
    }
  }

  /** What is suppressed and is not watched any more would stay so for ever. Call once, at start. */
  dropRemoved(): void {
    const { state, book, clock } = this.#options
    for (const [key, facts] of [...state.suppressions]) {
      const { target: asset, rule = WHOLE_ASSET } = requestOf(key)
      if (this.targetOf(asset, rule)) continue
      const target: Target = { id: rule, asset, kind: 'machine', priority: 4 }
      const who: Who = { actor: 'agent', by: 'agent', note: 'rule removed' }
      const at = { atUs: clock.nowUs(), running: false, who, message: `${nameOf(target)} is not watched any more` }
      for (const kind of Object.keys(facts) as (keyof Suppressions)[])
        book.suppress(target, LIFTED[kind], [kind, undefined], at)
    }
  }

  #lift(request: TargetRequest, kind: keyof Suppressions, who: Who): AlarmTransition {
    const target = this.#target(request)
    const fact = this.#options.state.suppressions.get(`${target.asset}/${target.id}`)?.[kind]
    if (!fact) {
      const what = kind === 'shelved' ? 'not shelved' : 'in service'
      throw new AgentError(
        'COMMAND_REFUSED',
        `${nameOf(target)} is ${what}; \`wearwatch alarms list\` shows what is suppressed`,
      )
    }
    const moment = this.#moment(target.asset)
    const lasted = durationText(Math.max(0, moment.atUs - fact.sinceUs))
    const message = `${nameOf(target)} ${kind === 'shelved' ? 'unshelved' : 'in service again'} after ${lasted} by ${who.by}${because(who)}`
    return this.#options.book.suppress(target, LIFTED[kind], [kind, undefined], { ...moment, who, message })
  }

  #refuseHeld(target: Target, kind: keyof Suppressions, what: string): void {
    const fact = this.#options.state.suppressions.get(`${target.asset}/${target.id}`)?.[kind]
    if (!fact) return
    throw new AgentError(
      'COMMAND_REFUSED',
      `${nameOf(target)} is ${what} since ${isoFromUs(fact.sinceUs)}, by ${fact.by}`,
    )
  }

  #standing(id: string): AlarmTransition {
    const alarm = this.#options.state.standing.get(id.toUpperCase())
    if (alarm) return alarm
    throw new AgentError('NOT_FOUND', `no alarm ${id} stands; \`wearwatch alarms list\` lists those that do`)
  }

  /** Throws NOT_FOUND with what there is. */
  #target({ target, rule }: TargetRequest): Target {
    const alarm = rule === undefined ? this.#options.state.standing.get(target.toUpperCase()) : undefined
    if (alarm) return this.targetOf(alarm.asset, alarm.rule) ?? { ...alarm, id: alarm.rule }
    const { id, index } = this.#asset(target)
    const found = this.targetOf(id, rule ?? WHOLE_ASSET)
    if (found) return found
    const rules = this.#options.rulesOf(index).map(r => r.id)
    throw new AgentError('NOT_FOUND', `${id} has no rule ${rule}; it has ${rules.join(', ')}`)
  }

  /** Undefined for what is not watched. */
  targetOf(asset: string, rule: string): Target | undefined {
    const config = this.#options.assets.find(candidate => candidate.id === asset)
    if (!config) return this.#options.rulesOfGateway?.().find(own => own.asset === asset && own.id === rule)
    if (rule !== WHOLE_ASSET) return this.#options.rulesOf(config.index).find(({ id }) => id === rule)
    const tag = config.tag === undefined ? {} : { tag: config.tag }
    return { id: WHOLE_ASSET, asset, kind: 'machine', priority: 4, ...tag }
  }

  #asset(id: string): AssetConfig {
    const { assets } = this.#options
    const found = assets.find(asset => asset.id === id || asset.tag === id)
    if (found) return found
    const known = assets.slice(0, 20).map(asset => asset.id)
    throw new AgentError('NOT_FOUND', `no alarm and no asset ${id}; assets: ${known.join(', ')}`)
  }

  #moment(asset: string): Moment {
    const index = this.#options.assets.findIndex(candidate => candidate.id === asset)
    return { atUs: this.#options.clock.nowUs(), running: index >= 0 && this.#options.isRunning(index) }
  }
}

const LIFTED = { shelved: 'unshelved', byDesign: 'unsuppressed', outOfService: 'in-service' } as const

/** Ids of assets have no slash; ids of rules may. */
function requestOf(key: string): TargetRequest {
  const slash = key.indexOf('/')
  return { target: key.slice(0, slash), rule: key.slice(slash + 1) }
}

export function nameOf({ asset, tag, id }: Target): string {
  return id === WHOLE_ASSET ? `all alarms of ${tag ?? asset}` : `${tag ?? asset} ${id}`
}

const because = ({ note }: Who): string => (note === undefined || note === '' ? '' : `: ${note}`)
