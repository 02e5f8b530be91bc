import { Command } from 'commander'
import { benchCommand } from './bench.ts'
import { checkConfigCommand } from './check-config.ts'
import { collectCommand } from './collect.ts'
import { alarmsCommand, channelsCommand, historyCommand, statusCommand, syncCommand } from './daemon-commands.ts'
import { demoCommand } from './demo.ts'
import { doctorCommand } from './doctor.ts'
import { learnCommand } from './learn.ts'
import { publishCommand } from './publish.ts'
import { runCommand } from './run.ts'
import { EXIT } from './shared.ts'
import { VERSION } from './version.ts'

/** `wearwatch …`: one line per command. */
export function program(): Command {
  const root = new Command('wearwatch')
    .description('says which machine is changing, where, and since when')
    .version(VERSION)
  const commands = [
    runCommand(),
    checkConfigCommand(),
    channelsCommand(),
    statusCommand(),
    alarmsCommand(),
    historyCommand(),
    learnCommand(),
    doctorCommand(),
    syncCommand(),
    publishCommand(),
    collectCommand(),
    demoCommand(),
    benchCommand(),
  ]
  for (const command of commands) root.addCommand(command)
  return withUsageCode(root)
}

/** commander ends with 1 for wrong usage, and a subcommand does not inherit the override. */
function withUsageCode(command: Command): Command {
  command.exitOverride(error => process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage))
  command.showHelpAfterError('(add --help for what there is)')
  for (const child of command.commands) withUsageCode(child)
  return command
}
