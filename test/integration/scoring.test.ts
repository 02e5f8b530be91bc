// The real child under what the field does to it.
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { ScorerConfig } from '../../agent/config/contract.ts'
import { builtFile } from '../../agent/core/built.ts'
import type { ModelFile } from '../../agent/models/contract.ts'
import type { ScoringHost } from '../../agent/scoring/contract.ts'
import type { ScoringHostParts } from '../../agent/scoring/host.ts'
import { findSetpriv } from '../../agent/scoring/launch.ts'
import {
  FLOATS,
  greedyModel,
  hangingModel,
  manifestOf,
  maxModel,
  modelOf,
  nanModel,
  rootModel,
  TRIGGER,
  wrongRankModel,
} from '../support/scoring-models.ts'
import { realHost } from '../support/scoring-real.ts'
import { collect, put, range } from '../support/scoring-windows.ts'
import { until } from '../support/waiting.ts'

function open(t: Test, config: Partial<ScorerConfig> = {}, parts: Partial<ScoringHostParts> = {}): ScoringHost {
  const { host } = realHost(config, parts)
  t.teardown(() => host.stop(0))
  return host
}

/** Between additions to the backlog, ms. Each turn of the event loop would keep this process at 100 %, the child beside it waiting. */
const FEED_EVERY_MS = 2

/** Keeps a backlog of numbered windows, `perTurn` more at a time, until told to stop; returns how many. */
function feed(host: ScoringHost, key: string, perTurn: number): () => Promise<number> {
  let next = 0
  let running = true
  const done = (async () => {
    while (running) {
      const queue = host.queue(key)
      for (let i = 0; i < perTurn && queue && queue.waiting < 300; i++) put(queue, next++)
      await new Promise(resolve => setTimeout(resolve, FEED_EVERY_MS))
    }
  })()
  return async () => {
    running = false
    await done
    await host.idle()
    return next
  }
}

const alive = (pid: number): boolean =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))

t.test('20 swaps under load: every window scored once, in order, by the old model or the new', async t => {
  const host = open(t)
  const seen = collect(host)
  const version = (release: number): ModelFile => {
    const model = maxModel('a', release)
    return { ...model, manifest: { ...model.manifest, release } }
  }
  await host.load([{ key: 'a', model: version(1) }])
  const pids = new Set([host.status().pid])
  const stop = feed(host, 'a', 3)
  for (const release of range(2, 22)) {
    await until(() => seen.at(-1)?.release === release - 1, `scores of release ${release - 1}`)
    const { accepted } = await host.load([{ key: 'a', model: version(release) }])
    t.equal(accepted.length, 1)
    pids.add(host.status().pid)
  }
  await until(() => seen.at(-1)?.release === 21, 'scores of the last release')
  const claimed = await stop()
  t.ok(claimed > 1000, `${claimed} windows`)
  t.same(
    seen.map(row => row.tag),
    range(0, claimed),
  )
  t.ok(
    seen.every(row => row.score === row.tag * row.release),
    'each scored by the release it says',
  )
  t.ok(
    seen.every((row, i) => i === 0 || row.release >= (seen[i - 1]?.release ?? 0)),
    'no release returns',
  )
  t.equal(new Set(seen.map(row => row.release)).size, 21)
  t.equal(pids.size, 21)
  t.match(host.status(), { windowsDropped: 0, windowsLost: 0, restarts: 0 })
})

t.test('a child killed again and again under load: nothing is lost, nothing scored twice', async t => {
  const host = open(t)
  const seen = collect(host)
  await host.load([
    { key: 'a', model: maxModel('a') },
    { key: 'b', model: maxModel('b', 2) },
  ])
  const stops = [feed(host, 'a', 2), feed(host, 'b', 2)]
  for (let kills = 1; kills <= 3; kills++) {
    const before = seen.length
    await until(() => host.status().state === 'up' && seen.length > before + 50, 'scores to flow')
    process.kill(host.status().pid ?? 0, 'SIGKILL')
    await until(() => host.status().restarts === kills, 'a restart')
  }
  const claimed = await Promise.all(stops.map(stop => stop()))
  for (const [i, key] of ['a', 'b'].entries()) {
    t.same(
      seen.filter(row => row.key === key).map(row => row.tag),
      range(0, claimed[i] ?? 0),
      key,
    )
  }
  t.match(host.status(), { state: 'up', windowsDropped: 0, windowsLost: 0, quarantined: [] })
})

t.test('a model that hangs twice is quarantined, the other goes on', async t => {
  const host = open(t, { deadlineMs: 300 })
  const seen = collect(host)
  const hanging = hangingModel('hanging')
  await host.load([
    { key: 'good', model: maxModel('good') },
    { key: 'bad', model: hanging },
  ])
  put(host.queue('bad'), 5)
  await host.idle()
  t.same(
    seen.map(row => [row.key, row.score]),
    [['bad', 5]],
    'it scores until it is provoked',
  )
  put(host.queue('bad'), TRIGGER + 1)
  const stop = feed(host, 'good', 1)
  await until(() => host.status().quarantined.length === 1, 'the quarantine')
  await until(() => host.status().state === 'up', 'the restart')
  const claimed = await stop()
  t.same(
    seen.filter(row => row.key === 'good').map(row => row.tag),
    range(0, claimed),
  )
  t.match(host.status(), {
    windowsLost: 1,
    restarts: 2,
    quarantined: [{ name: 'hanging', sha256: hanging.sha256, reason: /has not answered a batch within 300 ms/ }],
    placements: [{ key: 'good' }],
  })
  t.equal(host.queue('bad'), undefined)
  t.match(
    await host.load([
      { key: 'good', model: maxModel('good') },
      { key: 'bad', model: hanging },
    ]),
    {
      accepted: [{ key: 'good' }],
      refused: [{ key: 'bad', code: 'MODEL_QUARANTINED', message: /hanging: quarantined/ }],
    },
  )
})

t.test('models are refused with what was expected and what was found', async t => {
  const host = open(t)
  const wrong = maxModel('wrong', 2)
  const garbage = modelOf(Buffer.from('this is no model'), manifestOf('garbage', [1]))
  const bindings = [
    { key: 'rank', model: wrongRankModel('rank') },
    { key: 'nan', model: nanModel('nan') },
    { key: 'test', model: { ...wrong, manifest: manifestOf('wrong', [2, 4.5]) } },
    {
      key: 'shape',
      model: { ...maxModel('shape', 3), manifest: manifestOf('shape', [3], { channels: 1, samples: 8 }) },
    },
    {
      key: 'labels',
      model: { ...maxModel('labels', 4), manifest: { ...manifestOf('labels', [4]), contributions: ['c0'] } },
    },
    { key: 'garbage', model: garbage },
    { key: 'good', model: maxModel('good') },
  ]
  const { accepted, refused } = await host.load(bindings)
  t.match(accepted, [{ key: 'good', provider: 'cpu', notTaken: [] }])
  t.ok((accepted[0]?.windowUs ?? 0) > 0)
  t.match(refused, [
    {
      key: 'rank',
      code: 'MODEL_CONTRACT',
      message: /rank: expected "score" float32 \[batch\].*found "score" float32 \[batch, 1\]/,
    },
    { key: 'nan', code: 'MODEL_CONTRACT', message: /nan: expected finite outputs.*score\[0\] = NaN/ },
    { key: 'test', code: 'MODEL_SELF_TEST', message: /wrong: self-test window 1 scored 4 on cpu, expected 4.5/ },
    {
      key: 'shape',
      code: 'MODEL_CONTRACT',
      message: /shape: expected "window" float32 \[batch, 1, 8\].*found "window" float32 \[batch, 2, 4\]/,
    },
    {
      key: 'labels',
      code: 'MODEL_CONTRACT',
      message: /labels: expected "contributions" float32 \[batch, 1\], found no such output/,
    },
    { key: 'garbage', code: 'MODEL_UNREADABLE', message: /garbage: ONNX Runtime cannot read it on cpu: .*protobuf/ },
  ])
})

t.test('a model that hangs while it is loaded is killed, tried once more and quarantined', async t => {
  const host = open(t, {}, { loadDeadlineMs: { cpu: 1500 } })
  const endless = hangingModel('endless', 0)
  const { accepted, refused } = await host.load([
    { key: 'good', model: maxModel('good') },
    { key: 'bad', model: endless },
  ])
  t.match(accepted, [{ key: 'good' }])
  t.match(refused, [
    { key: 'bad', code: 'SCORER_DEADLINE', message: /endless: quarantined.*not loaded on cpu within 1500 ms/ },
  ])
  t.match(host.status(), { state: 'up', quarantined: [{ name: 'endless' }] })
})

t.test('a model that wants 64 GB is refused; the child lives', async t => {
  const host = open(t)
  const { accepted, refused } = await host.load([
    { key: 'bad', model: greedyModel('greedy') },
    { key: 'good', model: maxModel('good') },
  ])
  t.match(accepted, [{ key: 'good' }])
  t.match(refused, [
    { key: 'bad', code: 'MODEL_CONTRACT', message: /greedy: expected a batch of 2 to run, found: .*(memory|alloc)/i },
  ])
  t.same(host.status().quarantined, [])
})

t.test('where the address space cannot be bounded the resident size is watched', async t => {
  const host = open(t, { providers: ['cuda', 'cpu'], memoryMb: 20 })
  const { accepted, refused } = await host.load([{ key: 'a', model: hangingModel('a', 0) }])
  t.same(accepted, [])
  t.match(refused, [{ key: 'a', code: 'SCORER_DIED', message: /MB resident, scorer.memory allows 20 MB/ }])
})

t.test('each model says which provider it got and why not the ones before', async t => {
  const host = open(t, { providers: ['tensorrt', 'cuda', 'cpu'] })
  const { accepted } = await host.load([
    { key: 'a', model: maxModel('a') },
    { key: 'b', model: maxModel('b', 2) },
  ])
  t.equal(accepted.length, 2)
  for (const { provider, notTaken } of accepted) {
    if (provider !== 'cpu') continue
    t.match(notTaken, [
      { provider: 'tensorrt', reason: /libonnxruntime_providers_\w+\.so not installed|not in this build|not found/ },
      { provider: 'cuda', reason: /libonnxruntime_providers_\w+\.so not installed|not in this build|not found|CUDA/ },
    ])
  }
})

t.test('a required provider refuses the model where it is missing, and scores alone where it is there', async t => {
  const [asked] = (await open(t, { providers: ['cuda', 'cpu'] }).load([{ key: 'a', model: maxModel('a') }])).accepted
  const host = open(t, { providers: ['cuda', 'cpu'], require: true })
  const seen = collect(host)
  const { accepted, refused } = await host.load([{ key: 'a', model: maxModel('a') }])
  if (asked?.provider === 'cuda') {
    t.comment('this machine has a working CUDA provider')
    t.same(refused, [])
    t.match(accepted, [{ key: 'a', provider: 'cuda', notTaken: [] }])
    put(host.queue('a'), 7)
    await host.idle()
    t.same(
      seen.map(row => row.score),
      [7],
    )
    t.match(host.status(), { state: 'up', placements: [{ key: 'a', provider: 'cuda' }] })
    return
  }
  t.match(asked, { provider: 'cpu', notTaken: [{ provider: 'cuda' }] })
  t.same(accepted, [])
  t.match(refused, [
    {
      key: 'a',
      code: 'PROVIDER_UNAVAILABLE',
      message: /a: cannot have the required provider \(cuda: .*add cpu to scorer.provider/,
    },
  ])
  t.match(host.status(), { state: 'idle', placements: [] })
})

t.test('a required provider that every machine has scores, and nothing after it is tried', async t => {
  const host = open(t, { providers: ['cpu', 'cuda'], require: true })
  const { accepted, refused } = await host.load([{ key: 'a', model: maxModel('a') }])
  t.same(refused, [])
  t.match(accepted, [{ key: 'a', provider: 'cpu', notTaken: [] }])
  t.equal(accepted[0]?.notTaken.length, 0)
})

t.test('scores that are not finite are counted and not passed on', async t => {
  const { host, counters } = realHost()
  t.teardown(() => host.stop(0))
  const seen = collect(host)
  await host.load([{ key: 'a', model: rootModel('a') }])
  for (const value of [4, -1, 9]) put(host.queue('a'), value)
  await host.idle()
  t.same(
    seen.map(row => row.score),
    [2, 3],
  )
  t.same(counters.snapshot(), { 'scoring.scores_not_finite': 1 })
})

t.test('one model for many assets is loaded once', async t => {
  const host = open(t)
  const seen = collect(host)
  const model = maxModel('class', 3)
  const keys = range(0, 40).map(i => `pump-${i}`)
  t.equal((await host.load(keys.map(key => ({ key, model })))).accepted.length, 40)
  for (const [i, key] of keys.entries()) put(host.queue(key), i)
  await host.idle()
  t.same(
    seen.map(row => [row.key, row.score]),
    keys.map((key, i) => [key, i * 3]),
  )
})

t.test('no event loop turn of the parent is held up by a start, a swap or a hang', async t => {
  const host = open(t, { deadlineMs: 300 })
  let longestMs = 0
  let lastMs = performance.now()
  const timer = setInterval(() => {
    longestMs = Math.max(longestMs, performance.now() - lastMs)
    lastMs = performance.now()
  }, 1)
  t.teardown(() => clearInterval(timer))
  await host.load([{ key: 'a', model: hangingModel('a') }])
  await host.load([{ key: 'a', model: hangingModel('b', 2 * TRIGGER) }])
  put(host.queue('a'), 3 * TRIGGER)
  await until(() => host.status().quarantined.length === 1, 'the quarantine')
  // 20 ms is the aim, shown by the benchmark; ten times that is a watchdog against a blocking call.
  t.ok(longestMs < 200, `longest turn ${longestMs.toFixed(1)} ms`)
})

const noSetpriv = findSetpriv() === undefined && 'setpriv (util-linux) is not installed'
t.test('a child dies with its parent, blocked in a read or inside an endless run', { skip: noSetpriv }, async t => {
  for (const stuck of [false, true]) {
    const parent = spawnParent(t, stuck)
    const pid = Number(await firstLine(parent))
    t.ok(alive(pid), 'the child runs')
    parent.kill('SIGKILL')
    await until(() => !alive(pid), `the child to die (${stuck ? 'inside a run' : 'waiting'})`)
  }
})

/** A process that scores, as the daemon does, and prints its child's pid once that is busy. */
function spawnParent(t: Test, stuck: boolean): ChildProcess {
  const model = hangingModel('m')
  const source = `
    import { createScoringHost } from ${JSON.stringify(`file://${builtFile('scoring/host.js')}`)}
    import { systemClock } from ${JSON.stringify(`file://${builtFile('core/clock.js')}`)}
    import { Counters } from ${JSON.stringify(`file://${builtFile('core/counters.js')}`)}
    import { silentLogger } from ${JSON.stringify(`file://${builtFile('core/logger.js')}`)}
    import { seededPrng } from ${JSON.stringify(`file://${builtFile('core/prng.js')}`)}
    const config = { providers: ['cpu'], require: false, deviceId: 0, threads: 1, deadlineMs: 60000, queueWindowsMax: 10, batchMax: 4, memoryMb: 1024 }
    const host = createScoringHost({ config, clock: systemClock(), prng: seededPrng(1), logger: silentLogger, counters: new Counters(), environment: process.env })
    const manifest = ${JSON.stringify(model.manifest)}
    const bytes = Buffer.from(${JSON.stringify(Buffer.from(model.bytes).toString('base64'))}, 'base64')
    await host.load([{ key: 'm', model: { bytes, sha256: 'x', manifest, origin: 'file' } }])
    const queue = host.queue('m')
    const offset = queue.claim(0, 0)
    queue.input.fill(${stuck ? TRIGGER * 2 : 1}, offset, offset + ${FLOATS})
    ${stuck ? 'await new Promise(resolve => setTimeout(resolve, 200))' : 'await host.idle()'}
    console.log(host.status().pid)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill('SIGKILL'))
  return child
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise(resolve => child.stdout?.once('data', (chunk: Buffer) => resolve(chunk.toString().trim())))
}
