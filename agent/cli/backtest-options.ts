// What a backtest was asked to do.
import type { FitOptions } from '../models/contract.ts'
import type { RowRange } from './options.ts'

export interface BacktestOptions {
  csv: string[]
  npy: string[]
  /** Of `npy`: samples per second, seconds from one capture to the next. */
  rate?: number
  interval?: number
  unit: 'g' | 'm/s2'
  fitCaptures?: RowRange
  ignore?: string[]
  label?: string
  fitRows?: RowRange
  fit?: string
  family: FitOptions['family'] | 'bands'
  model?: string
  startRow?: number
  /** commander's name for --no-rebaseline. */
  rebaseline: boolean
  onDelay?: number
  offDelay?: number
  out: string
  json?: string
  plot?: string
}

/** As the alarm rule counts them. */
export interface AlarmDelays {
  onRows: number
  offRows: number
  deadband: number
}
