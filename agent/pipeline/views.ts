// What the agent shows of itself: status (socket), the retained state message, health; alarms are in alarm-views.ts.

import { isoFromUs } from '../core/types.ts'
import type { ModelFile } from '../models/contract.ts'
import type { Placement } from '../scoring/contract.ts'
import { standingAlarms, statisticsLine } from './alarm-views.ts'
import { baselineState, baselineStatus } from './baseline-view.ts'
import type { AgentParts } from './parts.ts'
import { trendView } from './trends.ts'
import { unwatchedOf, vibrationFigures, vibrationStatus } from './vibration-view.ts'

export function assetStatus(
  parts: AgentParts,
  index: number,
  placements = parts.host.status().placements,
): Record<string, unknown> {
  const asset = parts.config.assets[index]!
  const line = parts.lines[index]!
  const scoring = parts.scoring[index]!
  const channels = line.live.rows(parts.clock.nowUs())
  const bad = channels.filter(channel => channel.quality !== 'good')
  const latest = parts.scores.latest(index)
  const pending = parts.engine.pending(index)
  const queue = parts.host.queue(asset.id)
  return {
    id: asset.id,
    ...(asset.tag === undefined ? {} : { tag: asset.tag }),
    machine: line.machineNow(),
    channelsGood: channels.length - bad.length,
    channels: channels.length,
    bad: bad.map(({ channel, quality }) => `${channel} ${quality}`),
    mode: scoring.mode,
    ...baselineStatus(parts, index),
    ...vibrationStatus(parts, index),
    ...problemOf(parts, index),
    ...(scoring.model ? { model: modelLine(placements, asset.id, scoring.model) } : {}),
    ...trendView(parts.trends.of(index)),
    ...(latest ? { score: latest.score, scoredAt: isoFromUs(latest.timeUs), contributions: shares(latest) } : {}),
    ...(pending ? { pending } : {}),
    ...(queue ? { windowsWaiting: queue.waiting, windowsDropped: queue.dropped } : {}),
    alarms: parts.engine.standing().filter(alarm => alarm.asset === asset.id).length,
  }
}

/** Why not everything that is configured is watched. */
function problemOf({ scoring, engine }: AgentParts, index: number): { problem?: string } {
  const { problem } = scoring[index]!
  const features = engine.unwatchedFeatures(index)
  const unknown = features.length > 0 ? [`no setpoint on ${features.join(', ')}: its model has no such feature`] : []
  const all = [...(problem === undefined ? [] : [problem]), ...unknown]
  return all.length > 0 ? { problem: all.join('; ') } : {}
}

function modelLine(
  placements: readonly Placement[],
  key: string,
  model: NonNullable<AgentParts['scoring'][number]['model']>,
): Record<string, unknown> {
  const placement = placements.find(entry => entry.key === key)
  const { name, release, family } = model.manifest
  return {
    name,
    release,
    family,
    sha256: model.sha256,
    origin: model.origin,
    ...provisionalMark(model),
    provider: placement?.provider,
    notTaken: placement?.notTaken,
  }
}

/** Every place that names a model says so. */
export function provisionalMark({ manifest }: ModelFile): { provisional?: true } {
  return manifest.provisional ? { provisional: true } : {}
}

function shares(latest: NonNullable<ReturnType<AgentParts['scores']['latest']>>): Record<string, number> {
  return Object.fromEntries(
    latest.model.manifest.contributions.map((label, i) => [label, round(latest.contributions[i] ?? 0)]),
  )
}

function round(value: number): number {
  return Number(value.toPrecision(4))
}

/** Everything, for `wearwatch status --json`. */
export async function fullStatus(parts: AgentParts): Promise<Record<string, unknown>> {
  // Once: the scorer's state is read from /proc, and 50 assets would read it 50 times.
  const scorer = parts.host.status()
  const { config, clock, journal, history, uplink, sources, counters, commits } = parts
  return {
    version: parts.version,
    site: config.gateway.site,
    gateway: config.gateway.id,
    now: isoFromUs(clock.nowUs()),
    clock: parts.clockState(),
    since: isoFromUs(parts.startedUs),
    assets: config.assets.map(asset => assetStatus(parts, asset.index, scorer.placements)),
    alarms: standingAlarms(parts),
    alarmRates: statisticsLine(parts),
    sources: sources.map(source => source.status()),
    scorer,
    uplink: uplink?.status() ?? { state: 'off', detail: 'no uplink section in the config' },
    ...(parts.webhooks.length > 0 ? { webhooks: parts.webhooks.map(webhook => webhook.status()) } : {}),
    journal: { ...journal.status(), waitingToBeWritten: commits.length },
    history: history.stats(),
    storage: parts.wear.status(),
    memoryMb: Math.round(process.memoryUsage.rss() / 1e6),
    counters: counters.snapshot(),
  }
}

/** Body of the retained `state` message: what changes rarely. */
export function stateMessage(parts: AgentParts): Record<string, unknown> {
  const scorer = parts.host.status()
  return {
    state: 'online',
    version: parts.version,
    clock: parts.clockState(),
    since: isoFromUs(parts.startedUs),
    scorer: {
      state: scorer.state,
      models: scorer.placements.map(({ key, sha256, provider, notTaken }) => ({
        asset: key,
        sha256,
        provider,
        notTaken,
      })),
      quarantined: scorer.quarantined,
    },
    assets: parts.config.assets.map(({ id, tag, index }) => {
      const { mode, model, problem } = parts.scoring[index]!
      const unwatched = unwatchedOf(parts, index)
      const named = model
        ? {
            model: {
              name: model.manifest.name,
              release: model.manifest.release,
              sha256: model.sha256,
              origin: model.origin,
              ...provisionalMark(model),
            },
          }
        : {}
      return {
        id,
        ...(tag === undefined ? {} : { tag }),
        machine: parts.lines[index]!.machineNow(),
        mode,
        ...(problem === undefined ? {} : { problem }),
        ...(unwatched ? { unwatched } : {}),
        ...named,
        ...baselineState(parts, index),
      }
    }),
  }
}

/** Body of `features/<asset>`; undefined before the first score and the first capture. */
export function featuresMessage(parts: AgentParts, index: number): Record<string, unknown> | undefined {
  const scored = parts.scores.featuresMessage(index)
  const vibration = vibrationFigures(parts, index)
  if (!scored && !vibration) return undefined
  const inputDrift = parts.scoring[index]!.inputDrift()
  const { at } = scored ?? vibration!
  const trend = trendView(parts.trends.of(index))
  return { at, ...scored, ...trend, ...(vibration ? { vibration } : {}), ...(inputDrift ? { inputDrift } : {}) }
}

/** Body of the periodic `health` message: numbers. */
export function healthMessage(parts: AgentParts): Record<string, unknown> {
  const scorer = parts.host.status()
  const journal = parts.journal.status()
  const history = parts.history.stats()
  const wear = parts.wear.status()
  const uplink = parts.uplink?.status()
  return {
    clock: parts.clockState(),
    uptimeS: Math.round((parts.clock.nowUs() - parts.startedUs) / 1e6),
    memoryMb: Math.round(process.memoryUsage.rss() / 1e6),
    scorer: {
      state: scorer.state,
      restarts: scorer.restarts,
      windowsScored: scorer.windowsScored,
      windowsDropped: scorer.windowsDropped,
      windowsLost: scorer.windowsLost,
      ...(scorer.rssMb === undefined ? {} : { memoryMb: scorer.rssMb }),
    },
    journal: {
      records: journal.nextSeq - journal.firstSeq,
      bytes: journal.bytes,
      waitingToBeWritten: parts.commits.length,
      losses: journal.losses.length,
    },
    history: {
      bytes: history.bytes,
      lostRows: history.lostRows,
      corruptChunks: history.corruptChunks,
      ...(history.lossAtOpen ? { loss: history.lossAtOpen } : {}),
      ...(wear ? { writtenPerDay: wear.bytesPerDay } : {}),
    },
    uplink: {
      alertsPending: (uplink?.lastAlertSeq ?? 0) - (uplink?.deliveredAlertSeq ?? 0),
      reconnects: uplink?.reconnects ?? 0,
    },
    sources: Object.fromEntries(parts.sources.map(source => [source.id, source.status().state])),
    alarmsStanding: parts.engine.standing().length,
    counters: parts.counters.snapshot(),
  }
}
