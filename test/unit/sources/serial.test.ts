import t from 'tap'
import { explainOpenError, SerialSource } from '../../../agent/sources/serial.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { testAsset } from '../../support/source-assets.ts'
import { testDeps } from '../../support/source-deps.ts'
import { until } from '../../support/waiting.ts'

t.test('why a port cannot be opened, and what to do', async t => {
  for (const [message, words] of [
    ['Error: No such file or directory, cannot open /dev/ttyUSB0', /does not exist; is it plugged in/],
    ['Error: Permission denied, cannot open /dev/ttyUSB0', /permission denied; add the user to the dialout group/],
    ['Error Resource temporarily unavailable Cannot lock port', /in use by another program/],
    ['Error: Input/output error, cannot open /dev/ttyUSB0', /^cannot open \/dev\/ttyUSB0: Input\/output error$/],
  ] as const) {
    t.match(explainOpenError('/dev/ttyUSB0', message), words)
  }
})

t.test('a missing port is retried with growing delays and shown', async t => {
  const clock = manualClock()
  const deps = testDeps([testAsset(0, [{ id: 'a' }])], clock)
  const source = new SerialSource(
    {
      kind: 'serial',
      id: 'line',
      path: `${t.testdir()}/ttyUSB9`,
      baud: 9600,
      parity: 'none',
      dataBits: 8,
      stopBits: 1,
      frame: 'cobs-crc16',
      counter: 'u16',
      frameBytesMax: 1000,
      delimiter: ',',
    },
    deps,
  )
  source.start()
  for (let attempt = 0; attempt < 4; attempt++) {
    // One timer is the watchdog, the other the retry.
    await until(() => clock.pending === 2, 'the retry to be planned')
    t.match(source.status(), { state: 'waiting', detail: /ttyUSB9: it does not exist/, reconnects: attempt })
    clock.advance(250 * 2 ** attempt)
  }
  await source.stop()
  t.equal(clock.pending, 0)
})
