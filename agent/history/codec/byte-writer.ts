// Bytes written one after the other into a buffer that grows, and read back; little endian. Of one chunk at a time.

export class ByteWriter {
  #buffer: Buffer = Buffer.alloc(4096)
  length = 0

  #room(bytes: number): void {
    if (this.length + bytes <= this.#buffer.length) return
    const larger = Buffer.alloc(Math.max(this.#buffer.length * 2, this.length + bytes))
    this.#buffer.copy(larger, 0, 0, this.length)
    this.#buffer = larger
  }

  u8(value: number): void {
    this.#room(1)
    this.#buffer[this.length++] = value
  }

  /** Unsigned, 7 bits a byte, lowest first (LEB128). Up to 2^53. */
  varint(value: number): void {
    let rest = value
    while (rest >= 0x80) {
      this.u8((rest % 0x80) | 0x80)
      rest = Math.floor(rest / 0x80)
    }
    this.u8(rest)
  }

  f64(value: number): void {
    this.#room(8)
    this.length = this.#buffer.writeDoubleLE(value, this.length)
  }

  bytes(data: Uint8Array): void {
    this.#room(data.length)
    this.#buffer.set(data, this.length)
    this.length += data.length
  }

  /** What was written since `start`, until the next write. */
  view(start = 0): Buffer {
    return this.#buffer.subarray(start, this.length)
  }

  clear(): void {
    this.length = 0
  }
}

/** Reads what ByteWriter wrote. Throws a RangeError beyond the end: the caller has checked a CRC, so that is a fault of the code. */
export class ByteReader {
  readonly #bytes: Buffer
  at: number

  constructor(bytes: Buffer, at = 0) {
    this.#bytes = bytes
    this.at = at
  }

  u8(): number {
    const value = this.#bytes.readUInt8(this.at)
    this.at++
    return value
  }

  varint(): number {
    let value = 0
    for (let factor = 1; ; factor *= 0x80) {
      const byte = this.u8()
      value += (byte & 0x7f) * factor
      if (byte < 0x80) return value
      if (factor >= 2 ** 49) throw new RangeError('a number of more than 53 bits')
    }
  }

  f64(): number {
    const value = this.#bytes.readDoubleLE(this.at)
    this.at += 8
    return value
  }

  bytes(count: number): Buffer {
    if (this.at + count > this.#bytes.length) throw new RangeError('bytes beyond the end')
    const view = this.#bytes.subarray(this.at, this.at + count)
    this.at += count
    return view
  }
}
