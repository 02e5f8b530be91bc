import { readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { formatIssue } from '../../../agent/config/issues.ts'
import { issuesOf } from '../../support/config-io.ts'

t.test('a bad first day: every message, read aloud', async t => {
  const issues = issuesOf(readFileSync('test/golden/config/bad.yaml', 'utf8'), { machineId: undefined })
  const said = `${issues.map(issue => formatIssue('bad.yaml', issue)).join('\n')}\n`
  // After a change of wording: WW_WRITE_GOLDEN=1 npx tap test/unit/config/golden.test.ts, then read bad.txt aloud.
  if (process.env.WW_WRITE_GOLDEN) writeFileSync('test/golden/config/bad.txt', said)
  t.equal(said, readFileSync('test/golden/config/bad.txt', 'utf8'))
})
