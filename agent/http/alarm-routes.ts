// What the control socket offers about alarms.
import type { FastifyInstance } from 'fastify'
import { VERDICTS } from '../alarms/contract.ts'
import { AgentError } from '../core/errors.ts'
import { type CaseRequest, type ControlApi, SUPPRESS_ACTIONS, type SuppressRequest } from './contract.ts'

/** They stay with the alarm in every checkpoint of the journal, whose records are bounded. */
export const BY_CHARS_MAX = 128
const NOTE_CHARS_MAX = 1_000
const TARGET_CHARS_MAX = 256
const CASES_DEFAULT = 100
/** An answer of some megabytes. */
const CASES_MAX = 10_000

interface Said {
  by?: string
  note?: string
}

export function addAlarmRoutes(server: FastifyInstance, api: ControlApi): void {
  server.get('/v1/alarms', async () => api.alarms())
  server.get('/v1/alarms/statistics', async () => api.alarmStatistics())
  server.get<{ Querystring: Record<string, string> }>('/v1/alarms/history', async request =>
    api.alarmCases(caseRequest(request.query)),
  )
  server.post<{ Body: (Said & Record<string, unknown>) | undefined }>('/v1/alarms/test', async request => {
    const { asset, forMs } = request.body ?? {}
    const { by, note } = said(request.body)
    if (!isText(asset) || typeof forMs !== 'number')
      throw new AgentError('USAGE', 'expected {asset: ASSET, forMs, by, note?}')
    return api.drill({ asset, forMs, by, ...(note === undefined ? {} : { note }) })
  })
  server.get<{ Params: { id: string } }>('/v1/alarms/test/:id', request => api.drillOf(request.params.id))
  server.get<{ Params: { id: string } }>('/v1/alarms/:id', request => api.alarmCase(request.params.id))
  server.post<{ Params: { id: string }; Body: (Said & { verdict?: unknown }) | undefined }>(
    '/v1/alarms/:id/label',
    async request => {
      const { by, note } = said(request.body)
      const verdict = VERDICTS.find(name => name === request.body?.verdict)
      if (!verdict) throw new AgentError('USAGE', `an alarm is labelled ${VERDICTS.join(', ')}`)
      return api.label({ id: request.params.id, verdict, by, ...(note === undefined ? {} : { note }) })
    },
  )
  server.post<{ Params: { id: string }; Body: Said | undefined }>('/v1/alarms/:id/acknowledge', request => {
    const { by, note } = said(request.body)
    return api.acknowledge(request.params.id, by, note)
  })
  server.post<{ Body: (Said & Record<string, unknown>) | undefined }>('/v1/alarms/suppress', request =>
    api.suppress(suppressRequest(request.body ?? {})),
  )
}

/** Throws USAGE: who and why are kept for as long as the alarm, so both are bounded. */
export function said(body: Said | undefined): { by: string; note: string | undefined } {
  const { by = 'cli', note } = body ?? {}
  const texts = typeof by === 'string' && (note === undefined || typeof note === 'string')
  if (!texts || by === '' || by.length > BY_CHARS_MAX || (note?.length ?? 0) > NOTE_CHARS_MAX) {
    const limits = `1 to ${BY_CHARS_MAX} characters of --by and at most ${NOTE_CHARS_MAX} of --note`
    throw new AgentError('USAGE', `the record of who and why holds ${limits}; shorten it`)
  }
  return { by, note }
}

/** Of the query string asset, since, until, verdict, limit. Throws USAGE. */
function caseRequest({ asset, since, until, verdict, limit }: Record<string, string>): CaseRequest {
  const most = limit === undefined ? CASES_DEFAULT : Number(limit)
  const verdicts = verdict?.split(',').map(name => [...VERDICTS, 'none' as const].find(known => known === name))
  const times = [since, until].every(time => time === undefined || Number.isFinite(Number(time)))
  if (!times || verdicts?.includes(undefined) || !Number.isInteger(most) || most < 1 || most > CASES_MAX) {
    const form = `since and until in µs, verdict of ${VERDICTS.join(', ')}, none, limit from 1 to ${CASES_MAX}`
    throw new AgentError('USAGE', `the history of alarms takes asset, ${form}`)
  }
  return {
    limit: most,
    ...(asset === undefined ? {} : { asset }),
    ...(since === undefined ? {} : { sinceUs: Number(since) }),
    ...(until === undefined ? {} : { untilUs: Number(until) }),
    ...(verdicts === undefined ? {} : { verdicts: verdicts.flatMap(name => name ?? []) }),
  }
}

function suppressRequest(body: Said & Record<string, unknown>): SuppressRequest {
  const { action, target, rule, forMs } = body
  const { by, note } = said(body)
  const known = SUPPRESS_ACTIONS.find(name => name === action)
  const wrong =
    !known ||
    !isText(target) ||
    (rule !== undefined && !isText(rule)) ||
    (known === 'shelve') !== (typeof forMs === 'number' && Number.isFinite(forMs))
  if (wrong) {
    const form = `{action: ${SUPPRESS_ACTIONS.join('|')}, target: ASSET or alarm id, rule?, by, note?}, with forMs for shelve alone`
    throw new AgentError('USAGE', `expected ${form}`)
  }
  return {
    action: known,
    target,
    by,
    ...(rule === undefined ? {} : { rule }),
    ...(known === 'shelve' ? { forMs: forMs as number } : {}),
    ...(note === undefined ? {} : { note }),
  }
}

const isText = (value: unknown): value is string =>
  typeof value === 'string' && value !== '' && value.length <= TARGET_CHARS_MAX
