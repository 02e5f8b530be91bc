import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { builtFile } from '../../agent/core/built.ts'
import { maxModel } from '../support/scoring-models.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'

function doctor(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const entry = JSON.stringify(`file://${builtFile('cli/doctor.js')}`)
  const source = `const { doctorCommand } = await import(${entry}); await doctorCommand().parseAsync(process.argv.slice(1), { from: 'user' })`
  return new Promise(resolve => {
    execFile(process.execPath, ['--input-type=module', '-e', source, '--', ...args], (error, out, err) => {
      resolve({ code: Number(error?.code ?? 0), out, err })
    })
  })
}

t.test('doctor proves where every node ran, and why not elsewhere', async t => {
  const path = join(t.testdir(), 'pump.onnx')
  writeFileSync(path, maxModel('pump', 2).bytes)
  const { code, out } = await doctor('--providers', path, '--json')
  t.equal(code, 0)
  const proof = JSON.parse(out)
  t.match(proof, { contract: { model: 'pump release 1 (test)' }, onnxruntime: '1.29.0' })
  t.same(
    proof.providers.map((row: { provider: string }) => row.provider),
    ['tensorrt', 'cuda', 'cpu'],
  )
  const cpu = proof.providers[2]
  t.same(
    cpu.nodes.map((node: { op: string }) => node.op),
    ['ReduceMax', 'Mul'],
  )
  t.ok(cpu.nodes.every((node: { provider: string }) => node.provider === 'cpu'))
  for (const row of proof.providers) t.ok(row.nodes || row.reason, `${row.provider} has nodes or a reason`)

  const text = await doctor('--providers', path)
  t.match(text.out, /cpu +yes +2 of 2 nodes on cpu/)
  t.match(text.out, /ReduceMax +(cpu|cuda|tensorrt)/)
})

t.test('doctor says what is wrong with a file that is no model, or not there', async t => {
  const path = join(t.testdir(), 'garbage.onnx')
  writeFileSync(path, 'garbage')
  const garbage = await doctor('--providers', path)
  t.equal(garbage.code, 5)
  t.match(garbage.out, /contract +not kept: .*garbage\.onnx/)
  t.match(garbage.out, /cpu +no: Failed to load model because protobuf parsing failed/)
  t.match(await doctor('--providers', join(path, 'none')), { code: 3, err: /cannot read .*\[FILE_UNREADABLE\]/ })
  t.match(await doctor(), { code: 2, err: /say --providers MODEL.onnx or --links \[USAGE\]/ })
})

t.test('doctor --links logs in at every broker of the configuration and says what to do', async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const file = join(t.testdir(), 'wearwatch.yaml')
  const config = (uplink: number): string => `version: 1
gateway: {site: hall, id: gw-1}
sources: {plant: {mqtt: {url: "mqtt://127.0.0.1:${broker.port}"}}}
assets: {p-101: {source: plant, topic: "line1/{channel}", channels: {flow: {unit: m3/h}}}}
uplink: {mqtt: {url: "mqtt://127.0.0.1:${uplink}"}}
`
  writeFileSync(file, config(broker.port))
  const good = await doctor('--links', '--config', file)
  t.equal(good.code, 0)
  t.match(good.out, /good +source plant: mqtt:.*: logged in, MQTT 3\.1\.1/)
  t.match(good.out, /good +the uplink: /)
  writeFileSync(file, config(1))
  const bad = await doctor('--links', '--config', file)
  t.equal(bad.code, 5)
  t.match(bad.out, /bad +the uplink: mqtt:\/\/127\.0\.0\.1:1: nothing listens there; is the broker running/)
})
