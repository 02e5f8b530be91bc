// Keys under `sources` and of MQTT links. Descriptions end up in the JSON Schema that editors show.
import { z } from 'zod'
import { duration, integer, notYet, object, oneOf, rate, size, text, withHint } from './schema-parts.ts'
import { sourceWatchShape } from './schema-watching.ts'
import { expected } from './wording.ts'

const DAY_MS = 86_400_000

/** What this version reads, in the order messages name them. */
export const SOURCE_KINDS = ['mqtt', 'serial', 'replay', 'simulator'] as const
const READS = `this version reads ${SOURCE_KINDS.join(', ')}`

const secretShape = object('{file: PATH} or {env: NAME}', {
  file: text('the path of a file that holds the secret', 4096)
    .optional()
    .describe('File that holds it, relative to this file; a trailing newline is ignored.'),
  env: text('the name of an environment variable').optional().describe('Environment variable that holds it.'),
})

// The value itself is never echoed: only its kind is named.
export const secret = z.union([z.string(), secretShape], {
  error: issue =>
    withHint(
      `expected {file: PATH} or {env: NAME}, got ${typeof issue.input === 'object' ? 'a mapping or list of another shape' : `a ${typeof issue.input}`}`,
      typeof issue.input === 'number'
        ? 'a password of digits needs quotes; better: password: {file: broker.pw}'
        : 'write password: {file: broker.pw}',
    ),
})

const tls = object('tls', {
  ca: text('the path of a PEM file', 4096)
    .optional()
    .describe("PEM file of the authority that signed the broker's certificate."),
  cert: text('the path of a PEM file', 4096).optional().describe('PEM file of the client certificate.'),
  key: text('the path of a PEM file', 4096).optional().describe("PEM file of the client certificate's private key."),
})

export const linkShape = {
  url: text('the address of a broker, such as mqtts://broker:8883', 2048).describe(
    'mqtt://, mqtts://, ws:// or wss://, with host and port.',
  ),
  'client-id': text('a client id')
    .optional()
    .describe('Default: made from gateway id and source id. Must be unique on the broker.'),
  username: z
    .union([text('a user name', 1024), secretShape], {
      error: issue => expected('a user name, {file: PATH} or {env: NAME}', issue.input),
    })
    .optional()
    .describe('User name at the broker: the text itself, {file: PATH} or {env: NAME}.'),
  password: secret
    .optional()
    .describe('{file: PATH}, read again when it changes, {env: NAME}, or the text itself (warned about).'),
  tls: tls
    .optional()
    .describe('Own authority and client certificate, for mqtts:// and wss://; read again when the files change.'),
  protocol: z
    .literal(['auto', '3.1.1', 4, 5], { error: issue => expected('one of auto, 5, 3.1.1', issue.input) })
    .optional()
    .describe('MQTT version: 5, 3.1.1 (or 4), or auto: 5 first, 3.1.1 when refused. Default auto.'),
  keepalive: duration('keepalive', 5000, 65_535_000)
    .optional()
    .describe('A dead link shows after 1.5 times this. Default 30s.'),
}

const mqtt = object('mqtt', {
  ...linkShape,
  qos: z
    .literal([0, 1], { error: issue => expected('0 or 1', issue.input) })
    .optional()
    .describe('QoS of the subscription. Default 1.'),
  retained: oneOf(['ignore', 'use'])
    .optional()
    .describe(
      'ignore: a retained message is never a fresh sample (default); use: for lines that retain every reading.',
    ),
  ...sourceWatchShape,
})

const serial = object('serial', {
  path: text('the path of a serial port, such as /dev/serial/by-id/usb-daq', 4096).describe(
    'Serial port; /dev/serial/by-id/… survives replugging.',
  ),
  baud: integer('the bits per second of the line', 50, 12_000_000).describe('Bits per second.'),
  parity: oneOf(['none', 'even', 'odd']).optional().describe('Default none.'),
  'data-bits': z
    .literal([7, 8], { error: issue => expected('7 or 8', issue.input) })
    .optional()
    .describe('Default 8.'),
  'stop-bits': z
    .literal([1, 2], { error: issue => expected('1 or 2', issue.input) })
    .optional()
    .describe('Default 1.'),
  frame: oneOf(['cobs-crc16', 'csv', 'json'], { cobs: 'did you mean "cobs-crc16"?' }).describe(
    'cobs-crc16: binary frames of docs/serial.md; csv, json: one row a line.',
  ),
  counter: oneOf(['u8', 'u16', 'u32']).optional().describe('cobs-crc16: width of the frame counter. Default u16.'),
  'frame-max': size('frame-max', 64, 2 ** 20)
    .optional()
    .describe('Longer frames or lines are skipped and counted.'),
  delimiter: z
    .literal([',', ';', '\t', 'tab'], { error: issue => expected('one of ",", ";", tab', issue.input) })
    .optional()
    .describe('csv: between values. Default ",".'),
  ...sourceWatchShape,
})

const replay = object('replay', {
  files: z
    .union(
      [
        text('a file name', 4096),
        z.array(text('a file name', 4096)).min(1, 'is empty; expected at least one file').max(1000),
      ],
      {
        error: issue => expected('a file or a list of files (CSV with a header row, or NPY)', issue.input),
      },
    )
    .describe('CSV (header row) or NPY files, relative to this file, played in order.'),
  speed: z
    .union([z.number().positive(), z.literal('max')], {
      error: issue =>
        withHint(expected('a factor above 0 or max', issue.input), 'write speed: 10 for ten times real time'),
    })
    .optional()
    .describe('Times real time by the recorded times; max: as fast as it is taken. Default 1.'),
  rate: rate('rate', 1e-6, 1e7).optional().describe('NPY: samples per second, where no waveform channel says it.'),
  interval: duration('interval', 1, 366 * DAY_MS)
    .optional()
    .describe('NPY: time from one recording to the next.'),
})

const simulator = object('simulator', {
  seed: integer('seed', 0, 2 ** 32 - 1)
    .optional()
    .describe('The same seed gives the same signals. Default 1.'),
  rate: rate('rate', 0.001, 10_000).optional().describe('Rows per second of simulated time. Default 1Hz.'),
  fault: oneOf(['none', 'clogged-strainer', 'bearing-wear', 'impeller-wear'])
    .optional()
    .describe('What goes wrong. Default none.'),
  'fault-after': duration('fault-after').optional().describe('Simulated time at which it begins. Default 1h.'),
})

const modbus = (name: string) => notYet(name, READS)

export const sourceSchema = object('a source', {
  mqtt: mqtt.optional().describe('Subscribes at an MQTT broker.'),
  serial: serial.optional().describe('Reads a serial port.'),
  replay: replay.optional().describe('Plays recorded files.'),
  simulator: simulator.optional().describe('A simulated pump.'),
  'modbus-rtu': modbus('modbus-rtu').optional().describe('Not supported yet.'),
  'modbus-tcp': modbus('modbus-tcp').optional().describe('Not supported yet.'),
})

export type SourceIn = z.output<typeof sourceSchema>
export type MqttIn = z.output<typeof mqtt>
export type SerialIn = z.output<typeof serial>
export type ReplayIn = z.output<typeof replay>
export type SimulatorIn = z.output<typeof simulator>
export type SecretIn = z.output<typeof secret>
export type LinkIn = Omit<MqttIn, 'qos' | 'retained' | 'down' | 'frame-errors'>
