// Recorded machines as columns, for what a codec makes of real numbers. They are not part of the project: WEARWATCH_DATA names their
// folder; without it there is the simulated pump.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { PUMP_CHANNELS, PumpModel } from '../sources/pump-model.ts'

export interface Recording {
  timesUs: Float64Array
  columns: Float64Array[]
}

export interface RecordingSet {
  name: string
  recordings: Recording[]
}

const SMD_CHANNELS = 38
const SMD_EVERY_US = 60e6
/** Last columns of SKAB's files: labels. */
const SKAB_LABELS = 2
const PUMP_ROWS = 20_000
/** Instruments send decimals. */
const PUMP_STEPS = 1000

export function recordingSets(dir: string | undefined): RecordingSet[] {
  if (dir === undefined) return [{ name: 'simulated pump', recordings: [pump()] }]
  return [
    { name: 'SKAB', recordings: ['valve1', 'valve2'].flatMap(set => filesOf(join(dir, 'skab', set), '.csv')).map(csv) },
    { name: 'SMD', recordings: filesOf(join(dir, 'smd'), '.f32').map(float32) },
  ].filter(({ recordings }) => recordings.length > 0)
}

function filesOf(dir: string, ending: string): string[] {
  try {
    return readdirSync(dir)
      .filter(name => name.endsWith(ending))
      .map(name => join(dir, name))
  } catch {
    return []
  }
}

function csv(path: string): Recording {
  const [head = '', ...lines] = readFileSync(path, 'utf8').trim().split('\n')
  const rows = lines.map(line => line.split(';'))
  const width = head.split(';').length - 1 - SKAB_LABELS
  return {
    timesUs: Float64Array.from(rows, row => Date.parse(`${row[0]?.replace(' ', 'T')}Z`) * 1000),
    columns: Array.from({ length: width }, (_, column) => Float64Array.from(rows, row => Number(row[column + 1]))),
  }
}

function float32(path: string): Recording {
  const bytes = readFileSync(path)
  const values = new Float32Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const rows = Math.floor(values.length / SMD_CHANNELS)
  const column = (c: number): Float64Array =>
    Float64Array.from({ length: rows }, (_, row) => values[row * SMD_CHANNELS + c]!)
  return {
    timesUs: Float64Array.from({ length: rows }, (_, row) => row * SMD_EVERY_US),
    columns: Array.from({ length: SMD_CHANNELS }, (_, c) => column(c)),
  }
}

function pump(): Recording {
  const model = new PumpModel(1, { fault: 'none', faultAfterS: 0 })
  const columns = PUMP_CHANNELS.map(() => new Float64Array(PUMP_ROWS))
  for (let row = 0; row < PUMP_ROWS; row++) {
    model.step(1)
    for (const [c, column] of columns.entries()) column[row] = Math.round(model.values[c]! * PUMP_STEPS) / PUMP_STEPS
  }
  return { timesUs: Float64Array.from({ length: PUMP_ROWS }, (_, row) => row * 1e6), columns }
}
