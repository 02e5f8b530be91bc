// Where the answer to a command goes.
import type { IPublishPacket } from 'mqtt'

/** MQTT 5 request/response; undefined fields: the gateway's own `command-result` topic. */
export interface ReplyTo {
  topic?: string
  correlationData?: Buffer
}

/**
 * A requester names where to answer. Not everything: an answer must not be mistaken for an alert, so nothing below
 * wearwatch/ but a command-result, no wildcard, no system topic.
 */
export function replyTo(packet: Pick<IPublishPacket, 'properties'>): ReplyTo {
  const { responseTopic: topic, correlationData } = packet.properties ?? {}
  const usable =
    topic !== undefined &&
    topic.length <= 256 &&
    !/[+#]|^\$|^$/.test(topic) &&
    (!topic.startsWith('wearwatch/') || topic.endsWith('/command-result'))
  return {
    ...(usable ? { topic } : {}),
    ...(correlationData && correlationData.length <= 256 ? { correlationData } : {}),
  }
}
