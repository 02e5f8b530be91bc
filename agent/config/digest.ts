// What an asset learnt stays valid exactly as long as this does not change.
import { createHash } from 'node:crypto'
import type { AssetConfig, ChannelConfig } from './contract.ts'

/**
 * Hex SHA-256 over what gives the asset's numbers their meaning: id, channels in order with unit, conversion and place on
 * their source, the running condition, the grid, the lags and the mean of the model. Names for people, limits, delays,
 * ranges, ages and priorities are not in it: changing them does not make an asset learn anew.
 */
export function assetDigest(asset: Omit<AssetConfig, 'digest'>): string {
  const meaning = {
    id: asset.id,
    channels: asset.channels.map(channelMeaning),
    layout: asset.layout,
    everyMs: asset.layout === 'scattered' ? asset.everyMs : null,
    running: runningMeaning(asset),
    model: {
      family: asset.model.family,
      order: asset.model.order,
      mean: asset.model.mean,
      file: asset.model.file ?? null,
    },
  }
  return createHash('sha256').update(JSON.stringify(meaning)).digest('hex')
}

function channelMeaning({ id, unit, scale, offset, waveform, binding }: ChannelConfig): unknown[] {
  const { source, topic, valuePath, column, stream, index } = binding
  const capture = waveform?.capture
  // Not when it is taken, only what is in it.
  const wave = waveform ? [waveform.type, waveform.rateHz, ...(capture ? [capture.lengthMs] : [])] : null
  return [id, unit, scale, offset, wave, source, topic ?? null, valuePath ?? null, column ?? null, stream, index]
}

// By channel name: the wording of the condition, its spaces and order of keys do not matter.
function runningMeaning(asset: Omit<AssetConfig, 'digest'>): unknown {
  if (!asset.running) return null
  const terms = asset.running.anyOf.map(allOf =>
    allOf.map(term => [asset.channels[term.channel]?.id, term.op, term.value]),
  )
  return [terms, asset.running.settleMs]
}
