import { rmSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { SerialSourceConfig } from '../../agent/config/contract.ts'
import { seededPrng } from '../../agent/core/prng.ts'
import { encodeFrame, FRAME_TYPES } from '../../agent/decode/frame-format.ts'
import type { Source } from '../../agent/sources/contract.ts'
import { createSource } from '../../agent/sources/registry.ts'
import { garbage } from '../support/decode-bytes.ts'
import { keepingLogger } from '../support/log-lines.ts'
import { testAsset } from '../support/source-assets.ts'
import { type TestDeps, testDeps } from '../support/source-deps.ts'
import { hasSocat, PtyLine } from '../support/source-pty.ts'
import { until } from '../support/waiting.ts'

const NO_SOCAT = hasSocat() ? false : 'socat is not installed'

async function open(
  t: Test,
  frame: SerialSourceConfig['frame'],
): Promise<{ line: PtyLine; source: Source; deps: TestDeps }> {
  const line = new PtyLine(t.testdir())
  await line.plug()
  t.teardown(() => line.unplug())
  const wave = { id: 'w', waveform: { type: 'int16', rateHz: 1000 }, binding: { stream: 1 } } as const
  const deps = testDeps([
    testAsset(0, [{ id: 'a', binding: { column: 0 } }, { id: 'b', binding: { column: 1 } }, wave]),
  ])
  const source = await createSource(serialConfig(line.path, frame), deps)
  t.teardown(() => source.stop())
  source.start()
  await until(() => source.status().state === 'up', 'the port to open')
  return { line, source, deps }
}

function serialConfig(path: string, frame: SerialSourceConfig['frame']): SerialSourceConfig {
  const line = { parity: 'none', dataBits: 8, stopBits: 1 } as const
  return {
    kind: 'serial',
    id: 'line',
    path,
    baud: 921_600,
    ...line,
    frame,
    counter: 'u16',
    frameBytesMax: 4096,
    delimiter: ',',
  }
}

const row = (counter: number): Uint8Array =>
  encodeFrame({
    type: FRAME_TYPES.telemetryF64,
    stream: 0,
    counter,
    counterWidth: 'u16',
    timeUs: 0,
    values: [counter, -counter],
  })
const wave = (counter: number): Uint8Array =>
  encodeFrame({
    type: FRAME_TYPES.waveformI16,
    stream: 1,
    counter,
    counterWidth: 'u16',
    timeUs: 0,
    values: [counter, 1, 2, 3],
  })

t.test('frames through a pty, with garbage between them', { skip: NO_SOCAT }, async t => {
  const { line, source, deps } = await open(t, 'cobs-crc16')
  const prng = seededPrng(3)
  for (let i = 0; i < 200; i++) {
    await line.write(garbage(prng, 300, 5))
    await line.write(row(i))
  }
  await until(() => deps.sink.rows.length >= 200, '200 rows')
  t.same(
    deps.sink.rows.map(r => r.values.slice(0, 2)),
    Array.from({ length: 200 }, (_, i) => [i, -i]),
  )
  t.match(source.status(), { state: 'up', detail: /921600 baud 8N1, cobs-crc16/, reconnects: 0 })
})

t.test('unplugged and plugged in again, it goes on by itself, and the capture is void', { skip: NO_SOCAT }, async t => {
  const { line, source, deps } = await open(t, 'cobs-crc16')
  await line.write(wave(0))
  await line.write(wave(1).subarray(0, 7))
  await until(() => deps.sink.waves.length === 1, 'the first block')
  // First the name: its number would go to the next pty of whatever else runs here, and the source would open that.
  rmSync(line.path, { force: true })
  await line.unplug()
  await until(() => source.status().state === 'waiting', 'the loss to be seen')
  await until(() => /does not exist; is it plugged in/.test(source.status().detail), 'a failed attempt')
  await line.plug()
  await until(() => source.status().state === 'up', 'the port to open again')
  await line.write(wave(2))
  await line.write(wave(3))
  await until(() => deps.sink.waves.length === 3, 'blocks after the loss')
  t.same(
    deps.sink.waves.map(w => [w.samples[0], w.gap]),
    [
      [0, false],
      [2, true],
      [3, false],
    ],
  )
  t.ok(source.status().reconnects >= 1)
})

// serialport alone missed 19 of 60 such losses and spun.
t.test('pulled out while bytes are waiting, ten times', { skip: NO_SOCAT }, async t => {
  for (let pull = 0; pull < 10; pull++) {
    const { line, source } = await open(t, 'csv')
    rmSync(line.path, { force: true })
    for (let i = 0; i < 50; i++) await line.write(Buffer.alloc(64, '1,2\n'))
    await line.unplug()
    await until(() => source.status().state === 'waiting', `loss ${pull} to be seen`)
    await source.stop()
  }
})

t.test('csv lines through a pty', { skip: NO_SOCAT }, async t => {
  const { line, deps } = await open(t, 'csv')
  await line.write(Buffer.from('5,6\r\n1,2\r\n3,4\r\n'))
  await until(() => deps.sink.rows.length === 2, 'two rows')
  t.same(
    deps.sink.rows.map(r => r.values.slice(0, 2)),
    [
      [1, 2],
      [3, 4],
    ],
  )
})

t.test('csv columns that never come are logged once and shown', { skip: NO_SOCAT }, async t => {
  const line = new PtyLine(t.testdir())
  await line.plug()
  t.teardown(() => line.unplug())
  const { logger, lines } = keepingLogger()
  const deps = { ...testDeps([testAsset(0, [{ id: 'flow' }, { id: 'p', binding: { column: 'Druck' } }])]), logger }
  const source = await createSource(serialConfig(line.path, 'csv'), deps)
  t.teardown(() => source.stop())
  source.start()
  await until(() => source.status().state === 'up', 'the port to open')
  for (let i = 0; i < 3; i++) await line.write(Buffer.from('Druck,Fluss\r\n1,2\r\n'))
  const counted = (): number | undefined => deps.counters.snapshot()['decode.line.no_header']
  await until(() => counted() === 6, 'the lines')
  t.match(source.status(), { state: 'up', detail: /921600 baud.*; .*no column flow; its header has Druck, Fluss;/ })
  const warnings = lines.filter(({ level }) => level >= 40)
  t.match(warnings, [{ room: 'sources', source: 'line', msg: /no column flow; its header has Druck, Fluss;/ }])
  t.equal(warnings.length, 1)
  await line.write(Buffer.from('flow,Druck\r\n1,2\r\n'))
  await until(() => deps.sink.rows.length === 1, 'a row')
  t.notMatch(source.status().detail, /no column/)
})

t.test('stop() while waiting, and nothing reaches the sink after it', { skip: NO_SOCAT }, async t => {
  const { line, source, deps } = await open(t, 'cobs-crc16')
  await source.stop()
  await line.write(row(1))
  t.equal(source.status().state, 'stopped')
  t.equal(deps.sink.rows.length, 0)
})
