// What a broker says about itself when it answers the login. mqtt.js takes a property that is cut short or comes twice as -1
// or as a list, and a server keepalive of hours would hide a link that is half open for as long.

interface Connack {
  cmd: string
  properties?: Record<string, unknown> | undefined
}

/** Changes `packet` before mqtt.js acts on it. Returns what is wrong with it. */
export function tameConnack(packet: Connack, keepaliveS: number): string | undefined {
  const { properties } = packet
  if (packet.cmd !== 'connack' || !properties) return undefined
  for (const name of ['serverKeepAlive', 'receiveMaximum', 'maximumPacketSize', 'topicAliasMaximum']) {
    const value = properties[name]
    if (value !== undefined && !(Number.isInteger(value) && (value as number) >= 0))
      return `sent a ${name} that is no number`
  }
  const { serverKeepAlive } = properties
  // A client may ping more often than it must (3.1.2-22).
  if (serverKeepAlive !== undefined && ((serverKeepAlive as number) > keepaliveS || serverKeepAlive === 0))
    delete properties.serverKeepAlive
  return undefined
}
