import type { CommandName } from '../../config/contract.ts'
import { acknowledge } from './acknowledge.ts'
import { backfill } from './backfill.ts'
import { capture } from './capture.ts'
import type { CommandSpec } from './command.ts'
import { label } from './label.ts'
import { restartScorer } from './restart-scorer.ts'
import { setBaseline } from './set-baseline.ts'
import { shelve } from './shelve.ts'
import { status } from './status.ts'
import { sync } from './sync.ts'
import { unshelve } from './unshelve.ts'

/** Every command there is; the configuration says which of them are accepted, and from whom. */
export const COMMANDS: Readonly<Record<CommandName, CommandSpec>> = {
  sync,
  status,
  acknowledge,
  shelve,
  unshelve,
  label,
  capture,
  backfill,
  'set-baseline': setBaseline,
  'restart-scorer': restartScorer,
}
