// Keys under `webhooks`: where alarms go by HTTPS POST.
import { z } from 'zod'
import { duration, integer, object, text, withHint } from './schema-parts.ts'
import { secret } from './schema-sources.ts'
import { expected } from './wording.ts'

export const WEBHOOKS_MAX = 8
/** `webhook-<name>` names the cursor in the journal, which has 40 characters. */
export const WEBHOOK_NAME_CHARS_MAX = 32

const yesNo = (what: string) =>
  z.boolean({ error: issue => withHint(expected(`true or false: ${what}`, issue.input), 'leave it out for false') })

export const webhookSchema = object('a webhook', {
  url: text('an address such as https://tickets.example/alarms', 2048).describe(
    'https:// (or http://), with its path.',
  ),
  secret: secret
    .optional()
    .describe('What messages are signed with, by HMAC-SHA256: {file: PATH} or {env: NAME}. Default: not signed.'),
  headers: z
    .record(text('the name of a header', 128), secret)
    .optional()
    .describe('Further headers, such as authorization: each {file: PATH}, {env: NAME}, or the text itself.'),
  ca: text('the path of a PEM file', 4096)
    .optional()
    .describe("PEM file of the authority that signed the receiver's certificate. Default: the usual ones."),
  timeout: duration('timeout', 100, 300_000)
    .optional()
    .describe('An answer that takes longer counts as none. Default 10s.'),
  'min-priority': integer('min-priority', 1, 4)
    .optional()
    .describe('Alarms of this priority and more urgent ones: 2 sends 1 and 2. Default 4, all.'),
  floods: yesNo('send each alarm of a flood')
    .optional()
    .describe('true: each alarm of a flood, too. Default false: the flood alone.'),
  hidden: yesNo('send suppressed alarms').optional().describe('true: suppressed alarms, too. Default false.'),
})
export type WebhookIn = z.output<typeof webhookSchema>
