// A gateway against a published repository, over HTTP and from a folder, when all is well.
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { answerFile, CHANNELS, gatewayDir, makeSite, serve, tinyModel, wish } from '../support/sync.ts'

t.test('a published model reaches a gateway over HTTP and from a folder', async t => {
  const site = await makeSite(t.testdir())
  const sha256 = await site.publish({ release: 3 })
  const web = await serve(site.repo)
  t.teardown(() => web.close())
  for (const repository of [web.url, site.repo]) {
    const name = repository === web.url ? 'over-http' : 'from-folder'
    const gateway = site.gateway({ repository, name })
    const [offer] = await gateway.check([wish()])
    t.equal(offer?.kind, 'new')
    if (offer?.kind !== 'new') return
    t.equal(offer.model.sha256, sha256)
    t.equal(offer.model.origin, 'delivered')
    t.equal(offer.model.manifest.release, 3)
    const dir = gatewayDir(site.dir, name)
    t.same(readFileSync(join(dir, 'models', `${sha256}.onnx`)), Buffer.from(tinyModel({ release: 3 })))
    t.same(await gateway.check([wish({ releaseNow: 3, sha256Now: sha256 })]), [{ asset: 'p-101', kind: 'unchanged' }])
  }
})

t.test('forty pumps cost one download; another class has nothing', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const web = await serve(site.repo)
  t.teardown(() => web.close())
  const gateway = site.gateway({ repository: web.url })
  const wishes = Array.from({ length: 40 }, (_, i) => wish({ asset: `p-${i}` }))
  const offers = await gateway.check([...wishes, wish({ asset: 'm-1', assetClass: 'motor' })])
  t.equal(offers.filter(offer => offer.kind === 'new').length, 40)
  t.same(offers.at(-1), { asset: 'm-1', kind: 'absent' })
  t.equal(web.asked.filter(path => path.endsWith('.onnx')).length, 1)
  // Asked again, with nothing running yet: from the cache.
  await gateway.check(wishes)
  t.equal(web.asked.filter(path => path.endsWith('.onnx')).length, 1)
})

t.test('a server behind a password; the password is never shown', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const web = await serve(site.repo)
  t.teardown(() => web.close())
  const wanted = `Basic ${Buffer.from('gw:s3cret').toString('base64')}`
  web.fault = (request, response) => {
    if (request.headers.authorization === wanted) answerFile(response, join(site.repo, request.url ?? ''))
    else response.writeHead(401).end()
  }
  const at = (login: string) => site.gateway({ repository: web.url.replace('://', `://${login}@`), name: 'g' })
  t.match(await at('gw:s3cret').check([wish()]), [{ kind: 'new' }])
  const error = await at('gw:wr0ng')
    .check([wish()])
    .catch(error => error)
  t.match(error, { code: 'SYNC_UNREACHABLE', message: /HTTP status 401/ })
  t.notMatch(error.message, /wr0ng/)
})

t.test('releases only rise', async t => {
  const site = await makeSite(t.testdir())
  const first = await site.publish({ release: 2 })
  const gateway = site.gateway()
  const reason = async (releaseNow: number, sha256Now: string | undefined) => {
    const [offer] = await gateway.check([wish({ releaseNow, sha256Now })])
    return offer?.kind === 'refused' ? offer.reason : offer?.kind
  }
  t.match(await reason(5, 'aa'), /release 2 .* but 5 runs: never a downgrade/)
  t.match(await reason(2, 'aa'), /another file with the release that runs/)
  t.equal(await reason(1, 'aa'), 'new')
  const second = await site.publish({ release: 7 })
  t.equal(await reason(2, first), 'new')
  t.same(readdirSync(join(gatewayDir(site.dir), 'models')).sort(), [`${first}.onnx`, `${second}.onnx`].sort())
  t.equal(await reason(7, second), 'unchanged')
  t.same(readdirSync(join(gatewayDir(site.dir), 'models')), [`${second}.onnx`], 'superseded models go')
})

t.test('channels are bound by id and unit: order and extra channels do not matter, a difference is named', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const extra = { id: 'speed', unit: '1/min' }
  const [flow, current] = CHANNELS as [(typeof CHANNELS)[0], (typeof CHANNELS)[0]]
  const offers = await site
    .gateway()
    .check([
      wish({ asset: 'a', channels: [current, extra, flow] }),
      wish({ asset: 'b', channels: [current] }),
      wish({ asset: 'c', channels: [current, { id: 'flow', unit: 'l/min' }] }),
    ])
  t.equal(offers[0]?.kind, 'new')
  t.match(offers[1], { kind: 'refused', reason: /channel flow \[m3\/h\] is missing here/ })
  t.match(offers[2], { kind: 'refused', reason: /channel flow is in l\/min here, in m3\/h in the model/ })
})

t.test('without an installed root sync is off and says what to do', async t => {
  const site = await makeSite(t.testdir())
  const gateway = site.gateway({ root: join(site.dir, 'none.json') })
  await t.rejects(gateway.check([wish()]), {
    code: 'SYNC_OFF',
    message: /copy root\.json from the published repository/,
  })
  const torn = join(site.dir, 'torn.json')
  writeFileSync(torn, '{"signed": {')
  await t.rejects(site.gateway({ root: torn }).check([wish()]), { code: 'SYNC_UNTRUSTED' })
})

t.test('a second sync at the same time is refused, the first one finishes', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const gateway = site.gateway()
  const first = gateway.check([wish()])
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_BUSY' })
  t.equal((await first)[0]?.kind, 'new')
  t.equal((await gateway.check([wish()]))[0]?.kind, 'new')
})

t.test('a signed file that is no model is refused by name, and not fetched every time', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const web = await serve(site.repo)
  t.teardown(() => web.close())
  const gateway = site.gateway({
    repository: web.url,
    readModel: () => {
      throw new Error('operator Loop is refused')
    },
  })
  for (let i = 0; i < 2; i++) {
    t.match(await gateway.check([wish()]), [{ kind: 'refused', reason: /operator Loop is refused/ }])
  }
  t.equal(web.asked.filter(path => path.endsWith('.onnx')).length, 1)
})

t.test('a repository made afresh is a rollback, until a person installs its root', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  await site.publish({ release: 2 })
  const gateway = site.gateway()
  await gateway.check([wish()])
  // The repository was lost and made afresh with the same key: versions begin at 1 again.
  rmSync(site.repo, { recursive: true })
  await site.publisher.init()
  await site.publish({ release: 9 })
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNTRUSTED', message: /install the new root\.json/ })
  const root = join(site.dir, 'installed-root.json')
  // The fresh root is byte-identical when made within the same second; a person would install a later one.
  writeFileSync(root, `${readFileSync(join(site.repo, 'root.json'))}\n`)
  t.match(await gateway.check([wish()]), [{ kind: 'new', model: { manifest: { release: 9 } } }])
})
