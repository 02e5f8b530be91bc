/** A .npy file (format 1) of an array, as numpy.save() writes it. */
export function npyBytes(
  array: Int16Array | Float32Array | Float64Array,
  shape: readonly number[],
  header?: string,
): Buffer {
  const descr = array instanceof Int16Array ? '<i2' : array instanceof Float32Array ? '<f4' : '<f8'
  const dims = shape.length === 1 ? `${shape[0]},` : shape.join(', ')
  const text = header ?? `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims}), }`
  const padded = `${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11)}\n`
  const head = Buffer.alloc(10)
  head.write('\x93NUMPY\x01\x00', 'latin1')
  head.writeUInt16LE(padded.length, 8)
  return Buffer.concat([head, Buffer.from(padded), Buffer.from(array.buffer, array.byteOffset, array.byteLength)])
}
