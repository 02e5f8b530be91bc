// Many small test files in one process. A process with tap in it costs 0.7 s of CPU before its first assertion, more than what
// most of these files do; each still runs alone with `npx tap FILE`.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'

/** Runs every test file below `folders` of test/, except those below `except`, one after the other. */
export async function together(folders: readonly string[], except: readonly string[] = []): Promise<void> {
  const files = folders
    .flatMap(folder =>
      readdirSync(join('test', folder), { recursive: true, encoding: 'utf8' }).map(name => join(folder, name)),
    )
    .filter(file => file.endsWith('.test.ts') && !except.some(folder => file.startsWith(`${folder}/`)))
    .sort()
  // A test that hooks something onto the root, `t.teardown` outside of a subtest, makes tap end the process early and call it
  // a success.
  let done = 0
  process.on('exit', () => {
    if (done === files.length) return
    process.stderr.write(`${files[done]} ended the tests after it: ${files.length - done} files did not run\n`)
    process.exitCode = 1
  })
  for (const file of files) {
    await import(pathToFileURL(join('test', file)).href)
    // tap runs the subtests of a process in turn: what this file began is over when this one is.
    await t.test(file, async t => {
      t.pass('done')
      done++
    })
  }
}
