// What each asset has of its own: its line through the windows room and the life of its scoring.
import type { AssetConfig } from '../config/contract.ts'
import { Counters } from '../core/counters.ts'
import { messageOf } from '../core/errors.ts'
import type { SampleBlock } from '../core/types.ts'
import { sha256Hex } from '../models/file/model-file.ts'
import { fitCapturesInWorker, fitInWorker } from '../models/fit/fit-worker.ts'
import { AssetScoring } from '../models/live/asset-scoring.ts'
import type { ModelsFold } from '../models/live/fold.ts'
import type { HeldRows } from '../models/live/held-rows.ts'
import { telemetryColumns } from '../models/live/learn-meter.ts'
import type { ReducedBefore } from '../models/live/reducer.ts'
import { SpeedTrack } from '../models/live/speed.ts'
import type { WindowQueue } from '../scoring/contract.ts'
import { AssetLine } from '../windows/asset-line.ts'
import { Cutter } from '../windows/cutter.ts'
import { Gate } from '../windows/gate.ts'
import { CaptureLine } from './capture-line.ts'
import type { AgentParts, BuildOptions } from './parts.ts'
import { WaveformScoring } from './waveform-scoring.ts'

const FIT_DEADLINE_MS = 120_000
/** A queue filled from stored rows leaves this share to the rows that arrive meanwhile. */
const QUEUE_SHARE = 0.5
const ROOM_CHECK_MS = 5

type LineParts = Pick<
  AgentParts,
  'history' | 'host' | 'desk' | 'engine' | 'scoring' | 'counters' | 'analyser' | 'vibration' | 'captures'
>

export function newLine(options: BuildOptions, asset: AssetConfig, parts: LineParts): AssetLine {
  const { history, engine, host, desk, scoring } = parts
  const telemetry = telemetryColumns(asset)
  const names = telemetry.map(column => asset.channels[column]!.id)
  const modelDeps = { queue: () => host.queue(asset.id), model: () => desk.active(asset.id) }
  const waveforms = new WaveformScoring(asset, modelDeps)
  const speed = new SpeedTrack(asset)
  const captures = new CaptureLine(asset, {
    ...modelDeps,
    history,
    speed,
    analyser: parts.analyser,
    vibration: parts.vibration,
    sensors: (endUs, troubles, figures) => engine.sensors(asset.index, endUs, troubles, figures),
    captured: startUs => scoring[asset.index]!.captured(startUs),
    failed(error) {
      const what = `captures of ${asset.id} that waited for its model are not scored: ${messageOf(error)}`
      options.logger.room('models').error(what)
    },
  })
  parts.captures[asset.index] = captures
  return new AssetLine(asset, options.clock, parts.counters, {
    stored: block => history.append(asset.id, 'samples', names, block.rows, block.timesUs, valuesOf(block, telemetry)),
    gated(block, raw) {
      engine.rows(block, raw)
      speed.rows(block)
      scoring[asset.index]!.gated(block)
    },
    waveform(block, running) {
      if (captures.takes(block.channel)) {
        captures.push(block, running)
        return
      }
      history.appendWaveform(asset.id, asset.channels[block.channel]!.id, block)
      if (running) waveforms.push(block)
      else waveforms.stopped()
    },
  })
}

/** [rows x columns.length]; the block's own values where it has no others. */
function valuesOf(block: SampleBlock, columns: readonly number[]): Float64Array {
  if (columns.length === block.columns) return block.values
  const values = new Float64Array(block.rows * columns.length)
  for (let row = 0, to = 0; row < block.rows; row++) {
    for (const column of columns) values[to++] = block.values[row * block.columns + column]!
  }
  return values
}

type ScoringParts = Pick<AgentParts, 'history' | 'host' | 'desk' | 'store' | 'records' | 'engine' | 'captures'> & {
  held: HeldRows
  alone: <T>(work: () => Promise<T>) => Promise<T>
}

/** Work is done one after the other, in the order asked for. */
export function oneAtATime(): ScoringParts['alone'] {
  let last: Promise<unknown> = Promise.resolve()
  return work => {
    const done = last.then(work)
    last = done.catch(() => {})
    return done
  }
}

export function newScoring(options: BuildOptions, asset: AssetConfig, parts: ScoringParts): AssetScoring {
  const { clock } = options
  const logger = options.logger.room('models')
  const { history, host, desk, store, records, held, engine } = parts
  const { models } = records
  // Counters of the gates that replay stored rows are kept apart: those rows were counted when they came in.
  const replayed = new Counters()
  const deps: ConstructorParameters<typeof AssetScoring>[1] = {
    history,
    logger,
    held,
    alone: parts.alone,
    gate: (asset, out) => new Gate(asset, replayed, out),
    cutter: (asset, shape, afterUs) => new Cutter(asset, shape, afterUs),
    queue: key => host.queue(key),
    room: queue => roomIn(queue, options),
    inAlarm: () => engine.inAlarm(asset.index),
    alarms: () => models.lineage(asset.id).alarms,
    bound(model) {
      engine.bound(asset.index, model.manifest)
      parts.captures[asset.index]?.bound(model)
    },
    stored: sha256 => store.read(sha256, 'local'),
    fit(asset, data, extra, signal) {
      const options = { ...fitOptions(asset, models.localRelease(asset.id) + 1), ...extra }
      const run = { deadlineMs: FIT_DEADLINE_MS, clock, signal }
      return 'captures' in data ? fitCapturesInWorker(data, options, run) : fitInWorker(data, options, run)
    },
    async install(asset, fitted, kind, bind, without) {
      const model = {
        bytes: fitted.bytes,
        sha256: sha256Hex(fitted.bytes),
        manifest: fitted.manifest,
        origin: 'local' as const,
      }
      const more = without === undefined ? {} : { without }
      const outcome = await desk.install({ asset, model, by: 'agent', kind, ...more, taken: bind })
      const { name, release, fitted: baseline, family, familyReason = '' } = fitted.manifest
      const why = familyReason === '' ? family : `${family}: ${familyReason}`
      if (outcome.ok && kind !== 'reduced' && kind !== 'whole') {
        const what = `${asset.id} learnt from ${baseline?.rows} rows (${why})`
        logger.info(`${what}; ${name} release ${release} scores it from now on`)
      }
      return outcome.ok ? undefined : { reason: outcome.reason ?? 'refused', code: outcome.code }
    },
  }
  const { learning, rebaselining } = models
  return new AssetScoring(asset, deps, {
    learning: learning.get(asset.id),
    rebaselining: rebaselining.get(asset.id),
    reduced: reducedBefore(asset, models),
  })
}

/** A model of fewer channels was at work, and the whole one is to come back. */
function reducedBefore({ id, digest }: AssetConfig, models: ModelsFold): ReducedBefore | undefined {
  const binding = models.bindings.get(id)
  const { whole } = models.lineage(id)
  if (binding?.kind !== 'reduced' || binding.digest !== digest || !whole) return undefined
  return { sha256: binding.sha256, whole: whole.sha256, without: binding.without ?? [] }
}

function fitOptions(asset: AssetConfig, release: number): Parameters<typeof fitInWorker>[1] {
  const { family, order, mean, hop } = asset.model
  const { onDelayMs, offDelayMs, deadband } = asset.alarm
  return {
    // With `auto` the family is known only after the fit, and may be another one after the next.
    name: `${asset.id}-${family === 'auto' ? 'baseline' : family}`,
    release,
    assetClass: asset.type ?? asset.id,
    family: family === 'bands' ? 'auto' : family,
    order,
    mean,
    hop,
    everyMs: asset.everyMs,
    alarm: { onDelayMs, offDelayMs, deadband },
  }
}

/** Waits until the queue has room for another chunk of stored rows. */
async function roomIn(queue: WindowQueue, { clock, config }: BuildOptions): Promise<void> {
  while (queue.waiting > config.scorer.queueWindowsMax * QUEUE_SHARE) {
    await new Promise<void>(resolve => clock.after(ROOM_CHECK_MS, resolve))
  }
}
