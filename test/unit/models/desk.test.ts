import t from 'tap'
import { silentLogger } from '../../../agent/core/logger.ts'
import type { ModelFile } from '../../../agent/models/contract.ts'
import type { ModelStore } from '../../../agent/models/file/store.ts'
import { ModelDesk } from '../../../agent/models/live/desk.ts'
import type { BindingRecord } from '../../../agent/models/live/fold.ts'
import type { LoadResult, ModelBinding, ScoringHost } from '../../../agent/scoring/contract.ts'
import { asset, channel } from '../../support/assets.ts'
import { maxModel } from '../../support/scoring-models.ts'

/** A host whose loads end when told to, and a journal of what happened. */
function bench(options: { refuse?: RegExp; saveFails?: boolean } = {}) {
  const events: string[] = []
  const loads: { bindings: readonly ModelBinding[]; finish: () => void }[] = []
  const host = {
    load(bindings: readonly ModelBinding[]): Promise<LoadResult> {
      events.push(`load ${bindings.map(({ key, model }) => `${key}=${model.manifest.name}`).join(' ')}`)
      return new Promise(resolve => {
        const finish = (): void => {
          const bad = bindings.filter(({ model }) => options.refuse?.test(model.manifest.name))
          const good = bindings.filter(({ model }) => !options.refuse?.test(model.manifest.name))
          const placement = { provider: 'cpu' as const, notTaken: [], windowUs: 1 }
          resolve({
            accepted: good.map(({ key, model }) => ({ key, sha256: model.sha256, ...placement })),
            refused: bad.map(({ key }) => ({
              key,
              code: 'MODEL_SELF_TEST',
              message: 'its self-test does not come out',
            })),
          })
        }
        loads.push({ bindings, finish })
      })
    },
  } as unknown as ScoringHost
  const store = {
    async save(model: ModelFile): Promise<void> {
      if (options.saveFails) throw new Error('ENOSPC')
      events.push(`saved ${model.manifest.name}`)
    },
  } as unknown as ModelStore
  const record = async ({ asset, name, by }: BindingRecord): Promise<void> =>
    void events.push(`recorded ${asset}=${name} by ${by}`)
  const desk = new ModelDesk({ host, store, record, nowUs: () => 7, logger: silentLogger })
  const install = (id: string, name: string, origin: ModelFile['origin'] = 'file') =>
    desk.install({
      asset: asset([channel('flow')], { id }),
      model: { ...maxModel(name), origin },
      by: 'test',
      taken: model => events.push(`told ${id}=${model.manifest.name}`),
    })
  return { desk, events, loads, install }
}

const turn = (): Promise<void> => new Promise(resolve => setImmediate(resolve))

t.test('file durable, scorer has taken over, asset told, binding journalled', async t => {
  const { desk, events, loads, install } = bench()
  const done = install('p-1', 'one')
  await turn()
  t.equal(desk.active('p-1'), undefined, 'not before the scorer has it')
  loads[0]!.finish()
  t.same(await done, { ok: true })
  t.same(events, ['saved one', 'load p-1=one', 'told p-1=one', 'recorded p-1=one by test'])
  t.equal(desk.active('p-1')?.manifest.name, 'one')
})

t.test('installs that gather during a swap share the next one, which keeps what runs', async t => {
  const { desk, events, loads, install } = bench()
  const first = install('p-1', 'one')
  await turn()
  const more = Promise.all([install('p-2', 'two'), install('p-3', 'three'), install('p-4', 'four')])
  await turn()
  t.equal(loads.length, 1)
  loads[0]!.finish()
  await first
  await turn()
  loads[1]!.finish()
  t.same(await more, [{ ok: true }, { ok: true }, { ok: true }])
  t.same(
    events.filter(event => event.startsWith('load')),
    ['load p-1=one', 'load p-1=one p-2=two p-3=three p-4=four'],
  )
  t.equal(desk.active('p-1')?.manifest.name, 'one')
})

t.test('a refused model changes nothing and is not recorded; the others of the swap are', async t => {
  const { desk, events, loads, install } = bench({ refuse: /bad/ })
  const before = install('p-1', 'one')
  await turn()
  loads[0]!.finish()
  await before
  const both = Promise.all([install('p-1', 'bad'), install('p-2', 'two')])
  await turn()
  loads[1]!.finish()
  await turn()
  loads[2]?.finish()
  const [bad, good] = await both
  t.match(bad, { ok: false, reason: /self-test/ })
  t.same(good, { ok: true })
  t.equal(desk.active('p-1')?.manifest.name, 'one', 'the old one goes on')
  t.notOk(events.some(event => /(told|recorded) p-1=bad/.test(event)))
  t.ok(events.includes('recorded p-2=two by test'))
})

t.test('two models for one asset in one swap: the later one, and the earlier is told so', async t => {
  const { desk, loads, install } = bench()
  const busy = install('p-9', 'nine')
  await turn()
  const [earlier, later] = [install('p-1', 'one'), install('p-1', 'two')]
  loads[0]!.finish()
  await busy
  await turn()
  loads[1]!.finish()
  t.match(await earlier, { ok: false })
  t.same(await later, { ok: true })
  t.equal(desk.active('p-1')?.manifest.name, 'two')
})

t.test('a disk that refuses the file: said, and the desk goes on', async t => {
  const { desk, loads, install } = bench({ saveFails: true })
  t.match(await install('p-1', 'one'), { ok: false, reason: /ENOSPC/ })
  t.equal(loads.length, 0, 'the scorer is not bothered')
  t.equal(desk.active('p-1'), undefined)
})

t.test('at start everything in one load; what was refused is not active', async t => {
  const { desk, events, loads } = bench({ refuse: /bad/ })
  const models = new Map([
    ['p-1', maxModel('one')],
    ['p-2', maxModel('bad')],
  ])
  const resumed = desk.resume(models)
  loads[0]!.finish()
  t.match(await resumed, { accepted: [{ key: 'p-1' }], refused: [{ key: 'p-2' }] })
  t.equal(desk.active('p-1')?.manifest.name, 'one')
  t.equal(desk.active('p-2'), undefined)
  t.same(events, ['load p-1=one p-2=bad'], 'nothing is saved or recorded anew')
})

t.test('a refused file is not tried again; another one is, and so is one that the scorer could not try', async t => {
  const { desk, loads, install } = bench({ refuse: /bad/ })
  const first = install('p-1', 'bad')
  await turn()
  loads[0]!.finish()
  t.match(await first, { ok: false, reason: /^its self-test/, code: 'MODEL_SELF_TEST' })
  for (const id of ['p-1', 'p-2']) {
    t.match(await install(id, 'bad'), {
      ok: false,
      reason: /^refused before: its self-test does not come out; publish/,
    })
  }
  t.equal(loads.length, 1)
  const better = install('p-1', 'good')
  await turn()
  loads[1]!.finish()
  t.same(await better, { ok: true })
  t.equal(desk.active('p-1')?.manifest.name, 'good')

  const disk = bench({ saveFails: true })
  t.match(await disk.install('p-1', 'one'), { ok: false, reason: 'ENOSPC' })
  t.match(await disk.install('p-1', 'one'), { ok: false, reason: 'ENOSPC' }, 'tried again')
})

t.test('a delivered model stays, however a model learnt here comes beside it', async t => {
  for (const order of [
    ['delivered', 'local'],
    ['local', 'delivered'],
  ] as const) {
    const { desk, events, loads, install } = bench()
    const busy = install('p-9', 'nine')
    await turn()
    const [a, b] = order.map(origin => install('p-1', origin, origin))
    loads[0]!.finish()
    await busy
    await turn()
    loads[1]!.finish()
    const outcomes = [await a, await b]
    t.match(outcomes[order.indexOf('delivered')], { ok: true })
    t.match(outcomes[order.indexOf('local')], { ok: false, reason: /p-1 has a delivered model/ })
    t.equal(desk.active('p-1')?.origin, 'delivered')
    t.equal(loads.length, 2, 'the learnt one is not even loaded')
    t.notOk(events.some(event => /(saved|recorded p-1=) ?local/.test(event)))
  }
})

t.test('a delivered model that is refused leaves its place to the one learnt here', async t => {
  const { desk, loads, install } = bench({ refuse: /bad/ })
  const busy = install('p-9', 'nine')
  await turn()
  const [delivered, local] = [install('p-1', 'bad', 'delivered'), install('p-1', 'learnt', 'local')]
  for (let i = 0; i < 3; i++) {
    loads[i]!.finish()
    await (i === 0 ? busy : i === 1 ? delivered : local)
    await turn()
  }
  t.match(await delivered, { ok: false })
  t.same(await local, { ok: true })
  t.equal(desk.active('p-1')?.manifest.name, 'learnt')
})
