// What the machine is, as far as it says by which zones its vibration is judged.
import { zonesIssues } from '../models/contract.ts'
import type { LoadContext } from './context.ts'
import type { MachineConfig } from './contract.ts'
import { parseMeasure } from './measures.ts'
import type { AssetIn } from './schema-assets.ts'

type MachineIn = NonNullable<AssetIn['machine']>

export function buildMachine(
  ctx: LoadContext,
  id: string,
  type: string | undefined,
  machine: MachineIn,
): MachineConfig {
  const { zones, ...rest } = machine
  const borders = zones && bordersOf(ctx, id, type, zones)
  const given = { ...rest, ...(borders ? { zones: borders } : {}) }
  const built = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) as MachineConfig
  for (const { key, expected, hint } of zonesIssues(built)) {
    const path = ctx.place(id, type, 'machine', ...(Object.hasOwn(built, key) ? [key] : []))
    ctx.issues.warn(path, `${key}: expected ${expected}; without it no vibration velocity is judged by zones`, hint)
  }
  return built
}

function bordersOf(
  ctx: LoadContext,
  id: string,
  type: string | undefined,
  written: readonly (number | string)[],
): number[] | undefined {
  const path = ctx.place(id, type, 'machine', 'zones')
  const borders = written.flatMap((border, i) => {
    const parsed = parseMeasure(border, 'mm/s')
    if ('value' in parsed) return [parsed.value]
    ctx.issues.error([...path, i], parsed.message, parsed.hint)
    return []
  })
  const rising = borders.length === 3 && borders.every((border, i) => border > (borders[i - 1] ?? 0))
  if (rising) return borders
  if (borders.length === written.length)
    ctx.issues.error(path, 'expected three rising velocities, A/B, B/C and C/D', 'write zones: [2.3, 4.5, 7.1]')
  return undefined
}
