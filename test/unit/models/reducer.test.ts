// Channels of a machine that is scored die and come back: which model is at work, what it was fitted on, what is said.
import t from 'tap'
import { Counters } from '../../../agent/core/counters.ts'
import { AgentError } from '../../../agent/core/errors.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import type { History, HistoryRows } from '../../../agent/history/contract.ts'
import type { FitData, FitOptions, ModelFile } from '../../../agent/models/contract.ts'
import { parseModelFile } from '../../../agent/models/file/model-file.ts'
import { fitModel } from '../../../agent/models/fit/fit.ts'
import type { BindingKind, LeftOutChannel, TimeRange } from '../../../agent/models/live/fold.ts'
import { type ReducedBefore, Reducer } from '../../../agent/models/live/reducer.ts'
import { Gate } from '../../../agent/windows/gate.ts'
import { asset, channel } from '../../support/assets.ts'
import { CHANNELS, Plant, plantFitData } from '../../support/plant.ts'

const START_US = 1_760_000_000_000_000
const SECOND_US = 1e6
const BASELINE = 400
/** A minute of rows, and as long until it is back. */
const GONE = 60
const IDS = CHANNELS.map(({ id }) => id)

const turns = async (): Promise<void> => {
  for (let i = 0; i < 50; i++) await new Promise(resolve => setImmediate(resolve))
}

class Life {
  readonly pump = asset(
    CHANNELS.map(({ id, unit }) => channel(id, { unit })),
    { gapMs: 10_000 },
  )
  readonly plant = new Plant('p-101', 5, START_US)
  readonly fits: { data: FitData; extra: Partial<FitOptions> }[] = []
  readonly installs: { kind: BindingKind; without: string[] }[] = []
  readonly log: string[] = []
  readonly whole: ModelFile
  model: ModelFile
  alarms: TimeRange[] = []
  /** The disk, or the store. */
  broken: AgentError | undefined
  /** Rows before this are no longer in the history. */
  keptFromUs = 0
  readonly reducer: Reducer
  readonly #rows: { timeUs: number; values: number[] }[] = []
  readonly #gate: Gate

  constructor(before?: ReducedBefore, at?: { whole: ModelFile; model: ModelFile; rows: number }) {
    const options = { name: 'p-101-baseline', family: 'auto', order: 2, mean: 4, hop: 1, everyMs: 1000 } as const
    const data = plantFitData(5, BASELINE, START_US)
    this.whole = at?.whole ?? parse(fitModel({ ...data, source: 'history' }, { ...options, release: 1 }).bytes)
    this.model = at?.model ?? this.whole
    this.reducer = new Reducer(
      this.pump,
      {
        history: { query: (range: { fromUs: number; toUs: number }) => this.#query(range) } as unknown as History,
        gate: (config, out) => new Gate(config, new Counters(), out),
        alone: work => work(),
        logger: { ...silentLogger, warn: text => this.log.push(text), info: text => this.log.push(text) },
        fit: async (_, fitData, extra) => {
          this.fits.push({ data: fitData as FitData, extra })
          return fitModel(fitData as FitData, { ...options, release: 1 + this.fits.length, ...extra })
        },
        install: async (_, fitted, kind, bind, without = []) => {
          if (this.broken) return { reason: this.broken.message, code: this.broken.code }
          this.installs.push({ kind, without: without.map(({ channel }: LeftOutChannel) => channel) })
          bind(parse(fitted.bytes))
          return undefined
        },
        model: () => this.model,
        bind: model => this.bind(model),
        alarms: () => this.alarms,
        stored: async () => this.whole,
      },
      before,
    )
    this.#gate = new Gate(this.pump, new Counters(), block => this.reducer.gated(block))
    this.reducer.bound(this.model)
    this.arrive(at?.rows ?? BASELINE)
  }

  bind(model: ModelFile): void {
    this.model = model
    this.reducer.bound(model)
  }

  /** Rows one by one, without values of these channels. */
  arrive(rows: number, gone: readonly string[] = []): void {
    for (let i = 0; i < rows; i++) {
      const values = this.plant.row().map((value, c) => (gone.includes(IDS[c]!) ? Number.NaN : value))
      const { timeUs } = this.plant
      this.#rows.push({ timeUs, values })
      const block = {
        asset: 0,
        rows: 1,
        columns: 3,
        timesUs: Float64Array.of(timeUs),
        values: Float64Array.from(values),
      }
      this.#gate.push(block)
    }
  }

  async dies(rows: number, gone: readonly string[]): Promise<void> {
    this.arrive(rows, gone)
    await turns()
    this.arrive(1, gone)
    await turns()
  }

  get channels(): string[] {
    return this.model.manifest.channels.map(({ id }) => id)
  }

  async *#query({ fromUs, toUs }: { fromUs: number; toUs: number }): AsyncGenerator<HistoryRows> {
    const rows = this.#rows.filter(({ timeUs }) => timeUs >= Math.max(fromUs, this.keptFromUs) && timeUs < toUs)
    const timesUs = Float64Array.from(rows, ({ timeUs }) => timeUs)
    if (rows.length > 0)
      yield { timesUs, columns: IDS, values: Float64Array.from(rows.flatMap(({ values }) => values)) }
  }
}

function parse(bytes: Uint8Array): ModelFile {
  return parseModelFile(bytes, 'local', 'test')
}

t.test('fitted on the rows of the baseline without it, its reference restricted; and back', async t => {
  const life = new Life()
  life.arrive(100)
  await life.dies(GONE - 1, ['current'])
  t.same(life.channels, ['flow', 'pressure'])
  t.same(life.installs, [{ kind: 'reduced', without: ['current'] }])
  t.match(life.reducer.leftOut, [{ channel: 'current', sinceUs: START_US + (BASELINE + 100) * SECOND_US }])
  const { reference, fitted } = life.whole.manifest
  t.equal(life.fits[0]!.data.rows, BASELINE)
  t.match(life.fits[0]!.extra, { screen: true })
  t.match(life.model.manifest.fitted, { fromUs: fitted!.fromUs, toUs: fitted!.toUs })
  t.same(life.model.manifest.reference, {
    ...reference,
    centre: [reference!.centre[0], reference!.centre[2]],
    deviation: [reference!.deviation[0], reference!.deviation[2]],
  })
  t.equal(life.model.manifest.keeps, life.whole.manifest.keeps)
  t.match(life.log, [/p-101 is scored without current from now on, .* fitted on 400 rows of its baseline/])

  await life.dies(GONE - 1, [])
  t.equal(life.model.sha256, life.whole.sha256)
  t.same(life.installs.at(-1), { kind: 'whole', without: [] })
  t.same(life.reducer.leftOut, [])
  t.match(life.log.at(-1), /scored with all its channels again/)

  await life.dies(GONE, ['current'])
  t.same(life.channels, ['flow', 'pressure'])
  t.equal(life.fits.length, 1, 'the same set is fitted once')
})

t.test('another one dies, then all; each set from the whole baseline', async t => {
  const life = new Life()
  await life.dies(GONE, ['current'])
  await life.dies(GONE, ['current', 'flow'])
  t.same(life.channels, ['pressure'])
  t.equal(life.reducer.problem, undefined)
  await life.dies(GONE, IDS)
  t.same(life.channels, ['pressure'], 'nothing to put in its place')
  t.match(
    life.reducer.problem,
    /unwatched by a model: no good value of flow, current and pressure, and that is all it looks at/,
  )
  await life.dies(GONE, ['current', 'flow'])
  t.equal(life.reducer.problem, undefined)
  t.same(life.installs.length, 2, 'it was at work all along')
  await life.dies(2 * GONE, [])
  t.equal(life.model.sha256, life.whole.sha256)
})

t.test('a history that no longer holds the baseline: said once, unwatched, until the channel is back', async t => {
  const life = new Life()
  life.keptFromUs = START_US + 300 * SECOND_US
  await life.dies(GONE, ['flow'])
  life.arrive(200, ['flow'])
  await turns()
  t.match(life.reducer.problem, /no good value of flow, and the history no longer holds its baseline \(100 of 400 rows/)
  t.equal(life.log.length, 1)
  t.same(life.installs, [])
  await life.dies(GONE, [])
  t.equal(life.reducer.problem, undefined)
  t.equal(life.model, life.whole)
})

t.test('a disk that fails is tried again a minute later', async t => {
  const life = new Life()
  life.broken = new AgentError('MODEL_STORE_IO', 'no space left')
  await life.dies(GONE, ['flow'])
  t.match(life.reducer.problem, /no space left/)
  life.broken = undefined
  life.arrive(40, ['flow'])
  await turns()
  t.same(life.installs, [])
  await life.dies(30, ['flow'])
  t.same(life.channels, ['current', 'pressure'])
  t.equal(life.reducer.problem, undefined)
})

t.test('goes on after a restart: the whole model is back when the channel is, another set is fitted', async t => {
  const life = new Life()
  await life.dies(GONE, ['flow'])
  const { model, whole, reducer } = life
  const before = { sha256: model.sha256, whole: whole.sha256, without: reducer.leftOut }
  const again = new Life(before, { model, whole, rows: 0 })
  t.match(again.reducer.leftOut, [{ channel: 'flow' }])
  again.arrive(20, ['flow'])
  await turns()
  t.same(again.installs, [], 'nothing to do')
  await again.dies(GONE, [])
  t.equal(again.model.sha256, whole.sha256)

  const other = new Life(before, { model, whole, rows: 0 })
  other.arrive(BASELINE, ['flow'])
  await other.dies(GONE, ['flow', 'current'])
  t.same(other.channels, ['pressure'])
})

t.test('rows in alarm and before are not learnt, unless a person has called them healthy', async t => {
  const alarm = (fromS: number, toS: number): TimeRange => ({
    fromUs: START_US + fromS * SECOND_US,
    toUs: START_US + toS * SECOND_US,
  })
  const life = new Life()
  life.alarms = [alarm(250, 260)]
  await life.dies(GONE, ['flow'])
  t.equal(life.fits[0]!.data.rows, BASELINE - 11 - 40)

  const anew = new Life()
  anew.alarms = [alarm(50, 390)]
  await anew.dies(GONE, ['flow'])
  t.equal(anew.fits[0]!.data.rows, BASELINE, 'after set-baseline the model of before may have been in alarm all along')

  const carried = new Life()
  const { fitted } = carried.whole.manifest
  const manifest = { ...carried.whole.manifest, fitted: { ...fitted!, fromUs: fitted!.fromUs + 1 } }
  carried.bind({ ...carried.whole, sha256: 'carried', manifest })
  carried.alarms = anew.alarms
  await carried.dies(GONE, ['flow'])
  t.match(carried.reducer.problem, /no longer holds its baseline/)
})

t.test('a delivered model stays, and status says that nothing watches', async t => {
  const life = new Life()
  life.bind({ ...life.whole, sha256: 'ab', origin: 'delivered' })
  await life.dies(GONE, ['flow'])
  t.same(life.installs, [])
  t.match(
    life.reducer.problem,
    /unwatched by its model: no good value of flow, and a delivered model is not fitted again/,
  )
  await life.dies(GONE, [])
  t.equal(life.reducer.problem, undefined)
})

t.test('a new baseline that comes in while channels are gone is reduced itself', async t => {
  const life = new Life()
  await life.dies(GONE, ['flow'])
  const next = { ...life.whole, sha256: 'next', manifest: { ...life.whole.manifest, release: 9 } }
  life.bind(next)
  await life.dies(1, ['flow'])
  t.same(life.channels, ['current', 'pressure'])
  t.equal(life.fits.length, 2, 'fitted again: the baseline is another')
})
