// What `wearwatch collect` refuses before it connects. What it does once connected is in test/integration/collect.test.ts.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { collectCommand } from '../../../agent/cli/collect.ts'

/** What commander refuses rejects with its code; everything else is the exit code and what went to stderr. */
async function collect(t: Test, ...args: string[]): Promise<{ code: number | string | undefined; err: string }> {
  const before = process.exitCode
  const written = t.capture(process.stderr, 'write', () => true)
  const thrown: { code?: string } = await collectCommand()
    .exitOverride()
    .parseAsync(args, { from: 'user' })
    .then(() => ({}))
    .catch(error => error)
  const code = thrown.code ?? process.exitCode
  const err = written()
    .map(call => String(call.args[0]))
    .join('')
  written.restore()
  process.exitCode = before
  return { code, err }
}

t.test('an address that no broker can have is wrong usage, told with what was given and expected', async t => {
  for (const url of [
    'broker',
    '127.0.0.1:1883',
    'http://broker:1883',
    'tcp://broker:1883',
    'mqtt://',
    'mqtt:broker',
    'mqtts://broker:88833',
    'mqtt://broker:0',
    '',
  ]) {
    const { code, err } = await collect(t, '--url', url)
    t.equal(code, 'commander.invalidArgument', url)
    t.match(err, `'--url <url>' argument '${url}' is invalid. expected mqtt://HOST:PORT, mqtts://, ws:// or wss://`)
  }
  t.match(await collect(t), { code: 'commander.missingMandatoryOptionValue', err: /'--url <url>' not specified/ })
})

t.test('other options that cannot be are refused beside a good address', async t => {
  const url = ['--url', 'mqtt://127.0.0.1:1']
  for (const [option, value] of [
    ['--site', 'a/b'],
    ['--gateway', '+'],
    ['--count', '0'],
    ['--count', '1.5'],
  ] as const) {
    const { code, err } = await collect(t, ...url, option, value)
    t.equal(code, 'commander.invalidArgument', `${option} ${value}`)
    t.match(err, `argument '${value}' is invalid`)
  }
})

t.test('files that cannot be read or written end it with code 3, naming them', async t => {
  const url = ['--url', 'mqtt://127.0.0.1:1']
  const none = join(t.testdir(), 'none', 'file')
  for (const [option, error] of [
    ['--password-file', 'FILE_UNREADABLE'],
    ['--ca', 'FILE_UNREADABLE'],
    ['--out', 'FILE_UNWRITABLE'],
  ] as const) {
    const { code, err } = await collect(t, ...url, option, none)
    t.equal(code, 3, option)
    t.match(err, none)
    t.match(err, `[${error}]`)
  }
})
