// Every scorer process this agent has started and that has not ended yet.
import type { ScorerConfig } from '../config/contract.ts'
import type { Clock } from '../core/clock.ts'
import { AgentError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { type Environment, type LaunchCommand, launchCommand } from './launch.ts'
import { ScorerProcess } from './scorer-process.ts'

export interface ChildrenParts {
  config: ScorerConfig
  clock: Clock
  logger: Logger
  environment: Environment
}

export class Children {
  readonly command: LaunchCommand
  readonly #parts: ChildrenParts
  readonly #running = new Set<ScorerProcess>()
  #stopped = false

  constructor(parts: ChildrenParts) {
    const { config, environment } = parts
    this.#parts = parts
    this.command = launchCommand(config.providers, config.memoryMb, environment)
  }

  /** A child that has said hello, with room for batches of `slotBytes`. Throws SCORER_DIED or SCORER_DEADLINE. */
  async start(slotBytes: number): Promise<ScorerProcess> {
    if (this.#stopped) throw stoppedError()
    const { clock, logger, config } = this.#parts
    const onSpawn = (child: ScorerProcess): void => {
      this.#running.add(child)
      void child.closed.then(() => this.#running.delete(child))
    }
    return ScorerProcess.start({ command: this.command, slotBytes, memoryMb: config.memoryMb, clock, logger, onSpawn })
  }

  /** Ends all, those that are still loading too; resolves when they are gone. No new one is started. */
  async stop(): Promise<void> {
    this.#stopped = true
    await Promise.all([...this.#running].map(child => child.end()))
  }
}

export function stoppedError(): AgentError {
  return new AgentError('SCORER_DIED', 'scorer: stopped, no model can be loaded')
}
