import t from 'tap'
import type { Logger } from '../../../agent/core/logger.ts'
import { HostNews } from '../../../agent/scoring/host-news.ts'

t.test('a set loaded again is no news; another model or provider, and every refusal, is', async t => {
  const said: unknown[][] = []
  const log =
    (level: string) =>
    (...args: unknown[]) =>
      void said.push([level, ...args])
  const logger = { info: log('info'), error: log('error') } as unknown as Logger
  const news = new HostNews(logger)
  const accepted = { key: 'a', sha256: '1', provider: 'cpu' as const, windowUs: 9, notTaken: [] }
  const refused = { key: 'b', code: 'MODEL_CONTRACT' as const, message: 'no score' }
  news.tell({ accepted: [accepted], refused: [] })
  news.tell({ accepted: [accepted], refused: [refused] })
  news.tell({ accepted: [{ ...accepted, sha256: '2' }], refused: [refused] })
  news.recovered([{ key: 'a', provider: 'cpu' } as Parameters<HostNews['recovered']>[0][number]], 120, 1)
  news.missing({ accepted: [], refused: [refused] })
  news.recovered([], 130, 2)
  t.match(said, [
    ['info', 'model loaded', { key: 'a', provider: 'cpu', windowUs: 9 }],
    ['error', 'model refused', { key: 'b', code: 'MODEL_CONTRACT', reason: 'no score' }],
    ['info', 'model loaded', { key: 'a' }],
    ['error', 'model refused', { key: 'b' }],
    ['info', 'scorer is back', { scores: 'a on cpu', afterMs: 120, restarts: 1 }],
    ['error', 'not scored at present', { key: 'b', reason: 'no score' }],
    ['error', /stays away/, { afterMs: 130, restarts: 2 }],
  ])
  t.equal(said.length, 7)
})
