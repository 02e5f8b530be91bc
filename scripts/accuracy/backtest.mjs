// Runs the built command as anybody would, and reads what it wrote.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

let runs = 0

/**
 * (recordings, options) -> { json, recordings: [{ name, rows, times, scores, alarms }] }, in the order given. `options` are
 * arguments of `wearwatch backtest`; `flag` is that of a recording, --csv or --npy.
 */
export function backtester(work) {
  return async (recordings, options, flag = '--csv') => {
    const id = `run${runs++}`
    const out = join(work, recordings.length > 1 ? id : `${id}.csv`)
    const json = join(work, `${id}.json`)
    const args = recordings.flatMap(path => [flag, path])
    await wearwatch(['backtest', ...args, ...options, '--out', out, '--json', json])
    const report = JSON.parse(readFileSync(json, 'utf8'))
    return {
      json: report,
      recordings: report.recordings.map(({ name }) => ({
        name,
        ...readOut(recordings.length > 1 ? join(out, `${name}.csv`) : out),
      })),
    }
  }
}

function wearwatch(args) {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join('dist', 'main.js'), ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
    let errors = ''
    child.stderr.on('data', chunk => {
      errors += chunk
    })
    child.once('error', reject)
    child.once('close', code => {
      if (code === 0) resolve()
      else reject(new Error(`wearwatch ${args.slice(0, 3).join(' ')} … ended with ${code}:\n${errors.slice(-2000)}`))
    })
  })
}

function readOut(path) {
  const [head, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n')
  if (head !== 'row,time,score,setpoint,alarm') throw new Error(`${basename(path)} begins with ${head}`)
  const cells = lines.map(line => line.split(','))
  return {
    rows: cells.map(([row]) => Number(row)),
    times: cells.map(([, time]) => Date.parse(time)),
    scores: cells.map(([, , score]) => Number(score)),
    alarms: cells.map(([, , , , alarm]) => Number(alarm)),
  }
}
