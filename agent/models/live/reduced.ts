// A model of the channels that are left where some are gone: what it takes over from the model of all of them. Nothing is
// imputed: of a slow channel the noise of any value put in its place exceeds by far what it usually does from row to row.
import type { Manifest, Reference } from '../contract.ts'

/** The reference of a model, of those of its channels that `kept` names, in their order there. */
export function referenceOf({ channels, reference }: Manifest, kept: readonly string[]): Reference | undefined {
  if (!reference) return undefined
  const at = kept.map(id => channels.findIndex(channel => channel.id === id))
  return {
    ...reference,
    centre: at.map(c => reference.centre[c]!),
    deviation: at.map(c => reference.deviation[c]!),
  }
}

/** What a set of channels is known by. */
export function nameOfSet(channels: readonly string[]): string {
  return [...channels].sort().join(' ')
}

/** `motor-temp`, `flow and current`, `flow, current and speed`. */
export function listText(names: readonly string[]): string {
  const last = names.at(-1) ?? ''
  return names.length < 2 ? last : `${names.slice(0, -1).join(', ')} and ${last}`
}
