// The frame of docs/serial.md, before stuffing; all numbers little-endian:
//
//   type u8 | stream u8 | counter u8, u16 or u32 | time f64 | values … | crc16 u16
//
// time: µs since 1970, 0 = when it arrives. crc16: CCITT-FALSE over everything before it. On the wire each frame is
// 0x00, its COBS form, 0x00.
import { crc16 } from '../core/crc.ts'
import { cobsBytesMax, cobsEncode } from './cobs.ts'

export const FRAME_TYPES = { telemetryF32: 1, telemetryF64: 2, waveformI16: 3, waveformF32: 4 } as const
export type CounterWidth = 'u8' | 'u16' | 'u32'
export const COUNTER_BYTES = { u8: 1, u16: 2, u32: 4 } as const satisfies Record<CounterWidth, number>
export const CRC_BYTES = 2

/** Bytes before the values. */
export function headerBytes(counter: CounterWidth): number {
  return 2 + COUNTER_BYTES[counter] + 8
}

export interface FrameFields {
  type: (typeof FRAME_TYPES)[keyof typeof FRAME_TYPES]
  stream: number
  counter: number
  counterWidth: CounterWidth
  timeUs: number
  values: ArrayLike<number>
}

/** One frame as it goes over the line, delimiters included. For simulators and tests. */
export function encodeFrame(fields: FrameFields): Uint8Array {
  const header = headerBytes(fields.counterWidth)
  const size = fields.type === FRAME_TYPES.waveformI16 ? 2 : fields.type === FRAME_TYPES.telemetryF64 ? 8 : 4
  const raw = new Uint8Array(header + fields.values.length * size + CRC_BYTES)
  const view = new DataView(raw.buffer)
  raw[0] = fields.type
  raw[1] = fields.stream
  if (fields.counterWidth === 'u8') view.setUint8(2, fields.counter)
  else if (fields.counterWidth === 'u16') view.setUint16(2, fields.counter, true)
  else view.setUint32(2, fields.counter, true)
  view.setFloat64(header - 8, fields.timeUs, true)
  for (let i = 0; i < fields.values.length; i++) {
    const at = header + i * size
    if (size === 2) view.setInt16(at, fields.values[i]!, true)
    else if (size === 4) view.setFloat32(at, fields.values[i]!, true)
    else view.setFloat64(at, fields.values[i]!, true)
  }
  view.setUint16(raw.length - CRC_BYTES, crc16(raw, 0, raw.length - CRC_BYTES), true)
  const wire = new Uint8Array(cobsBytesMax(raw.length) + 2)
  const end = cobsEncode(raw, wire, 1)
  return wire.subarray(0, end + 1)
}
