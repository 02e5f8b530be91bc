// `wearwatch publish` as a person runs it: a process, files, exit codes.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { builtFile } from '../../agent/core/built.ts'
import { systemClock } from '../../agent/core/clock.ts'
import { Counters } from '../../agent/core/counters.ts'
import { silentLogger } from '../../agent/core/logger.ts'
import { parseModelFile } from '../../agent/models/file/model-file.ts'
import { createModelRepository } from '../../agent/sync/repository.ts'
import { tinyModel, wish } from '../support/sync.ts'

const RUN = `import(${JSON.stringify(pathToFileURL(builtFile('cli/publish.js')).href)})
  .then(m => m.publishCommand().parseAsync(process.argv.slice(1), { from: 'user' }))`

async function publish(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['-e', RUN, ...args], { env: { ...process.env, ...env } })
  let out = ''
  let err = ''
  child.stdout.on('data', chunk => (out += chunk))
  child.stderr.on('data', chunk => (err += chunk))
  const [code] = await once(child, 'close')
  return { code, out, err }
}

function gatewayOf(dir: string, repo: string) {
  return createModelRepository({
    config: { repository: repo, root: join(repo, 'root.json'), bytesMax: 1e6 },
    dir: join(dir, 'gateway'),
    clock: systemClock(),
    logger: silentLogger,
    counters: new Counters(),
    readModel: parseModelFile,
  })
}

t.test('init, add, status, refresh: what a gateway then takes', async t => {
  const dir = t.testdir({})
  const repo = join(dir, 'repo')
  const model = join(dir, 'model.onnx')
  writeFileSync(model, tinyModel({ release: 2 }))

  const init = await publish(['init', repo])
  t.equal(init.code, 0, init.err)
  t.match(init.out, /NOT encrypted/)
  t.match(init.out, new RegExp(`install ${repo}/root\\.json on the gateways as sync\\.root`))
  const key = join(`${repo}-keys`, 'signing-key.pem')
  t.equal(statSync(key).mode & 0o777, 0o600)
  t.equal(statSync(`${repo}-keys`).mode & 0o777, 0o700)
  t.notMatch(readdirSync(repo).join(' '), /key|lock|part/)

  const again = await publish(['init', repo])
  t.equal(again.code, 3)
  t.match(again.err, /is a repository already.*PUBLISH_INVALID/)

  const added = await publish(['add', model, '--repo', repo, '--class', 'pump', '--json'])
  t.equal(added.code, 0, added.err)
  const { sha256, ...rest } = JSON.parse(added.out)
  t.match(rest, { assetClass: 'pump', release: 2, name: 'pump-mean' })
  t.match(await gatewayOf(dir, repo).check([wish()]), [{ kind: 'new', model: { sha256 } }])

  const stale = await publish(['add', model, '--repo', repo, '--class', 'pump'])
  t.equal(stale.code, 3)
  t.match(stale.err, /release 2 of pump-mean does not rise above release 2.*give it release 3/)

  const refreshed = await publish(['refresh', '--repo', repo, '--expires', '8w', '--json'])
  const roles = JSON.parse(refreshed.out).roles
  t.match(roles, [
    { role: 'root', version: 1, daysLeft: 1094 },
    { role: 'targets', version: 3, daysLeft: 55 },
    { role: 'snapshot', version: 3 },
    { role: 'timestamp', version: 3 },
  ])
  const status = await publish(['status', '--repo', repo])
  t.match(status.out, /pump +2 +pump-mean/)
  t.match(await gatewayOf(dir, repo).check([wish({ releaseNow: 2, sha256Now: sha256 })]), [{ kind: 'unchanged' }])
})

t.test('the passphrase comes from a file or the environment; misuse has its own exit codes', async t => {
  const dir = t.testdir({ secret: 'correct horse\n', 'any.onnx': Buffer.from(tinyModel()), 'junk.onnx': 'not a model' })
  const repo = join(dir, 'repo')
  const init = await publish(['init', repo, '--passphrase-file', join(dir, 'secret')])
  t.equal(init.code, 0, init.err)
  t.match(init.out, /encrypted with your passphrase/)
  t.notMatch(init.out, /NOT encrypted/)
  const add = (model: string, ...more: string[]) => [
    'add',
    join(dir, model),
    '--repo',
    repo,
    '--class',
    'pump',
    ...more,
  ]
  t.match(await publish(add('any.onnx')), { code: 3, err: /needs its passphrase; give it with --passphrase-file/ })
  t.match(await publish(add('any.onnx'), { WEARWATCH_PASSPHRASE: 'correct horse' }), { code: 0 })
  t.match(await publish(add('junk.onnx')), { code: 5, err: /MODEL_UNREADABLE/ })
  t.match(await publish(add('any.onnx', '--expires', 'soon')), { code: 2, err: /is not a duration/ })
  t.match(await publish(add('any.onnx', '--passphrase-file', join(dir, 'none'))), { code: 3, err: /cannot read/ })
})
