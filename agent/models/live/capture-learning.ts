// A learner counts captures as rows of a machine without channels, one every so often; what it fits comes from the history.
import type { AssetConfig } from '../../config/contract.ts'
import type { GatedBlock } from '../../windows/contract.ts'
import { type CapturePlan, capturesNeeded, collectCaptures } from './captures.ts'
import type { LearnerDeps } from './learner.ts'
import { learnableCapture, readLevels } from './vibration-rows.ts'

/** GatedBlock.states */
const RUNNING = 2

export function learnerParts(
  asset: AssetConfig,
  plan: CapturePlan | undefined,
  deps: LearnerDeps,
): [AssetConfig, LearnerDeps] {
  if (!plan) return [asset, deps]
  const { running: _, ...rest } = asset
  const learn = { ...asset.learn, rows: capturesNeeded(asset, plan), starts: 0 }
  const counted = { ...rest, running: undefined, channels: [], everyMs: plan.everyUs / 1000, learn }
  const lengthUs = (plan.samples / plan.rateHz) * 1e6
  const collect: LearnerDeps['collect'] = ({ fromUs, toUs, expectedRows }) =>
    collectCaptures(deps.history, asset, plan, { fromUs: fromUs - 1, toUs: toUs + 2 * lengthUs, expectedRows })
  const learnable = learnableCapture(asset)
  const replay: LearnerDeps['replay'] = async ({ fromUs, toUs }, sink) => {
    for (const levels of await readLevels(deps.history, asset.id, plan.channels, fromUs, toUs)) {
      if (learnable(levels)) sink(captureRow(asset.index, levels.endUs - lengthUs, plan.everyUs))
    }
  }
  return [counted, { ...deps, collect, replay }]
}

export function captureRow(asset: number, startUs: number, everyUs: number): GatedBlock {
  return {
    asset,
    rows: 1,
    columns: 0,
    timesUs: Float64Array.of(startUs),
    values: new Float64Array(0),
    states: Uint8Array.of(RUNNING),
    breaks: Uint8Array.of(0),
    quality: new Uint8Array(0),
    runningUs: Float64Array.of(everyUs),
  }
}
