// Sources as the file has them -> sources as the agent runs them.
import { checkEntries } from './check.ts'
import type { LoadContext } from './context.ts'
import type {
  ReplaySourceConfig,
  SerialSourceConfig,
  SimulatorSourceConfig,
  SourceConfig,
  SourceWatchConfig,
} from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import { buildLink } from './links.ts'
import {
  type ReplayIn,
  type SerialIn,
  type SimulatorIn,
  SOURCE_KINDS,
  type SourceIn,
  sourceSchema,
} from './schema-sources.ts'

const SOURCES_MAX = 64

/** By id, in the order of the file. Ids whose source is wrong or of a later version stay in, without a value. */
export type Sources = ReadonlyMap<string, SourceConfig | undefined>

export function buildSources(ctx: LoadContext, value: unknown, gatewayId: string): Sources {
  const parsed = checkEntries('a source', sourceSchema, value, ['sources'], ctx.issues, SOURCES_MAX)
  const sources = new Map<string, SourceConfig | undefined>()
  for (const id of ctx.keysAt(['sources'])) {
    const source = parsed.get(id)
    sources.set(id, source === undefined ? undefined : buildSource(ctx, id, source, gatewayId))
  }
  return sources
}

function buildSource(ctx: LoadContext, id: string, source: SourceIn, gatewayId: string): SourceConfig | undefined {
  const path: Path = ['sources', id]
  // Wrong and later kinds were taken out by the check and are reported; they still count as "one kind".
  const written = ctx.keysAt(path)
  if (written.length !== 1) {
    const what =
      written.length === 0 ? 'names no kind' : `names ${written.length} kinds: ${written.slice(0, 6).join(', ')}`
    ctx.issues.error(
      path,
      `${what}; expected exactly one of ${SOURCE_KINDS.join(', ')}`,
      written.length === 0 ? 'write mqtt: {url: mqtt://broker:1883}' : 'give every source an id of its own',
    )
    return undefined
  }
  if (source.mqtt) {
    const { qos, retained, down, 'frame-errors': errors, ...link } = source.mqtt
    const built = buildLink(ctx, link, [...path, 'mqtt'], `${gatewayId}-${id}`)
    return {
      kind: 'mqtt',
      id,
      ...built,
      qos: qos ?? DEFAULTS.mqtt.qos,
      retained: retained ?? DEFAULTS.mqtt.retained,
      watch: watchOf(down, errors),
    }
  }
  if (source.serial) return buildSerial(ctx, id, source.serial)
  if (source.replay) return buildReplay(ctx, id, source.replay)
  return source.simulator ? buildSimulator(id, source.simulator) : undefined
}

function buildSerial(ctx: LoadContext, id: string, serial: SerialIn): SerialSourceConfig {
  const path = ['sources', id, 'serial']
  const only = (key: 'counter' | 'delimiter', frame: string): void => {
    if (serial[key] === undefined || serial.frame === frame) return
    ctx.issues.error([...path, key], `belongs to frame ${frame}; this line has frame ${serial.frame}`, `remove ${key}`)
  }
  only('counter', 'cobs-crc16')
  only('delimiter', 'csv')
  const defaults = DEFAULTS.serial
  return {
    kind: 'serial',
    id,
    path: serial.path,
    baud: serial.baud,
    parity: serial.parity ?? defaults.parity,
    dataBits: serial['data-bits'] ?? defaults.dataBits,
    stopBits: serial['stop-bits'] ?? defaults.stopBits,
    frame: serial.frame,
    counter: serial.counter ?? defaults.counter,
    frameBytesMax: Math.round(serial['frame-max'] ?? defaults.frameBytesMax),
    delimiter: serial.delimiter === 'tab' ? '\t' : (serial.delimiter ?? defaults.delimiter),
    watch: watchOf(serial.down, serial['frame-errors']),
  }
}

function watchOf(down: number | 'off' | undefined, errors: number | 'off' | undefined): SourceWatchConfig {
  const { downMs, errorsPerMin } = DEFAULTS.sourceWatch
  return {
    ...(down === 'off' ? {} : { downMs: down ?? downMs }),
    ...(errors === 'off' ? {} : { errorsPerMin: errors ?? errorsPerMin }),
  }
}

function buildReplay(ctx: LoadContext, id: string, replay: ReplayIn): ReplaySourceConfig {
  const files = typeof replay.files === 'string' ? [replay.files] : replay.files
  const path = ['sources', id, 'replay']
  files.forEach((file, i) => {
    const where = typeof replay.files === 'string' ? [...path, 'files'] : [...path, 'files', i]
    if (!/\.(csv|npy)$/i.test(file))
      ctx.issues.error(where, 'expected a file that ends in .csv or .npy', 'name files by what they are')
  })
  const npy = files.some(file => /\.npy$/i.test(file))
  if (!npy && (replay.rate !== undefined || replay.interval !== undefined)) {
    const key = replay.rate !== undefined ? 'rate' : 'interval'
    ctx.issues.error([...path, key], 'is for NPY files; CSV rows carry their own times', `remove ${key}`)
  }
  const built: ReplaySourceConfig = {
    kind: 'replay',
    id,
    files: files.map(file => ctx.absolute(file)),
    speed: replay.speed ?? DEFAULTS.replay.speed,
  }
  if (replay.rate !== undefined) built.rateHz = replay.rate
  if (replay.interval !== undefined) built.intervalS = replay.interval / 1000
  return built
}

function buildSimulator(id: string, simulator: SimulatorIn): SimulatorSourceConfig {
  const defaults = DEFAULTS.simulator
  return {
    kind: 'simulator',
    id,
    seed: simulator.seed ?? defaults.seed,
    rateHz: simulator.rate ?? defaults.rateHz,
    fault: simulator.fault ?? defaults.fault,
    faultAfterMs: simulator['fault-after'] ?? defaults.faultAfterMs,
  }
}
