import t from 'tap'
import { Credentials, type Login } from '../../../agent/core/mqtt/credentials.ts'
import { Evictions } from '../../../agent/core/mqtt/evictions.ts'
import { linkFault } from '../../../agent/core/mqtt/explain.ts'
import { Authority, OPENSSL_MISSING, pemsOf } from '../../support/certificates.ts'
import { shortDir } from '../../support/short-dir.ts'

const FILES = { cert: '/etc/gw.pem', key: '/etc/gw.key', password: '/etc/pw' }

t.test('files that change are used when they are whole, and told of when not', { skip: OPENSSL_MISSING }, async t => {
  const plant = new Authority(shortDir(t))
  const [first, second] = [pemsOf(plant.issue('first')), pemsOf(plant.issue('second'))]
  const disk = new Map<string, string>()
  const put = (login: Login): void => {
    for (const [part, text] of Object.entries(login)) disk.set(FILES[part as keyof typeof FILES], text)
  }
  put({ ...first, password: 'old\n' })
  let nowMs = Date.UTC(2026, 11, 1)
  const credentials = new Credentials({
    initial: { ...first, password: 'old' },
    files: FILES,
    nowUs: () => nowMs * 1000,
    read: path => {
      const text = disk.get(path)
      if (text === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
      return text
    },
  })
  t.equal(credentials.refresh(), false, 'nothing is new')
  t.equal(credentials.note, undefined)
  const refused = (login: Login, note: RegExp): void => {
    put(login)
    t.equal(credentials.refresh(), false)
    t.match(credentials.note, note)
    t.same(credentials.current, { ...first, password: 'old' }, 'the one before stays')
  }
  refused(
    { cert: second.cert! },
    /key \/etc\/gw\.key does not fit the certificate \/etc\/gw\.pem; the one before stays in use/,
  )
  refused({ cert: second.cert!.slice(0, 200) }, /\/etc\/gw\.pem is cut short; the one before/)
  refused({ ...second, key: 'nonsense' }, /\/etc\/gw\.key is cut short or holds no private key/)
  refused({ cert: '' }, /\/etc\/gw\.pem holds no certificate/)
  refused({ ...second, password: '' }, /\/etc\/pw cannot be read \(it is empty\)/)
  disk.delete(FILES.password)
  refused({}, /\/etc\/pw cannot be read \(ENOENT\)/)
  put({ ...second, password: 'new\n' })
  t.equal(credentials.refresh(), true)
  t.same(credentials.current, { ...second, password: 'new' })
  t.equal(credentials.note, undefined)
  const endMs = Date.parse(new Date(Date.now() + 365 * 86_400_000).toISOString())
  nowMs = endMs - 5 * 86_400_000
  t.equal(credentials.refresh(), false)
  t.match(credentials.note, /\/etc\/gw\.pem expires on \d{4}-\d\d-\d\d; replace the file, it is read again by itself/)
  nowMs = endMs + 86_400_000
  credentials.refresh()
  t.match(credentials.note, /expired on .*; replace it, it is read again by itself/)
})

t.test('closed three times soon after a login: another client, unless the broker was away', async t => {
  const closed = linkFault('CLOSED', '')
  const evictions = new Evictions()
  t.equal(evictions.ended(closed, 500, 1_000), closed)
  t.equal(evictions.ended(closed, 500, 2_000), closed)
  t.match(evictions.ended(closed, 500, 3_000), { code: 'EVICTED', message: /3 times within minutes/ })
  t.equal(evictions.text(400_000), undefined, 'five minutes later it is over')
  evictions.failed()
  t.equal(evictions.ended(closed, 500, 400_000), closed, 'a broker that restarts is another matter')
  const long = new Evictions()
  for (const nowMs of [100_000, 200_000, 300_000]) t.equal(long.ended(closed, 90_000, nowMs), closed, 'it lived')
  const said = Object.assign(new Error('x'), { code: 0x8e })
  t.equal(long.ended(said, 10, 300_000), said, 'what the broker says stands')
})
