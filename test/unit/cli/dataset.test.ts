// Which times go into a data set, where captures begin, and that NumPy reads what is written.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import t from 'tap'
import { healthyBeside, type Span } from '../../../agent/cli/dataset-plan.ts'
import { CaptureCut, writeWindow } from '../../../agent/cli/dataset-window.ts'
import { NpyRows } from '../../../agent/cli/npy-rows.ts'
import { NpyTable } from '../../../agent/cli/npy-table.ts'
import { openNpy } from '../../../agent/decode/npy.ts'
import type { HistoryQuery, HistoryRows } from '../../../agent/history/contract.ts'
import type { ControlApi } from '../../../agent/http/contract.ts'
import { ControlServer } from '../../../agent/http/control.ts'
import { shortDir } from '../../support/short-dir.ts'

const HOUR = 3600e6
const span = (from: number, to: number): Span => ({ fromUs: from * HOUR, toUs: to * HOUR })
const hours = ({ fromUs, toUs }: Span): [number, number] => [fromUs / HOUR, toUs / HOUR]

t.test('healthy time: as long, near, before it first, never of an alarm or the future', async t => {
  const alarm = span(100, 102)
  const [first, second] = [...healthyBeside(alarm, [alarm], 200 * HOUR)].map(hours)
  t.same(first, [98, 100])
  t.same(second, [96, 98])
  t.same(hours(healthyBeside(alarm, [alarm, span(90, 99)], 200 * HOUR).next().value as Span), [88, 90])
  const after = [...healthyBeside(alarm, [span(0, 102)], 106 * HOUR)].map(hours)
  t.same(after.slice(-2), [
    [102, 104],
    [104, 106],
  ])
  t.same(hours(healthyBeside(span(0, 500), [span(0, 500)], 600 * HOUR).next().value as Span), [-24, 0], 'a day at most')
})

t.test('whatever alarms there were', async t => {
  const anySpan = fc.tuple(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 1, max: 40 }))
  fc.assert(
    fc.property(anySpan, fc.array(anySpan, { maxLength: 8 }), fc.integer({ min: 0, max: 400 }), (own, others, now) => {
      const alarm = span(own[0], own[0] + own[1])
      const taken = [alarm, ...others.map(([from, length]) => span(from, from + length))]
      const offered = [...healthyBeside(alarm, taken, now * HOUR)]
      t.ok(offered.length <= 96)
      for (const one of offered) {
        const apart = taken.every(other => one.toUs <= other.fromUs || other.toUs <= one.fromUs)
        if (!apart || one.toUs > now * HOUR) t.fail(`${hours(one)} beside ${taken.map(hours)}`)
        if (one.toUs - one.fromUs !== Math.min(24, own[1]) * HOUR) t.fail(`length of ${hours(one)}`)
      }
    }),
    { seed: 5, numRuns: 200 },
  )
})

t.test('captures are told apart by the time between their samples', async t => {
  const cut = new CaptureCut()
  t.test('a table with names, as `history --npy` writes it', async t => {
    const path = join(t.testdir(), 'table.npy')
    const table = await NpyTable.create(path, ['flow', `Öl "warm"`])
    await table.push([1_700_000_000_000_001, 1.5, null])
    await table.push([1_700_000_000_000_002, -2, 4])
    t.equal(await table.finish(), 2)
    t.match(
      readFileSync(path, 'latin1'),
      /\{'descr': \[\("time", "<M8\[us\]"\), \("flow", "<f8"\), \("\\u00d6l \\"warm\\"", "<f8"\)\]/,
    )
    const read = numpy(
      `a = np.load(${JSON.stringify(path)}); print(a.shape, a['time'][1], a['flow'].tolist(), a['\\u00d6l "warm"'].tolist())`,
    )
    if (read !== undefined) t.equal(read, '(2,) 2023-11-14T22:13:20.000002 [1.5, -2.0] [nan, 4.0]')
  })

  const T0 = 1_700_000_000_000_000
  for (let i = 0; i < 512; i++) cut.push(T0 + i * 39.0625)
  for (let i = 0; i < 100; i++) cut.push(T0 + 600e6 + i * 39.0625)
  for (let i = 0; i < 3; i++) cut.push(T0 + 10e6 + i * 1000)
  t.same(cut.end(), [
    { start: '2023-11-14T22:13:20.000Z', rateHz: 25600, first: 0, samples: 512 },
    { start: '2023-11-14T22:23:20.000Z', rateHz: 25600, first: 512, samples: 100 },
    { start: '2023-11-14T22:13:30.000Z', rateHz: 1000, first: 612, samples: 3 },
  ])
  t.same(new CaptureCut().end(), [])
})

/** The interpreter of a machine that has NumPy. */
function numpy(code: string): string | undefined {
  try {
    return execFileSync('python3', ['-c', `import numpy as np\n${code}`], { encoding: 'utf8', stdio: 'pipe' }).trim()
  } catch (error) {
    if (/ENOENT|No module named/.test(String(error))) return undefined
    throw error
  }
}

t.test('arrays of rows, as our reader and NumPy read them', async t => {
  const dir = t.testdir()
  const [samples, times] = [join(dir, 'samples.npy'), join(dir, 'times.npy')]
  const matrix = await NpyRows.create(samples, { descr: "'<f8'", width: 3, advice: '' })
  const vector = await NpyRows.create(times, { descr: "'<i8'", advice: '' })
  const rows = 20_000
  for (let row = 0; row < rows; row++) {
    await matrix.push(24, (block, from) =>
      [row, -row / 3, Number.NaN].reduce((at, v) => block.writeDoubleLE(v, at), from),
    )
    await vector.push(8, (block, at) => block.writeBigInt64LE(1_700_000_000_000_000n + BigInt(row), at))
  }
  t.equal(await matrix.finish(), rows)
  await vector.finish()
  const bytes = readFileSync(samples)
  t.same(bytes.subarray(0, 8), Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 2, 0]))
  const dataAt = 12 + bytes.readUInt32LE(8)
  t.equal(dataAt % 64, 0)
  t.equal(bytes[dataAt - 1], 0x0a)
  t.equal(bytes.length, dataAt + rows * 24)
  t.equal(bytes.readDoubleLE(dataAt + 24 * (rows - 1) + 8), -(rows - 1) / 3)
  const own = await openNpy(times).catch((error: { code?: string }) => error.code)
  t.equal(own, 'NPY_INVALID', 'times are no waveform to our own reader')
  const read = numpy(
    `a = np.load(${JSON.stringify(samples)}); b = np.load(${JSON.stringify(times)})\n` +
      `print(a.dtype, a.shape, a[:, 0].sum(), a[-1, 1], np.isnan(a[:, 2]).all(), b.dtype, b.shape, b[-1])`,
  )
  if (read === undefined) t.comment('NumPy is not here: read by the bytes alone')
  else t.equal(read, `float64 (20000, 3) 199990000.0 ${-19_999 / 3} True int64 (20000,) 1700000000019999`)
})

const T0 = 1_700_000_000_000_000

/** Rows whose columns change halfway, and two captures of one channel. */
async function* stored({ class: cls, columns: wanted }: HistoryQuery): AsyncGenerator<HistoryRows> {
  if (cls === 'waveforms') {
    if (wanted?.[0] !== 'de-h') return
    for (const start of [T0, T0 + 600e6]) {
      const timesUs = Float64Array.from({ length: 1_000 }, (_, i) => start + i * 100)
      yield { timesUs, columns: ['de-h'], values: Float64Array.from(timesUs, (_, i) => Math.sin(i)) }
    }
    return
  }
  yield {
    timesUs: Float64Array.of(T0, T0 + 1),
    columns: ['flow', 'speed'],
    values: Float64Array.of(1, 2, Number.NaN, 4),
  }
  yield { timesUs: Float64Array.of(T0 + 2), columns: ['oil', 'speed', 'flow'], values: Float64Array.of(9, 6, 5) }
}

t.test('a window: rows in the columns it began with, captures one after the other', async t => {
  const [dir, socket] = [t.testdir(), join(shortDir(t), 'ww.sock')]
  const server = new ControlServer(socket, { history: stored } as unknown as ControlApi)
  await server.start()
  t.teardown(() => server.stop())
  const units = new Map([['flow', 'm3/h']])
  const source = { socket, asset: 'm-1', units, waveforms: ['flow', 'de-h'] }
  const made = (await writeWindow(source, { fromUs: T0, toUs: T0 + 3 }, dir, 'w'))!
  t.equal(made.rows, 3)
  t.same(made.channels, [
    { id: 'flow', unit: 'm3/h' },
    { id: 'speed', unit: null },
  ])
  t.match(made.samples, { path: 'w.samples.npy', dtype: 'float64', shape: [3, 2], sha256: /^[0-9a-f]{64}$/ })
  t.match(made.waveforms, [
    {
      id: 'de-h',
      file: { path: 'w.de-h.npy', dtype: 'float32', shape: [2_000] },
      captures: [
        { rateHz: 10_000, first: 0, samples: 1_000, start: '2023-11-14T22:13:20.000Z' },
        { rateHz: 10_000, first: 1_000, samples: 1_000, start: '2023-11-14T22:23:20.000Z' },
      ],
    },
  ])
  const bytes = readFileSync(join(dir, 'w.samples.npy')).subarray(-48)
  t.same(
    [0, 8, 16, 24, 32, 40].map(at => bytes.readDoubleLE(at)),
    [1, 2, Number.NaN, 4, 5, 6],
  )
  const capture = await openNpy(join(dir, 'w.de-h.npy'))
  t.same(await capture.read(0, 0, 1_000, 3), Float32Array.of(0, Math.sin(1), Math.sin(2)))
  await capture.close()
  const read = numpy(`a = np.load(${JSON.stringify(join(dir, 'w.de-h.npy'))}); print(a.dtype, a.shape, a[1001])`)
  if (read !== undefined) t.match(read, /^float32 \(2000,\) 0\.841/)
  const nothing = { history: async function* () {} } as unknown as ControlApi
  const empty = new ControlServer(`${socket}2`, nothing)
  await empty.start()
  t.teardown(() => empty.stop())
  t.equal(await writeWindow({ ...source, socket: `${socket}2` }, { fromUs: 0, toUs: 1 }, dir, 'none'), undefined)
})
