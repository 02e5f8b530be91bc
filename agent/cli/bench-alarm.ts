// (d) From the last sample to the alarm at a subscriber: broker, decode, limit, journal on the disk, broker again.
import { connectAsync, type MqttClient } from 'mqtt'
import { type Figure, median, quantile } from './bench-figure.ts'
import { type BenchContext, BenchDaemon } from './bench-processes.ts'

const ALARM_TIMEOUT_MS = 10_000
const WARM_UP = 10
const ROUNDS = 5

function configOf(port: number): string {
  return `version: 1
gateway: {site: bench, id: gw-bench}
sources: {plant: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}}
assets:
  p-101:
    source: plant
    topic: limit/p-101
    value: $.pressure
    channels: {pressure: {unit: bar, max: 9, limit: {on-delay: 0s, off-delay: 0s}}}
uplink: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}
storage: {dir: data}
`
}

export async function benchAlarm(context: BenchContext): Promise<Figure[]> {
  const { broker, quick, progress, teardown } = context
  const daemon = BenchDaemon.spawn(context, 'alarm', configOf(broker.port))
  const up = (status: { sources: { state: string }[]; uplink: { state: string } }): boolean =>
    status.sources[0]?.state === 'up' && status.uplink.state === 'up'
  await daemon.when(up, 'the agent to be connected')
  const client = await connectTo(broker.port)
  teardown.push(() => client.endAsync(true))
  // A client of its own for the sensor: on one link its samples would wait behind the acknowledgements of the alerts.
  const sensor = await connectTo(broker.port)
  teardown.push(() => sensor.endAsync(true))
  await client.subscribeAsync('wearwatch/v1/bench/gw-bench/alert/#', { qos: 1 })
  for (let i = 0; i < WARM_UP; i++) await alarmMs(sensor, client)
  const p50: number[] = []
  const p99: number[] = []
  const perRound = quick ? 40 : 200
  for (let round = 0; round < ROUNDS; round++) {
    progress(`d: alarms ${round + 1} of ${ROUNDS}`)
    const latencies: number[] = []
    for (let i = 0; i < perRound; i++) latencies.push(await alarmMs(sensor, client))
    p50.push(median(latencies))
    p99.push(quantile(latencies, 0.99))
  }
  await daemon.stop()
  const name = 'last sample to alarm at a subscriber'
  return [
    { name: `${name}, p50`, unit: 'ms', samples: p50 },
    { name: `${name}, p99`, unit: 'ms', samples: p99, note: `${ROUNDS} x ${perRound} alarms of a fixed limit, QoS 1` },
  ]
}

function connectTo(port: number): Promise<MqttClient> {
  return connectAsync(`mqtt://127.0.0.1:${port}`)
}

/** Crosses the limit, waits for the alert, goes back and waits for its end. */
async function alarmMs(sensor: MqttClient, client: MqttClient): Promise<number> {
  const startMs = performance.now()
  const raised = alert(client, 'raised')
  sensor.publish('limit/p-101', '{"pressure":9.5}', { qos: 1 })
  const latencyMs = (await raised) - startMs
  const cleared = alert(client, 'cleared')
  sensor.publish('limit/p-101', '{"pressure":6}', { qos: 1 })
  await cleared
  return latencyMs
}

function alert(client: MqttClient, transition: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      client.off('message', look)
    }
    const look = (_topic: string, payload: Buffer): void => {
      const atMs = performance.now()
      if ((JSON.parse(payload.toString()) as { transition: string }).transition !== transition) return
      end()
      resolve(atMs)
    }
    const timer = setTimeout(() => {
      end()
      reject(new Error(`no alert "${transition}" within ${ALARM_TIMEOUT_MS} ms`))
    }, ALARM_TIMEOUT_MS)
    client.on('message', look)
  })
}
