import t from 'tap'
import { encodeFrame, FRAME_TYPES } from '../../../agent/decode/frame-format.ts'
import { issuesOf, lines, load, withAsset } from '../../support/config-io.ts'

const daq = (keys: string): string => `daq: {serial: {path: /dev/ttyUSB0, frame: cobs-crc16, ${keys}}}`
const WAVE = 'source: daq\nchannels: {de-h: {unit: g, waveform: int16, rate: 25.6kHz}}'

t.test('continuous 25.6 kHz int16 needs 512 kbaud plus framing, so 115,200 is refused with that sum', async t => {
  t.same(lines(issuesOf(withAsset(WAVE, daq('baud: 115200')))), [
    'sources.daq.serial.baud: the line is too slow: p-101 de-h: 25,600 samples/s x 2 bytes (int16) = 51,200 bytes/s, x 10 bits a byte (8N1) = 512,000 baud, with framing 522,500 baud; the line has 115,200 (454 %) | write baud: 921600 or more on both ends, or send less',
  ])
})

t.test('the sum agrees with frames as they are sent', async t => {
  const frame = encodeFrame({
    type: FRAME_TYPES.waveformI16,
    stream: 1,
    counter: 7,
    counterWidth: 'u16',
    timeUs: 1.7e15,
    values: new Int16Array(512).fill(-2),
  })
  const [waves] = load(withAsset(WAVE, daq('baud: 921600'))).lineLoads
  t.ok(
    Math.abs((waves?.needBaud ?? 0) / (frame.length * 50 * 10) - 1) < 0.005,
    `${waves?.needBaud} baud, ${frame.length} bytes a frame`,
  )
  const rows = encodeFrame({
    type: FRAME_TYPES.telemetryF32,
    stream: 0,
    counter: 7,
    counterWidth: 'u8',
    timeUs: 1.7e15,
    values: [1, 2, 3],
  })
  const keys = 'source: daq\nevery: 100ms\nchannels: {a: {unit: A}, b: {unit: A}, c: {unit: A}}'
  const [telemetry] = load(withAsset(keys, daq('baud: 9600, counter: u8'))).lineLoads
  t.equal(telemetry?.needBaud, rows.length * 10 * 10)
})

t.test('more than 80 % is a warning, no more than that is nothing', async t => {
  const at = (baud: number) => load(withAsset(WAVE, daq(`baud: ${baud}`)))
  t.match(
    lines(at(600_000).warnings)[0],
    /^sources.daq.serial.baud: the line is nearly full: .*\(87 %\) \| write baud: 921600/,
  )
  t.same(at(921_600).warnings, [])
  t.match(at(921_600).lineLoads, [{ source: 'daq', needBaud: 522_500, baud: 921_600, share: 522_500 / 921_600 }])
})

t.test('parity and stop bits count', async t => {
  const need = (keys: string) =>
    load(withAsset('source: daq\nchannels: {a: {unit: A}}', daq(`baud: 9600, ${keys}`))).lineLoads[0]
  t.match(need('parity: none')?.text, /x 10 bits a byte \(8N1\)/)
  t.match(need('parity: even')?.text, /x 11 bits a byte \(8E1\)/)
  t.match(need('parity: odd, stop-bits: 2, data-bits: 7')?.text, /x 11 bits a byte \(7O2\)/)
})

t.test('several streams and waveforms add up; lines of text are estimated', async t => {
  const [load1] = load(
    withAsset(
      'source: daq\nevery: 10ms\nchannels: {a: {unit: A}, b: {unit: A, stream: 3, index: 4}, w: {unit: g, stream: 5, waveform: float32, rate: 1kHz}}',
      daq('baud: 115200'),
    ),
  ).lineLoads
  t.equal(
    load1?.text,
    'p-101 stream 0: 100 frames/s x 1 value x 4 bytes = 400 bytes/s + p-101 stream 3: 100 frames/s x 5 values x 4 bytes = 2,000 bytes/s + p-101 w: 1,000 samples/s x 4 bytes (float32) = 4,000 bytes/s = 6,400 bytes/s, x 10 bits a byte (8N1) = 64,000 baud, with framing 98,489 baud; the line has 115,200 (85 %)',
  )
  const text = (frame: string, every: string) =>
    withAsset(
      `source: s\nevery: ${every}\nchannels: {a: {unit: A}, b: {unit: A}}`,
      `s: {serial: {path: /d, baud: 9600, frame: ${frame}}}`,
    )
  t.match(
    load(text('csv', '1s')).lineLoads[0]?.text,
    /1 line\/s x 2 values x about 10 characters = 20 bytes\/s, x 10 bits/,
  )
  t.match(lines(issuesOf(text('json', '10ms'))), [/the line is too slow: p-101: 100 lines\/s/])
})
