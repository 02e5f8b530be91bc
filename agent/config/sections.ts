// The parts of the file that stand on their own: gateway, uplink, storage, scorer, sync, control, log.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { z } from 'zod'
import { check } from './check.ts'
import { buildCommands } from './commands.ts'
import type { LoadContext } from './context.ts'
import type {
  ControlConfig,
  GatewayConfig,
  RetentionConfig,
  ScorerConfig,
  StorageConfig,
  SyncConfig,
  UplinkConfig,
} from './contract.ts'
import { DEFAULTS, PROVIDER_LADDER } from './defaults.ts'
import { buildLink } from './links.ts'
import { controlSchema, gatewaySchema, scorerSchema, storageSchema, syncSchema, uplinkSchema } from './schema.ts'
import { SLUG } from './schema-parts.ts'
import { hideUserinfo } from './wording.ts'

// sun_path of Linux holds 108 bytes with the closing zero (unix(7)).
const SOCKET_PATH_BYTES_MAX = 107

export function buildGateway(ctx: LoadContext, value: unknown): GatewayConfig {
  const gateway = value === undefined ? undefined : check(gatewaySchema, value, ['gateway'], ctx.issues)
  if (value === undefined)
    ctx.issues.error(['gateway'], 'is missing; the site is part of every topic', 'write gateway: {site: hamburg}')
  const written = ctx.has(['gateway', 'id'])
  const id = gateway?.id ?? (written ? undefined : gatewayId(ctx.io.machineId))
  if (id === undefined && !written) {
    const name = ctx.io.hostname?.toLowerCase() ?? ''
    ctx.issues.error(
      ['gateway', 'id'],
      'is missing, and this machine has no machine-id to make one from',
      `write gateway: {id: ${SLUG.test(name) ? name : 'gw-line1'}}, or create /etc/machine-id with systemd-machine-id-setup`,
    )
  }
  return { site: gateway?.site ?? '', id: id ?? 'gw' }
}

/** `gw-` and 4 hex digits: the machine-id itself is not meant to leave the machine (machine-id(5)). */
function gatewayId(machineId: string | undefined): string | undefined {
  const text = machineId?.trim() ?? ''
  // systemd writes "uninitialized" into images that get an id of their own at their first boot.
  if (text === '' || text === 'uninitialized') return undefined
  return `gw-${createHash('sha256').update(text).digest('hex').slice(0, 4)}`
}

/** @param delivered models are: `sync` needs no listing then, for trust is in what is signed there */
export function buildUplink(
  ctx: LoadContext,
  value: unknown,
  gatewayId: string,
  delivered: boolean,
): UplinkConfig | undefined {
  if (value === undefined) {
    if (ctx.keysAt(['webhooks']).length > 0) return undefined
    ctx.issues.warn(
      ['uplink'],
      'is missing: alarms are kept and shown on this gateway and sent nowhere',
      'write uplink: {mqtt: {url: mqtts://broker:8883}}',
    )
    return undefined
  }
  const uplink = check(uplinkSchema, value, ['uplink'], ctx.issues)
  if (!uplink) return undefined
  return {
    ...buildLink(ctx, uplink.mqtt, ['uplink', 'mqtt'], gatewayId),
    healthEveryMs: uplink.health ?? DEFAULTS.uplink.healthEveryMs,
    featuresEveryMs: uplink.features ?? DEFAULTS.uplink.featuresEveryMs,
    inFlightMax: uplink['in-flight'] ?? DEFAULTS.uplink.inFlightMax,
    ...deliveryOf(ctx, uplink),
    ...buildCommands(ctx, uplink.commands, delivered),
  }
}

type UplinkIn = z.output<typeof uplinkSchema>

function deliveryOf(
  ctx: LoadContext,
  uplink: UplinkIn,
): Pick<UplinkConfig, 'receipt' | 'consumer' | 'receiptTimeoutMs' | 'backfill' | 'expiryMs'> {
  const { uplink: defaults } = DEFAULTS
  const receipt = uplink.receipt ?? defaults.receipt
  for (const key of ['consumer', 'receipt-timeout'] as const)
    if (receipt === 'puback' && uplink[key] !== undefined)
      ctx.issues.warn(['uplink', key], 'does nothing without receipt: consumer', 'write receipt: consumer')
  return {
    receipt,
    ...(uplink.consumer === undefined ? {} : { consumer: uplink.consumer }),
    receiptTimeoutMs: uplink['receipt-timeout'] ?? defaults.receiptTimeoutMs,
    backfill: {
      from: uplink.backfill?.from ?? defaults.backfill.from,
      perSecond: uplink.backfill?.rate ?? defaults.backfill.perSecond,
    },
    ...(uplink.expiry === undefined ? {} : { expiryMs: uplink.expiry }),
  }
}

export function buildStorage(ctx: LoadContext, value: unknown): StorageConfig {
  const storage = value === undefined ? undefined : check(storageSchema, value, ['storage'], ctx.issues)
  const defaults = DEFAULTS.storage
  const retention = (cls: 'samples' | 'scores' | 'waveforms' | 'minutes' | 'hours') =>
    retentionOf(storage?.[cls], defaults[cls])
  return {
    dir: ctx.absolute(storage?.dir ?? defaults.dir),
    writeBytesPerDayMax: Math.round(storage?.['write-budget'] ?? defaults.writeBytesPerDayMax),
    journalBytesMax: Math.round(storage?.journal ?? defaults.journalBytesMax),
    samples: retention('samples'),
    scores: retention('scores'),
    waveforms: retention('waveforms'),
    minutes: retention('minutes'),
    hours: retention('hours'),
    blackBox: {
      ...retentionOf(storage?.['black-box'], defaults.blackBox),
      beforeMs: storage?.['black-box']?.before ?? defaults.blackBox.beforeMs,
      afterMs: storage?.['black-box']?.after ?? defaults.blackBox.afterMs,
    },
  }
}

function retentionOf(
  written: { age?: number | undefined; size?: number | undefined } | undefined,
  other: RetentionConfig,
) {
  return { ageMs: written?.age ?? other.ageMs, bytes: Math.round(written?.size ?? other.bytes) }
}

export function buildScorer(ctx: LoadContext, value: unknown): ScorerConfig {
  const scorer = value === undefined ? undefined : check(scorerSchema, value, ['scorer'], ctx.issues)
  const defaults = DEFAULTS.scorer
  const { providers, require } = providersOf(scorer?.provider ?? defaults.provider)
  if (new Set(providers).size < providers.length) {
    ctx.issues.error(
      ['scorer', 'provider'],
      `[${providers.join(', ')}] names a provider twice`,
      'name each once, the best first',
    )
  }
  return {
    providers,
    require,
    deviceId: scorer?.device ?? defaults.deviceId,
    threads: scorer?.threads ?? defaults.threads,
    deadlineMs: scorer?.deadline ?? defaults.deadlineMs,
    queueWindowsMax: scorer?.queue ?? defaults.queueWindowsMax,
    batchMax: scorer?.batch ?? defaults.batchMax,
    memoryMb: scorer?.memory === undefined ? defaults.memoryMb : Math.round(scorer.memory / 2 ** 20),
  }
}

function providersOf(
  given: NonNullable<z.output<typeof scorerSchema>['provider']>,
): Pick<ScorerConfig, 'providers' | 'require'> {
  if (Array.isArray(given)) return { providers: given, require: false }
  if (typeof given === 'object') return { providers: [given.require], require: true }
  if (given === 'gpu' || given === 'auto') return { providers: PROVIDER_LADDER, require: false }
  return { providers: [given], require: false }
}

export function buildSync(ctx: LoadContext, value: unknown): SyncConfig | undefined {
  const sync = value === undefined ? undefined : check(syncSchema, value, ['sync'], ctx.issues)
  if (!sync) return undefined
  const { repository, schedule } = sync
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(repository)?.[1]?.toLowerCase()
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    ctx.issues.error(
      ['sync', 'repository'],
      `expected http://, https:// or a folder, got ${scheme}:`,
      'write https://HOST/PATH or /path/of/a/folder',
    )
  } else if (hideUserinfo(repository) !== repository) {
    ctx.issues.warn(
      ['sync', 'repository'],
      'holds a user name or password in the address',
      'serve the repository without: its trust is in its signatures',
    )
  }
  const built: SyncConfig = {
    repository: scheme === undefined ? ctx.absolute(repository) : repository,
    root: ctx.absolute(sync.root),
    bytesMax: Math.round(sync.limit ?? DEFAULTS.sync.bytesMax),
  }
  if (schedule !== undefined) built.schedule = schedule
  return built
}

export function buildControl(ctx: LoadContext, value: unknown, dir: string): ControlConfig {
  const control = value === undefined ? undefined : check(controlSchema, value, ['control'], ctx.issues)
  const socket = control?.socket === undefined ? join(dir, DEFAULTS.socketName) : ctx.absolute(control.socket)
  const bytes = Buffer.byteLength(socket)
  if (bytes > SOCKET_PATH_BYTES_MAX) {
    const path = control?.socket === undefined ? ['storage', 'dir'] : ['control', 'socket']
    ctx.issues.error(
      path,
      `the socket ${socket} has ${bytes} bytes; Linux takes ${SOCKET_PATH_BYTES_MAX} at most`,
      'write control: {socket: /run/wearwatch/wearwatch.sock}',
    )
  }
  return { socket }
}
