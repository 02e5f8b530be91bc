// What a broker said it cannot do, when it took the login (MQTT 5, 3.2.2.3). One that speaks 3.1.1 says nothing.

export interface ConnackProperties {
  maximumPacketSize?: number
  retainAvailable?: boolean
  maximumQoS?: number
}

export interface PublishProperties {
  contentType?: string
  payloadFormatIndicator?: boolean
  /** Seconds. */
  messageExpiryInterval?: number
  correlationData?: Buffer
  responseTopic?: string
  userProperties?: Record<string, string>
}

/** Fixed header, packet id, and the lengths of topic and properties at their longest. */
const HEAD_BYTES = 1 + 4 + 2 + 2 + 4

export class BrokerLimits {
  /** Bytes of a packet; undefined: no limit was named. */
  readonly packetBytesMax: number | undefined
  readonly retain: boolean
  readonly qos: 0 | 1

  constructor(properties: ConnackProperties = {}) {
    const { maximumPacketSize, retainAvailable, maximumQoS } = properties
    this.packetBytesMax = maximumPacketSize === 0 ? undefined : maximumPacketSize
    this.retain = retainAvailable !== false
    this.qos = maximumQoS === 0 ? 0 : 1
  }

  /** Bytes left for a payload on `topic` with those properties. */
  payloadBytesMax(topic: string, properties: PublishProperties = {}): number {
    if (this.packetBytesMax === undefined) return Number.POSITIVE_INFINITY
    return this.packetBytesMax - HEAD_BYTES - Buffer.byteLength(topic) - propertyBytes(properties)
  }

  /** In plain words, for status: what of it changes what consumers get. */
  notes(): string[] {
    return [
      ...(this.retain
        ? []
        : ['the broker retains nothing (Retain Available 0): state and standing alarms are not kept there']),
      ...(this.qos === 1
        ? []
        : [
            'the broker takes QoS 0 only (Maximum QoS 0): it confirms nothing; use receipt: consumer, or a broker with QoS 1',
          ]),
    ]
  }
}

/** Bytes that `properties` take in a PUBLISH (2.2.2.2), their total length aside. */
export function propertyBytes(properties: PublishProperties): number {
  const { contentType, payloadFormatIndicator, messageExpiryInterval, correlationData, userProperties } = properties
  let bytes = 0
  if (contentType !== undefined) bytes += 3 + Buffer.byteLength(contentType)
  if (payloadFormatIndicator !== undefined) bytes += 2
  if (messageExpiryInterval !== undefined) bytes += 5
  if (correlationData !== undefined) bytes += 3 + correlationData.length
  for (const [key, value] of Object.entries(userProperties ?? {}))
    bytes += 5 + Buffer.byteLength(key) + Buffer.byteLength(value)
  return bytes
}
