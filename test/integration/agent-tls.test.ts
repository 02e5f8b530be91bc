// TLS with an authority of one's own and client certificates, on both links of the built daemon, against mosquitto.
import { spawn } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { connectAsync } from 'mqtt'
import t, { type Test } from 'tap'
import { Authority, OPENSSL_MISSING } from '../support/certificates.ts'
import { startDaemon, wearwatch } from '../support/daemon.ts'
import { shortDir } from '../support/short-dir.ts'
import { endChild, freePort, hasMosquitto } from '../support/source-brokers.ts'
import { until } from '../support/waiting.ts'

const skip = hasMosquitto() ? OPENSSL_MISSING : 'mosquitto is not installed'

/** An authority, and a broker's and a client's certificate signed by it. */
function certificates(dir: string): void {
  const plant = new Authority(dir, 'ca')
  for (const name of ['broker', 'client']) plant.issue(name)
}

async function startTlsBroker(t: Test, dir: string): Promise<number> {
  const port = await freePort()
  const lines = [
    `listener ${port} 127.0.0.1`,
    'user root',
    'allow_anonymous true',
    'require_certificate true',
    ...['cafile ca.pem', 'certfile broker.pem', 'keyfile broker.key'].map(line => line.replace(' ', ` ${dir}/`)),
  ]
  writeFileSync(join(dir, 'mosquitto.conf'), `${lines.join('\n')}\n`)
  const child = spawn('mosquitto', ['-c', join(dir, 'mosquitto.conf')], { stdio: 'ignore' })
  t.teardown(() => endChild(child))
  const accepts = (): Promise<boolean> =>
    new Promise(resolve => {
      const probe = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false))
      probe.once('connect', () => probe.destroy())
    })
  await until(accepts, 'mosquitto with TLS')
  return port
}

const config = (port: number, tls: string): string => `version: 1
gateway: {site: tls, id: gw-tls}
sources: {plant: {mqtt: {url: "mqtts://127.0.0.1:${port}", ${tls}}}}
assets:
  p-1: {source: plant, topic: plant/p-1, value: "$.{channel}", channels: {flow: {unit: m3/h, max: 10}}}
uplink: {mqtt: {url: "mqtts://127.0.0.1:${port}", ${tls}}}
storage: {dir: data}
scorer: {provider: cpu}
`

interface Links {
  sources: { state: string; detail: string }[]
  uplink: { state: string; detail: string; deliveredAlertSeq: number }
}

t.test('mutual TLS carries readings in and an alert out', { skip }, async t => {
  const dir = shortDir(t)
  certificates(dir)
  const port = await startTlsBroker(t, dir)
  const daemon = await startDaemon(t, config(port, 'tls: {ca: ca.pem, cert: client.pem, key: client.key}'), { dir })
  const links = (): Promise<Links> => daemon.ask('/v1/status')
  await until(
    async () => (await links()).sources[0]!.state === 'up' && (await links()).uplink.state === 'up',
    'both links',
  )
  const [ca, cert, key] = ['ca.pem', 'client.pem', 'client.key'].map(name => readFileSync(join(dir, name)))
  const plant = await connectAsync(`mqtts://127.0.0.1:${port}`, { ca: ca!, cert: cert!, key: key! })
  t.teardown(() => plant.endAsync())
  await plant.publishAsync('plant/p-1', '{"flow": 12}', { qos: 1 })
  await until(async () => (await links()).uplink.deliveredAlertSeq === 1, 'the alert of the limit')

  // Somebody renews the certificate and has copied half of the key.
  const file = join(dir, 'wearwatch.yaml')
  const statusText = async (): Promise<string> => (await wearwatch(['status', '-c', file])).out
  writeFileSync(join(dir, 'client.key'), key!.subarray(0, 80))
  await until(
    async () => /client\.key is cut short.*; the one before stays in use/.test(await statusText()),
    'the status',
  )
  t.equal((await statusText()).match(/is cut short/g)?.length, 2, 'source and uplink say so')
  t.equal((await links()).uplink.state, 'up')
  writeFileSync(join(dir, 'client.key'), key!)
  const doctor = await wearwatch(['doctor', '--links', '-c', file])
  t.match(doctor, { code: 0, err: '' })
  t.match(doctor.out, /good {2}source plant: mqtts:.*: logged in, MQTT 5\ngood {2}the uplink: mqtts:/)
})

t.test('a broker that the authority did not sign is refused, and the status says what to do', { skip }, async t => {
  const dir = shortDir(t)
  certificates(dir)
  const port = await startTlsBroker(t, dir)
  const daemon = await startDaemon(t, config(port, 'tls: {cert: client.pem, key: client.key}'), { dir })
  const status = (): Promise<Links> => daemon.ask('/v1/status')
  // Between two attempts a link is `connecting` for a moment: one answer must show both reasons and both waiting.
  let links = await status()
  const waits = (link: { state: string; detail: string }): boolean =>
    link.state === 'waiting' && /certificate/i.test(link.detail)
  await until(async () => {
    links = await status()
    return waits(links.sources[0]!) && waits(links.uplink)
  }, 'the reason in the status')
  const { sources, uplink } = links
  t.match(sources[0]!.detail, /tls\.ca/, 'names the key that mends it')
  t.match(uplink.detail, /tls\.ca/, 'names the key that mends it')
  const { code, out } = await wearwatch(['doctor', '--links', '-c', join(dir, 'wearwatch.yaml')])
  t.equal(code, 5)
  t.match(out, /bad {3}the uplink: mqtts:.*authority that is unknown here; set tls\.ca of the uplink/)
})
