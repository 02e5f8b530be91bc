import t from 'tap'
import { Backoff } from '../../../agent/core/backoff.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { crc16, crc32, crc32ByTable } from '../../../agent/core/crc.ts'
import { seededPrng } from '../../../agent/core/prng.ts'

t.test('CRC check values of the catalogue', async t => {
  t.equal(crc16(Buffer.from('123456789')), 0x29b1)
  t.equal(crc32(Buffer.from('123456789')), 0xcbf43926)
  t.equal(crc32ByTable(Buffer.from('123456789')), 0xcbf43926)
  t.equal(crc32ByTable(Buffer.from('6789'), crc32(Buffer.from('12345'))), 0xcbf43926, 'continued from a seed')
})

t.test('backoff doubles to its cap with jitter, and starts over after success', async t => {
  const backoff = new Backoff(seededPrng(1), 100, 1000)
  const delays = Array.from({ length: 8 }, () => backoff.nextMs())
  delays.forEach((delay, i) => {
    const ceiling = Math.min(1000, 100 * 2 ** i)
    t.ok(delay >= ceiling / 2 && delay <= ceiling, `${delay} within [${ceiling / 2}, ${ceiling}]`)
  })
  backoff.reset()
  t.ok(backoff.nextMs() <= 100)
})

t.test('a seed replays its stream; normals have mean 0 and variance 1', async t => {
  const draw = (): number[] => {
    const prng = seededPrng(42)
    return Array.from({ length: 20000 }, () => prng.normal())
  }
  const first = draw()
  t.same(first, draw())
  const mean = first.reduce((sum, x) => sum + x, 0) / first.length
  const variance = first.reduce((sum, x) => sum + (x - mean) ** 2, 0) / first.length
  t.ok(Math.abs(mean) < 0.03, `mean ${mean}`)
  t.ok(Math.abs(variance - 1) < 0.05, `variance ${variance}`)
})

t.test('a snapshot of counters leaves zeroes out', async t => {
  const counters = new Counters()
  counters.get('b').n += 2
  counters.get('a').n++
  counters.get('zero')
  t.same(counters.snapshot(), { a: 1, b: 2 })
})
