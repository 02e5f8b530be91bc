// LevelDB's own files, damaged: what is looked at before LevelDB reads them, and what becomes of a store with damage in it.
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { systemClock } from '../../../agent/core/clock.ts'
import { Counters } from '../../../agent/core/counters.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import { crc32c } from '../../../agent/history/crc32c.ts'
import { openHistory } from '../../../agent/history/history.ts'
import { STORAGE_CLASSES } from '../../../agent/history/keys.ts'
import { unreadableBytes } from '../../../agent/history/level-log.ts'
import { liveTables } from '../../../agent/history/level-manifest.ts'
import { blocksOf, damagedBytes } from '../../../agent/history/level-tables.ts'
import { openLevel } from '../../../agent/history/place.ts'

const ROWS = 3_000
const never = { ageMs: 1e12, bytes: 2 ** 40 }
const retention = Object.fromEntries(STORAGE_CLASSES.map(cls => [cls, never])) as Parameters<
  typeof openHistory
>[0]['retention']

async function opened(dir: string) {
  const losses: string[] = []
  const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
  const onLoss = (what: string): number => losses.push(what)
  const small = (at: string, create: boolean) => openLevel(at, create, { writeBufferSize: 65_536 })
  return { ...(await openHistory({ dir, retention, onLoss, openLevel: small, ...deps })), losses }
}

/** A store of some tables and a log. */
async function filled(dir: string): Promise<void> {
  for (let part = 0; part < 3; part++) {
    const { history, checked } = await opened(dir)
    const times = Float64Array.from({ length: ROWS }, (_, i) => (part * ROWS + i) * 1e6)
    const noise = Float64Array.from(times, time => Math.sin(time) * 1e5)
    history.append('p-1', 'samples', ['noise'], ROWS, times, noise)
    await history.flush()
    await checked
    await history.close()
  }
}

async function rowsIn(dir: string): Promise<{ rows: number; losses: string[] }> {
  const { history, checked, losses } = await opened(dir)
  await checked
  let rows = 0
  const all = { asset: 'p-1', class: 'samples', fromUs: 0, toUs: Number.MAX_SAFE_INTEGER } as const
  for await (const { timesUs } of history.query(all)) rows += timesUs.length
  await history.close()
  return { rows, losses }
}

function flip(path: string, byte: number): void {
  const data = readFileSync(path)
  data[byte < 0 ? data.length + byte : byte]! ^= 4
  writeFileSync(path, data)
}

function fileIn(dir: string, pattern: RegExp): string {
  return join(dir, readdirSync(dir).find(name => pattern.test(name))!)
}

t.test('CRC32C of the standard check string, and of lengths around the step of eight', async t => {
  t.equal(crc32c(Buffer.from('123456789')), 0xe3069283)
  t.equal(crc32c(Buffer.alloc(32)), 0x8a9136aa)
  t.equal(crc32c(Buffer.alloc(0)), 0)
})

t.test('an undamaged store has nothing unreadable', async t => {
  const dir = join(t.testdir(), 'history')
  await filled(dir)
  const tables = await liveTables(dir)
  t.ok(tables.length > 0)
  for (const path of tables) {
    const blocks = await blocksOf(path)
    t.ok(blocks && blocks.length > 0)
    t.equal(await damagedBytes(path, blocks!, async () => {}), 0)
  }
  t.equal(await unreadableBytes(fileIn(dir, /\.log$/)), 0)
  t.equal(await unreadableBytes(fileIn(dir, /^MANIFEST/)), 0)
  t.same(await rowsIn(dir), { rows: 3 * ROWS, losses: [] })
})

const DAMAGES: Record<string, (dir: string) => void> = {
  'the index of a table': dir => flip(fileIn(dir, /\.ldb$/), -70),
  'the footer of a table': dir => flip(fileIn(dir, /\.ldb$/), -47),
  'a block of a table': dir => flip(fileIn(dir, /\.ldb$/), 100),
  'a manifest cut short': dir => truncateSync(fileIn(dir, /^MANIFEST/), 60),
  'a log cut short': dir => truncateSync(fileIn(dir, /\.log$/), 200),
  'a log that is missing': dir => rmSync(fileIn(dir, /\.log$/)),
}

for (const [what, damage] of Object.entries(DAMAGES)) {
  t.test(`${what} is stated`, async t => {
    const dir = join(t.testdir(), 'history')
    await filled(dir)
    damage(dir)
    const { losses } = await rowsIn(dir)
    t.match(losses[0], /damaged|gone|unreadable/)
  })
}

t.test('rows in memory when damage is found are stored once, also after what was saved is carried over', async t => {
  const dir = join(t.testdir(), 'history')
  await filled(dir)
  const { history, checked, losses } = await opened(dir)
  await checked
  const late = { asset: 'p-1', class: 'samples', fromUs: 2e10, toUs: 3e10 } as const
  history.append('p-1', 'samples', ['noise'], 2, Float64Array.of(2e10, 2e10 + 1e6), Float64Array.of(1, 2))
  await history.flush()
  flip((await liveTables(dir))[0]!, 100)
  await (history as unknown as { check(): Promise<void> }).check()
  t.match(losses[0], /do not hold their checksum/)
  await history.flush()
  while (!losses.some(text => /carried over/.test(text))) await new Promise(resolve => setImmediate(resolve))
  await history.close()
  const again = await opened(dir)
  const values: number[] = []
  for await (const rows of again.history.query(late)) values.push(...rows.values)
  t.same(values, [1, 2])
  await again.checked
  await again.history.close()
})
