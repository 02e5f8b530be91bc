import { crc32 as zlibCrc32 } from 'node:zlib'

// zlib.crc32 exists from Node 20.15 on; package.json's engines says so.
/** CRC-32 (IEEE 802.3), hardware speed. */
export const crc32: (data: Uint8Array, seed?: number) => number = zlibCrc32

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
