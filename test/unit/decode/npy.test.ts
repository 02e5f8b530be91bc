import { writeFileSync } from 'node:fs'
import t, { type Test } from 'tap'
import { openNpy } from '../../../agent/decode/npy.ts'
import { npyBytes } from '../../support/source-npy.ts'

function file(t: Test, bytes: Uint8Array): string {
  const path = `${t.testdir()}/wave.npy`
  writeFileSync(path, bytes)
  return path
}

t.test('missing leading dimensions are 1; pieces are read where they are asked for', async t => {
  const ramp = Int16Array.from({ length: 24 }, (_, i) => i)
  for (const [shape, whole, piece] of [
    [[24], [1, 1, 24], [5, 6]],
    [[4, 6], [1, 4, 6], [23]],
    [
      [2, 3, 4],
      [2, 3, 4],
      [21, 22],
    ],
  ] as const) {
    const npy = await openNpy(file(t, npyBytes(ramp, shape)))
    t.same([npy.dtype, npy.captures, npy.channels, npy.samples], ['i2', ...whole])
    const from = shape.length === 1 ? 5 : shape.length === 2 ? 5 : 1
    t.same([...(await npy.read(npy.captures - 1, npy.channels - 1, from, piece.length))], [...piece])
    await npy.close()
  }
})

t.test('two dimensions are captures where that is asked for, however many', async t => {
  const npy = await openNpy(
    file(
      t,
      npyBytes(
        Int16Array.from({ length: 4_000 }, (_, i) => i),
        [2_000, 2],
      ),
    ),
    {
      ofTwo: 'captures',
    },
  )
  t.same([npy.captures, npy.channels, npy.samples], [2_000, 1, 2])
  t.same([...(await npy.read(1_999, 0, 0, 2))], [3_998, 3_999])
  await npy.close()
})

t.test('float32 and float64', async t => {
  for (const array of [Float32Array.of(0.5, -2), Float64Array.of(0.1, 1e300)]) {
    const npy = await openNpy(file(t, npyBytes(array, [2])))
    t.same(await npy.read(0, 0, 0, 2), array)
    await npy.close()
  }
})

t.test('values written big end first read as those written small end first', async t => {
  for (const [array, type] of [
    [Int16Array.of(-2, 300, 32_767), 'i2'],
    [Float32Array.of(-2.5, 300, 1e-9), 'f4'],
    [Float64Array.of(-2.5, 300, 1e-99), 'f8'],
  ] as const) {
    const size = array.BYTES_PER_ELEMENT
    const bytes = new Uint8Array(array.buffer)
    const turned = bytes.map((_, i) => bytes[i - (i % size) + size - 1 - (i % size)]!)
    const Same = array.constructor as new (buffer: ArrayBuffer) => Float32Array
    const head = `{'descr': '>${type}', 'fortran_order': False, 'shape': (3,), }`
    const npy = await openNpy(file(t, npyBytes(new Same(turned.buffer), [3], head)))
    t.same([...(await npy.read(0, 0, 0, 3))], [...array])
    t.same([...(await npy.read(0, 0, 1, 2))], [...array.slice(1)])
    await npy.close()
  }
})

t.test('what is no such array is refused with the reason', async t => {
  const ramp = Int16Array.of(1, 2, 3, 4)
  const header = (descr: string, order: string, shape: string): Buffer =>
    npyBytes(ramp, [4], `{'descr': '${descr}', 'fortran_order': ${order}, 'shape': (${shape}), }`)
  for (const [bytes, words] of [
    [Buffer.from('time,v\n1,2\n'), /does not begin like a \.npy file/],
    [Buffer.from('504b030414000000', 'hex'), /an archive of arrays/],
    [Buffer.from('\x93NUMPY\x09\x00aaaaaa', 'latin1'), /is of format 9; 1 to 3 are read/],
    [npyBytes(ramp, [5]), /the file was cut/],
    [npyBytes(ramp, [4]).subarray(0, 40), /header of \d+ bytes is cut/],
    [header('>i4', 'False', '4,'), /values are >i4; .* convert/],
    [header('<i2', 'True', '2, 2'), /column-major/],
    [header('<i2', 'False', '1, 1, 2, 2'), /1 to 3 dimensions/],
    [header('<i2', 'False', '0,'), /without 0/],
    [header('<i2', 'False', '25600, 2'), /25600 channels of 2 samples, at most 1024 .* array\.T/],
    [header('<i2', 'False', ''), /1 to 3 dimensions/],
  ] as const) {
    await t.rejects(openNpy(file(t, bytes)), { code: 'NPY_INVALID', message: words })
  }
  await t.rejects(openNpy(`${t.testdir()}/none.npy`), { code: 'NPY_INVALID', message: /cannot be read/ })
})
