import { Command, Option } from 'commander'
import { loadConfigFile } from '../config/load.ts'
import { systemClock } from '../core/clock.ts'
import { requireDir } from '../core/folders.ts'
import { createLogger, type LogLevel } from '../core/logger.ts'
import { entropySeed, seededPrng } from '../core/prng.ts'
import { action, EXIT } from './shared.ts'
import { stopSignal } from './signals.ts'
import { DEFAULT_CONFIG } from './socket.ts'
import { VERSION } from './version.ts'

interface RunOptions {
  config: string
  logFormat: 'text' | 'json'
  logLevel?: LogLevel
}

export function runCommand(): Command {
  return new Command('run')
    .description('run the agent in the foreground until SIGTERM or Ctrl-C')
    .option('-c, --config <FILE>', 'config file', DEFAULT_CONFIG)
    .addOption(
      new Option('--log-format <FORMAT>', 'one line per event for people, or JSON for machines')
        .choices(['text', 'json'])
        .default(process.stderr.isTTY ? 'text' : 'json'),
    )
    .addOption(
      new Option('--log-level <LEVEL>', 'instead of the one in the config').choices(['debug', 'info', 'warn', 'error']),
    )
    .action(
      action(async (options: RunOptions) => {
        const { config, warnings } = loadConfigFile(options.config)
        const logger = createLogger({ level: options.logLevel ?? config.log.level, format: options.logFormat })
        const log = logger.room('agent')
        for (const warning of warnings) log.warn(`config: ${warning.path}: ${warning.message}`)
        await requireDir('storage.dir', config.storage.dir, {
          code: 'STORAGE_UNUSABLE',
          advice: 'write storage: {dir: /var/lib/wearwatch}, or another folder that the agent may write to',
          mode: 0o750,
        })
        const stop = stopSignal()
        // Loaded once the config is good: a wrong one is told a second sooner on a small board.
        const { Agent } = await import('../pipeline.ts')
        const agent = await Agent.start({
          config,
          version: VERSION,
          clock: systemClock(),
          prng: seededPrng(entropySeed()),
          logger,
          environment: process.env,
        })
        log.info(
          `wearwatch ${VERSION} runs: ${config.assets.length} asset(s), ${config.sources.length} source(s), socket ${config.control.socket}`,
        )
        const signal = await stop
        log.info(`${signal}: stopping`)
        await agent.stop()
        log.info('stopped')
        return EXIT.ok
      }),
    )
}
