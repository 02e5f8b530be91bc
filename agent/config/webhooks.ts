// `webhooks`: addresses that alarms are posted to, with what they are signed with.
import { checkEntries } from './check.ts'
import type { LoadContext } from './context.ts'
import type { WebhookConfig } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import { WEBHOOK_NAME_CHARS_MAX, WEBHOOKS_MAX, type WebhookIn, webhookSchema } from './schema-webhooks.ts'
import { readSecret, readTls } from './secrets.ts'

const HEADERS_MAX = 16
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/
/** Visible ASCII and blanks: what node lets into a header without throwing later. */
const HEADER_VALUE = /^[\x20-\x7e\t]*$/
/** Set by the agent itself. */
const OWN =
  /^(content-type|content-length|transfer-encoding|connection|host|expect|te|trailer|upgrade|keep-alive|user-agent|idempotency-key|x-wearwatch-.*)$/
/** Below it an HMAC is guessed sooner than a certificate is forged. */
const SECRET_CHARS_MIN = 16

export function buildWebhooks(ctx: LoadContext, value: unknown): WebhookConfig[] {
  const written = checkEntries('a webhook', webhookSchema, value, ['webhooks'], ctx.issues, WEBHOOKS_MAX)
  return [...written].flatMap(([name, webhook]) => {
    const built = buildWebhook(ctx, name, webhook)
    return built ? [built] : []
  })
}

function buildWebhook(ctx: LoadContext, name: string, webhook: WebhookIn): WebhookConfig | undefined {
  const path = ['webhooks', name]
  if (name.length > WEBHOOK_NAME_CHARS_MAX)
    ctx.issues.error(path, `has ${name.length} characters; the most is ${WEBHOOK_NAME_CHARS_MAX}`, 'shorten it')
  const url = readAddress(ctx, webhook.url, [...path, 'url'])
  const ca = webhook.ca === undefined ? undefined : readTls(ctx, { ca: webhook.ca }, path).ca
  if (webhook.ca !== undefined && url?.protocol === 'http:')
    ctx.issues.error([...path, 'ca'], 'has no effect: the url says the link is not encrypted', 'write https:// in url')
  const secret = buildSecret(ctx, webhook, path)
  const headers = buildHeaders(ctx, webhook.headers ?? {}, [...path, 'headers'])
  if (!url) return undefined
  return {
    name,
    url: url.href,
    headers,
    timeoutMs: webhook.timeout ?? DEFAULTS.webhook.timeoutMs,
    minPriority: webhook['min-priority'] ?? DEFAULTS.webhook.minPriority,
    floods: webhook.floods ?? false,
    hidden: webhook.hidden ?? false,
    ...(ca === undefined ? {} : { ca }),
    ...(secret === undefined ? {} : { secret }),
  }
}

function buildSecret(ctx: LoadContext, webhook: WebhookIn, path: Path): string | undefined {
  const at = [...path, 'secret']
  if (webhook.secret === undefined) {
    ctx.issues.warn(at, 'is missing: the receiver cannot tell who sent a message', 'write secret: {file: webhook.key}')
    return undefined
  }
  const secret = readSecret(ctx, webhook.secret, at, 'secret: {file: webhook.key}')
  if (secret !== undefined && secret.length < SECRET_CHARS_MIN)
    ctx.issues.error(
      at,
      `has fewer than ${SECRET_CHARS_MIN} characters`,
      'make one: openssl rand -hex 32 > webhook.key',
    )
  return secret
}

function buildHeaders(ctx: LoadContext, written: NonNullable<WebhookIn['headers']>, path: Path) {
  const headers: Record<string, string> = {}
  const entries = Object.entries(written)
  if (entries.length > HEADERS_MAX)
    ctx.issues.error(path, `holds ${entries.length} headers; the most is ${HEADERS_MAX}`)
  for (const [name, given] of entries) {
    const at = [...path, name]
    const key = name.toLowerCase()
    if (!HEADER_NAME.test(name))
      ctx.issues.error(at, 'cannot be the name of a header', 'write authorization: {file: …}')
    else if (OWN.test(key)) ctx.issues.error(at, 'is set by the agent itself', 'leave it out')
    else if (Object.hasOwn(headers, key)) ctx.issues.error(at, 'is there twice, in other letters', 'leave one out')
    // Many headers are no secret; those whose names say so should not stand in the file.
    const open = typeof given === 'string' && !/auth|token|key|secret|cookie/.test(key)
    const value = open ? given : readSecret(ctx, given, at, `${name}: {file: header.txt}`)
    if (value === undefined) continue
    if (!HEADER_VALUE.test(value)) ctx.issues.error(at, 'holds characters a header cannot have', 'write plain ASCII')
    headers[key] = value
  }
  return headers
}

function readAddress(ctx: LoadContext, text: string, path: Path): URL | undefined {
  // The text is never echoed: addresses of chat and ticket systems are secrets by themselves.
  let url: URL
  try {
    url = new URL(text)
  } catch {
    ctx.issues.error(path, 'is not a valid address', 'write https://HOST/PATH')
    return undefined
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    ctx.issues.error(path, `expected https:// or http://, got ${url.protocol}`, 'write https://HOST/PATH')
    return undefined
  }
  if (url.username !== '' || url.password !== '') {
    const hint = 'write headers: {authorization: {file: header.txt}}, with "Basic …" in the file'
    ctx.issues.error(path, 'holds a user name or password in the address', hint)
    return undefined
  }
  if (url.protocol === 'http:' && !/^(localhost|127\..*|\[::1\])$/.test(url.hostname))
    ctx.issues.warn(path, 'is not encrypted: anybody on the way can read and change alarms', 'write https://')
  url.hash = ''
  return url
}
