// What learning a baseline and carrying it forward have in common: rows from the history in, a model at work out.
import type { AssetConfig } from '../../config/contract.ts'
import type { ErrorCode } from '../../core/errors.ts'
import type { Logger } from '../../core/logger.ts'
import type { History } from '../../history/contract.ts'
import type { CaptureData, FitData, FitOptions, FitResult, Manifest, ModelFile } from '../contract.ts'
import type { GateFactory } from './baseline.ts'
import type { BindingKind, LeftOutChannel } from './fold.ts'
import { type ChannelSeverity, severityOf, severityText } from './severity.ts'

export type FitExtra = Partial<Pick<FitOptions, 'provisional' | 'reference' | 'screen' | 'family'>>

export interface Refusal {
  reason: string
  code?: ErrorCode | undefined
}

/** Where a baseline comes from and where its model goes; the same for the first one and for a re-baselining. */
export interface FitDeps {
  history: History
  gate: GateFactory
  fit(asset: AssetConfig, data: FitData | CaptureData, extra: FitExtra, signal: AbortSignal): Promise<FitResult>
  /** Runs one baseline at a time: fifty assets that complete theirs in the same minute would take 15 MB and a thread each. */
  alone<T>(work: () => Promise<T>): Promise<T>
  /** Makes a fitted model the active one, calling `bind` as it takes over; why, when it was refused. `without`: of a reduced one. */
  install(
    asset: AssetConfig,
    fitted: Pick<FitResult, 'bytes' | 'manifest'>,
    kind: BindingKind,
    bind: (model: ModelFile) => void,
    without?: readonly LeftOutChannel[],
  ): Promise<Refusal | undefined>
  logger: Logger
}

/** Fits, and says what a person should know of it; that there is not enough yet is said by whoever learns on. */
export async function fitAndWarn(
  { fit, logger }: FitDeps,
  asset: AssetConfig,
  data: FitData | CaptureData,
  extra: FitExtra,
  signal: AbortSignal,
): Promise<FitResult> {
  const fitted = await fit(asset, data, extra, signal)
  const { enough, reason } = fitted.sufficiency
  for (const warning of fitted.warnings) {
    if (enough || warning !== reason || asset.learn.sufficiency === 'warn')
      logger.warn(`baseline of ${asset.id}: ${warning}`)
  }
  return fitted
}

/** How the machine stood when it was learnt; empty where nothing absolute is known of it. */
export function severityOfModel(asset: AssetConfig, { channels, reference }: Manifest): ChannelSeverity[] {
  if (!reference) return []
  const ids = channels.map(channel => channel.id)
  return severityOf(asset, ids, reference)
}

export function tellSeverity(asset: AssetConfig, manifest: Manifest, logger: Logger): void {
  const found = severityOfModel(asset, manifest)
  const text = `the baseline of ${asset.id} in absolute terms: ${severityText(found)}`
  if (found.some(({ high }) => high)) logger.warn(`${text}; look at the machine before this becomes its norm`)
  else logger.info(text)
}
