// Types that no asset uses are held against what can be told without one.

import type { LoadContext } from './context.ts'
import { checkRange } from './limits.ts'
import { parseCondition } from './running.ts'
import type { ChannelIn, TypeIn } from './schema-assets.ts'

/** What can be told of a type without an asset: the asset that will use it may add channels, so only what it has is held. */
export function checkUnused(
  ctx: LoadContext,
  type: string,
  keys: TypeIn,
  channels: ReadonlyMap<string, ChannelIn>,
): void {
  for (const [id, written] of channels) checkRange(ctx, key => ['types', type, 'channels', id, key], written)
  if (keys.running?.when === undefined) return
  const condition = parseCondition(
    keys.running.when,
    [...channels].map(([id, channel]) => ({ ...channel, id })),
  )
  if ('message' in condition) ctx.issues.error(['types', type, 'running', 'when'], condition.message, condition.hint)
}
