// `capture`: a look at the machine now, beside those that are due.
import { sleep } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import { isoFromUs } from '../core/types.ts'
import { capturePlan } from '../models/live/captures.ts'
import type { CommandReport } from '../uplink/contract.ts'
import type { CaptureTaken } from './capture-line.ts'
import type { AgentParts } from './parts.ts'

/** For a gap that voids one, and for sources that bring their samples in pieces. */
const PATIENCE_MS = 15_000

type Parts = Pick<AgentParts, 'config' | 'lines' | 'captures' | 'clock' | 'history' | 'logger'>

/**
 * Resolves when it is in the history. Throws NOT_FOUND for an unknown asset, COMMAND_REFUSED where none can be taken, or none came
 * although it should have.
 */
export async function takeCapture(parts: Parts, id: string, by: string): Promise<CommandReport> {
  const { config, history, logger } = parts
  const asset = config.assets.find(candidate => candidate.id === id)
  if (!asset) throw new AgentError('NOT_FOUND', `no asset ${id}; there are ${config.assets.map(a => a.id).join(', ')}`)
  const plan = capturePlan(asset)
  if (!plan)
    throw new AgentError('COMMAND_REFUSED', `${id} has no channel with \`capture\`: there is nothing to take one of`)
  // As of the newest row: whether samples still come is seen while waiting for them.
  const machine = parts.lines[asset.index]!.state
  if (machine !== 'running') {
    const why = machine === 'unknown' ? 'nothing tells whether it runs' : `it is ${machine}`
    throw new AgentError('COMMAND_REFUSED', `no capture of ${id}: ${why}; captures are of a machine that runs`)
  }
  const lengthMs = (plan.samples / plan.rateHz) * 1000
  const limitMs = 2 * lengthMs + plan.settleUs / 1000 + PATIENCE_MS
  const capture = await next(parts, asset.index, limitMs)
  if (!capture) {
    const why = 'the stream has gaps or is silent, or the machine stopped; look at its channels'
    throw new AgentError(
      'COMMAND_REFUSED',
      `no whole capture of ${id} came within ${Math.round(limitMs / 1000)} s: ${why}`,
    )
  }
  await history.flush()
  const from = isoFromUs(capture.startUs)
  const message = `${id}: captured ${Math.round(lengthMs)} ms from ${from} on, ${plan.channels.map(c => c.id).join(', ')}`
  logger.room('agent').info(`asked by ${by}: ${message}`)
  return { message, detail: { asset: id, from, to: isoFromUs(capture.endUs), channels: plan.channels.map(c => c.id) } }
}

async function next(
  { captures, clock }: Pick<Parts, 'captures' | 'clock'>,
  asset: number,
  limitMs: number,
): Promise<CaptureTaken | undefined> {
  const limit = new AbortController()
  let giveUp = (): void => {}
  const taken = new Promise<CaptureTaken>(resolve => {
    giveUp = captures[asset]!.takeNow(resolve)
  })
  const capture = await Promise.race([taken, sleep(clock, limitMs, limit.signal).then(() => undefined)])
  limit.abort()
  giveUp()
  return capture
}
