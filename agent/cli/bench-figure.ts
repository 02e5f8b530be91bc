// What a benchmark shows: figures with their spread beside aim and reference, and the machine they were taken on.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { cpus, loadavg, totalmem } from 'node:os'
import { table } from './shared.ts'

export interface Figure {
  name: string
  unit: string
  /** One per repetition. */
  samples: number[]
  aim?: string
  /** What it is measured against, one sample taken beside each of `samples`. */
  reference?: { name: string; samples: number[] }
  note?: string
}

export interface BenchMachine {
  cpu: string
  cores: number
  memoryMb: number
  loadAverage: number
  versions: Record<string, string>
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  return ((sorted[sorted.length >> 1] ?? Number.NaN) + (sorted[(sorted.length - 1) >> 1] ?? Number.NaN)) / 2
}

/** The value that `share` of the samples do not exceed. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN
}

/** Median of the ratios of each sample to the reference taken beside it. */
export function ratioOf(figure: Figure): number | undefined {
  const { samples, reference } = figure
  return reference && median(samples.map((sample, i) => sample / (reference.samples[i] ?? Number.NaN)))
}

export function machine(): BenchMachine {
  // Pinned exactly, so what is asked for is what is there.
  const { dependencies } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    dependencies: Record<string, string>
  }
  const version = (name: string): string => dependencies[name] ?? 'unknown'
  const mosquitto = mosquittoVersion()
  return {
    cpu: cpus()[0]?.model ?? 'unknown',
    cores: cpus().length,
    memoryMb: Math.round(totalmem() / 2 ** 20),
    loadAverage: loadavg()[0] ?? 0,
    versions: {
      node: process.versions.node,
      onnxruntime: version('onnxruntime-node'),
      mqtt: version('mqtt'),
      aedes: version('aedes'),
      ...(mosquitto === undefined ? {} : { mosquitto }),
    },
  }
}

/** Undefined where mosquitto is not installed. */
export function mosquittoVersion(): string | undefined {
  const { stdout } = spawnSync('mosquitto', ['-h'], { encoding: 'utf8' })
  return stdout ? (/version (\S+)/.exec(stdout)?.[1] ?? 'unknown') : undefined
}

export function machineLines({ cpu, cores, memoryMb, loadAverage, versions }: BenchMachine): string[] {
  return [
    `${cpu}, ${cores} cores, ${memoryMb} MiB, load average ${loadAverage.toFixed(1)} at the start`,
    Object.entries(versions)
      .map(([name, version]) => `${name} ${version}`)
      .join(', '),
  ]
}

export function figureTable(figures: readonly Figure[]): string {
  const head = ['figure', 'median', '(min – max)', 'unit', 'beside it', 'ratio', 'aim']
  const rows = figures.map(figure => {
    const { name, unit, samples, reference, aim } = figure
    const beside = reference ? `${reference.name} ${shown(median(reference.samples))}` : ''
    const spread = samples.length > 1 ? `(${shown(Math.min(...samples))} – ${shown(Math.max(...samples))})` : ''
    return [name, shown(median(samples)), spread, unit, beside, ratioOf(figure)?.toFixed(2) ?? '', aim ?? '']
  })
  const notes = figures.flatMap(({ name, note }) => (note ? [`${name}: ${note}`] : []))
  return [table(head, rows), ...notes].join('\n')
}

function shown(value: number): string {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en-US')
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 2)
}
