import t from 'tap'
import { AgentError } from '../../../agent/core/errors.ts'
import { gated, testEngine } from '../../support/alarm-parts.ts'
import { asset, channel } from '../../support/assets.ts'

const KIM = { actor: 'operator', by: 'kim', note: 'strainer ordered' } as const
const HOUR_MS = 3_600_000
const pump = asset([channel('flow', { min: 5 }), channel('discharge', { max: 9 })], { tag: 'P-101A' })

function refusal(act: () => unknown): string {
  try {
    act()
    return 'not refused'
  } catch (error) {
    return error instanceof AgentError ? `${error.code} ${error.message}` : String(error)
  }
}

t.test('a rule is named by asset or tag, or by the id of its alarm', async t => {
  const { engine, transitions } = testEngine([pump])
  engine.rows(gated([[4, 5]]))
  engine.desk.shelve({ target: transitions[0]!.id.toLowerCase() }, HOUR_MS, KIM)
  engine.desk.outOfService({ target: 'P-101A', rule: 'discharge.max' }, KIM)
  t.match(transitions.slice(1), [
    { rule: 'flow.min', transition: 'shelved', active: true, suppression: 'shelved', ...KIM, message: /^flow / },
    { rule: 'discharge.max', transition: 'out-of-service', neverRaised: true, priority: 2, tag: 'P-101A' },
  ])
  t.equal(transitions[1]!.shelvedUntilUs! - transitions[1]!.atUs, HOUR_MS * 1000)
  t.equal(transitions[2]?.message, 'P-101A discharge.max out of service by kim: strainer ordered')
  t.equal(transitions[1]?.id, transitions[0]?.id)
})

t.test('the strongest suppression shows, the next one when it ends', async t => {
  const { engine, transitions, clock } = testEngine([pump])
  const flow = { target: 'p-101', rule: 'flow.min' }
  engine.desk.shelve(flow, HOUR_MS, KIM)
  engine.desk.outOfService(flow, KIM)
  engine.desk.inService(flow, KIM)
  clock.advance(HOUR_MS)
  engine.tick()
  t.same(
    transitions.map(made => [made.transition, made.suppression, made.id === transitions[0]?.id]),
    [
      ['shelved', 'shelved', true],
      ['out-of-service', 'out-of-service', true],
      ['in-service', 'shelved', true],
      ['unshelved', 'none', true],
    ],
  )
  t.equal(engine.standing().length, 0)
})

t.test('what cannot be done says why and what there is', async t => {
  const { engine, transitions } = testEngine([pump])
  const { desk } = engine
  t.match(
    refusal(() => desk.shelve({ target: 'p-101' }, 8 * 24 * HOUR_MS, KIM)),
    /COMMAND_REFUSED alarms of p-101 can be shelved for at most 7 d; shelve for less/,
  )
  for (const forMs of [0, -1, Number.NaN])
    t.match(
      refusal(() => desk.shelve({ target: 'p-101' }, forMs, KIM)),
      /^COMMAND_REFUSED/,
    )
  t.match(
    refusal(() => desk.shelve({ target: 'p-999' }, 1000, KIM)),
    /NOT_FOUND no alarm and no asset p-999; assets: p-101/,
  )
  t.match(
    refusal(() => desk.outOfService({ target: 'p-101', rule: 'flow.max' }, KIM)),
    /NOT_FOUND p-101 has no rule flow.max; it has model, flow.min, discharge.max/,
  )
  t.match(
    refusal(() => desk.unshelve({ target: 'p-101', rule: 'flow.min' }, KIM)),
    /COMMAND_REFUSED P-101A flow.min is not shelved/,
  )
  t.match(
    refusal(() => desk.inService({ target: 'p-101' }, KIM)),
    /COMMAND_REFUSED all alarms of P-101A is in service/,
  )
  t.match(
    refusal(() => desk.label('0000000000000', 'false', KIM)),
    /NOT_FOUND/,
  )
  t.same(transitions, [])
  desk.outOfService({ target: 'p-101' }, KIM)
  t.match(
    refusal(() => desk.outOfService({ target: 'p-101' }, KIM)),
    /COMMAND_REFUSED .* out of service since .*, by kim/,
  )
})
