import { Command } from 'commander'
import { checkConfigCommand } from './check-config.ts'
import { collectCommand } from './collect.ts'
import { alarmsCommand, channelsCommand, historyCommand, statusCommand, syncCommand } from './daemon-commands.ts'
import { demoCommand } from './demo.ts'
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
    .showHelpAfterError('(wearwatch --help lists the commands)')
    .exitOverride(error => {
      // commander ends with 1 for wrong usage; scripts can tell it from a failure.
      process.exit(error.exitCode === 0 ? EXIT.ok : EXIT.usage)
    })
  const commands = [
    runCommand(),
    checkConfigCommand(),
    channelsCommand(),
    statusCommand(),
    alarmsCommand(),
    historyCommand(),
    learnCommand(),
    syncCommand(),
    publishCommand(),
    collectCommand(),
    demoCommand(),
  ]
  for (const command of commands) root.addCommand(command)
  return root
}
