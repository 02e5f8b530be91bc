// Score, setpoint, alarms and labels as one SVG, a panel per recording.
import { isoFromUs } from '../core/types.ts'
import type { Scored } from './backtest-report.ts'

const WIDTH = 1200
const PANEL = 170
const LEFT = 48
const RIGHT = 12
const TOP = 26
const BOTTOM = 26
/** Above this the score is cut off, so that one wild value does not flatten all others; the arrow says so. */
const SCORE_MAX = 5

export function plotSvg(recordings: readonly Scored[]): string {
  const height = recordings.length * PANEL + 34
  const panels = recordings.map((recording, i) => panel(recording, i * PANEL + 30)).join('')
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="#fff"/>
${legend()}${panels}</svg>
`
}

function legend(): string {
  const entries = [
    ['#1f5fa8', 'score'],
    ['#c0392b', 'setpoint 1.0'],
    ['#f2b8b0', 'alarm'],
    ['#d9d9d9', 'labelled'],
    ['#2e8b57', 're-baselined'],
  ] as const
  return entries
    .map(([colour, text], i) => {
      const x = LEFT + i * 130
      return `<rect x="${x}" y="10" width="14" height="10" fill="${colour}"/><text x="${x + 20}" y="19">${text}</text>\n`
    })
    .join('')
}

function panel({ name, scores, alarms, labels, timesUs, rebaselines = [] }: Scored, y: number): string {
  const plotWidth = WIDTH - LEFT - RIGHT
  const plotHeight = PANEL - TOP - BOTTOM
  const top = Math.min(SCORE_MAX, Math.max(1.5, ...extremes(scores, 200).map(([, high]) => high)))
  const px = (i: number): string => (LEFT + (i / Math.max(1, scores.length)) * plotWidth).toFixed(1)
  const py = (score: number): string => (y + TOP + plotHeight * (1 - Math.min(score, top) / top)).toFixed(1)
  const columns = extremes(scores, plotWidth)
  const line = columns
    .map(([low, high], k) => {
      const x = (LEFT + (k / columns.length) * plotWidth).toFixed(1)
      return `${x},${py(high)} ${x},${py(low)}`
    })
    .join(' ')
  const bands = (flags: Uint8Array | undefined, colour: string, from: number, part: number): string =>
    flags
      ? runs(flags)
          .map(
            ([a, b]) =>
              `<rect x="${px(a)}" y="${y + TOP + from * plotHeight}" width="${Math.max(1, Number(px(b)) - Number(px(a))).toFixed(1)}" height="${plotHeight * part}" fill="${colour}"/>\n`,
          )
          .join('')
      : ''
  // A tick at the top, not a line across: a year has hundreds of them.
  const ticks = rebaselines
    .map(at => `<path d="M${px(at)} ${y + TOP - 5}v9" stroke="#2e8b57" stroke-width="1.5"/>\n`)
    .join('')
  const [first = 0, last = 0] = [timesUs[0], timesUs.at(-1)]
  return `<g>
<text x="${LEFT}" y="${y + 16}" font-weight="bold">${escaped(name)}</text>
${bands(labels, '#d9d9d9', 0, 1)}${bands(alarms, '#f2b8b0', 0.75, 0.25)}<rect x="${LEFT}" y="${y + TOP}" width="${plotWidth}" height="${plotHeight}" fill="none" stroke="#999"/>
<polyline points="${line}" fill="none" stroke="#1f5fa8"/>
${ticks}<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${py(1)}" y2="${py(1)}" stroke="#c0392b" stroke-dasharray="5 3"/>
<text x="${LEFT - 6}" y="${py(1)}" text-anchor="end" dy="4">1.0</text>
<text x="${LEFT - 6}" y="${y + TOP + 8}" text-anchor="end">${top === SCORE_MAX ? '≥ ' : ''}${top.toFixed(1)}</text>
<text x="${LEFT}" y="${y + PANEL - 10}" fill="#555">${isoFromUs(first).slice(0, 19)}</text>
<text x="${WIDTH - RIGHT}" y="${y + PANEL - 10}" fill="#555" text-anchor="end">${isoFromUs(last).slice(0, 19)}</text>
</g>
`
}

/** [low, high] of each of at most `count` equal parts. */
function extremes(values: Float64Array, count: number): [number, number][] {
  const parts = Math.min(count, values.length)
  return Array.from({ length: parts }, (_, k) => {
    let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
    const to = Math.floor(((k + 1) * values.length) / parts)
    for (let i = Math.floor((k * values.length) / parts); i < to; i++) {
      low = Math.min(low, values[i]!)
      high = Math.max(high, values[i]!)
    }
    return [low, high]
  })
}

/** [from, end) of each run of 1. */
function runs(flags: Uint8Array): [number, number][] {
  const found: [number, number][] = []
  for (let i = 0; i < flags.length; i++) {
    if (!flags[i]) continue
    const from = i
    while (flags[i + 1]) i++
    found.push([from, i + 1])
  }
  return found
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}
