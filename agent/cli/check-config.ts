import { Command } from 'commander'
import { stringify } from 'yaml'
import type { ConfigIssue } from '../config/contract.ts'
import { FILE_DEFAULT } from '../config/defaults.ts'
import { formatIssue } from '../config/issues.ts'
import { configJsonSchemaText } from '../config/json-schema.ts'
import { ConfigError, type LoadedConfig, loadConfigFile } from '../config/load.ts'
import { redacted } from '../config/redact.ts'
import { action, EXIT, paint, print, printJson } from './shared.ts'

/** `wearwatch check-config`: exit 0 when the agent would start with this file, 3 when it would not. */
export function checkConfigCommand(): Command {
  return new Command('check-config')
    .description('check the config file: every error at once, or the effective config with secrets hidden')
    .argument('[file]', 'config file', FILE_DEFAULT)
    .option('--json', 'one JSON object for programs')
    .option('--schema', 'print the JSON Schema for editors and check nothing')
    .action(
      action(async (file: string, options: { json?: boolean; schema?: boolean }) => {
        if (options.schema) {
          process.stdout.write(configJsonSchemaText())
          return EXIT.ok
        }
        return checkFile(file, options.json === true)
      }),
    )
}

function checkFile(file: string, json: boolean): number {
  try {
    const loaded = loadConfigFile(file)
    if (json)
      printJson({
        ok: true,
        file,
        warnings: loaded.warnings,
        lineLoads: loaded.lineLoads,
        baselines: loaded.baselines,
        config: redacted(loaded.config),
      })
    else printLoaded(file, loaded)
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    if (json) printJson({ ok: false, file, issues: error.issues })
    else printErrors(file, error.issues)
    return EXIT.config
  }
}

function printErrors(file: string, issues: readonly ConfigIssue[]): void {
  for (const issue of issues) print(paint(formatIssue(file, issue), 'red'))
  print(`${issues.length === 1 ? '1 error' : `${issues.length} errors`} in ${file}; the agent would not start`)
}

// The effective config is YAML that loads again; everything else is a comment in it, so that the output can be kept.
function printLoaded(file: string, { config, warnings, lineLoads, baselines }: LoadedConfig): void {
  print(`# effective configuration of ${file}, secrets hidden`)
  process.stdout.write(stringify(redacted(config), { lineWidth: 0, aliasDuplicateObjects: false }))
  for (const load of lineLoads) print(`# line load  ${load.source}: ${load.text}`)
  for (const { asset, rowsNeeded, rows } of baselines)
    if (rows === undefined)
      print(
        `# baseline   ${asset}: a fit needs at least ${rowsNeeded} rows; write "every" to have "learn" held against it`,
      )
  for (const warning of warnings)
    print(paint(`# warning    ${formatIssue(file, warning).replace('\n', '\n#')}`, 'yellow'))
  const sources = config.sources.map(source => `${source.id} (${source.kind})`).join(', ')
  const channels = config.assets.reduce((total, asset) => total + asset.channels.length, 0)
  print(
    `# ok: ${config.assets.length} asset(s), ${channels} channel(s), from ${sources}; ${warnings.length} warning(s)`,
  )
}
