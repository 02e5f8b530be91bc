import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/** A folder with a short path, removed afterwards: a unix socket's path may have 107 bytes, and t.testdir()'s is longer. */
export function shortDir(t: Test): string {
  const dir = mkdtempSync(join(tmpdir(), 'ww-'))
  t.teardown(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
