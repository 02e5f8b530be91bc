// A transition must fit into one record of the journal, or nobody would ever hear of it.
import type { AlarmTransition } from './contract.ts'

/** The smallest journal takes records of 16 KiB; an ordinary transition is 1 kB. */
export const TRANSITION_BYTES_MAX = 12_288
/** Characters left of each free text, tried from left to right; ids, times and numbers are bounded and never touched. */
const TEXT_CHARS_MAX = [1_000, 300, 60] as const
/** Pieces of evidence left, largest share first, alongside. */
const EVIDENCE_LEFT = [8, 8, 1] as const

/** The transition itself where it fits, else a copy with its free text cut, which then ends in an ellipsis. */
export function fitRecord<T extends Omit<AlarmTransition, 'alertSeq'>>(transition: T): T {
  let fitted = transition
  for (const [i, chars] of TEXT_CHARS_MAX.entries()) {
    if (bytesOf(fitted) <= TRANSITION_BYTES_MAX) return fitted
    fitted = shorten(transition, chars, EVIDENCE_LEFT[i]!)
  }
  return fitted
}

function bytesOf(transition: unknown): number {
  return Buffer.byteLength(JSON.stringify(transition))
}

function shorten<T extends Omit<AlarmTransition, 'alertSeq'>>(transition: T, chars: number, evidenceMax: number): T {
  const { message, evidence, action, note, by, tag } = transition
  const cut = (text: string): string => (text.length > chars ? `${text.slice(0, chars - 1)}…` : text)
  const cutAll = (texts: Record<string, string | undefined>): Record<string, string> =>
    Object.fromEntries(Object.entries(texts).flatMap(([key, text]) => (text === undefined ? [] : [[key, cut(text)]])))
  return {
    ...transition,
    ...cutAll({ message, action, note, by, tag }),
    evidence: evidence
      .slice(0, evidenceMax)
      .map(piece => ({ ...piece, channel: cut(piece.channel), unit: cut(piece.unit) })),
  }
}
