// The effective configuration in the keys of the file: types merged in, defaults filled in, secrets hidden. What it prints
// loads again and gives the same configuration (a test holds it to that), apart from what is hidden.
import type {
  AgentConfig,
  AssetConfig,
  ChannelConfig,
  MqttLinkConfig,
  RetentionConfig,
  ScorerConfig,
  SourceConfig,
  StorageConfig,
  TlsConfig,
  UplinkConfig,
  WebhookConfig,
} from './contract.ts'
import { durationText, sizeText } from './quantities.ts'
import { sensorKeys, setpointKeys, sourceWatchKeys } from './redact-watching.ts'
import { hideUserinfo } from './wording.ts'

export const HIDDEN = '***'

type Keys = Record<string, unknown>

export function redacted(config: AgentConfig): Keys {
  const { uplink, sync } = config
  return {
    version: config.version,
    gateway: config.gateway,
    sources: Object.fromEntries(config.sources.map(source => [source.id, sourceKeys(source)])),
    assets: Object.fromEntries(config.assets.map(asset => [asset.id, assetKeys(asset)])),
    ...(uplink && {
      uplink: uplinkKeys(uplink),
    }),
    ...(config.webhooks && {
      webhooks: Object.fromEntries(config.webhooks.map(webhook => [webhook.name, webhookKeys(webhook)])),
    }),
    storage: storageKeys(config.storage),
    scorer: scorerKeys(config.scorer),
    ...(sync && {
      sync: given({
        repository: hideUserinfo(sync.repository),
        root: sync.root,
        schedule: sync.schedule,
        limit: sizeText(sync.bytesMax),
      }),
    }),
    control: config.control,
    log: config.log,
  }
}

/** Without the keys that are undefined. */
function given(keys: Keys): Keys {
  return Object.fromEntries(Object.entries(keys).filter(([, value]) => value !== undefined))
}

function uplinkKeys(uplink: UplinkConfig): Keys {
  return given({
    mqtt: linkKeys(uplink),
    health: durationText(uplink.healthEveryMs),
    features: durationText(uplink.featuresEveryMs),
    'in-flight': uplink.inFlightMax,
    receipt: uplink.receipt,
    consumer: uplink.consumer,
    'receipt-timeout': uplink.receipt === 'consumer' ? durationText(uplink.receiptTimeoutMs) : undefined,
    backfill: { from: uplink.backfill.from, rate: `${uplink.backfill.perSecond}/s` },
    expiry: uplink.expiryMs === undefined ? undefined : durationText(uplink.expiryMs),
    commands: commandKeys(uplink),
  })
}

function linkKeys(link: MqttLinkConfig): Keys {
  return given({
    // The query of a websocket address may hold a token.
    url: hideUserinfo(link.url).replace(/\?.*$/, `?${HIDDEN}`),
    'client-id': link.clientId,
    username: link.username,
    password: link.password === undefined ? undefined : HIDDEN,
    tls: Object.keys(link.tls).length > 0 ? tlsKeys(link.tls) : undefined,
    protocol: link.protocol === 4 ? '3.1.1' : link.protocol,
    keepalive: `${link.keepaliveS}s`,
  })
}

function tlsKeys({ ca, cert, key }: TlsConfig): Keys {
  const pem = (text: string | undefined): string | undefined => text && `(PEM, ${text.length} characters)`
  return given({ ca: pem(ca), cert: pem(cert), key: key && HIDDEN })
}

function commandKeys({ commands: allow, commandTrust: trust }: UplinkConfig): Keys | readonly string[] {
  if (!trust) return allow
  return {
    allow,
    keys: Object.fromEntries(trust.keys.map(({ id, publicKey, allow }) => [id, given({ public: publicKey, allow })])),
    unsigned: trust.unsigned,
    'shelve-max': durationText(trust.unsignedShelveMaxMs),
  }
}

/** The path and query of an address may be what lets one post there. */
export function webhookPlace(url: string): string {
  const { origin, pathname, search } = new URL(url)
  return pathname === '/' && search === '' ? origin : `${origin}/${HIDDEN}`
}

function webhookKeys(webhook: WebhookConfig): Keys {
  const names = Object.keys(webhook.headers)
  return given({
    url: webhookPlace(webhook.url),
    secret: webhook.secret === undefined ? undefined : HIDDEN,
    headers: names.length === 0 ? undefined : Object.fromEntries(names.map(name => [name, HIDDEN])),
    ca: tlsKeys(webhook.ca === undefined ? {} : { ca: webhook.ca }).ca,
    timeout: durationText(webhook.timeoutMs),
    'min-priority': webhook.minPriority,
    floods: webhook.floods,
    hidden: webhook.hidden,
  })
}

function sourceKeys(source: SourceConfig): Keys {
  switch (source.kind) {
    case 'mqtt':
      return {
        mqtt: { ...linkKeys(source), qos: source.qos, retained: source.retained, ...sourceWatchKeys(source.watch) },
      }
    case 'serial':
      return {
        serial: given({
          path: source.path,
          baud: source.baud,
          parity: source.parity,
          'data-bits': source.dataBits,
          'stop-bits': source.stopBits,
          frame: source.frame,
          counter: source.frame === 'cobs-crc16' ? source.counter : undefined,
          delimiter: source.frame === 'csv' ? source.delimiter : undefined,
          'frame-max': sizeText(source.frameBytesMax),
          ...sourceWatchKeys(source.watch),
        }),
      }
    case 'replay': {
      const interval = source.intervalS === undefined ? undefined : durationText(source.intervalS * 1000)
      return { replay: given({ files: source.files, speed: source.speed, rate: source.rateHz, interval }) }
    }
    case 'simulator': {
      const { seed, rateHz, fault, faultAfterMs } = source
      return { simulator: { seed, rate: rateHz, fault, 'fault-after': durationText(faultAfterMs) } }
    }
  }
}

function assetKeys(asset: AssetConfig): Keys {
  const { running, learn, alarm, model } = asset
  return given({
    tag: asset.tag,
    machine: asset.machine,
    layout: asset.layout,
    every: durationText(asset.everyMs),
    gap: durationText(asset.gapMs),
    channels: Object.fromEntries(asset.channels.map(channel => [channel.id, channelKeys(channel)])),
    running: running && { when: running.text, settle: durationText(running.settleMs) },
    learn: given({
      ...(learn.rows === undefined ? { running: durationText(learn.runningMs) } : { rows: learn.rows }),
      starts: running && learn.starts,
      'provisional-after': durationText(learn.provisionalAfterMs),
      rebaseline: typeof learn.rebaseline === 'number' ? durationText(learn.rebaseline) : learn.rebaseline,
      sufficiency: learn.sufficiency,
    }),
    alarm: given({
      setpoint: alarm.setpoint,
      'on-delay': durationText(alarm.onDelayMs),
      'off-delay': durationText(alarm.offDelayMs),
      deadband: alarm.deadband,
      priority: alarm.priority,
      action: alarm.action,
      zones: alarm.zones,
    }),
    setpoints: asset.setpoints?.map(setpointKeys),
    model: given({ family: model.family, order: model.order, mean: model.mean, hop: model.hop, file: model.file }),
  })
}

function channelKeys(channel: ChannelConfig): Keys {
  const { binding, range, waveform, limit } = channel
  const limited = channel.min !== undefined || channel.max !== undefined
  return given({
    unit: channel.unit,
    scale: channel.scale === 1 ? undefined : channel.scale,
    offset: channel.offset === 0 ? undefined : channel.offset,
    range: range && [range.low, range.high],
    min: channel.min,
    max: channel.max,
    limit: limited
      ? {
          'on-delay': durationText(limit.onDelayMs),
          'off-delay': durationText(limit.offDelayMs),
          deadband: limit.deadband,
          priority: limit.priority,
        }
      : undefined,
    sensor: sensorKeys(channel.sensor),
    reports: waveform ? undefined : channel.reports,
    'max-age': durationText(channel.maxAgeMs),
    waveform: waveform?.type,
    rate: waveform?.rateHz,
    capture: waveform?.capture && {
      length: durationText(waveform.capture.lengthMs),
      every: durationText(waveform.capture.everyMs),
      settle: durationText(waveform.capture.settleMs),
    },
    source: binding.source,
    topic: binding.topic,
    value: binding.valuePath,
    time: binding.timePath ?? binding.timeColumn,
    column: binding.column,
    // 0 is the default, and on sources without streams the keys would be refused.
    stream: binding.stream || undefined,
    index: binding.index || undefined,
    point: channel.point,
    axis: channel.axis,
    mount: channel.mount,
    detector: channel.detector,
  })
}

function storageKeys(storage: StorageConfig): Keys {
  const retention = ({ ageMs, bytes }: RetentionConfig): Keys => ({ age: durationText(ageMs), size: sizeText(bytes) })
  return {
    dir: storage.dir,
    journal: sizeText(storage.journalBytesMax),
    samples: retention(storage.samples),
    scores: retention(storage.scores),
    waveforms: retention(storage.waveforms),
    minutes: retention(storage.minutes),
    hours: retention(storage.hours),
    'black-box': {
      ...retention(storage.blackBox),
      before: durationText(storage.blackBox.beforeMs),
      after: durationText(storage.blackBox.afterMs),
    },
    'write-budget': sizeText(storage.writeBytesPerDayMax),
  }
}

function scorerKeys(scorer: ScorerConfig): Keys {
  return {
    provider: scorer.require ? { require: scorer.providers[0] } : scorer.providers,
    device: scorer.deviceId,
    threads: scorer.threads,
    deadline: durationText(scorer.deadlineMs),
    queue: scorer.queueWindowsMax,
    batch: scorer.batchMax,
    memory: sizeText(scorer.memoryMb * 2 ** 20),
  }
}
