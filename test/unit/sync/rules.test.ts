import t from 'tap'
import { ExpiredMetadataError, PersistError, RuntimeError } from 'tuf-js/dist/error.js'
import { AgentError } from '../../../agent/core/errors.ts'
import { refreshError } from '../../../agent/sync/failures.ts'
import { withoutCredentials } from '../../../agent/sync/fetcher.ts'
import { compareRelease } from '../../../agent/sync/offers.ts'
import { formatReleases, isClassName, parseReleases, RELEASES_KEPT } from '../../../agent/sync/releases.ts'
import { wish } from '../../support/sync.ts'

const release = (n: number) => ({
  release: n,
  name: 'pump-mean',
  sha256: String(n % 10).repeat(64),
  bytes: 10,
  published: '2026-11-22T00:00:00.000Z',
})

t.test('releases.json round trips, ascending', async t => {
  t.same(parseReleases(formatReleases('pump', [release(2), release(1)]), 'pump'), [release(1), release(2)])
})

t.test('releases.json that is signed but wrong is refused with the place', async t => {
  const good = JSON.parse(formatReleases('pump', [release(1)]).toString())
  const cases: [unknown, RegExp][] = [
    [[], /not an object/],
    [{ ...good, schema: 'wearwatch.releases/2' }, /schema/],
    [{ ...good, class: 'motor' }, /class "motor"/],
    [{ ...good, releases: {} }, /not a list/],
    [{ ...good, releases: Array(RELEASES_KEPT + 1).fill(good.releases[0]) }, /at most 16/],
    [{ ...good, releases: [null] }, /releases\[0\] is not an object/],
    [{ ...good, releases: [{ ...good.releases[0], release: 1.5 }] }, /releases\[0\]\.release/],
    [{ ...good, releases: [{ ...good.releases[0], release: 0 }] }, /releases\[0\]\.release/],
    [{ ...good, releases: [{ ...good.releases[0], bytes: -1 }] }, /releases\[0\]\.bytes/],
    [{ ...good, releases: [{ ...good.releases[0], name: 7 }] }, /releases\[0\]\.name/],
    [{ ...good, releases: [{ ...good.releases[0], file: '../x.onnx' }] }, /releases\[0\]\.file/],
  ]
  for (const [content, message] of cases) {
    t.throws(() => parseReleases(Buffer.from(JSON.stringify(content)), 'pump'), { code: 'SYNC_REFUSED', message })
  }
  t.throws(() => parseReleases(Buffer.from('{'), 'pump'), { code: 'SYNC_REFUSED' })
})

t.test('class names become folder names and nothing else', async t => {
  for (const name of ['pump', 'p-101', 'P_2', '0']) t.ok(isClassName(name), name)
  for (const name of ['', '.', '..', 'a/b', 'a\\b', 'a.b', '-a', 'a%2f', 'ä', 'a\n', 'a'.repeat(65)]) {
    t.notOk(isClassName(name), JSON.stringify(name))
  }
})

t.test('a release is taken only when it rises', async t => {
  t.equal(compareRelease(wish({ releaseNow: 0 }), release(1)), 'take')
  t.equal(compareRelease(wish({ releaseNow: 4 }), release(5)), 'take')
  t.equal(compareRelease(wish({ releaseNow: 5, sha256Now: release(5).sha256 }), release(5)), 'unchanged')
  t.match(compareRelease(wish({ releaseNow: 5, sha256Now: 'b' }), release(5)), { reason: /another file/ })
  t.match(compareRelease(wish({ releaseNow: 6 }), release(5)), { reason: /never a downgrade/ })
})

t.test('what tuf-js throws becomes our codes, also where it kept only the text', async t => {
  const missing = { url: 'http://x/2.snapshot.json', kind: 'missing', message: 'HTTP status 404' } as const
  const away = { url: 'http://x/timestamp.json', kind: 'unreachable', message: 'fetch failed: ECONNREFUSED' } as const
  const code = (error: unknown, failure?: Parameters<typeof refreshError>[1]) =>
    refreshError(error, failure, 'http://x/', '/etc/root.json').code
  t.equal(code(new ExpiredMetadataError('Final timestamp.json is expired')), 'SYNC_EXPIRED')
  t.equal(
    code(new RuntimeError('Unable to load snapshot metadata error Error: snapshot.json is expired')),
    'SYNC_EXPIRED',
  )
  t.equal(code(new RuntimeError(`Unable to load targets error Error: ${missing.message}`), missing), 'SYNC_UNREACHABLE')
  t.equal(
    code(new RuntimeError(`Unable to load snapshot metadata error Error: ${away.message}`), away),
    'SYNC_UNREACHABLE',
  )
  t.equal(code(new PersistError('Failed to persist metadata root error: ENOSPC')), 'SYNC_IO')
  t.equal(code(new RuntimeError('Unable to load targets error Error: Failed to persist metadata targets')), 'SYNC_IO')
  t.equal(code(Object.assign(new Error('no space left'), { code: 'ENOSPC' })), 'SYNC_IO')
  // The last root is always missing; that is not why the timestamp was refused.
  t.equal(code(new Error('timestamp was signed by 0/1 keys'), missing), 'SYNC_UNTRUSTED')
  t.equal(code(new SyntaxError('Unexpected end of JSON input')), 'SYNC_UNTRUSTED')
  const own = new AgentError('SYNC_EXPIRED', 'x')
  t.equal(refreshError(own, undefined, '', ''), own)
})

t.test('credentials of a URL are never shown', async t => {
  t.equal(withoutCredentials('https://user:pw@host/x@y'), 'https://host/x@y')
  t.equal(withoutCredentials('https://host/a@b'), 'https://host/a@b')
})
