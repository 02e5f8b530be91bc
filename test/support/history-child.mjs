// Holds a history open (`hold`), or writes and flushes rows until it is killed (`write N`). Runs built JavaScript.
import { writeSync } from 'node:fs'
import { pathToFileURL } from 'node:url'

const [dist, dir, what, name] = process.argv.slice(2)
const built = file => import(pathToFileURL(`${dist}/${file}`).href)
const { openHistory } = await built('history/history.js')
const { systemClock } = await built('core/clock.js')
const { Counters } = await built('core/counters.js')
const { silentLogger } = await built('core/logger.js')

const keep = { ageMs: 1e13, bytes: 1e12 }
const { STORAGE_CLASSES } = await built('history/keys.js')
const retention = Object.fromEntries(STORAGE_CLASSES.map(cls => [cls, keep]))
const deps = { clock: systemClock(), logger: silentLogger, counters: new Counters() }
const { history } = await openHistory({ dir, retention, ...deps })
if (what === 'hold') process.send('open')
else {
  const time = new Float64Array(1)
  const value = new Float64Array(1)
  for (let flushes = 1, row = 0; ; flushes++) {
    for (let i = 0; i < 500; i++, row++) {
      time[0] = 1_700_000_000_000_000 + row * 1e5
      value[0] = row
      history.append(`p-${name}`, 'samples', ['x'], 1, time, value)
    }
    await history.flush()
    writeSync(1, `${flushes}\n`)
  }
}
