// The effective configuration: what `load` makes of the YAML file. Types are merged into assets, units and
// durations converted, templates filled in, defaults applied, secrets read. Frozen; nothing changes it afterwards.
// Field comments name the YAML keys where they differ.
import type { ErrorCode } from '../core/errors.ts'
import type { LogLevel } from '../core/logger.ts'
import type { ChannelConfig } from './measuring-point.ts'
import type { SetpointConfig, SourceWatchConfig } from './watching.ts'

// Other rooms import this file alone.
export type { CaptureConfig, ChannelBinding, ChannelConfig, LimitConfig } from './measuring-point.ts'
export type {
  SensorConfig,
  SetpointConfig,
  SourceWatchConfig,
  VibrationFigure,
  Watched,
} from './watching.ts'
export { VIBRATION_FIGURES } from './watching.ts'

export interface AgentConfig {
  version: 1
  gateway: GatewayConfig
  /** In file order. */
  sources: readonly SourceConfig[]
  /** In file order; `SampleBlock.asset` is the index into this list. */
  assets: readonly AssetConfig[]
  uplink: UplinkConfig | undefined
  /** In file order; absent: none. */
  webhooks?: readonly WebhookConfig[]
  storage: StorageConfig
  scorer: ScorerConfig
  sync: SyncConfig | undefined
  control: ControlConfig
  log: { level: LogLevel }
}

/** `id` defaults to `gw-` and 4 hex digits of a hash of the machine-id: cloned SD cards are normal, so it can be set. */
export interface GatewayConfig {
  site: string
  id: string
}

export interface TlsConfig {
  /** File paths, read by `load` into PEM text so that an unreadable one is an error at start. */
  ca?: string
  cert?: string
  key?: string
}

export interface LinkFiles extends TlsConfig {
  username?: string
  password?: string
}

export interface MqttLinkConfig {
  /** mqtt://, mqtts://, ws:// or wss://, with port. */
  url: string
  /** Made from gateway id and source id where not given. */
  clientId: string
  username?: string
  password?: string
  tls: TlsConfig
  /** Absolute paths of what was read from files, read again when they change. */
  files?: LinkFiles
  /** 5, 4 (3.1.1), or `auto`: 5 first, 4 when the broker refuses it. */
  protocol: 'auto' | 4 | 5
  keepaliveS: number
}

export interface MqttSourceConfig extends MqttLinkConfig {
  kind: 'mqtt'
  id: string
  qos: 0 | 1
  /** A retained message is never a fresh sample; `use` is for lines that retain every reading. */
  retained: 'ignore' | 'use'
  watch?: SourceWatchConfig
}

export interface SerialSourceConfig {
  kind: 'serial'
  id: string
  path: string
  baud: number
  parity: 'none' | 'even' | 'odd'
  dataBits: 7 | 8
  stopBits: 1 | 2
  /** `cobs-crc16`: binary frames of docs/serial.md; `csv`, `json`: one row a line. */
  frame: 'cobs-crc16' | 'csv' | 'json'
  /** Width of the frame counter of `cobs-crc16`. */
  counter: 'u8' | 'u16' | 'u32'
  /** Frames or lines longer than this are skipped and counted. */
  frameBytesMax: number
  /** `csv` only. */
  delimiter: ',' | ';' | '\t'
  watch?: SourceWatchConfig
}

export interface ReplaySourceConfig {
  kind: 'replay'
  id: string
  /** CSV (header row) or NPY files, played in order. */
  files: readonly string[]
  /** Times real time by the recorded time stamps; `max` = as fast as it is taken. */
  speed: number | 'max'
  /** NPY only: Hz of the samples and seconds between captures. */
  rateHz?: number
  intervalS?: number
}

export interface SimulatorSourceConfig {
  kind: 'simulator'
  id: string
  seed: number
  /** Rows per second of simulated time. */
  rateHz: number
  fault: 'none' | 'clogged-strainer' | 'bearing-wear' | 'impeller-wear'
  /** Simulated time at which the fault begins to develop. */
  faultAfterMs: number
}

export type SourceConfig = MqttSourceConfig | SerialSourceConfig | ReplaySourceConfig | SimulatorSourceConfig

export interface RunningConfig {
  /** Shown to people. */
  text: string
  /** Disjunction of conjunctions: `speed > 300 and current > 2 or flow > 5`. */
  anyOf: readonly (readonly RunningTerm[])[]
  settleMs: number
}

export interface RunningTerm {
  /** Index into `AssetConfig.channels`. */
  channel: number
  op: '>' | '>=' | '<' | '<='
  value: number
}

export interface LearnConfig {
  /** Running time the baseline must cover. */
  runningMs: number
  /** When set, replaces `runningMs`: this many rows. */
  rows?: number
  /** Starts of the machine that the baseline must contain. */
  starts: number
  /** Time since learning began, stops included, after which a baseline that is not complete is used all the same. */
  provisionalAfterMs: number
  /** Slow re-baselining of process models: daily, every so many ms of scored time, or never (absent too). */
  rebaseline?: 'daily' | 'off' | number
  /** What to do while the second half of a baseline exceeds the setpoint of the first: learn on (absent too), or warn. */
  sufficiency?: 'wait' | 'warn'
}

export interface AlarmConfig {
  onDelayMs: number
  offDelayMs: number
  /** Of the score, which is calibrated so that 1 is where healthy rows end. Absent: 1. */
  setpoint?: number
  /** Share of the setpoint: clears below setpoint x (1 - deadband). */
  deadband: number
  /** Alarms by the zones of vibration velocity, where the machine has some. Absent: off. */
  zones?: 'on' | 'off'
  priority: 1 | 2 | 3 | 4
  action?: string
  /** `latching`: all machine alarms of the asset stay active until acknowledged. */
  latching?: boolean
  /** How far ahead a rising score is followed to its setpoint; 0 = not at all. */
  trendHorizonMs: number
  /** The longest time for which its alarms can be shelved. */
  shelveMaxMs: number
}

/** One entry of `suppress`: either a window of the calendar or an operating state. */
export interface SuppressConfig {
  /** 5 fields, the gateway's local time; from each match on for `forMs`. */
  cron?: string
  forMs?: number
  /** Shown to people: `mode > 2`. */
  text?: string
  /** As RunningConfig.anyOf. */
  anyOf?: readonly (readonly RunningTerm[])[]
  /** Why, in words. */
  note: string
  /** Ids of rules; absent = all of the asset. */
  rules?: readonly string[]
}

export interface ModelConfig {
  family: 'auto' | 'var' | 'aakr' | 'autoencoder' | 'bands'
  /** Lags of the autoregression. */
  order: number
  /** Innovation vectors averaged per window. A window is `order + mean` rows. */
  mean: number
  /** Rows from one window to the next. */
  hop: number
  /** A model file to use instead of learning one. */
  file?: string
}

/** As written; models/vibration/zones.ts says what it makes of it. */
export type MachineConfig = Readonly<Record<string, string | number | readonly number[]>>

export interface AssetConfig {
  id: string
  /** Position in `AgentConfig.assets`. */
  index: number
  tag?: string
  type?: string
  /** `power`, `speed`, `standard`, `group`, `support`, `category`, `zones`: kept and shown; they name the zones of its vibration. */
  machine?: MachineConfig
  channels: readonly ChannelConfig[]
  /**
   * `rows`: one message, line or frame carries all channels and is a sample at its own time;
   * `scattered`: channels arrive apart and are aligned on a grid of `everyMs`.
   */
  layout: 'rows' | 'scattered'
  everyMs: number
  /** A longer silence between rows breaks windows. */
  gapMs: number
  running: RunningConfig | undefined
  learn: LearnConfig
  alarm: AlarmConfig
  /** Beside `min` and `max` of channels and the score's own; absent: none. */
  setpoints?: readonly SetpointConfig[]
  /** In file order; empty = never by design. */
  suppress: readonly SuppressConfig[]
  model: ModelConfig
  /** Changes exactly when the asset must learn anew: a digest over id, channels, bindings' units and model shape. */
  digest: string
}

export interface UplinkConfig extends MqttLinkConfig {
  /** Seconds between `health` messages and between `features` messages of an asset. */
  healthEveryMs: number
  featuresEveryMs: number
  /** Alerts awaiting their PUBACK, or their receipt, at most. */
  inFlightMax: number
  receipt: 'puback' | 'consumer'
  /** The one whose receipts count; absent: any. */
  consumer?: string
  receiptTimeoutMs: number
  /** From so many waiting alerts on they are delivered apart from fresh ones, so many a second. */
  backfill: { from: number; perSecond: number }
  /** MQTT 5 message expiry of alerts; absent: never. */
  expiryMs?: number
  /** Commands accepted from MQTT; off until listed, but for `sync` where models are delivered. */
  commands: readonly CommandName[]
  /** Who may give those that change something. Undefined: nobody. */
  commandTrust?: CommandTrust
}

/** Where alarms are posted to; its cursor in the journal is `webhook-<name>`. */
export interface WebhookConfig {
  name: string
  /** http(s), without credentials; its path may be a secret all the same. */
  url: string
  /** Key of the HMAC; undefined: not signed. */
  secret?: string
  /** By name in small letters; values may be secrets. */
  headers: Readonly<Record<string, string>>
  /** PEM text; undefined: the authorities node knows. */
  ca?: string
  /** From the request to the end of its answer. */
  timeoutMs: number
  /** The least urgent priority that is sent. */
  minPriority: number
  /** Each alarm of a flood, too, not only the flood. */
  floods: boolean
  /** Suppressed alarms, too. */
  hidden: boolean
}

/** Every command that may come by MQTT; agent/uplink/commands has a file for each. */
export const COMMAND_NAMES = [
  'sync',
  'status',
  'acknowledge',
  'shelve',
  'unshelve',
  'label',
  'capture',
  'backfill',
  'set-baseline',
  'restart-scorer',
] as const
export type CommandName = (typeof COMMAND_NAMES)[number]

/** `uplink.commands.keys`, `.unsigned`, `.shelve-max`. */
export interface CommandTrust {
  keys: readonly CommandKey[]
  /** Taken without a signature, too: the broker's access list is trusted to know who publishes. */
  unsigned: readonly ('acknowledge' | 'label' | 'shelve')[]
  /** Of an unsigned `shelve`. */
  unsignedShelveMaxMs: number
}

export interface CommandKey {
  id: string
  /** Ed25519: SubjectPublicKeyInfo, DER in base64 (RFC 8410). */
  publicKey: string
  /** Commands it may sign; undefined: every one that is accepted. */
  allow?: readonly CommandName[]
}

export interface RetentionConfig {
  ageMs: number
  bytes: number
}

export interface StorageConfig {
  /** Absolute. Holds `journal/`, `history/`, `models/`, `tuf/`. */
  dir: string
  journalBytesMax: number
  /** Beyond it is warned: flash wears out. */
  writeBytesPerDayMax: number
  samples: RetentionConfig
  scores: RetentionConfig
  waveforms: RetentionConfig
  /** Rows summed up. */
  minutes: RetentionConfig
  hours: RetentionConfig
  /** What stood around alarms, from so long before to so long after, kept when its class would let it go. */
  blackBox: RetentionConfig & { beforeMs: number; afterMs: number }
}

export interface ScorerConfig {
  /** Ladder tried from left to right; `require` = the first must hold or the model is refused. */
  providers: readonly ('tensorrt' | 'cuda' | 'cpu')[]
  require: boolean
  deviceId: number
  threads: number
  /** A batch that takes longer means a hung child. */
  deadlineMs: number
  /** Windows waiting per model before the oldest is dropped. */
  queueWindowsMax: number
  /** Windows per batch. */
  batchMax: number
  /** Address space of the child on CPU. */
  memoryMb: number
}

export interface SyncConfig {
  /** http(s) URL or folder of the TUF repository. */
  repository: string
  /** Trusted root.json; sync is off until one is installed. */
  root: string
  /** node-cron expression, 5 or 6 fields. */
  schedule?: string
  /** Largest model file taken. */
  bytesMax: number
}

export interface ControlConfig {
  /** Path of the unix socket. */
  socket: string
}

/** One thing wrong with the file, placed so that an editor can jump to it. */
export interface ConfigIssue {
  line: number
  /** `assets.p-101.channels.flow.unit` */
  path: string
  /** What is wrong and what was expected. */
  message: string
  /** What would do, where that can be said. */
  hint?: string
  /** Absent = CONFIG_INVALID. */
  code?: ErrorCode
}
