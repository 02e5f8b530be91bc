import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { Publisher } from '../../../agent/sync/publisher.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { makeSite, tinyModel, wish } from '../../support/sync.ts'

const DAY_US = 86_400_000_000

t.test('a passphrase encrypts the key, and only it opens it', async t => {
  const site = await makeSite(t.testdir(), { passphrase: 'correct horse' })
  t.match(readFileSync(`${site.repo}-keys/signing-key.pem`, 'utf8'), /BEGIN ENCRYPTED PRIVATE KEY/)
  await site.publish()
  const other = (passphrase?: string) =>
    new Publisher({
      repo: site.repo,
      expiresMs: 86_400_000,
      clock: manualClock(),
      readModel: parseModelFile,
      ...(passphrase ? { passphrase } : {}),
    })
  await t.rejects(other().refresh(), { code: 'PUBLISH_INVALID', message: /needs its passphrase/ })
  await t.rejects(other('battery staple').refresh(), { code: 'PUBLISH_INVALID', message: /does not open/ })
})

t.test('what cannot be published is refused with the reason', async t => {
  const site = await makeSite(t.testdir())
  const { publisher, repo } = site
  const file = join(site.dir, 'x.onnx')
  const add = (bytes: Uint8Array | string, assetClass?: string) => {
    writeFileSync(file, bytes)
    return publisher.add(file, assetClass)
  }
  await t.rejects(publisher.init(), { code: 'PUBLISH_INVALID', message: /is a repository already/ })
  await t.rejects(add('not a model', 'pump'), { code: 'MODEL_UNREADABLE' })
  await t.rejects(publisher.add(join(site.dir, 'none'), 'pump'), { code: 'PUBLISH_INVALID', message: /cannot read/ })
  await t.rejects(add(tinyModel()), { code: 'PUBLISH_INVALID', message: /--class TYPE/ })
  await t.rejects(add(tinyModel(), '../x'), { code: 'PUBLISH_INVALID', message: /cannot name a class/ })
  await t.rejects(add(tinyModel({ assetClass: 'motor' }), 'pump'), { message: /is for class motor, not pump/ })
  t.match(await add(tinyModel({ assetClass: 'motor' })), { assetClass: 'motor' })
  await add(tinyModel({ release: 4 }), 'pump')
  for (const release of [3, 4]) {
    await t.rejects(add(tinyModel({ release }), 'pump'), {
      message: /does not rise above release 4.*give it release 5/,
    })
  }
  t.same(
    (await publisher.status()).classes.map(entry => entry.releases.at(-1)?.release),
    [1, 4],
  )
  const inside = new Publisher({
    repo: join(site.dir, 'new'),
    keys: join(site.dir, 'new', 'keys'),
    expiresMs: 1,
    clock: manualClock(),
    readModel: parseModelFile,
  })
  await t.rejects(inside.init(), { code: 'PUBLISH_INVALID', message: /would lie in the folder that is served/ })
  t.notOk(existsSync(join(site.dir, 'new')))
  rmSync(`${repo}-keys`, { recursive: true })
  await t.rejects(publisher.refresh(), { code: 'PUBLISH_INVALID', message: /no signing key/ })
})

t.test('a folder that someone else signed or changed is not signed over', async t => {
  const site = await makeSite(t.testdir())
  const theirs = await makeSite(join(t.testdirName, 'theirs'))
  const mixed = new Publisher({
    repo: theirs.repo,
    keys: `${site.repo}-keys`,
    expiresMs: 86_400_000,
    clock: manualClock(),
    readModel: parseModelFile,
  })
  await t.rejects(mixed.refresh(), { code: 'PUBLISH_INVALID', message: /its root is not of the key/ })
  await site.publish()
  const folder = join(site.repo, 'targets', 'pump')
  const list = readdirSync(folder).find(name => name.endsWith('releases.json')) ?? ''
  writeFileSync(join(folder, list), '{}')
  await t.rejects(site.publisher.status(), { code: 'PUBLISH_INVALID', message: /is not what was signed/ })
  writeFileSync(join(site.repo, 'timestamp.json'), '{}')
  await t.rejects(site.publisher.refresh(), { code: 'PUBLISH_INVALID', message: /no intact repository/ })
})

t.test('one publisher at a time; a dead one does not block', async t => {
  const { publisher, repo } = await makeSite(t.testdir())
  const lock = join(repo, '.publish.lock')
  writeFileSync(lock, `${hostname()} ${process.pid}`)
  await t.rejects(publisher.refresh(), { code: 'PUBLISH_INVALID', message: /being published to by/ })
  const dead = spawn(process.execPath, ['-e', ''])
  await once(dead, 'close')
  writeFileSync(lock, `${hostname()} ${dead.pid}`)
  await publisher.refresh()
  t.notOk(existsSync(lock))
  writeFileSync(lock, 'elsewhere 1')
  await t.rejects(publisher.refresh(), { message: /elsewhere 1; wait for it, or delete/ })
})

t.test('a publisher that fails or dies half way changes nothing for gateways, and the next one goes on', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const before = readFileSync(join(site.repo, 'timestamp.json'))
  // The snapshot cannot be written: a full disk, a lost share.
  const obstacle = join(site.repo, '.3.snapshot.json.part')
  mkdirSync(obstacle)
  await t.rejects(site.publish({ release: 2 }))
  t.ok(existsSync(join(site.repo, '3.targets.json')), 'it got as far as the targets')
  t.same(readFileSync(join(site.repo, 'timestamp.json')), before)
  t.match(await site.gateway().check([wish()]), [{ kind: 'new', model: { manifest: { release: 1 } } }])
  rmSync(obstacle, { recursive: true })
  await site.publish({ release: 3 })
  t.match(await site.gateway().check([wish()]), [{ kind: 'new', model: { manifest: { release: 3 } } }])
})

t.test('the repository stays small: old releases, lists and versions go', async t => {
  const site = await makeSite(t.testdir())
  for (let release = 1; release <= 20; release++) await site.publish({ release })
  const [pump] = (await site.publisher.status()).classes
  t.same(
    pump?.releases.map(release => release.release),
    Array.from({ length: 16 }, (_, i) => i + 5),
  )
  const files = readdirSync(join(site.repo, 'targets', 'pump'))
  t.equal(files.filter(name => name.endsWith('.onnx')).length, 17, '16 listed and the one of the version before')
  t.equal(files.filter(name => name.endsWith('releases.json')).length, 2)
  t.equal(readdirSync(site.repo).filter(name => /^\d+\.(targets|snapshot)/.test(name)).length, 16)
  t.match(await site.gateway().check([wish()]), [{ kind: 'new', model: { manifest: { release: 20 } } }])
})

t.test('the root is renewed in its last third and gateways follow it', async t => {
  const site = await makeSite(t.testdir())
  await site.publish()
  const gateway = site.gateway()
  await gateway.check([wish()])
  const at = (days: number) =>
    new Publisher({
      repo: site.repo,
      expiresMs: 90 * 86_400_000,
      clock: manualClock(Date.now() * 1000 + days * DAY_US),
      readModel: parseModelFile,
    })
  const version = async (days: number) => (await at(days).refresh()).roles[0]?.version
  t.equal(await version(700), 1)
  t.equal(await version(750), 2)
  t.equal(await version(760), 2)
  t.equal(await version(1500), 3)
  t.match(await gateway.check([wish()]), [{ kind: 'new' }])
  const root = JSON.parse(readFileSync(join(site.dir, 'gateway/tuf/metadata/00000002/root.json'), 'utf8'))
  t.equal(root.signed.version, 3)
})

t.test('a repository or keys where no folder can be: refused with what to do', async t => {
  const dir = t.testdir({ file: 'x' })
  const at = (repo: string, keys: string) =>
    new Publisher({ repo, keys, expiresMs: 86_400_000, clock: manualClock(), readModel: parseModelFile })
  for (const repo of [`${dir}/file`, `${dir}/file/repo`])
    await t.rejects(at(repo, `${dir}/keys`).init(), {
      code: 'PUBLISH_INVALID',
      message: /the repository .* cannot be used: ENOTDIR.*; name a folder/,
    })
  await t.rejects(at(`${dir}/repo`, `${dir}/file`).init(), { code: 'PUBLISH_INVALID' })
})
