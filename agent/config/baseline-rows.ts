// Is the baseline that an asset is to learn long enough to be fitted? One that is not would be tried, refused and
// lengthened by the running agent, so that nobody gets the time that the file promises: worth a warning, no reason not to start.
import type { LoadContext } from './context.ts'
import type { AssetConfig } from './contract.ts'
import { durationText, timesMs } from './quantities.ts'
import type { Sources } from './sources.ts'

/** What one asset's baseline comes to. */
export interface BaselineRows {
  asset: string
  /** The least that a fit takes, when no gap is among them. */
  rowsNeeded: number
  /** What `learn` comes to; undefined where the file does not say how often a row comes. */
  rows: number | undefined
}

// The conditions of `models/fit/fit.ts`, which a test holds this against: twice as many targets as weights, ten windows' worth of
// them, sixty windows. The first `order` rows are no target, the first `order + mean - 1` end no window.
const WINDOWS_MIN = 60
const WINDOW_LENGTHS_MIN = 10
const ROWS_PER_PARAMETER_MIN = 2

/** Rows without a gap that a fit of family `var` takes at least. */
export function rowsNeeded({ channels, order, mean }: { channels: number; order: number; mean: number }): number {
  const parameters = channels * order + 1
  const targets = Math.max(WINDOWS_MIN, WINDOW_LENGTHS_MIN * (order + mean), ROWS_PER_PARAMETER_MIN * parameters)
  return Math.max(targets + order, WINDOWS_MIN + order + mean - 1)
}

/** One entry per asset that learns; a baseline too short to be fitted is warned of. */
export function baselineRows(ctx: LoadContext, assets: readonly AssetConfig[], sources: Sources): BaselineRows[] {
  return assets.flatMap(asset => {
    const channels = asset.channels.filter(channel => channel.waveform === undefined).length
    if (channels === 0 || asset.model.file !== undefined) return []
    const needed = rowsNeeded({ channels, ...asset.model })
    const { learn, everyMs } = asset
    // A row at the beginning of the time and one at its end.
    const timed = isEveryKnown(ctx, asset, sources) ? Math.floor(learn.runningMs / everyMs) + 1 : undefined
    const rows = learn.rows ?? timed
    if (rows !== undefined && rows < needed) warn(ctx, asset, rows, needed)
    return [{ asset: asset.id, rowsNeeded: needed, rows }]
  })
}

function warn(ctx: LoadContext, { id, type, learn, everyMs, model }: AssetConfig, rows: number, needed: number): void {
  const window = `order ${model.order} and mean ${model.mean}`
  if (learn.rows !== undefined) {
    const message = `${rows} rows are too few to fit a model with ${window}, so it will be a smaller one or take more; expected at least ${needed}`
    ctx.issues.warn(ctx.place(id, type, 'learn', 'rows'), message, `write rows: ${needed} or more`)
    return
  }
  const leastMs = Math.ceil(timesMs(everyMs, needed) / 1000) * 1000
  ctx.issues.warn(
    ctx.place(id, type, 'learn', 'running'),
    `${durationText(learn.runningMs)} at a row every ${durationText(everyMs)} are ${rows} rows, too few to fit a model ` +
      `with ${window}, so it will be a smaller one or take longer; expected at least ${needed} rows`,
    `write running: ${durationText(leastMs)} or longer`,
  )
}

/** The grid of scattered channels, what the file says, or the source's own rate; not the default of a second. */
function isEveryKnown(ctx: LoadContext, asset: AssetConfig, sources: Sources): boolean {
  const { id, type, layout, channels, everyMs } = asset
  const written = (...rest: string[]): boolean => ctx.has(ctx.place(id, type, ...rest))
  if (layout === 'scattered' || written('every')) return true
  return channels.some(channel => {
    if (written('channels', channel.id, 'every')) return true
    const source = sources.get(channel.binding.source)
    const rateHz = source?.kind === 'simulator' || source?.kind === 'replay' ? source.rateHz : undefined
    return rateHz !== undefined && timesMs(1000, 1 / rateHz) === everyMs
  })
}
