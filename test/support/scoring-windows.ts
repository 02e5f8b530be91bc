import type { ScoredBatch, ScoringHost, WindowQueue } from '../../agent/scoring/contract.ts'

/** Claims one window filled with `value`, tagged with it. */
export function put(queue: WindowQueue | undefined, value: number): void {
  if (!queue) throw new Error('no such queue')
  const offset = queue.claim(value, value * 1000)
  queue.input.fill(value, offset, offset + queue.floatsPerWindow)
}

export interface Seen {
  key: string
  release: number
  tag: number
  timeUs: number
  score: number
}

/** Collects every row of every batch from now on. */
export function collect(host: ScoringHost): Seen[] {
  const seen: Seen[] = []
  host.onScores((batch: ScoredBatch) => {
    for (let i = 0; i < batch.count; i++) {
      seen.push({
        key: batch.key,
        release: batch.model.manifest.release,
        tag: batch.tags[i] ?? -1,
        timeUs: batch.timesUs[i] ?? -1,
        score: batch.scores[i] ?? Number.NaN,
      })
    }
  })
  return seen
}

export const range = (from: number, to: number): number[] => Array.from({ length: to - from }, (_, i) => from + i)
