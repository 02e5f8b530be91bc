import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { AgentError, ERROR_KINDS } from '../../../agent/core/errors.ts'

t.test('every code of the table is used somewhere, or marked retired', async t => {
  const table = readFileSync('agent/core/errors.ts', 'utf8')
  const texts = readdirSync('agent', { recursive: true, encoding: 'utf8' })
    .filter(path => path.endsWith('.ts') && path !== join('core', 'errors.ts'))
    .map(path => readFileSync(join('agent', path), 'utf8'))
  const unused = Object.keys(ERROR_KINDS).filter(
    code => !new RegExp(`${code}: .*retired`).test(table) && !texts.some(text => text.includes(`'${code}'`)),
  )
  t.same(unused, [])
})

t.test('an error takes its kind from the table', async t => {
  const cause = new Error('EACCES')
  t.match(new AgentError('JOURNAL_CORRUPT', 'a torn record', { cause }), {
    code: 'JOURNAL_CORRUPT',
    kind: 'corrupt',
    message: 'a torn record',
    cause,
  })
})
