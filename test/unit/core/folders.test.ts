import { mkdirSync, statSync } from 'node:fs'
import t from 'tap'
import { makeDir, requireDir } from '../../../agent/core/folders.ts'

t.test('makes what is missing, level by level, and tells the topmost', async t => {
  const dir = t.testdir({})
  t.equal(await makeDir(`${dir}/a/b/c`, 0o700), `${dir}/a`)
  t.ok(statSync(`${dir}/a/b/c`).isDirectory())
  t.equal(statSync(`${dir}/a/b/c`).mode & 0o777, 0o700)
  t.equal(await makeDir(`${dir}/a/b/c`), undefined, 'one that is there is fine')
  await Promise.all([makeDir(`${dir}/x/y`), makeDir(`${dir}/x/y`)])
  t.ok(statSync(`${dir}/x/y`).isDirectory())
})

t.test('what cannot be made ends at once with the error of the system', async t => {
  const dir = t.testdir({ file: 'x', link: t.fixture('symlink', 'nowhere') })
  await t.rejects(makeDir(`${dir}/file`), { code: 'ENOTDIR', message: `${dir}/file is no folder` })
  await t.rejects(makeDir(`${dir}/file/a/b`), { code: 'ENOTDIR' })
  await t.rejects(makeDir(`${dir}/link/a`), { code: 'EEXIST' })
  if (process.platform === 'linux') await t.rejects(makeDir('/proc/wearwatch/a'), { code: 'ENOENT' })
})

t.test('a folder that is required: what, where, what to do', async t => {
  const dir = t.testdir({ file: 'x' })
  const told = { code: 'STORAGE_UNUSABLE', advice: 'name another' } as const
  await requireDir('storage.dir', `${dir}/new`, told)
  t.ok(statSync(`${dir}/new`).isDirectory())
  await t.rejects(requireDir('storage.dir', `${dir}/file`, told), {
    code: 'STORAGE_UNUSABLE',
    kind: 'config',
    message: /^storage\.dir .*\/file cannot be used: ENOTDIR.*; name another$/,
  })
  if (process.getuid?.() === 0) return
  mkdirSync(`${dir}/locked`, { mode: 0o500 })
  await t.rejects(requireDir('storage.dir', `${dir}/locked`, told), { message: /EACCES/ })
})
