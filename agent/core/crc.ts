import * as zlib from 'node:zlib'

/** CRC-32 (IEEE 802.3): zlib's, at hardware speed, where Node has it (20.15 on). */
export const crc32: (data: Uint8Array, seed?: number) => number = zlib.crc32 ?? crc32ByTable

const CRC32_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte
  for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1
  return crc
})

/** The same by table, for older Node 20. */
export function crc32ByTable(data: Uint8Array, seed = 0): number {
  let crc = ~seed
  for (let i = 0; i < data.length; i++) crc = (crc >>> 8) ^ CRC32_TABLE[(crc ^ data[i]!) & 0xff]!
  return ~crc >>> 0
}

const CRC16_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1) ^ 0x1021 : crc << 1
  return crc
})

/** CRC-16/CCITT-FALSE (poly 0x1021, init 0xFFFF, no reflection; check value of "123456789" is 0x29B1). */
export function crc16(data: Uint8Array, start = 0, end = data.length): number {
  let crc = 0xffff
  for (let i = start; i < end; i++) crc = ((crc << 8) & 0xffff) ^ CRC16_TABLE[(crc >>> 8) ^ data[i]!]!
  return crc
}
