import { Command } from 'commander'
import { EXIT } from './shared.ts'
import { VERSION } from './version.ts'

/** In the order of the help. Each is loaded when it is asked for: the daemon needs neither the demo nor what signs models. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  run: async () => (await import('./run.ts')).runCommand(),
  'check-config': async () => (await import('./check-config.ts')).checkConfigCommand(),
  channels: async () => (await import('./daemon-commands.ts')).channelsCommand(),
  status: async () => (await import('./daemon-commands.ts')).statusCommand(),
  watch: async () => (await import('./watch.ts')).watchCommand(),
  alarms: async () => (await import('./alarms.ts')).alarmsCommand(),
  history: async () => (await import('./history.ts')).historyCommand(),
  'set-baseline': async () => (await import('./daemon-commands.ts')).setBaselineCommand(),
  learn: async () => (await import('./learn.ts')).learnCommand(),
  backtest: async () => (await import('./backtest.ts')).backtestCommand(),
  models: async () => (await import('./models.ts')).modelsCommand(),
  doctor: async () => (await import('./doctor.ts')).doctorCommand(),
  sync: async () => (await import('./daemon-commands.ts')).syncCommand(),
  publish: async () => (await import('./publish.ts')).publishCommand(),
  command: async () => (await import('./command.ts')).commandCommand(),
  collect: async () => (await import('./collect.ts')).collectCommand(),
  demo: async () => (await import('./demo.ts')).demoCommand(),
  bench: async () => (await import('./bench.ts')).benchCommand(),
}

/** `wearwatch …`: with all commands, or only with the one named `wanted` where there is such a one. */
export async function program(wanted = ''): Promise<Command> {
  const root = new Command('wearwatch')
    .description('says which machine is changing, where, and since when')
    .version(VERSION)
  process.stdout.on('error', readerGone)
  const one = Object.hasOwn(COMMANDS, wanted) ? COMMANDS[wanted] : undefined
  for (const load of one ? [one] : Object.values(COMMANDS)) root.addCommand(await load())
  return withUsageCode(root)
}

/** `| head -1` closes our output before we are done: that is no failure, and no place for a stack. */
function readerGone(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit()
  throw error
}

/** commander ends with 1 for wrong usage, and a subcommand does not inherit the override. */
function withUsageCode(command: Command): Command {
  command.exitOverride(error => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage))
  command.showHelpAfterError('(add --help for what there is)')
  for (const child of command.commands) withUsageCode(child)
  return command
}
