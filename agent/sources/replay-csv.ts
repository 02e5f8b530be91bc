import type { AssetConfig, ChannelConfig, ReplaySourceConfig } from '../config/contract.ts'
import { AgentError } from '../core/errors.ts'
import type { SampleBlock } from '../core/types.ts'
import type { CsvBlock, CsvTable } from '../decode/contract.ts'
import type { SourceDeps } from './contract.ts'
import type { Pace } from './pace.ts'

export interface PlayOptions {
  file: string
  config: ReplaySourceConfig
  deps: SourceDeps
  pace: Pace
  onData: (nowUs: number) => void
  /** Something wrong that does not end the playing. */
  onProblem: (problem: string) => void
}

// 256 rows of eight channels through windows and history take well under a millisecond: far from the 20 ms that would
// hold up other sources.
const BLOCK_ROWS = 256
const MISSING_SHOWN_MAX = 8

interface BoundAsset {
  block: SampleBlock
  fields: { column: number; channel: number; scale: number; offset: number }[]
}

/** Plays one CSV file. Throws CSV_INVALID, and REPLAY_UNREADABLE when no column of it is bound to a channel. */
export async function playCsv(options: PlayOptions): Promise<void> {
  const { file, deps, pace, config } = options
  const timeColumn = timeColumnFor(config, deps.assets)
  const table = await deps.decoders.openCsv(file, timeColumn === undefined ? {} : { timeColumn })
  const assets = deps.assets.flatMap(asset => bind(asset, table, config.id))
  if (assets.length === 0) {
    throw new AgentError(
      'REPLAY_UNREADABLE',
      `${file}: no channel of source ${config.id} is among its columns ${table.columns.join(', ')}; set column of the channels`,
    )
  }
  const missing = missingIn(table, deps.assets, config.id)
  if (missing) options.onProblem(`${file}: ${missing}`)
  for await (const recorded of table.rows()) {
    for (let from = 0; from < recorded.rows; ) {
      await pace.reach(recorded.timesUs[from]!)
      if (pace.aborted) return
      const count = dueRows(recorded, from, pace.playheadUs())
      for (const asset of assets) emit(asset, recorded, from, count, table.columns.length, deps)
      options.onData(deps.clock.nowUs())
      from += count
    }
  }
  const { badCells, badRows } = table
  deps.counters.get(`sources.${config.id}.bad_cells`).n += badCells
  deps.counters.get(`sources.${config.id}.bad_rows`).n += badRows
}

/** At least one row, at most a block: those that the playhead has passed. */
function dueRows(recorded: CsvBlock, from: number, playheadUs: number): number {
  const end = Math.min(recorded.rows, from + BLOCK_ROWS)
  let to = from + 1
  while (to < end && recorded.timesUs[to]! <= playheadUs) to++
  return to - from
}

function emit(
  asset: BoundAsset,
  recorded: CsvBlock,
  from: number,
  count: number,
  width: number,
  deps: SourceDeps,
): void {
  const { block, fields } = asset
  for (let row = 0; row < count; row++) {
    block.timesUs[row] = recorded.timesUs[from + row]!
    for (const { column, channel, scale, offset } of fields) {
      block.values[row * block.columns + channel] = recorded.values[(from + row) * width + column]! * scale + offset
    }
  }
  block.rows = count
  deps.sink.samples(block)
}

function timeColumnFor(config: ReplaySourceConfig, assets: readonly AssetConfig[]): string | undefined {
  const bindings = assets.flatMap(asset => asset.channels.map(channel => channel.binding))
  const named = bindings.find(binding => binding.source === config.id && typeof binding.timeColumn === 'string')
  return named?.timeColumn as string | undefined
}

/** Channels that stay without a value because the file has no such column, or no numbers in it. */
function missingIn(table: CsvTable, assets: readonly AssetConfig[], sourceId: string): string | undefined {
  const mine = assets.flatMap(asset => asset.channels.map(channel => ({ asset: asset.id, channel })))
  const missing = mine.flatMap(({ asset, channel }) =>
    channel.binding.source === sourceId && !channel.waveform && columnOf(channel, table) === -1
      ? [`${asset} ${channel.id} (column ${channel.binding.column ?? channel.id})`]
      : [],
  )
  if (missing.length === 0) return undefined
  const more = missing.length > MISSING_SHOWN_MAX ? ` and ${missing.length - MISSING_SHOWN_MAX} more` : ''
  const listed = `${missing.slice(0, MISSING_SHOWN_MAX).join(', ')}${more}`
  return `no column of numbers for ${listed}; the header names ${table.header.join(', ')}; set column of the channels`
}

/** Position among the columns of numbers: by header name (`column`), else by the channel's id; -1 = not there. */
function columnOf({ id, binding }: ChannelConfig, table: CsvTable): number {
  const name = typeof binding.column === 'number' ? table.header[binding.column] : (binding.column ?? id)
  return name === undefined ? -1 : table.columns.indexOf(name)
}

/** Channels that the file does not have stay NaN. */
function bind(asset: AssetConfig, table: CsvTable, sourceId: string): BoundAsset[] {
  const fields = asset.channels.flatMap((bound, channel) => {
    if (bound.binding.source !== sourceId || bound.waveform) return []
    const column = columnOf(bound, table)
    return column === -1 ? [] : [{ column, channel, scale: bound.scale, offset: bound.offset }]
  })
  if (fields.length === 0) return []
  const columns = asset.channels.length
  const block: SampleBlock = {
    asset: asset.index,
    rows: 0,
    columns,
    timesUs: new Float64Array(BLOCK_ROWS),
    values: new Float64Array(BLOCK_ROWS * columns).fill(Number.NaN),
  }
  return [{ block, fields }]
}
