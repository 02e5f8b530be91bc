// Has the machine shown what it does? The first half of the baseline is fitted and scores the second: what exceeds there had
// not been learnt yet.

import type { FitData, Sufficiency } from '../contract.ts'
import { stretchOf } from '../families/rows.ts'
import { scoreModel } from './combine.ts'
import { fitProcess, type ProcessFit } from './process-fit.ts'

/** Of the second half's windows beyond the setpoint of the first. Healthy recordings gave 0–4 %, drifting ones 12–88 %. */
const EXCEEDING_SHARE_MAX = 0.05

/** By halves of the same choice of families. */
export function sufficiencyOf(data: FitData, { choice }: ProcessFit): Sufficiency {
  if (choice.lead.makeshift) {
    const reason = `${data.rows} rows are too few to check one half of the baseline against the other; the setpoint is wide, and slow changes of a healthy machine may still exceed it. Learn longer.`
    return { enough: false, reason }
  }
  const half = Math.floor(data.rows / 2)
  const first = fitProcess(part(data, 0, half), choice)
  if (typeof first === 'string') {
    return {
      enough: false,
      reason:
        'too few rows to check one half of the baseline against the other; learn longer before trusting the setpoint.',
    }
  }
  const second = { ...part(data, half, data.rows), channels: data.channels.length }
  const scores = scoreModel(first.model, stretchOf(second, first.model.standard)).filter(score => !Number.isNaN(score))
  const exceeding = scores.filter(score => score >= 1).length / Math.max(1, scores.length)
  if (exceeding <= EXCEEDING_SHARE_MAX) return { enough: true, exceeding, reason: '' }
  const reason =
    `${(100 * exceeding).toFixed(0)} % of the second half of the baseline exceed the setpoint of its first half: ` +
    'the machine still showed new behaviour, or drifts. Learn longer; expect false alarms until then.'
  return { enough: false, exceeding, reason }
}

function part(data: FitData, from: number, to: number): FitData {
  const channels = data.channels.length
  return {
    ...data,
    rows: to - from,
    values: data.values.subarray(from * channels, to * channels),
    breaks: data.breaks.subarray(from, to),
  }
}
