// What a false alarm proposes, and what it says about the alarms there were.
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { type AlarmCase, foldCase } from '../../../agent/alarms/case.ts'
import type { AlarmTransition, Verdict } from '../../../agent/alarms/contract.ts'
import { silentLogger } from '../../../agent/core/logger.ts'
import type { History } from '../../../agent/history/contract.ts'
import { AlarmCases } from '../../../agent/pipeline/alarm-cases.ts'
import { proposalFor } from '../../../agent/pipeline/proposals.ts'
import { SECOND_US, START_US, transition } from '../../support/alarm-parts.ts'
import { ALARM, asset, channel } from '../../support/assets.ts'
import { openTestHistory } from '../../support/history-open.ts'
import { manualClock } from '../../support/manual-clock.ts'
import { shortDir } from '../../support/short-dir.ts'

const HOUR_US = 3600 * SECOND_US
const limit = { onDelayMs: 2_000, offDelayMs: 0, deadband: 0, priority: 2 as const }
const pump = asset([channel('flow', { max: 9, limit })], { alarm: { ...ALARM, onDelayMs: 2_000, setpoint: 1 } })
const peaks: Record<string, number> = { A: 9.2, B: 14, C: 9.9, D: 30 }

interface Bench {
  history: History
  cases: AlarmCases
  propose: (id: string) => Promise<Awaited<ReturnType<typeof proposalFor>>>
  add: (
    id: string,
    values: readonly number[] | undefined,
    label?: Verdict,
    extra?: Partial<AlarmTransition>,
  ) => Promise<void>
}

/** Alarms an hour apart; `values`: of the seconds from the onset on, as stored. */
async function bench(
  t: Test,
  origin: 'local' | 'delivered' = 'local',
  nowUs = START_US + 30 * HOUR_US,
): Promise<Bench> {
  const { history } = await openTestHistory(join(shortDir(t), origin, 'history'))
  t.teardown(() => history.close())
  const cases = new AlarmCases(history.notes, silentLogger)
  const all = new Map<string, AlarmCase>()
  let alertSeq = 0
  const parts = {
    config: { assets: [pump] },
    cases,
    history,
    clock: manualClock(nowUs),
    desk: { active: () => ({ origin }) },
  } as unknown as Parameters<typeof proposalFor>[0]
  return {
    history,
    cases,
    propose: id => proposalFor(parts, all.get(id)!),
    async add(id, values, label, extra = {}) {
      const onsetUs = START_US + (all.size + 1) * HOUR_US
      const model = extra.rule === 'model'
      if (values) {
        const times = Float64Array.from(values, (_, row) => onsetUs + row * SECOND_US)
        // Rows before, for the gate to know when it began.
        const flow = Float64Array.from(values)
        history.append('p-101', 'samples', ['flow'], 1, Float64Array.of(onsetUs - SECOND_US), Float64Array.of(5))
        history.append('p-101', 'samples', ['flow'], values.length, times, model ? flow.map(() => 5) : flow)
        if (model) history.append('p-101', 'scores', ['score'], values.length, times, flow)
      }
      const base = { id, rule: 'flow.max', onsetUs, raisedUs: onsetUs + 2 * SECOND_US, ...extra }
      const endUs = onsetUs + 60 * SECOND_US
      const made = [
        transition({ ...base, alertSeq: ++alertSeq }),
        transition({ ...base, alertSeq: ++alertSeq, transition: 'cleared', active: false, atUs: endUs }),
        ...(label ? [transition({ ...base, alertSeq: ++alertSeq, transition: 'labelled', active: false, label })] : []),
      ]
      await cases.with(id, async () => {
        for (const one of made) {
          cases.add(one)
          all.set(id, foldCase(all.get(id), one)!)
        }
      })
    },
  }
}

const burst = (peak: number): number[] => [peak, peak, peak, peak, 5, 5]

t.test('a setpoint, and what it would have done; confirmed alarms that would be missed come first', async t => {
  const { add, propose } = await bench(t)
  await add('A', burst(peaks.A!), 'confirmed')
  await add('B', [9.5, 9.5, 9.5, 14, 14, 14, 14], 'confirmed')
  await add('C', burst(peaks.C!), 'false')
  await add('D', burst(peaks.D!))
  await add('E', undefined, 'expected')
  const { kind, setpoint, message, apply, effect } = await propose('C')
  t.equal(kind, 'setpoint')
  t.equal(setpoint, 10)
  t.equal(apply, 'assets: {p-101: {channels: {flow: {max: 10}}}}')
  t.same(effect, {
    alarms: 5,
    still: [
      { id: 'D', label: 'none', laterS: 0 },
      { id: 'B', label: 'confirmed', laterS: 3 },
    ],
    quiet: [
      { id: 'C', label: 'false' },
      { id: 'A', label: 'confirmed' },
    ],
    unknown: 1,
  })
  t.same(message.split('\n'), [
    'proposal  setpoint 10 instead of 9 for flow.max: this alarm would have stayed quiet',
    'effect    CONFIRMED ALARMS WOULD BE MISSED: A',
    'effect    of 5 alarm(s) of this rule that are kept, 2 would still have alarmed',
    'effect    confirmed and still found: B 3 s later',
    'effect    still (confirmed 1, not labelled 1), quiet (confirmed 1, false 1), not to be judged from what is stored 1',
    'to apply  assets: {p-101: {channels: {flow: {max: 10}}}}',
  ])
})

t.test('of the score, whose setpoint is one of the configuration', async t => {
  const { add, propose } = await bench(t, 'delivered')
  await add('A', burst(1.42), 'false', { rule: 'model' })
  t.match(await propose('A'), {
    kind: 'setpoint',
    setpoint: 1.45,
    apply: 'assets: {p-101: {alarm: {setpoint: 1.45}}}',
    effect: { alarms: 1, still: [], quiet: [{ id: 'A', label: 'false' }], unknown: 0 },
  })
})

t.test('no rows, a rule without rows: no proposal, and why', async t => {
  const { add, propose } = await bench(t)
  await add('A', undefined, 'false')
  t.match(await propose('A'), { kind: 'none', message: /its rows are no longer stored/ })
  await add('B', [5, 5, 5], 'false')
  t.match(await propose('B'), { kind: 'none', message: /as flow.max is set now, .* raise nothing/ })
  for (const rule of ['flow.stuck', 'de-h.sensor']) {
    await add(rule, undefined, 'false', { rule, kind: 'sensor' })
    t.match(await propose(rule), { kind: 'none', message: new RegExp(`of rule ${rule} there is no proposal`) })
  }
  await add('G', undefined, 'false', { asset: 'gone' })
  t.match(await propose('G'), { kind: 'none' })
})

t.test('a score that stayed up: a new baseline from its onset on, and what would be learnt with it', async t => {
  for (const [origin, kind] of [
    ['local', 'set-baseline'],
    ['delivered', 'setpoint'],
  ] as const) {
    const { add, propose, history } = await bench(t, origin, START_US + 40 * HOUR_US)
    await add('A', burst(2), 'false', { rule: 'model' })
    for (let minute = 1; minute < 30 * 60; minute++) {
      const time = Float64Array.of(START_US + HOUR_US + minute * 60 * SECOND_US)
      history.append('p-101', 'scores', ['score'], 1, time, Float64Array.of(minute % 10 === 0 ? 0.9 : 2))
    }
    await add('B', undefined, 'confirmed')
    await add('C', undefined)
    const proposal = await propose('A')
    t.equal(proposal.kind, kind)
    if (kind === 'setpoint') continue
    t.equal(proposal.apply, 'wearwatch set-baseline p-101 --since 2023-11-14T23:13:20.000Z')
    t.match(proposal.message, /^effect {4}rows of confirmed alarms would be learnt as healthy: B$/m)
    t.match(proposal.message, /those of 2 other alarm\(s\) among them/)
  }
})
