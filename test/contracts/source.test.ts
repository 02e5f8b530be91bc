// What every source promises, held against each kind where what it opens is missing or at hand.
import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import type { SourceConfig } from '../../agent/config/contract.ts'
import { createSource } from '../../agent/sources/registry.ts'
import { testAsset } from '../support/source-assets.ts'
import { freePort } from '../support/source-brokers.ts'
import { testDeps } from '../support/source-deps.ts'
import { until } from '../support/waiting.ts'

interface Subject {
  name: string
  config(t: Test): Promise<SourceConfig>
  /** What it comes to by itself. */
  state: 'up' | 'waiting' | 'ended'
}

const SUBJECTS: Subject[] = [
  {
    name: 'mqtt without a broker',
    state: 'waiting',
    config: async () => ({
      kind: 'mqtt',
      id: 'line',
      url: `mqtt://127.0.0.1:${await freePort()}`,
      clientId: 'gw-1-line',
      tls: {},
      protocol: 'auto',
      keepaliveS: 30,
      qos: 0,
      retained: 'ignore',
    }),
  },
  {
    name: 'serial without a port',
    state: 'waiting',
    config: async t => ({
      kind: 'serial',
      id: 'line',
      path: `${t.testdir()}/ttyUSB9`,
      baud: 9600,
      parity: 'none',
      dataBits: 8,
      stopBits: 1,
      frame: 'json',
      counter: 'u16',
      frameBytesMax: 1000,
      delimiter: ',',
    }),
  },
  {
    name: 'replay without a file',
    state: 'ended',
    config: async t => ({ kind: 'replay', id: 'line', files: [`${t.testdir()}/none.csv`], speed: 1 }),
  },
  {
    name: 'replay in the middle',
    state: 'up',
    config: async t => {
      const path = `${t.testdir()}/a.csv`
      writeFileSync(path, 'time,flow\n0,1\n3600,2\n')
      return { kind: 'replay', id: 'line', files: [path], speed: 1 }
    },
  },
  {
    name: 'simulator',
    state: 'up',
    config: async () => ({ kind: 'simulator', id: 'line', seed: 1, rateHz: 100, fault: 'none', faultAfterMs: 0 }),
  },
]

for (const { name, state, config } of SUBJECTS) {
  t.test(name, async t => {
    const deps = testDeps([testAsset(0, [{ id: 'flow', binding: { topic: 'x' } }])])
    const source = await createSource(await config(t), deps)
    t.match(
      source.status(),
      { id: 'line', state: 'starting', lastDataUs: undefined, reconnects: 0 },
      'nothing happens before start()',
    )
    t.equal(source.start(), undefined, 'start() does not wait and does not throw')
    await until(() => source.status().state === state, `state ${state}`)
    t.ok(source.status().detail.length > 10, source.status().detail)
    await source.stop()
    const { rows } = deps.sink
    const { length } = rows
    t.ok(['stopped', 'ended'].includes(source.status().state))
    await source.stop()
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    t.equal(rows.length, length, 'no sink call after stop() resolved, which may be called twice')
  })

  t.test(`${name}: stopped before it was started, or while it starts`, async t => {
    const deps = testDeps([testAsset(0, [{ id: 'flow', binding: { topic: 'x' } }])])
    await (await createSource(await config(t), deps)).stop()
    const source = await createSource(await config(t), deps)
    source.start()
    await source.stop()
    t.ok(['stopped', 'ended'].includes(source.status().state))
  })
}
