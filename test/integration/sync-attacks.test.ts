// What a hostile or broken repository, server, stick or disk can do to sync: nothing but make it say so.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { TargetFile } from '@tufjs/models'
import t from 'tap'
import { parseModelFile } from '../../agent/models/file/model-file.ts'
import { Publisher } from '../../agent/sync/publisher.ts'
import { readSet, writeSet } from '../../agent/sync/signed-set.ts'
import { openKey } from '../../agent/sync/signing-key.ts'
import { manualClock } from '../support/manual-clock.ts'
import { answerFile, gatewayDir, generation, makeSite, type Site, serve, wish } from '../support/sync.ts'
import { until } from '../support/waiting.ts'

const DAY_US = 86_400_000_000
const nowUs = (): number => Date.now() * 1000

/** Another publisher of the same repository, at another time. */
function publisherAt(site: Site, startUs: number, expiresDays = 90): Publisher {
  const expiresMs = expiresDays * 86_400_000
  return new Publisher({ repo: site.repo, expiresMs, clock: manualClock(startUs), readModel: parseModelFile })
}

t.test('an older timestamp is a rollback, also when only half of a refresh came through', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const old = readFileSync(join(site.repo, 'timestamp.json'))
  const gateway = site.gateway()
  await gateway.check([wish()])
  await site.publish({ release: 2 })
  const snapshot = join(site.repo, '3.snapshot.json')
  renameSync(snapshot, `${snapshot}.away`)
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNREACHABLE', message: /3\.snapshot\.json/ })
  renameSync(`${snapshot}.away`, snapshot)
  writeFileSync(join(site.repo, 'timestamp.json'), old)
  await t.rejects(gateway.check([wish()]), {
    code: 'SYNC_UNTRUSTED',
    message: /version 2 is less than current version 3/,
  })
})

t.test('a repository signed with another key is not trusted', async t => {
  const site = await makeSite(t.testdir())
  const other = await makeSite(join(t.testdirName, 'other'), { keys: join(t.testdirName, 'other-keys') })
  await other.publish()
  const gateway = site.gateway({ repository: other.repo })
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNTRUSTED', message: /signed by 0\/1 keys/ })
})

t.test('expired metadata blocks installs', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const clock = manualClock(nowUs())
  const gateway = site.gateway({ clock })
  t.match(await gateway.check([wish()]), [{ kind: 'new' }])
  clock.step(91 * DAY_US)
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_EXPIRED', message: /publish refresh.*clock of this gateway/ })
  // tuf-js finds it with the system's clock as well.
  await publisherAt(site, nowUs() - 100 * DAY_US).refresh()
  await t.rejects(site.gateway({ name: 'cold' }).check([wish()]), { code: 'SYNC_EXPIRED' })
  await site.publisher.refresh()
  t.match(await site.gateway({ name: 'cold' }).check([wish()]), [{ kind: 'new' }])
})

t.test('a gateway that boots in 1970 does not accept what expired before its last refresh', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  await site.gateway({ clock: manualClock(nowUs() + 80 * DAY_US) }).check([wish()])
  await publisherAt(site, nowUs(), 10).refresh()
  await t.rejects(site.gateway({ clock: manualClock(0) }).check([wish()]), { code: 'SYNC_EXPIRED' })
  await publisherAt(site, nowUs(), 90).refresh()
  t.match(await site.gateway({ clock: manualClock(0) }).check([wish()]), [{ kind: 'new' }])
})

t.test('a cut, swollen or missing model is refused by name; the others come through', async t => {
  const site = await makeSite(t.testdir())
  const sha256 = await site.publish()
  await site.publish({ name: 'motor-mean' }, 'motor')
  const path = join(site.repo, 'targets', 'pump', `${sha256}.${sha256}.onnx`)
  const bytes = readFileSync(path)
  const wishes = [wish(), wish({ asset: 'm-1', assetClass: 'motor' })]
  const spoil = [
    () => writeFileSync(path, bytes.subarray(0, 100)),
    () => writeFileSync(path, Buffer.concat([bytes, Buffer.alloc(1)])),
    () => writeFileSync(path, Buffer.alloc(bytes.length)),
    () => rmSync(path),
  ]
  for (const [i, act] of spoil.entries()) {
    act()
    const offers = await site.gateway({ name: `g${i}` }).check(wishes)
    t.match(offers, [{ kind: 'refused', reason: /pump\/.*\.onnx/ }, { kind: 'new' }])
    t.notOk(readdirSync(join(gatewayDir(site.dir, `g${i}`), 'models')).includes(`${sha256}.onnx`))
  }
  const small = await site.gateway({ name: 'small', bytesMax: 100 }).check([wish()])
  t.match(small, [{ kind: 'refused', reason: /sync\.bytesMax/ }])
})

t.test('an endless answer is cut off at its limit', async t => {
  const site = await makeSite(t.testdir())
  const sha256 = await site.publish()
  const web = await serve(site.repo)
  t.teardown(() => web.close())
  const chunk = Buffer.alloc(4096, 0x20)
  const endless = (response: import('node:http').ServerResponse): void => {
    const more = (): void => {
      while (response.writable && response.write(chunk)) {
        // until the socket is full or the client is gone
      }
    }
    response.on('drain', more)
    more()
  }
  web.fault = (request, response) =>
    request.url === '/timestamp.json' ? endless(response) : answerFile(response, join(site.repo, request.url ?? ''))
  const gateway = site.gateway({ repository: web.url })
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNTRUSTED', message: /more than 16384 bytes/ })
  t.ok(site.counters.get('sync.bytes').n < 200_000, `${site.counters.get('sync.bytes').n} bytes were taken`)
  web.fault = (request, response) =>
    request.url?.endsWith('.onnx') ? endless(response) : answerFile(response, join(site.repo, request.url ?? ''))
  t.match(await gateway.check([wish()]), [{ kind: 'refused', reason: new RegExp(sha256) }])
  t.ok(site.counters.get('sync.bytes').n < 400_000, `${site.counters.get('sync.bytes').n} bytes were taken`)
})

t.test('a silent server and a dripping one are given up in time, and stop ends a check', async t => {
  const site = await makeSite(t.testdir())
  const web = await serve(site.repo)
  t.teardown(() => web.close())
  const clock = manualClock(nowUs())
  const gateway = site.gateway({ repository: web.url, clock })
  web.fault = () => {}
  const silent = gateway.check([wish()])
  await until(() => web.asked.length === 1, 'the first request')
  clock.advance(20_000)
  await t.rejects(silent, { code: 'SYNC_UNREACHABLE', message: /nothing came for 20 s/ })

  let drip: (() => void) | undefined
  web.fault = (_request, response) => {
    drip = () => response.write(' ')
    drip()
  }
  const bytes = site.counters.get('sync.bytes')
  const dripped = gateway.check([wish()])
  dripped.catch(() => {})
  await until(() => drip !== undefined, 'the second request')
  for (let s = 0; s < 15 * 60; s += 10) {
    const before = bytes.n
    drip?.()
    await until(() => bytes.n > before, 'a byte')
    clock.advance(10_000)
  }
  await t.rejects(dripped, { code: 'SYNC_UNREACHABLE', message: /time for one check \(900 s\) is used up/ })

  web.fault = () => {}
  const asked = web.asked.length
  const stopped = t.rejects(gateway.check([wish()]), { code: 'SYNC_UNREACHABLE', message: /agent is stopping/ })
  await until(() => web.asked.length > asked, 'the third request')
  await gateway.stop()
  await stopped
  t.equal(clock.pending, 0, 'no timer is left behind')
})

t.test('a server that is away, answers errors, or serves something else', async t => {
  const site = await makeSite(t.testdir())
  const web = await serve(site.repo)
  const gateway = site.gateway({ repository: web.url })
  web.fault = (_request, response) => response.writeHead(503).end()
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNREACHABLE', message: /503/ })
  web.fault = (_request, response) => response.writeHead(404).end()
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNREACHABLE', message: /404.*publish init/ })
  web.fault = (_request, response) => response.end('<html>log in to this network</html>')
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNTRUSTED' })
  await web.close()
  await t.rejects(gateway.check([wish()]), { code: 'SYNC_UNREACHABLE', message: /ECONNREFUSED/ })
  const unplugged = site.gateway({ repository: join(site.dir, 'stick') })
  await t.rejects(unplugged.check([wish()]), { code: 'SYNC_UNREACHABLE', message: /mounted/ })
})

t.test('a pipe or a folder on the stick is refused and holds nothing up', async t => {
  const site = await makeSite(t.testdir())
  const path = join(site.repo, 'timestamp.json')
  rmSync(path)
  mkdirSync(path)
  await t.rejects(site.gateway().check([wish()]), { code: 'SYNC_UNREACHABLE', message: /not a regular file/ })
  rmSync(path, { recursive: true })
  const made = spawnSync('mkfifo', [path])
  if (made.status !== 0) {
    t.pass('a pipe', { skip: 'mkfifo is missing on this machine' })
    return
  }
  await t.rejects(site.gateway().check([wish()]), { code: 'SYNC_UNREACHABLE', message: /not a regular file/ })
})

t.test('names that lead out of the folder go nowhere, even when signed', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const key = await openKey(`${site.repo}-keys`, undefined)
  for (const file of ['../../../etc/passwd', '/etc/passwd', `..%2f${'a'.repeat(64)}.onnx`, `${'A'.repeat(64)}.onnx`]) {
    const list = {
      schema: 'wearwatch.releases/1',
      class: 'pump',
      releases: [{ release: 1, name: 'x', file, bytes: 9 }],
    }
    const bytes = Buffer.from(JSON.stringify(list))
    const sha256 = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(site.repo, 'targets', 'pump', `${sha256}.releases.json`), bytes)
    const path = 'pump/releases.json'
    const targets = { [path]: new TargetFile({ path, length: bytes.length, hashes: { sha256 } }) }
    const expires = new Date(Date.now() + 86_400_000).toISOString()
    await writeSet(site.repo, targets, await readSet(site.repo, key), expires, key)
    t.match(await site.gateway().check([wish()]), [{ kind: 'refused', reason: /file is not <sha256>\.onnx/ }], file)
  }
  for (const assetClass of ['../pump', '..', '.', '', 'pump/../x', 'a'.repeat(65)]) {
    t.match(await site.gateway().check([wish({ assetClass })]), [{ kind: 'refused', reason: /cannot name a class/ }])
  }
})

t.test('what a kill leaves behind: torn work, a torn generation, a torn seal, torn everything', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const damaged = site.counters.get('sync.metadata_damaged')
  const check = () => site.gateway().check([wish()])
  await check()
  await site.publish({ release: 2 })
  await check()
  const folder = join(generation(site), '..')

  mkdirSync(join(folder, 'work'))
  writeFileSync(join(folder, 'work', 'root.json'), '{"signed')
  t.match(await check(), [{ kind: 'new', model: { manifest: { release: 2 } } }])
  t.equal(damaged.n, 0)

  for (const file of ['timestamp.json', 'root.json', 'seal.json']) {
    const path = join(generation(site), file)
    const bytes = readFileSync(path)
    writeFileSync(path, bytes.subarray(0, bytes.length / 2))
    t.match(await check(), [{ kind: 'new', model: { manifest: { release: 2 } } }], `torn ${file}`)
  }
  t.equal(damaged.n, 3)

  // The generation before still knows the version it saw, so a rollback behind it stays impossible.
  writeFileSync(join(generation(site), 'timestamp.json'), '')
  const now = readFileSync(join(site.repo, 'timestamp.json'))
  const initial = await makeSite(join(t.testdirName, 'initial'), { keys: `${site.repo}-keys` })
  for (const name of ['timestamp.json', '1.snapshot.json', '1.targets.json'])
    cpSync(join(initial.repo, name), join(site.repo, name))
  await t.rejects(check(), { code: 'SYNC_UNTRUSTED', message: /version 1 is less than/ })
  writeFileSync(join(site.repo, 'timestamp.json'), now)

  for (const name of readdirSync(folder)) rmSync(join(folder, name, 'seal.json'), { force: true })
  t.match(await check(), [{ kind: 'new', model: { manifest: { release: 2 } } }], 'from the installed root')
  const model = join(gatewayDir(site.dir), 'models', readdirSync(join(gatewayDir(site.dir), 'models'))[0] ?? '')
  writeFileSync(model, 'rot')
  t.match(await check(), [{ kind: 'new' }], 'a rotten model is fetched again')
})
