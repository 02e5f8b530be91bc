import t from 'tap'
import { Quarantine } from '../../../agent/scoring/quarantine.ts'
import { manualClock } from '../../support/manual-clock.ts'

t.test('twice in a row, and it is out', async t => {
  const quarantine = new Quarantine(manualClock())
  t.equal(quarantine.blame('s', 'm', 'hung', true), false)
  t.equal(quarantine.reasonOf('s'), undefined)
  t.equal(quarantine.blame('s', 'm', 'hung again', true), true)
  t.equal(quarantine.reasonOf('s'), 'hung again')
  t.same(quarantine.list(), [{ sha256: 's', name: 'm', reason: 'hung again' }])
})

t.test('a batch scored in between clears it, so kills from outside never add up', async t => {
  const quarantine = new Quarantine(manualClock())
  for (let i = 0; i < 50; i++) {
    t.equal(quarantine.blame('s', 'm', 'SIGKILL', false), false)
    quarantine.scored('s')
  }
})

t.test('five hangs within ten minutes are enough whatever lies between', async t => {
  const clock = manualClock()
  const quarantine = new Quarantine(clock)
  const hang = (): boolean => {
    quarantine.scored('s')
    return quarantine.blame('s', 'm', 'hung', true)
  }
  for (let i = 0; i < 4; i++) t.equal(hang(), false)
  clock.advance(11 * 60_000)
  for (let i = 0; i < 4; i++) t.equal(hang(), false)
  t.equal(hang(), true)
})
