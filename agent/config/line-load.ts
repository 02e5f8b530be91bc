// Does what the channels of a serial line promise fit through it? A sum in words, so that nobody has to believe it.
import type { LoadContext } from './context.ts'
import type { AssetConfig, ChannelConfig, SerialSourceConfig, SourceConfig } from './contract.ts'

/** The load of one serial source. */
export interface LineLoad {
  source: string
  /** Bits per second the channels need, start, parity and stop bits included, and what the line has. */
  needBaud: number
  baud: number
  /** needBaud / baud. */
  share: number
  /** The same if senders of captures buffer one and send nothing else. */
  shareMin: number
  /** The sum. */
  text: string
}

const WARN_SHARE = 0.8
// Senders choose how many samples a frame holds; docs/serial.md advises 512: 20 ms at 25.6 kHz and 2 % framing.
const SAMPLES_PER_FRAME = 512
/** docs/serial.md: type, stream, time f64, CRC-16, a zero before and after; the counter comes on top. */
const FRAME_BYTES = 1 + 1 + 8 + 2 + 2
const COUNTER_BYTES = { u8: 1, u16: 2, u32: 4 } as const
/** Consistent overhead byte stuffing: one byte, and one more per 254. */
const cobsBytes = (bytes: number): number => 1 + Math.floor(bytes / 254)
const FLOAT32_BYTES = 4
// Text lines: "-1234.567" and its delimiter; an ISO time.
const NUMBER_CHARS = 10
const TIME_CHARS = 25

interface Part {
  what: string
  /** Bytes of values, and of everything around them, per second. */
  valueBytes: number
  framingBytes: number
  /** Of the time that this is needed: captures. */
  dutyShare?: number
}

/** One entry per serial source that has channels; too much is an error, more than 80 % a warning. */
export function lineLoads(
  ctx: LoadContext,
  sources: Iterable<SourceConfig | undefined>,
  assets: readonly AssetConfig[],
): LineLoad[] {
  const loads: LineLoad[] = []
  for (const source of sources) {
    if (source?.kind !== 'serial') continue
    const load = lineLoad(source, assets)
    if (!load) continue
    loads.push(load)
    const path = ['sources', source.id, 'serial', 'baud']
    const hint = `write baud: ${nextBaud(load.needBaud)} or more on both ends, or send less`
    if (load.share > 1 && load.shareMin <= WARN_SHARE) {
      const buffered = `captures alone need ${percent(load.shareMin)} of it, if the sender buffers each and sends nothing else`
      ctx.issues.warn(path, `the line is too slow for waveforms sent as they come: ${load.text}; ${buffered}`, hint)
    } else if (load.share > 1) ctx.issues.error(path, `the line is too slow: ${load.text}`, hint)
    else if (load.share > WARN_SHARE) ctx.issues.warn(path, `the line is nearly full: ${load.text}`, hint)
  }
  return loads
}

function lineLoad(source: SerialSourceConfig, assets: readonly AssetConfig[]): LineLoad | undefined {
  const parts = assets.flatMap(asset => partsOf(source, asset))
  if (parts.length === 0) return undefined
  const sum = (key: 'valueBytes' | 'framingBytes'): number => parts.reduce((total, part) => total + part[key], 0)
  const bits = 1 + source.dataBits + (source.parity === 'none' ? 0 : 1) + source.stopBits
  const valueBaud = sum('valueBytes') * bits
  const needBaud = Math.ceil(valueBaud + sum('framingBytes') * bits)
  const share = needBaud / source.baud
  const leastBytes = parts.reduce((sum, p) => sum + (p.valueBytes + p.framingBytes) * (p.dutyShare ?? 1), 0)
  const mode = `${source.dataBits}${source.parity[0]?.toUpperCase()}${source.stopBits}`
  const bytes = parts.length === 1 ? '' : ` = ${count(sum('valueBytes'))} bytes/s`
  const text =
    `${parts.map(part => part.what).join(' + ')}${bytes}, x ${bits} bits a byte (${mode}) = ${count(valueBaud)} baud, ` +
    `with framing ${count(needBaud)} baud; the line has ${count(source.baud)} (${percent(share)})`
  return { source: source.id, needBaud, baud: source.baud, share, shareMin: (leastBytes * bits) / source.baud, text }
}

function partsOf(source: SerialSourceConfig, asset: AssetConfig): Part[] {
  const mine = asset.channels.filter(channel => channel.binding.source === source.id)
  const waves = mine.flatMap(channel =>
    channel.waveform && channel.waveform.rateHz > 0 ? [wavePart(source, asset, channel, channel.waveform)] : [],
  )
  const scalars = mine.filter(channel => channel.waveform === undefined)
  if (scalars.length === 0) return waves
  const perSecond = 1000 / asset.everyMs
  if (source.frame !== 'cobs-crc16') return [textPart(source, asset, scalars, perSecond), ...waves]
  return [
    ...[...groupByStream(scalars)].map(([stream, channels]) => framePart(source, asset, stream, channels, perSecond)),
    ...waves,
  ]
}

function groupByStream(channels: readonly ChannelConfig[]): Map<number, ChannelConfig[]> {
  const streams = new Map<number, ChannelConfig[]>()
  for (const channel of channels)
    streams.set(channel.binding.stream, [...(streams.get(channel.binding.stream) ?? []), channel])
  return streams
}

function wavePart(
  source: SerialSourceConfig,
  asset: AssetConfig,
  channel: ChannelConfig,
  { type, rateHz, capture }: NonNullable<ChannelConfig['waveform']>,
): Part {
  const size = type === 'int16' ? 2 : 4
  const perFrame = Math.max(
    1,
    Math.min(SAMPLES_PER_FRAME, Math.floor((source.frameBytesMax - frameOverhead(source, 0)) / size)),
  )
  const valueBytes = rateHz * size
  return {
    what: `${asset.id} ${channel.id}: ${many(rateHz, 'sample')}/s x ${size} bytes (${type}) = ${count(valueBytes)} bytes/s`,
    valueBytes,
    framingBytes: (rateHz / perFrame) * frameOverhead(source, perFrame * size),
    ...(capture ? { dutyShare: capture.lengthMs / capture.everyMs } : {}),
  }
}

function framePart(
  source: SerialSourceConfig,
  asset: AssetConfig,
  stream: number,
  channels: readonly ChannelConfig[],
  perSecond: number,
): Part {
  // The frame reaches to the highest position that is read, whatever lies between.
  const values = Math.max(...channels.map(channel => channel.binding.index)) + 1
  const valueBytes = values * FLOAT32_BYTES * perSecond
  return {
    what: `${asset.id} stream ${stream}: ${many(perSecond, 'frame')}/s x ${many(values, 'value')} x 4 bytes = ${count(valueBytes)} bytes/s`,
    valueBytes,
    framingBytes: perSecond * frameOverhead(source, values * FLOAT32_BYTES),
  }
}

function frameOverhead(source: SerialSourceConfig, valueBytes: number): number {
  const raw = FRAME_BYTES + COUNTER_BYTES[source.counter]
  return raw + cobsBytes(raw + valueBytes)
}

function textPart(
  source: SerialSourceConfig,
  asset: AssetConfig,
  channels: readonly ChannelConfig[],
  perSecond: number,
): Part {
  const timed = channels.some(({ binding }) => binding.timePath !== undefined || binding.timeColumn !== undefined)
  const names = source.frame === 'json' ? channels.reduce((chars, { id }) => chars + id.length + 3, 0) : 0
  const valueBytes = channels.length * NUMBER_CHARS * perSecond
  return {
    what: `${asset.id}: ${many(perSecond, 'line')}/s x ${many(channels.length, 'value')} x about ${NUMBER_CHARS} characters = ${count(valueBytes)} bytes/s`,
    valueBytes,
    framingBytes: perSecond * (names + 2 + (timed ? TIME_CHARS : 0)),
  }
}

const BAUDS = [
  9600, 19_200, 38_400, 57_600, 115_200, 230_400, 460_800, 921_600, 1_000_000, 2_000_000, 3_000_000, 4_000_000,
]

/** The usual speed that leaves a fifth free. */
function nextBaud(needBaud: number): number {
  return BAUDS.find(baud => needBaud <= baud * WARN_SHARE) ?? Math.ceil(needBaud / WARN_SHARE)
}

const count = (value: number): string =>
  value < 10 ? Number(value.toFixed(2)).toString() : Math.round(value).toLocaleString('en-US')
const many = (value: number, thing: string): string => `${count(value)} ${thing}${value === 1 ? '' : 's'}`
const percent = (share: number): string => `${share < 0.1 ? (share * 100).toFixed(1) : Math.round(share * 100)} %`
