import { readFileSync } from 'node:fs'
import t from 'tap'
import { stringify } from 'yaml'
import type { AgentConfig } from '../../../agent/config/contract.ts'
import { redacted } from '../../../agent/config/redact.ts'
import { load, PEM, type TestWorld, withAsset, withParts } from '../../support/config-io.ts'

// What the printed form leaves out: the type's name, the wording of secrets and where they came from.
function comparable(config: AgentConfig): unknown {
  const plain = JSON.parse(JSON.stringify(config))
  for (const asset of plain.assets) delete asset.type
  for (const link of [...plain.sources, plain.uplink ?? {}]) {
    if (link.password !== undefined) link.password = '***'
    delete link.files
  }
  return plain
}

const WORLD: TestWorld = { files: { '/etc/ww/broker.pw': 'geheim', '/etc/ww/ca.pem': PEM } }

t.test('the effective configuration loads again and is the same', async t => {
  for (const [what, yaml] of [
    ['pump', readFileSync('docs/examples/pump-mqtt.yaml', 'utf8')],
    ['motor', readFileSync('docs/examples/serial-cobs.yaml', 'utf8')],
    ['defaults', withParts('')],
    [
      'csv',
      withAsset(
        'source: s\ntime: 0\nchannels: {a: {unit: A, column: 2, range: [-1, 1]}}',
        's: {serial: {path: /d, baud: 9600, parity: even, frame: csv, delimiter: tab}}',
      ),
    ],
    [
      'replay',
      withAsset(
        'source: s\nmodel: {file: m.onnx}\nchannels: {w: {unit: g, waveform: float32, index: 3}}',
        's: {replay: {files: [a.npy], speed: max, rate: 25.6kHz, interval: 10min}}',
      ),
    ],
    [
      'simulator',
      withAsset(
        'source: s\nlearn: {rows: 999}\nchannels: {flow: {unit: m3/h, wire-unit: l/min, min: 1}}',
        's: {simulator: {rate: 3Hz, fault: bearing-wear}}',
      ),
    ],
    ['require', withParts('scorer: {provider: {require: cuda}}\ncontrol: {socket: /run/x.sock}\nlog: {level: debug}')],
  ] as const) {
    const { config } = load(yaml, WORLD)
    const again = load(stringify(redacted(config)), WORLD)
    t.same(comparable(again.config), comparable(config), what)
    t.same(
      again.config.assets.map(asset => asset.digest),
      config.assets.map(asset => asset.digest),
      `${what}: nothing learns anew`,
    )
  }
})
