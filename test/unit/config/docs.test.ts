// docs/config.md names every key and every default, and each of its examples loads.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { SIMULATED } from '../../../agent/config/bindings.ts'
import { DEFAULTS, FILE_DEFAULT } from '../../../agent/config/defaults.ts'
import { configJsonSchema } from '../../../agent/config/json-schema.ts'
import { durationText, sizeText } from '../../../agent/config/quantities.ts'
import { unitTable } from '../../../agent/config/units.ts'
import { PUMP_CHANNELS } from '../../../agent/sources/pump-model.ts'
import { load, PEM, withParts } from '../../support/config-io.ts'

const DOC = readFileSync('docs/config.md', 'utf8')
const WORLD = {
  files: {
    '/etc/ww/broker.pw': 'geheim',
    '/etc/ww/uplink.pw': 'geheim',
    '/etc/ww/plant-ca.pem': PEM,
    '/etc/ww/gw.pem': PEM,
    '/etc/ww/gw.key': PEM,
    '/etc/ww/webhook.key': 'geheim geheim geheim',
  },
  env: { BROKER_PW: 'geheim', TICKETS_AUTH: 'Bearer geheim' },
}

t.test('every example of docs/config.md loads', async t => {
  const blocks = [...DOC.matchAll(/^```yaml\n([\s\S]*?)^```/gm)].map(match => match[1] ?? '')
  t.ok(blocks.length >= 15, `${blocks.length} examples`)
  for (const block of blocks) {
    const { config, warnings } = load(withParts(block), WORLD)
    t.ok(config.assets.length > 0, block.split('\n')[0] ?? '')
    t.same(warnings, [])
  }
})

t.test('the examples of docs/examples load, without a warning an operator would have to act on', async t => {
  for (const name of ['pump-mqtt', 'serial-cobs']) {
    const { config, warnings } = load(readFileSync(`docs/examples/${name}.yaml`, 'utf8'), WORLD)
    t.ok(config.assets.length > 0)
    t.same(warnings, [])
  }
})

t.test('docs/config.md names every key', async t => {
  const keys = new Set<string>()
  const visit = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return
    for (const key of Object.keys((node as { properties?: object }).properties ?? {})) keys.add(key)
    for (const value of Object.values(node)) visit(value)
  }
  visit(configJsonSchema())
  t.same(
    [...keys].filter(key => !DOC.includes(`\`${key}\``) && !DOC.includes(`${key}: PATH`) && !DOC.includes(`{${key}: `)),
    [],
  )
})

t.test('docs/config.md states the defaults there are', async t => {
  const { limit, learn, alarm, model, mqtt, serial, simulator, uplink, storage, scorer, sync } = DEFAULTS
  const row = (key: string, ...values: (string | number)[]): void => {
    const rows = DOC.split('\n').filter(
      line => line.startsWith('|') && (line.split('|')[1] ?? '').includes(`\`${key}\``),
    )
    for (const value of values) {
      const said = rows.some(line => line.includes(`\`${value}\``) || line.endsWith(`, ${value} |`))
      t.ok(said, `${key} ${value}`)
    }
  }
  row('limit', durationText(limit.onDelayMs), durationText(limit.offDelayMs), limit.priority)
  row('settle', durationText(DEFAULTS.settleMs))
  row('running', '24h')
  t.equal(learn.runningMs, 24 * 3_600_000)
  row('starts', learn.starts)
  row('provisional-after', durationText(learn.provisionalAfterMs))
  row('rebaseline', learn.rebaseline)
  row('sufficiency', learn.sufficiency)
  row('on-delay', durationText(alarm.onDelayMs))
  row('off-delay', durationText(alarm.offDelayMs))
  row('deadband', alarm.deadband)
  row('priority', alarm.priority)
  for (const key of ['family', 'order', 'mean', 'hop'] as const) row(key, model[key])
  row('protocol', mqtt.protocol)
  row('keepalive', `${mqtt.keepaliveS}s`)
  row('qos', mqtt.qos)
  row('retained', mqtt.retained)
  row('parity', serial.parity)
  row('data-bits', serial.dataBits)
  row('stop-bits', serial.stopBits)
  row('counter', serial.counter)
  row('frame-max', sizeText(serial.frameBytesMax))
  row('seed', simulator.seed)
  row('rate', `${simulator.rateHz}Hz`)
  row('fault', simulator.fault)
  row('fault-after', durationText(simulator.faultAfterMs))
  row('health', '60s')
  row('features', '60s')
  t.same([uplink.healthEveryMs, uplink.featuresEveryMs], [60_000, 60_000])
  row('in-flight', uplink.inFlightMax)
  row('timeout', durationText(DEFAULTS.webhook.timeoutMs))
  row('min-priority', DEFAULTS.webhook.minPriority)
  row('dir', storage.dir)
  row('journal', sizeText(storage.journalBytesMax))
  for (const cls of ['samples', 'scores', 'waveforms'] as const)
    row(cls, durationText(storage[cls].ageMs), sizeText(storage[cls].bytes))
  row('provider', scorer.provider)
  row('device', scorer.deviceId)
  row('threads', scorer.threads)
  row('deadline', durationText(scorer.deadlineMs))
  row('queue', scorer.queueWindowsMax)
  row('batch', scorer.batchMax)
  row('memory', sizeText(scorer.memoryMb * 2 ** 20))
  row('limit', sizeText(sync.bytesMax))
  row('socket', DEFAULTS.socketName)
  row('level', DEFAULTS.log.level)
  row('every', durationText(DEFAULTS.everyMs))
  t.ok(DOC.includes(FILE_DEFAULT))
})

t.test('docs/config.md lists every unit, and the signals of the simulator', async t => {
  const missing = unitTable().flatMap(({ codes }) => codes.filter(code => !DOC.includes(`\`${code}\``)))
  t.same(missing, [])
  t.same(SIMULATED, PUMP_CHANNELS)
  t.ok(DOC.includes(PUMP_CHANNELS.map(name => `\`${name}\``).join(', ')))
})
