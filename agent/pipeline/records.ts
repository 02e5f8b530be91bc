import type { AlarmTransition } from '../alarms/contract.ts'
import { type AlarmState, applyTransition, foldRecord, newAlarmState, restore, snapshot } from '../alarms/state.ts'
import { AlarmCounts, type AlarmCountsSnapshot } from '../alarms/statistics.ts'
import type { Logger } from '../core/logger.ts'
import type { CommitQueue } from '../journal/commit-queue.ts'
import type { Journal, JournalRecord, NewRecord, RecordKind } from '../journal/contract.ts'
import { type BindingRecord, ModelsFold, type ModelsSnapshot, type RebaselineRecord } from '../models/live/fold.ts'
import type { LearnRecord } from '../models/live/learn-meter.ts'
import type { OperatorRecord } from '../uplink/contract.ts'
import { type CountersSnapshot, OperatorFold } from '../uplink/operator-fold.ts'

const READ_RECORDS = 256
/** Bindings and learning progress are the last to go when space runs out, after the most urgent alarms. */
const KEEP_PRIORITY = 1
const LEARN_PRIORITY = 4
const HISTORY_PRIORITY = 2
const COMMAND_PRIORITY = 2
/** Refused commands, summed up. */
const REFUSED_PRIORITY = 4
/** Transitions after which the machine is as it was. */
const ENDS: ReadonlySet<string> = new Set(['cleared', 'latched', 'superseded'])

/** Older versions wrote fewer keys. */
interface CheckpointBody {
  models: ModelsSnapshot
  operators?: CountersSnapshot
  counts?: AlarmCountsSnapshot
}

/**
 * What the journal says, and the only way to add to it. `recorded` holds exactly what is durable, so that a checkpoint
 * never claims an alert that no record backs; the alarm engine works on a copy that runs ahead of it.
 */
export class Records {
  readonly models = new ModelsFold()
  readonly recorded: AlarmState = newAlarmState()
  readonly operators = new OperatorFold()
  readonly counts = new AlarmCounts()
  readonly #logger: Logger
  #commits: CommitQueue | undefined

  constructor(logger: Logger) {
    this.#logger = logger
  }

  /** Folds every record in, from the first on. */
  async recover(journal: Journal): Promise<void> {
    let damaged = 0
    let from = journal.status().firstSeq
    for (
      let batch = await journal.read(from, READ_RECORDS);
      batch.length > 0;
      batch = await journal.read(from, READ_RECORDS)
    ) {
      for (const record of batch) if (!this.#fold(record)) damaged++
      from = batch[batch.length - 1]!.seq + 1
    }
    if (damaged > 0)
      this.#logger.error(
        `${damaged} journal record(s) are whole but not readable as what they say they are; they were left out`,
      )
  }

  /** From now on records can be added. */
  attach(commits: CommitQueue): void {
    this.#commits = commits
  }

  /** A copy of the recorded alarm state for the engine to work on. */
  workingAlarms(): AlarmState {
    return restore(structuredClone(snapshot(this.recorded)))
  }

  /** Resolves as CommitQueue.push does. */
  alarm(transition: AlarmTransition): Promise<number | undefined> {
    return this.#push('alarm', transition.priority, transition, () => {
      applyTransition(this.recorded, transition)
      this.#foldAlarm(transition)
    })
  }

  bind(binding: BindingRecord): Promise<number | undefined> {
    this.models.reserve(binding)
    return this.#push('model', KEEP_PRIORITY, binding, () => this.models.bind(binding))
  }

  learn(record: LearnRecord | RebaselineRecord): Promise<number | undefined> {
    return this.#push('learn', LEARN_PRIORITY, record, () => this.models.learn(record))
  }

  /** What the history lost, or got back, in words. */
  historyLoss(what: string, atUs: number): Promise<number | undefined> {
    return this.#push('history', HISTORY_PRIORITY, { schema: 'wearwatch.history-loss/1', what, atUs }, () => {})
  }

  /** A command from MQTT, before it is executed; or what was refused. */
  operator(record: OperatorRecord): Promise<number | undefined> {
    const priority = record.event === 'accepted' ? COMMAND_PRIORITY : REFUSED_PRIORITY
    return this.#push('operator', priority, record, () => this.operators.apply(record))
  }

  /** First record of every segment: everything that older segments would be needed for. */
  checkpoint(): NewRecord {
    const payload = {
      schema: 'wearwatch.checkpoint/1',
      alarms: snapshot(this.recorded),
      models: this.models.snapshot(),
      operators: this.operators.snapshot(),
      counts: this.counts.snapshot(),
    }
    return { kind: 'checkpoint', priority: KEEP_PRIORITY, payload: Buffer.from(JSON.stringify(payload)) }
  }

  #push(kind: RecordKind, priority: 1 | 2 | 3 | 4, body: unknown, durable: () => void): Promise<number | undefined> {
    if (!this.#commits) throw new Error('invariant broken: record pushed before attach()')
    return this.#commits.push({ kind, priority, payload: Buffer.from(JSON.stringify(body)) }, durable)
  }

  /** False when a record of ours cannot be read as such. */
  #fold(record: JournalRecord): boolean {
    const before = this.recorded.alertSeq
    const alarms = foldRecord(this.recorded, record)
    if (alarms === 'damaged') return false
    if (record.kind === 'gap' || record.kind === 'history') return true
    try {
      const body: unknown = JSON.parse(Buffer.from(record.payload).toString())
      // What a checkpoint held already is not counted twice.
      if (record.kind === 'alarm') this.#foldAlarm(body as AlarmTransition, this.recorded.alertSeq > before)
      else if (record.kind === 'model') this.models.bind(body as BindingRecord)
      else if (record.kind === 'learn') this.models.learn(body as LearnRecord | RebaselineRecord)
      else if (record.kind === 'operator') this.operators.apply(body as OperatorRecord)
      else this.#restore(body as CheckpointBody, this.recorded.alertSeq > before)
      return true
    } catch {
      return false
    }
  }

  #restore({ models, operators, counts }: CheckpointBody, ahead: boolean): void {
    this.models.restore(models)
    if (operators) this.operators.restore(operators)
    if (ahead) this.counts.restore(counts)
  }

  #foldAlarm(alarm: AlarmTransition, fresh = true): void {
    if (fresh) this.counts.add(alarm)
    const { asset, id, kind, transition, onsetUs, atUs } = alarm
    if (kind !== 'machine') return
    if (transition === 'raised') this.models.alarm(asset, id, onsetUs, undefined)
    else if (ENDS.has(transition)) this.models.alarm(asset, id, onsetUs, atUs)
  }
}
