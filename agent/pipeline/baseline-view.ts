// What the agent shows of a baseline: how far it has come, what it still wants, how the machine stood when it was learnt, how
// far the inputs have moved since, and what came of the last re-baselining.
import { isoFromUs } from '../core/types.ts'
import type { AssetScoring } from '../models/live/asset-scoring.ts'
import { severityOfModel } from '../models/live/fitting.ts'
import type { ChannelSeverity } from '../models/live/severity.ts'
import type { AgentParts } from './parts.ts'

type Parts = Pick<AgentParts, 'config' | 'scoring'>

/** For status: everything. */
export function baselineStatus({ config, scoring }: Parts, index: number): Record<string, unknown> {
  const asset = scoring[index]!
  const { model, lastRebaselining: last } = asset
  const drift = asset.inputDrift()
  const manifest = model?.manifest
  const rebaselining = last ? { at: isoFromUs(last.atUs), outcome: last.outcome, reason: last.reason } : undefined
  return {
    ...(asset.learns ? { learning: asset.progress() } : {}),
    ...withoutLines(asset),
    ...(manifest?.provisional ? { provisional: manifest.provisional } : {}),
    ...(manifest?.reference ? { severity: severityLines(severityOfModel(config.assets[index]!, manifest)) } : {}),
    ...(drift ? { inputDrift: drift } : {}),
    ...(rebaselining ? { rebaselining } : {}),
  }
}

/** For the retained state: what changes rarely, so nothing that counts on. */
export function baselineState({ config, scoring }: Parts, index: number): Record<string, unknown> {
  const asset = scoring[index]!
  const manifest = asset.model?.manifest
  return {
    ...(asset.learns ? { learning: learningState(asset.progress()) } : {}),
    ...withoutLines(asset),
    ...(manifest?.provisional ? { provisional: manifest.provisional } : {}),
    ...(manifest?.reference ? { severity: severityLines(severityOfModel(config.assets[index]!, manifest)) } : {}),
  }
}

function learningState({
  share,
  missing,
  without,
  insufficient,
}: ReturnType<AssetScoring['progress']>): Record<string, unknown> {
  return {
    share: Math.floor(10 * share) / 10,
    missing,
    ...(without === undefined ? {} : { without }),
    ...(insufficient === undefined ? {} : { insufficient }),
  }
}

/** Channels that the model at work leaves out; `since`: they have been gone since then, and come back by themselves. */
function withoutLines({ without }: AssetScoring): Record<string, unknown> {
  if (without.length === 0) return {}
  const lines = without.map(({ channel, sinceUs }) => ({
    channel,
    ...(sinceUs === undefined ? {} : { since: isoFromUs(sinceUs) }),
  }))
  return { without: lines }
}

/** Empty: there is no absolute reference. */
function severityLines(found: readonly ChannelSeverity[]): Record<string, unknown>[] {
  return found.map(({ channel, text, zone, high }) => ({
    channel,
    text,
    ...(zone === undefined ? {} : { zone }),
    ...(high ? { high } : {}),
  }))
}
