import type { LearnRecord } from './learn-meter.ts'
import type { RebaselineState } from './rebaseline.ts'

/**
 * Why a model took over. `rebaseline`: the same baseline carried forward; `revert`: back to the one before; `reduced`: channels
 * are gone, and one of the others stands in; `whole`: they are back, and so is the one it stood in for.
 */
export type BindingKind = 'baseline' | 'provisional' | 'rebaseline' | 'revert' | 'reduced' | 'whole'

export interface LeftOutChannel {
  channel: string
  /** Its first row without a good value. */
  sinceUs: number
}

/** Payload of a journal record of kind `model`: from here on this model scores this asset. */
export interface BindingRecord {
  asset: string
  sha256: string
  origin: 'local' | 'delivered' | 'file'
  name: string
  release: number
  /** AssetConfig.digest at that time: a local model of another digest is not used. */
  digest: string
  atUs: number
  /** `agent`, `cli`, `mqtt`, `schedule`. */
  by: string
  /** Of a model learnt here; absent in records of older agents. */
  kind?: BindingKind
  /** Of a `reduced` one: the channels that are gone. */
  without?: readonly LeftOutChannel[]
}

/** µs, both ends included; `toUs` is absent while it lasts. */
export interface TimeRange {
  fromUs: number
  toUs?: number
}

/** What one asset has learnt by itself so far. */
export interface Lineage {
  /** What `set-baseline --revert` goes back to: the model that was at work before the present one. */
  previous?: BindingRecord
  /** The baseline that later ones are held against. */
  reference?: BindingRecord
  /** The model of all channels, while a `reduced` one stands in for it. */
  whole?: BindingRecord
  /** Digests of its files that the store may still hold. */
  files: string[]
  /** Alarms of the machine by their id, from their onset on: no baseline is made of such rows. */
  alarms: (TimeRange & { id: string })[]
}

/** Payload of a journal record of kind `learn`, too: which rows since the baseline were healthy. */
export interface RebaselineRecord {
  asset: string
  /** AssetConfig.digest, and file of the first baseline: state of another one says nothing of this. */
  digest: string
  reference: string
  rebaseline: RebaselineState
}

export interface ModelsSnapshot {
  bindings: BindingRecord[]
  learning: LearnRecord[]
  /** Release of the last locally learnt model, by asset. */
  localReleases?: [string, number][]
  lineages?: [string, Lineage][]
  rebaselining?: RebaselineRecord[]
}

/** Kept per asset; more are joined, which leaves out more rows than it must. Checkpoints hold them all. */
const ALARMS_MAX = 16

/** Which model scores which asset, where it came from and how far each baseline has come: a fold over the journal, nothing else. */
export class ModelsFold {
  readonly bindings = new Map<string, BindingRecord>()
  readonly learning = new Map<string, LearnRecord>()
  readonly rebaselining = new Map<string, RebaselineRecord>()

  readonly #localReleases = new Map<string, number>()
  readonly #lineages = new Map<string, Lineage>()

  bind(record: BindingRecord): void {
    const before = this.bindings.get(record.asset)
    this.bindings.set(record.asset, record)
    if (record.origin === 'local') this.#bindLocal(record, before)
    if (record.kind !== 'reduced') delete this.lineage(record.asset).whole
  }

  /** Release of the last model that the asset learnt itself, 0 before the first: releases only rise. */
  localRelease(asset: string): number {
    return this.#localReleases.get(asset) ?? 0
  }

  /** Of a binding on its way to the disk: the next fit may begin before it is there. */
  reserve({ asset, origin, release }: Pick<BindingRecord, 'asset' | 'origin' | 'release'>): void {
    if (origin === 'local') this.#localReleases.set(asset, Math.max(release, this.localRelease(asset)))
  }

  lineage(asset: string): Lineage {
    let lineage = this.#lineages.get(asset)
    if (!lineage) this.#lineages.set(asset, (lineage = { files: [], alarms: [] }))
    return lineage
  }

  learn(record: LearnRecord | RebaselineRecord): void {
    if ('rebaseline' in record) this.rebaselining.set(record.asset, record)
    else this.learning.set(record.asset, record)
  }

  /** An alarm of the machine: its rows are no baseline. */
  alarm(asset: string, id: string, fromUs: number, toUs: number | undefined): void {
    const { alarms } = this.lineage(asset)
    const at = alarms.findIndex(range => range.id === id)
    const range = { id, fromUs, ...(toUs === undefined ? {} : { toUs }) }
    if (at >= 0) alarms[at] = range
    else addAlarm(alarms, range)
  }

  /** Files that no binding needs any more; `gone` says which of them the store has deleted. */
  staleFiles(asset: string): string[] {
    const { files, previous, reference, whole } = this.lineage(asset)
    const active = this.bindings.get(asset)
    const kept = new Set([active, previous, reference, whole].map(record => record?.sha256))
    return files.filter(sha256 => !kept.has(sha256))
  }

  gone(asset: string, sha256: string): void {
    const lineage = this.lineage(asset)
    lineage.files = lineage.files.filter(file => file !== sha256)
  }

  snapshot(): ModelsSnapshot {
    return {
      bindings: [...this.bindings.values()],
      learning: [...this.learning.values()],
      localReleases: [...this.#localReleases],
      lineages: [...this.#lineages],
      rebaselining: [...this.rebaselining.values()],
    }
  }

  restore(snapshot: ModelsSnapshot): void {
    for (const record of snapshot.bindings) this.bind(record)
    for (const record of snapshot.learning) this.learn(record)
    for (const [asset, release] of snapshot.localReleases ?? []) this.#localReleases.set(asset, release)
    for (const [asset, lineage] of snapshot.lineages ?? []) this.#lineages.set(asset, lineage)
    for (const record of snapshot.rebaselining ?? []) this.learn(record)
  }

  #bindLocal(record: BindingRecord, before: BindingRecord | undefined): void {
    const { asset, sha256, kind } = record
    // One that is gone back to has a lower one than the last.
    this.reserve(record)
    const lineage = this.lineage(asset)
    if (!lineage.files.includes(sha256)) lineage.files.push(sha256)
    if (kind === 'whole') return
    if (kind === 'reduced') {
      if (before && before.kind !== 'reduced') lineage.whole = before
      return
    }
    const replaced = before?.kind === 'reduced' ? lineage.whole : before
    if (replaced && replaced.sha256 !== sha256) {
      if (replaced.origin === 'local' && replaced.digest === record.digest) lineage.previous = replaced
      else delete lineage.previous
    }
    if (kind !== 'rebaseline' && kind !== 'revert') lineage.reference = record
    // What `set-baseline` asked for is there, or was given up.
    const learning = this.learning.get(asset)
    if (learning?.anew && (kind === 'baseline' || kind === 'revert')) delete learning.anew
  }
}

/** Adds it; of too many the two oldest that are over become one. */
function addAlarm(ranges: Lineage['alarms'], range: Lineage['alarms'][number]): void {
  ranges.push(range)
  if (ranges.length <= ALARMS_MAX) return
  const [first, second] = ranges.filter(({ toUs }) => toUs !== undefined)
  if (!first || !second) {
    ranges.shift()
    return
  }
  second.fromUs = Math.min(first.fromUs, second.fromUs)
  second.toUs = Math.max(first.toUs!, second.toUs!)
  ranges.splice(ranges.indexOf(first), 1)
}
