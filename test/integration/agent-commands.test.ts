// Signed commands to the built daemon: a capture on demand, and what is refused with its reason.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { seededPrng } from '../../agent/core/prng.ts'
import { draft, newKey, signed } from '../support/commands.ts'
import { startDaemon } from '../support/daemon.ts'
import type { Status } from '../support/plant.ts'
import { shortDir } from '../support/short-dir.ts'
import { npyBytes } from '../support/source-npy.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { listen, schemaErrors } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const BASE = 'wearwatch/v1/hall/gw-1'
const RATE = 10_000
const PIECES = 200

/** Pieces of 1 s every 10 s of a machine that runs. */
function recording(): Buffer {
  const prng = seededPrng(3)
  const samples = Int16Array.from({ length: PIECES * RATE }, () => 300 * prng.normal())
  return npyBytes(samples, [PIECES, 1, RATE])
}

t.test('capture, restart-scorer and set-baseline from afar', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, `${BASE}/#`)
  t.teardown(() => ear.end())
  const dir = shortDir(t)
  writeFileSync(join(dir, 'de-h.npy'), recording())
  const ops = newKey()
  const config = `version: 1
gateway: {site: hall, id: gw-1}
sources:
  daq: {replay: {files: [de-h.npy], rate: 10kHz, interval: 10s, speed: 20}}
  bus: {simulator: {seed: 1, rate: 1Hz}}
assets:
  m-204:
    source: daq
    channels:
      de-h: {waveform: int16, unit: g, scale: 0.001, point: DE, axis: horizontal, capture: {length: 1s, every: 1d}}
    model: {family: bands}
  p-101: {source: bus, channels: {flow: {unit: m3/h, max: 1}}}
uplink:
  mqtt: {url: "${broker.url}"}
  commands: {allow: [capture, restart-scorer, set-baseline, label], keys: {ops: {public: "${ops.config.publicKey}"}}}
storage: {dir: data}
scorer: {provider: cpu}
`
  const daemon = await startDaemon(t, config, { dir })
  const asset = async () => (await daemon.ask<Status>('/v1/status')).assets[0]!
  await until(async () => ((await asset()).learning?.rows ?? 0) > 0, 'the capture that is due', 60_000)
  const answers = () => ear.heard.filter(({ topic }) => topic === `${BASE}/command-result`)
  let counter = 0
  const ask = async (command: string, args: object) => {
    counter++
    const said = { gateway: 'hall/gw-1', command, arguments: { ...args }, id: `c-${counter}`, counter }
    await ear.publish(`${BASE}/command`, signed(ops, draft({ nowUs: () => Date.now() * 1000 }, said)).toString())
    await until(() => answers().length === counter, `the answer to ${command}`)
    const answer = JSON.parse(answers().at(-1)!.text) as Record<string, unknown>
    t.same(schemaErrors('command-result', answer), [])
    return answer
  }
  t.match(await ask('capture', { asset: 'm-204' }), {
    ok: true,
    message: /^m-204: captured 1000 ms from .* on, de-h$/,
    detail: { asset: 'm-204', channels: ['de-h'] },
  })
  t.match(await ask('restart-scorer', {}), {
    ok: false,
    message: /no model scores here yet/,
    detail: { code: 'COMMAND_REFUSED' },
  })
  const alarms = () => daemon.ask<{ id: string; rule: string }[]>('/v1/alarms')
  await until(async () => (await alarms()).some(({ rule }) => rule === 'flow.max'), 'the alarm of the limit')
  const { id } = (await alarms()).find(({ rule }) => rule === 'flow.max')!
  t.match(await ask('label', { id, verdict: 'false', note: 'limit of another pump' }), {
    ok: true,
    message: new RegExp(`^alarm ${id} of p-101 is labelled false`),
    detail: { id, asset: 'p-101', verdict: 'false' },
  })
  const labelled = (): boolean =>
    ear.heard.some(({ topic, text }) => topic.includes('/alert/') && /"transition":"labelled"/.test(text))
  await until(labelled, 'the label in the stream of alerts')
  t.match(await ask('label', { id: '0000000000000', verdict: 'false' }), { ok: false, detail: { code: 'NOT_FOUND' } })
  t.match(await ask('set-baseline', { asset: 'p-9' }), {
    ok: false,
    message: /no asset p-9/,
    detail: { code: 'NOT_FOUND' },
  })
  const captured = (await daemon.ask<{ counters: Record<string, number> }>('/v1/status')).counters
  t.equal(captured['uplink.commands'], 5)
  await daemon.stop()
})
