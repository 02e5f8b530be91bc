// SMD: four servers, 38 channels a minute, a healthy recording of its own each.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export async function run({ data, work, backtest, log }) {
  const machines = readdirSync(data)
    .filter(name => name.endsWith('.json'))
    .map(name => name.replace('.json', ''))
  const rows = []
  for (const machine of machines) {
    log(machine)
    const { channels } = JSON.parse(readFileSync(join(data, `${machine}.json`), 'utf8'))
    const train = toCsv(join(data, `${machine}.train.f32`), undefined, channels, join(work, `${machine}.train.csv`))
    const label = readFileSync(join(data, `${machine}.label.u8`))
    const test = toCsv(join(data, `${machine}.test.f32`), label, channels, join(work, `${machine}.csv`))
    const { json } = await backtest([test], ['--fit', train, '--label', 'label'])
    const { alarm, curves, model, rebaselines, episodes, sufficiency } = json.recordings[0]
    rows.push({ machine, alarm, curves, model, rebaselines, episodes, sufficiency })
  }
  const mean = of => rows.reduce((sum, row) => sum + of(row), 0) / rows.length
  const vus = mean(({ curves }) => curves.vusPr)
  const f1 = mean(({ alarm }) => alarm.f1)
  return {
    goals: [
      { name: 'SMD (4), VUS-PR', mark: '.556', goal: '≥ .60', measured: num(vus), met: vus >= 0.6 },
      { name: 'SMD, F1 of the alarm, label-free', mark: '.26', goal: '≥ .40', measured: num(f1), met: f1 >= 0.4 },
    ],
    details: [
      `SMD: AUC-PR ${num(mean(row => row.curves.aucPr))}, best F1 ${num(mean(row => row.curves.bestF1))}, ` +
        `FAR of the alarm ${mean(row => row.alarm.farPercent).toFixed(1)} %.`,
      ...rows.map(
        ({ machine, alarm, curves, model, rebaselines, episodes, sufficiency }) =>
          `SMD ${machine} (${model.family}): VUS-PR ${num(curves.vusPr)}, AUC-PR ${num(curves.aucPr)}, best F1 ${num(curves.bestF1)}; ` +
          `alarm F1 ${num(alarm.f1)} at FAR ${alarm.farPercent.toFixed(1)}, ${episodes} episodes, ` +
          `${alarm.events.filter(({ delayRows }) => delayRows !== undefined).length} of ${alarm.events.length} events; ` +
          `${rebaselines.filter(({ accepted }) => accepted).length} of ${rebaselines.length} re-baselinings taken; ` +
          `baseline ${sufficiency.enough ? 'enough' : 'not enough'}.`,
      ),
    ],
  }
}

const num = value => value.toFixed(3).replace(/^0/, '')

function toCsv(path, labels, channels, to) {
  const bytes = readFileSync(path)
  const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
  const names = Array.from({ length: channels }, (_, c) => `c${c}`)
  const lines = [['time', ...names, ...(labels ? ['label'] : [])].join(',')]
  for (let row = 0; row < values.length / channels; row++) {
    const cells = values.subarray(row * channels, (row + 1) * channels)
    lines.push(`${1_600_000_000 + 60 * row},${cells.join(',')}${labels ? `,${labels[row]}` : ''}`)
  }
  writeFileSync(to, `${lines.join('\n')}\n`)
  return to
}
