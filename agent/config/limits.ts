// Fixed limits of a channel and its range.
import type { LoadContext } from './context.ts'
import type { LimitConfig } from './contract.ts'
import { DEFAULTS } from './defaults.ts'
import type { Path } from './issues.ts'
import type { ChannelIn } from './schema-assets.ts'

export function limitOf({ limit, range, min, max }: ChannelIn): LimitConfig {
  const defaults = DEFAULTS.limit
  const span = range ? Math.abs(range[1] - range[0]) : Math.max(Math.abs(min ?? 0), Math.abs(max ?? 0))
  return {
    onDelayMs: limit?.['on-delay'] ?? defaults.onDelayMs,
    offDelayMs: limit?.['off-delay'] ?? defaults.offDelayMs,
    // 12 digits: 95 * 0.01 is 0.9500000000000001, and people read it.
    deadband: limit?.deadband ?? Number((span * defaults.deadbandShare).toPrecision(12)),
    priority: limit?.priority ?? defaults.priority,
  }
}

/** `place` gives the path of a key of the channel. */
export function checkRange(ctx: LoadContext, place: (key: string) => Path, { range, min, max }: ChannelIn): void {
  if (range && range[0] >= range[1]) {
    ctx.issues.error(
      place('range'),
      `[${range.join(', ')}] is empty; expected low below high`,
      `write range: [${Math.min(...range)}, ${Math.max(...range)}]`,
    )
  }
  if (min !== undefined && max !== undefined && min >= max) {
    ctx.issues.error(
      place('min'),
      `min ${min} is not below max ${max}: one of them would always alarm`,
      'swap them, or remove one',
    )
  }
  for (const [key, limit] of [
    ['min', min],
    ['max', max],
  ] as const) {
    if (!range || limit === undefined || (limit >= range[0] && limit <= range[1])) continue
    ctx.issues.warn(
      place(key),
      `${key} ${limit} lies outside of range [${range.join(', ')}]: a value there is bad and never reaches the limit`,
      'widen the range',
    )
  }
}
