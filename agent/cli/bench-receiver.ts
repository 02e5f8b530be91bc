// The yardstick for MQTT: mqtt.js counting messages, nothing else, in a process of its own.
// Usage: fork(bench-receiver.js, [port, filter, protocol]), then any message, answered by { messages, atMs, cpuUs }.
import { connectAsync } from 'mqtt'

const [port, filter = '#', protocol] = process.argv.slice(2)
const client = await connectAsync(`mqtt://127.0.0.1:${port}`, { protocolVersion: protocol === '5' ? 5 : 4 })
let messages = 0
client.on('message', () => {
  messages++
})
await client.subscribeAsync(filter, { qos: 0 })
process.on('disconnect', () => process.exit(0))
process.on('message', () => {
  const { user, system } = process.cpuUsage()
  process.send?.({ messages, atMs: Date.now(), cpuUs: user + system })
})
process.send?.('ready')
