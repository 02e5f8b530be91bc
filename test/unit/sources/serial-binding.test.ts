// Reading a serial line: what waits, what ends.
import { execFileSync } from 'node:child_process'
import { closeSync, constants, openSync, writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { type PolledPort, readUntilHangUp } from '../../../agent/sources/serial-binding.ts'

function portOn(t: Test, path: string): PolledPort & { polls: number } {
  const port = { fd: openSync(path, 'r'), polls: 0, poller: { once: () => port.polls++ } }
  t.teardown(() => closeSync(port.fd))
  return port
}

t.test('bytes that are there come at once', async t => {
  const dir = t.testdir()
  writeFileSync(`${dir}/line`, 'abc')
  const buffer = Buffer.alloc(8)
  t.same(await readUntilHangUp(portOn(t, `${dir}/line`), buffer, 2, 6), { buffer, bytesRead: 3 })
  t.equal(buffer.toString('latin1', 2, 5), 'abc')
})

t.test('a read of nothing is a hang-up, not a reason to read again', async t => {
  const port = portOn(t, '/dev/null')
  await t.rejects(readUntilHangUp(port, Buffer.alloc(8), 0, 8), { message: 'the line was hung up' })
  t.equal(port.polls, 0)
})

t.test('a closed port cancels', async t => {
  const port: PolledPort = { fd: null, poller: { once: () => {} } }
  const reason: unknown = await readUntilHangUp(port, Buffer.alloc(8), 0, 8).catch((error: unknown) => error)
  t.match(reason, { canceled: true })
})

t.test(
  'a port that is closed while a read of it is on its way cancels, and never waits on the poller that is gone',
  async t => {
    const path = `${t.testdir()}/line`
    execFileSync('mkfifo', [path])
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK)
    t.teardown(() => closeSync(fd))
    let polls = 0
    const port: PolledPort = { fd, poller: { once: () => polls++ } }
    const read = readUntilHangUp(port, Buffer.alloc(8), 0, 8)
    port.fd = null
    t.match(await read.catch((error: unknown) => error), { canceled: true })
    t.equal(polls, 0)
  },
)

t.test('an error of the device is passed on', async t => {
  // A folder can be opened and not read.
  await t.rejects(readUntilHangUp(portOn(t, t.testdir()), Buffer.alloc(8), 0, 8), { code: 'EISDIR' })
})
