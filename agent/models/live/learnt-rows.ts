// The rows that a learner has counted, out of the history again: to be fitted, or to be counted anew.
import type { AssetConfig } from '../../config/contract.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import type { CaptureData, FitResult, ModelFile } from '../contract.ts'
import { type BaselineRange, collectBaseline, replayHistory } from './baseline.ts'
import { type FitDeps, type FitExtra, fitAndWarn } from './fitting.ts'
import type { TimeRange } from './fold.ts'
import { LearnMeter, type LearnRecord } from './learn-meter.ts'

/** What led up to an alarm is not healthy either. */
const MARGIN_ROWS = 40

export interface LearntDeps extends FitDeps {
  /** At work now. */
  model(): ModelFile | undefined
  /** Alarms of the machine so far, the one that stands included. */
  alarms(): readonly TimeRange[]
  /** Where what is learnt from are not rows. */
  collect?: (range: BaselineRange) => Promise<CaptureData>
  /** Likewise: [fromUs, toUs) once more, as rows to be counted. */
  replay?: (range: { fromUs: number; toUs: number }, sink: (block: GatedBlock) => void) => Promise<void>
}

export interface LearntTask {
  asset: AssetConfig
  deps: LearntDeps
  /** What there was when the fit began. */
  there: Readonly<LearnRecord>
  signal: AbortSignal
}

/** Fits what was learnt; beside a provisional model without what its alarms were about, unless a person has asked to learn anew. */
export async function fitLearnt({ asset, deps, there, signal }: LearntTask, extra: FitExtra): Promise<FitResult> {
  const { sinceUs: fromUs, uptoUs: toUs, rows: expectedRows, without = [], anew } = there
  const left = deps.model()?.manifest.provisional && !anew ? deps.alarms() : []
  const marginUs = MARGIN_ROWS * asset.everyMs * 1000
  const among = (timeUs: number): boolean =>
    !left.some(alarm => timeUs >= alarm.fromUs - marginUs && timeUs <= (alarm.toUs ?? Number.POSITIVE_INFINITY))
  const range: BaselineRange = { fromUs, toUs, expectedRows, without, ...(left.length > 0 ? { among } : {}) }
  const data = await (deps.collect?.(range) ?? collectBaseline(deps.history, asset, deps.gate, range))
  return fitAndWarn(deps, asset, data, extra, signal)
}

/** What the history of a range counts for; it completes nothing. Throws what the history throws. */
export async function countLearnt(
  asset: AssetConfig,
  { history, gate, replay }: Pick<LearntDeps, 'history' | 'gate' | 'replay'>,
  range: { fromUs: number; toUs: number },
  record?: LearnRecord,
): Promise<LearnMeter> {
  const meter = new LearnMeter(asset, record)
  const count = (block: GatedBlock): void => void meter.count(block, Number.POSITIVE_INFINITY)
  await (replay?.(range, count) ?? replayHistory(history, asset, gate, range, count))
  return meter
}
