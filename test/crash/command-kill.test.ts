// kill -9 around a signed command: whatever the moment, and however often it is sent again, it is executed once at most.
import t from 'tap'
import { draft, newKey, signed } from '../support/commands.ts'
import { type Daemon, startDaemon } from '../support/daemon.ts'
import { plantConfig } from '../support/plant.ts'
import { aedesBroker } from '../support/uplink-brokers.ts'
import { type Ear, listen } from '../support/uplink-parts.ts'
import { until } from '../support/waiting.ts'

const BASE = 'wearwatch/v1/hall/gw-1'
/** ms from sending to the kill: before the record, between record and execution, after it. */
const KILLS_MS = [0, 2, 5, 12]
/** Issued ahead, so that after the restart the counter alone can tell it. */
const AHEAD_US = 25e6

interface Result {
  id: string
  ok: boolean
  detail: { reason?: string }
}

const results = (ear: Ear): Result[] =>
  ear.heard.filter(({ topic }) => topic === `${BASE}/command-result`).map(({ text }) => JSON.parse(text) as Result)

/** By note, which names the message; at least once is how they come. */
function shelved(ear: Ear): Map<string, Set<number>> {
  const byNote = new Map<string, Set<number>>()
  for (const { topic, text } of ear.heard) {
    if (!topic.startsWith(`${BASE}/alert/`)) continue
    const alert = JSON.parse(text) as { transition: string; note?: string; seq: number; actor?: string }
    if (alert.transition !== 'shelved') continue
    byNote.set(alert.note ?? '', (byNote.get(alert.note ?? '') ?? new Set()).add(alert.seq))
  }
  return byNote
}

t.test('never twice', { timeout: 300_000 }, async t => {
  const broker = await aedesBroker()
  t.teardown(() => broker.close())
  const ear = await listen(broker.url, `${BASE}/#`)
  t.teardown(() => ear.end())
  const ops = newKey()
  const commands = `{allow: [shelve], keys: {ops: {public: "${ops.config.publicKey}"}}}`
  const more = `uplink: {mqtt: {url: "${broker.url}"}, commands: ${commands}}`
  const config = plantConfig({ port: broker.port, more })
  const online = (): number =>
    ear.heard.filter(({ topic, text }) => topic === `${BASE}/state` && text.includes('"online"')).length
  let dir: string | undefined
  const start = async (): Promise<Daemon> => {
    const before = online()
    const daemon = await startDaemon(t, config, dir === undefined ? {} : { dir })
    dir = daemon.dir
    await until(() => online() > before, 'the gateway to be online')
    return daemon
  }
  let executed = 0
  for (const [i, delayMs] of KILLS_MS.entries()) {
    const first = await start()
    const message = signed(
      ops,
      draft(
        { nowUs: () => Date.now() * 1000 + AHEAD_US },
        {
          gateway: 'hall/gw-1',
          command: 'shelve',
          arguments: { asset: 'p-1', minutes: 5, note: `round ${i}` },
          id: `round-${i}`,
          counter: i + 1,
        },
      ),
    ).toString()
    await ear.publish(`${BASE}/command`, message)
    await new Promise(resolve => setTimeout(resolve, delayMs))
    await first.stop('SIGKILL')
    const second = await start()
    const answersBefore = results(ear).length
    await ear.publish(`${BASE}/command`, message)
    await until(() => results(ear).length > answersBefore, 'the answer')
    const { ok, detail } = results(ear).at(-1)!
    t.ok(ok || detail.reason === 'replayed', `killed after ${delayMs} ms: ${ok ? 'executed now' : detail.reason}`)
    await second.ask('/v1/status')
    await second.stop('SIGTERM')
    executed += shelved(ear).get(`round ${i}`)?.size ?? 0
  }
  for (const [note, seqs] of shelved(ear)) t.equal(seqs.size, 1, `${note}: alerts ${[...seqs].join(', ')}`)
  t.ok(executed <= KILLS_MS.length)
  t.comment(
    `${executed} of ${KILLS_MS.length} executed, each once; the others died between the journal and their execution`,
  )
})
