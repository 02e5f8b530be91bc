// What every ScoringHost promises, run on the real one and on the fake.
import t, { type Test } from 'tap'
import type { ScoringHost } from '../../agent/scoring/contract.ts'
import { FLOATS, maxModel, wideModel, wrongRankModel } from '../support/scoring-models.ts'
import { collect, put, range } from '../support/scoring-windows.ts'

export interface HostLimits {
  queueWindowsMax: number
  batchMax: number
}

export function scoringContract(name: string, make: (limits: HostLimits) => ScoringHost): void {
  const open = async (t: Test, limits: Partial<HostLimits> = {}): Promise<ScoringHost> => {
    const host = make({ queueWindowsMax: 1000, batchMax: 16, ...limits })
    await host.start()
    t.teardown(() => host.stop(0))
    return host
  }

  t.test(`${name}: scores come back in claim order with their tags and times`, async t => {
    const host = await open(t)
    const seen = collect(host)
    const { accepted, refused } = await host.load([{ key: 'a', model: maxModel('a', 2) }])
    t.same(refused, [])
    t.match(accepted, [{ key: 'a', provider: 'cpu' }])
    t.equal(host.status().state, 'up')
    const queue = host.queue('a')
    t.equal(queue?.floatsPerWindow, FLOATS)
    for (const value of range(0, 100)) put(queue, value)
    await host.idle()
    t.same(
      seen,
      range(0, 100).map(value => ({ key: 'a', release: 1, tag: value, timeUs: value * 1000, score: value * 2 })),
    )
    t.equal(host.status().windowsScored, 100)
    t.equal(queue?.waiting, 0)
  })

  t.test(`${name}: contributions and features come with each row`, async t => {
    const host = await open(t)
    await host.load([{ key: 'w', model: wideModel('w') }])
    const rows: number[][] = []
    host.onScores(batch => {
      for (let i = 0; i < batch.count; i++) {
        const contributions = batch.contributions.subarray(
          i * batch.contributionCount,
          (i + 1) * batch.contributionCount,
        )
        rows.push([
          batch.scores[i] ?? 0,
          ...contributions,
          ...batch.features.subarray(i * batch.featureCount, (i + 1) * batch.featureCount),
        ])
      }
    })
    const queue = host.queue('w')
    for (const value of range(0, 5)) {
      const offset = queue?.claim(value, 0) ?? 0
      queue?.input.fill(value + 0.5, offset, offset + FLOATS / 2)
      queue?.input.fill(value, offset + FLOATS / 2, offset + FLOATS)
    }
    await host.idle()
    t.same(
      rows,
      range(0, 5).map(value => [value + 0.5, value + 0.5, value, value]),
    )
  })

  t.test(`${name}: a full queue drops its oldest windows and counts them`, async t => {
    const host = await open(t, { queueWindowsMax: 10, batchMax: 4 })
    const seen = collect(host)
    await host.load([{ key: 'a', model: maxModel('a') }])
    const queue = host.queue('a')
    for (const value of range(0, 25)) put(queue, value)
    t.equal(queue?.waiting, 10)
    t.equal(queue?.dropped, 15)
    await host.idle()
    t.same(
      seen.map(row => row.score),
      range(15, 25),
    )
    t.equal(host.status().windowsDropped, 15)
  })

  t.test(`${name}: models take turns`, async t => {
    const host = await open(t, { batchMax: 4 })
    const seen = collect(host)
    await host.load([
      { key: 'loud', model: maxModel('loud') },
      { key: 'quiet', model: maxModel('quiet', 3) },
    ])
    for (const value of range(0, 200)) put(host.queue('loud'), value)
    put(host.queue('quiet'), 7)
    await host.idle()
    const at = seen.findIndex(row => row.key === 'quiet')
    t.ok(at >= 0 && at <= 12, `the quiet model is scored after ${at} windows of the loud one`)
    t.equal(seen[at]?.score, 21)
  })

  t.test(`${name}: a swap of equal shape keeps the queue and what waits in it`, async t => {
    const host = await open(t)
    const seen = collect(host)
    await host.load([{ key: 'a', model: maxModel('a') }])
    const queue = host.queue('a')
    for (const value of range(0, 50)) put(queue, value)
    const loading = host.load([{ key: 'a', model: maxModel('a', 10) }])
    for (const value of range(50, 100)) put(queue, value)
    await loading
    t.equal(host.queue('a'), queue)
    for (const value of range(100, 150)) put(queue, value)
    await host.idle()
    t.same(
      seen.map(row => row.tag),
      range(0, 150),
    )
    t.same(
      seen.slice(100).map(row => row.score),
      range(100, 150).map(value => value * 10),
    )
    t.equal(host.status().windowsDropped, 0)
  })

  t.test(`${name}: a restart keeps the queue, and every window is scored once`, async t => {
    const host = await open(t)
    const seen = collect(host)
    t.same(await host.restart(), { accepted: [], refused: [] }, 'nothing scores yet')
    await host.load([{ key: 'a', model: maxModel('a') }])
    const queue = host.queue('a')
    const before = host.status().pid
    for (const value of range(0, 50)) put(queue, value)
    const restarting = host.restart()
    for (const value of range(50, 100)) put(queue, value)
    t.match(await restarting, { accepted: [{ key: 'a' }], refused: [] })
    t.equal(host.queue('a'), queue)
    for (const value of range(100, 150)) put(queue, value)
    await host.idle()
    t.same(
      seen.map(row => row.score),
      range(0, 150),
    )
    const { pid, state, windowsDropped, windowsLost } = host.status()
    t.same([state, windowsDropped, windowsLost], ['up', 0, 0])
    if (before !== undefined) t.not(pid, before)
  })

  t.test(`${name}: a swap to another shape scores what waits with the old model first`, async t => {
    const host = await open(t)
    const seen = collect(host)
    await host.load([{ key: 'a', model: maxModel('a') }])
    const old = host.queue('a')
    const loading = host.load([{ key: 'a', model: maxModel('a', 10, { channels: 1, samples: 3 }) }])
    for (const value of range(0, 40)) put(old, value)
    await loading
    const next = host.queue('a')
    t.not(next, old)
    t.equal(next?.floatsPerWindow, 3)
    for (const value of range(40, 60)) put(next, value)
    await host.idle()
    t.same(
      seen.map(row => row.score),
      [...range(0, 40), ...range(40, 60).map(value => value * 10)],
    )
    put(old, 1)
    t.equal(host.status().windowsDropped, 1, 'a claim on the old queue is counted')
  })

  t.test(`${name}: a refused model leaves the one before it at work`, async t => {
    const host = await open(t)
    const seen = collect(host)
    await host.load([{ key: 'a', model: maxModel('a') }])
    const bad = wrongRankModel('bad')
    const result = await host.load([
      { key: 'a', model: bad },
      { key: 'b', model: maxModel('b', 3) },
    ])
    t.match(result, { accepted: [{ key: 'b' }], refused: [{ key: 'a', code: 'MODEL_CONTRACT', message: /bad/ }] })
    put(host.queue('a'), 5)
    put(host.queue('b'), 5)
    await host.idle()
    t.same(seen.map(row => [row.key, row.score]).sort(), [
      ['a', 5],
      ['b', 15],
    ])
    const alone = await host.load([{ key: 'a', model: bad }])
    t.match(alone, { accepted: [], refused: [{ key: 'a', code: 'MODEL_CONTRACT' }] })
    t.same(
      host.status().placements.map(placement => placement.key),
      ['a', 'b'],
      'the set before goes on as it was',
    )
  })

  t.test(`${name}: a key left out is scored to its end and gone`, async t => {
    const host = await open(t)
    const seen = collect(host)
    await host.load([
      { key: 'a', model: maxModel('a') },
      { key: 'b', model: maxModel('b') },
    ])
    for (const value of range(0, 30)) put(host.queue('b'), value)
    await host.load([{ key: 'a', model: maxModel('a') }])
    t.equal(host.queue('b'), undefined)
    t.same(
      seen.map(row => row.tag),
      range(0, 30),
    )
    await host.load([])
    t.equal(host.queue('a'), undefined)
    t.equal(host.status().state, 'idle')
  })

  t.test(`${name}: stop drains for as long as it may`, async t => {
    const host = await open(t)
    const seen = collect(host)
    await host.load([{ key: 'a', model: maxModel('a') }])
    for (const value of range(0, 64)) put(host.queue('a'), value)
    await host.stop(10_000)
    t.equal(seen.length, 64)
    t.equal(host.status().state, 'stopped')
    await t.rejects(host.load([{ key: 'a', model: maxModel('a') }]), { code: 'SCORER_DIED' })
  })
}
