import t from 'tap'
import { stringify } from 'yaml'
import { redacted } from '../../../agent/config/redact.ts'
import { issuesOf, lines, load, PEM, withParts } from '../../support/config-io.ts'

const FILES = { '/etc/ww/hook.key': 'a secret of the plant', '/etc/ww/ca.pem': PEM, '/etc/ww/short': 'short' }

t.test('a webhook with everything; nothing secret in the effective configuration', async t => {
  const yaml = withParts(
    'webhooks: {t: {url: "https://h.example/x?token=geheim", secret: {file: hook.key}, headers: {Authorization: {env: AUTH}, x-a: b}, ca: ca.pem, timeout: 3s, min-priority: 2, floods: true, hidden: true}}',
  )
  const { config, warnings } = load(yaml, { files: FILES, env: { AUTH: 'Bearer geheim' } })
  t.same(warnings, [])
  t.same(config.webhooks, [
    {
      name: 't',
      url: 'https://h.example/x?token=geheim',
      headers: { authorization: 'Bearer geheim', 'x-a': 'b' },
      timeoutMs: 3000,
      minPriority: 2,
      floods: true,
      hidden: true,
      ca: PEM,
      secret: 'a secret of the plant',
    },
  ])
  const shown = stringify(redacted(config))
  t.notMatch(shown, /geheim|of the plant/)
  t.match(shown, /https:\/\/h\.example\/\*\*\*/)
})

t.test('all errors at once', async t => {
  const yaml = withParts(`webhooks:
  a: {url: "ftp://geheim", secret: {file: short}}
  b: {url: "https://u:geheim@h", secret: {file: none}, headers: {Host: x, "a b": c}}
  c: {url: "http://127.0.0.1:1", ca: ca.pem, timeout: 1ms, min-priority: 5, florids: true}`)
  const found = lines(issuesOf(yaml, { files: FILES }))
  for (const part of ['a.url', 'a.secret', 'b.url', 'b.secret', 'b.headers.Host', 'c.ca', 'c.timeout'])
    t.ok(
      found.some(line => line.startsWith(`webhooks.${part}`)),
      part,
    )
  t.ok(found.some(line => line.startsWith('webhooks.c.min-priority')))
  t.ok(found.some(line => line.includes('florids')))
  t.ok(found.some(line => line.startsWith('webhooks.b.headers') && line.includes('cannot be the name of a header')))
  t.notMatch(found.join('\n'), /geheim/)
})

t.test('without uplink nothing is said to be sent nowhere; without secret it is warned', async t => {
  const base = withParts('webhooks: {t: {url: "https://h.example"}}').replace(/^uplink:.*\n/m, '')
  const { warnings } = load(base)
  t.same(
    warnings.map(({ path }) => path),
    ['webhooks.t.secret'],
  )
})
