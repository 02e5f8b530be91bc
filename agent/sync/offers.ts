// Whether a published model is one this asset may take. Pure functions.
import type { Manifest } from '../models/contract.ts'
import type { SyncWish } from './contract.ts'
import type { Release } from './releases.ts'

/** Before anything is downloaded: `take`, `unchanged`, or the reason for a refusal. */
export function compareRelease(wish: SyncWish, latest: Release): 'take' | 'unchanged' | { reason: string } {
  if (latest.sha256 === wish.sha256Now) return 'unchanged'
  if (latest.release > wish.releaseNow) return 'take'
  const published = `release ${latest.release} of ${latest.name} is published`
  if (latest.release < wish.releaseNow) {
    return { reason: `${published} but ${wish.releaseNow} runs: never a downgrade; publish it with a higher release` }
  }
  return { reason: `${published}, another file with the release that runs; publish it with a higher release` }
}

/** Manifest against what the signed list says of it. Undefined when they agree. */
export function manifestDifference(manifest: Manifest, latest: Release, assetClass: string): string | undefined {
  if (manifest.release !== latest.release) {
    return `the model says release ${manifest.release}, the list of releases ${latest.release}; publish it again`
  }
  if (manifest.assetClass !== undefined && manifest.assetClass !== assetClass) {
    return `the model is for class ${manifest.assetClass}, published under ${assetClass}; publish it under its class`
  }
  return undefined
}

/**
 * Every channel of the model must be a channel of the asset with the same unit. Order does not matter and the asset may
 * have more: channels are bound by id. Undefined when they fit.
 */
export function channelDifference(manifest: Manifest, wish: SyncWish): string | undefined {
  const units = new Map(wish.channels.map(channel => [channel.id, channel.unit]))
  const wrong = manifest.channels.flatMap(({ id, unit }) => {
    const here = units.get(id)
    if (here === undefined) return [`channel ${id} [${unit}] is missing here`]
    return here === unit ? [] : [`channel ${id} is in ${here} here, in ${unit} in the model`]
  })
  if (wrong.length === 0) return undefined
  return `${manifest.name} does not fit ${wish.asset}: ${wrong.join(', ')}; change the configuration or the model`
}
