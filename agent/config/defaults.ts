// Every default of the configuration, in one place; docs/config.md repeats them and a test holds the two together.

const SECOND = 1000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const MIB = 2 ** 20
const GIB = 2 ** 30

export const FILE_DEFAULT = '/etc/wearwatch/wearwatch.yaml'

const DELIVERY = { receipt: 'puback', receiptTimeoutMs: 30 * SECOND, backfill: { from: 500, perSecond: 50 } } as const

export const DEFAULTS = {
  everyMs: SECOND,
  /** Times `every`. */
  maxAgeFactor: 10,
  gapFactor: 10,
  /** Times `heartbeat`: one heartbeat may come late by half. */
  heartbeatFactor: 1.5,
  settleMs: 2 * MINUTE,
  /** The bias of an IEPE sensor takes seconds to come to rest after its supply came on. */
  capture: { settleMs: 10 * SECOND },
  /** A limit guards at once, and stays raised for a moment so that a value at the limit does not ring. */
  limit: { onDelayMs: 0, offDelayMs: 10 * SECOND, priority: 2, deadbandShare: 0.01 },
  /** Conservative: a crew that is told of sensors that are well stops listening. Stuck and noise are off, for process values may be both. */
  sensor: {
    priority: 4,
    offDelayMs: 5 * MINUTE,
    silentMs: 5 * MINUTE,
    outOfRangeMs: MINUTE,
    clockMs: 5 * MINUTE,
  },
  sourceWatch: { downMs: 5 * MINUTE, errorsPerMin: 60 },
  learn: { runningMs: 24 * HOUR, starts: 3, provisionalAfterMs: 7 * DAY, rebaseline: 'daily', sufficiency: 'wait' },
  alarm: {
    setpoint: 1,
    onDelayMs: 10 * MINUTE,
    offDelayMs: 30 * MINUTE,
    deadband: 0.1,
    priority: 3,
    trendHorizonMs: 30 * DAY,
    zones: 'on',
    shelveMaxMs: 7 * DAY,
  },
  model: { family: 'auto', order: 5, mean: 10, hop: 1 },
  mqtt: { keepaliveS: 30, protocol: 'auto', qos: 1, retained: 'ignore' },
  serial: { parity: 'none', dataBits: 8, stopBits: 1, counter: 'u16', frameBytesMax: 16_384, delimiter: ',' },
  replay: { speed: 1 },
  simulator: { seed: 1, rateHz: 1, fault: 'none', faultAfterMs: HOUR },
  uplink: {
    healthEveryMs: MINUTE,
    featuresEveryMs: MINUTE,
    inFlightMax: 16,
    unsignedShelveMaxMs: 8 * HOUR,
    ...DELIVERY,
  },
  storage: {
    dir: '/var/lib/wearwatch',
    journalBytesMax: 64 * MIB,
    /** 64 GB of eMMC take some 3,000 times their size: 20 GB a day are 10 years at a write amplification of 2.6. */
    writeBytesPerDayMax: 20e9,
    samples: { ageMs: 90 * DAY, bytes: 2 * GIB },
    scores: { ageMs: 365 * DAY, bytes: GIB },
    waveforms: { ageMs: 30 * DAY, bytes: 4 * GIB },
    minutes: { ageMs: 365 * DAY, bytes: GIB },
    hours: { ageMs: 3650 * DAY, bytes: 256 * MIB },
    blackBox: { ageMs: 730 * DAY, bytes: 512 * MIB, beforeMs: HOUR, afterMs: HOUR },
  },
  /** 768 MiB of address space is the least that runs node with ONNX Runtime; 1 GiB leaves room for models. */
  scorer: {
    provider: 'gpu',
    deviceId: 0,
    threads: 1,
    deadlineMs: 10 * SECOND,
    queueWindowsMax: 4096,
    batchMax: 64,
    memoryMb: 1024,
  },
  webhook: { timeoutMs: 10 * SECOND, minPriority: 4 },
  sync: { bytesMax: 64 * MIB },
  socketName: 'wearwatch.sock',
  log: { level: 'info' },
} as const

/** `gpu` and `auto` try these from left to right. */
export const PROVIDER_LADDER = ['tensorrt', 'cuda', 'cpu'] as const
