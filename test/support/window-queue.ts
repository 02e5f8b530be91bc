import type { WindowQueue } from '../../agent/scoring/contract.ts'

/** Keeps every window it is given. */
export function collectingQueue(
  floatsPerWindow: number,
  capacity = 10_000,
): WindowQueue & { windows(): { tag: number; timeUs: number; values: number[] }[] } {
  const input = new Float32Array(floatsPerWindow * capacity)
  const claims: { tag: number; timeUs: number; offset: number }[] = []
  return {
    key: 'p-101',
    floatsPerWindow,
    input,
    claim(tag, timeUs) {
      const offset = claims.length * floatsPerWindow
      claims.push({ tag, timeUs, offset })
      return offset
    },
    get waiting() {
      return claims.length
    },
    dropped: 0,
    windows: () =>
      claims.map(({ tag, timeUs, offset }) => ({
        tag,
        timeUs,
        values: [...input.subarray(offset, offset + floatsPerWindow)],
      })),
  }
}
