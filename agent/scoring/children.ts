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

  /**
   * Ends all, those that are still loading too; resolves when they are gone. No new one is started.
   * @param late they have not answered in time: killed at once, as another second of waiting would not make them
   */
  async stop(late: boolean): Promise<void> {
    this.#stopped = true
    const end = (child: ScorerProcess): Promise<unknown> => {
      if (!late) return child.end()
      child.kill('deadline', 'scorer: had not answered when the agent stopped')
      return child.closed
    }
    await Promise.all([...this.#running].map(end))
  }
}

export function stoppedError(): AgentError {
  return new AgentError('SCORER_DIED', 'scorer: stopped, no model can be loaded')
}
