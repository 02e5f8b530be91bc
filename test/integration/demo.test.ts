// `npm start` as a newcomer sees it, in faster motion.
import t from 'tap'
import { wearwatch } from '../support/daemon.ts'

t.test('a pump learns, fails and alarms; the demo ends by itself', async t => {
  const { code, out, err } = await wearwatch(['demo', '--exit-after-alarm', '--speed', '1000', '--timeout', '90'])
  t.equal(code, 0, err)
  const order = [
    /^wearwatch \d+\.\d+\.\d+ · DEMO: simulated pump, 1000 x real time/m,
    /^broker +mqtt:\/\/127\.0\.0\.1:\d+ \(built in\)/m,
    /^learning +░+ 0 %/m,
    /^p-101 +8\/8 channels good, running/m,
    /^learning +█+░+ [1-9]\d % {2}\d+\/60 min, \d starts/m,
    /^fitting /m,
    /^scorer +(cpu|cuda|tensorrt), \d+ µs\/window/m,
    /^ALARM P3 +p-101 .+ (below|above) (prediction|what .+ predicts?) \(.+ \d+ %/m,
    /^sent +seq 1, PUBACK \d+ ms/m,
    /^try +mosquitto_sub -p \d+ -t 'wearwatch\/#' -v/m,
  ]
  for (const line of order) t.match(out, line)
  const places = order.map(line => out.search(line))
  t.ok(places.indexOf(Math.max(...places)) === order.length - 1, 'how to watch it comes last')
  t.notMatch(out, /timeout/)
  const progress = [...out.matchAll(/^learning +█*░* (\d+) % {1,3}(\d+)\/60 min/gm)].map(line =>
    line.slice(1).map(Number),
  )
  t.ok(progress.length >= 3, `${progress.length} lines of progress`)
  progress.forEach(([percent, minutes], i) => {
    t.ok(percent! >= (progress[i - 1]?.[0] ?? 0), `${percent} % does not fall`)
    // Starts may be what is scarce: then it is less than the minutes say.
    t.ok(percent! <= Math.ceil((100 * (minutes! + 1)) / 60), `${percent} % of ${minutes} min`)
  })
  t.equal(progress.at(-1)?.[0], 100)
})

t.test('no alarm in time is code 1', async t => {
  const { code, out } = await wearwatch(['demo', '--exit-after-alarm', '--timeout', '1'])
  t.equal(code, 1)
  t.match(out, /^timeout +no alarm within 1 s$/m)
})

t.test('numbers that are none are wrong usage', async t => {
  t.match(await wearwatch(['demo', '--speed', 'fast']), { code: 2, err: /--speed .*'fast' is invalid/ })
})
