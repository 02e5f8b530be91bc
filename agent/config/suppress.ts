// `suppress` of an asset: maintenance windows and operating states.
import type { LoadContext } from './context.ts'
import type { ChannelConfig, SuppressConfig } from './contract.ts'
import { durationText } from './quantities.ts'
import { parseCondition } from './running.ts'
import type { AssetIn } from './schema-assets.ts'

type Entry = NonNullable<AssetIn['suppress']>[number]
type Path = readonly (string | number)[]

export function buildSuppress(
  ctx: LoadContext,
  entries: readonly Entry[],
  channels: readonly ChannelConfig[],
  place: (position: number) => Path,
): SuppressConfig[] {
  return entries.flatMap((entry, i) => buildEntry(ctx, entry, channels, place(i)) ?? [])
}

function buildEntry(
  ctx: LoadContext,
  { cron, for: forMs, when, note, rules }: Entry,
  channels: readonly ChannelConfig[],
  path: Path,
): SuppressConfig | undefined {
  if ((cron === undefined) === (when === undefined)) {
    const problem = cron === undefined ? 'has neither cron nor when' : 'has both cron and when'
    ctx.issues.error(
      path,
      `${problem}; an entry is a window or a state`,
      'write {cron: "0 22 * * 6", for: 4h} or {when: mode > 2}',
    )
    return undefined
  }
  const only = rules === undefined ? {} : { rules }
  if (cron !== undefined) {
    if (forMs === undefined) {
      ctx.issues.error(path, 'has no end', 'add how long it lasts: for: 4h')
      return undefined
    }
    return { cron, forMs, note: note ?? `maintenance window of ${durationText(forMs)}`, ...only }
  }
  if (forMs !== undefined)
    ctx.issues.error([...path, 'for'], 'means nothing beside when: a state lasts as long as it holds', 'remove it')
  const condition = parseCondition(when!, channels)
  if ('anyOf' in condition) return { text: when!, anyOf: condition.anyOf, note: note ?? when!, ...only }
  ctx.issues.error([...path, 'when'], condition.message, condition.hint)
  return undefined
}
