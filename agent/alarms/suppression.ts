// Suppression hides an alarm from attention and never changes its condition: values are judged, transitions made and
// recorded all the same. It is a fact of a rule, or of a whole asset; what is in effect for a rule is the strongest of both.
import {
  type AlarmTransition,
  type Suppression,
  type SuppressionFact,
  type Suppressions,
  WHOLE_ASSET,
} from './contract.ts'
import { type AlarmState, ruleKey } from './state.ts'

export type SuppressionKind = keyof Suppressions

/** Strongest first: who took an alarm out of service means it until he puts it back, whatever is shelved meanwhile. */
const BY_STRENGTH = [
  ['outOfService', 'out-of-service'],
  ['byDesign', 'by-design'],
  ['shelved', 'shelved'],
] as const satisfies readonly (readonly [SuppressionKind, Suppression])[]

export interface InEffect {
  suppression: Suppression
  shelvedUntilUs?: number
}

export function inEffect(own: Suppressions | undefined, ofAsset: Suppressions | undefined): InEffect {
  for (const [kind, suppression] of BY_STRENGTH) {
    if (!own?.[kind] && !ofAsset?.[kind]) continue
    if (kind !== 'shelved') return { suppression }
    const untilUs = Math.max(own?.shelved?.untilUs ?? 0, ofAsset?.shelved?.untilUs ?? 0)
    return { suppression, shelvedUntilUs: untilUs }
  }
  return { suppression: 'none' }
}

/** What the records of a rule carry: its own facts, and what they and those of its asset come to. */
export function suppressionOf(
  state: AlarmState,
  asset: string,
  rule: string,
): InEffect & { suppressions?: Suppressions } {
  const own = state.suppressions.get(ruleKey(asset, rule))
  const whole = rule === WHOLE_ASSET ? undefined : state.suppressions.get(ruleKey(asset, WHOLE_ASSET))
  return { ...inEffect(own, whole), ...(own === undefined ? {} : { suppressions: own }) }
}

/** Who suppressed an alarm, since when and why: the rule's own fact before that of its asset. */
export function factInEffect(
  state: AlarmState,
  { asset, rule, suppression }: Pick<AlarmTransition, 'asset' | 'rule' | 'suppression'>,
): SuppressionFact | undefined {
  const kind = BY_STRENGTH.find(([, name]) => name === suppression)?.[0]
  if (!kind) return undefined
  return (
    state.suppressions.get(ruleKey(asset, rule))?.[kind] ?? state.suppressions.get(ruleKey(asset, WHOLE_ASSET))?.[kind]
  )
}

/** A copy with the fact set, or without it; undefined when none is left. */
export function withFact<K extends SuppressionKind>(
  from: Suppressions | undefined,
  kind: K,
  fact: Suppressions[K],
): Suppressions | undefined {
  const { [kind]: _before, ...rest } = from ?? {}
  const all: Suppressions = fact === undefined ? rest : { ...rest, [kind]: fact }
  return Object.keys(all).length === 0 ? undefined : all
}
