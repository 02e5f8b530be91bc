// What README.md and docs show must be what the program does.
import { readFileSync } from 'node:fs'
import t from 'tap'
import { program } from '../../agent/cli/program.ts'
import { loadConfig } from '../../agent/config/load.ts'

const readme = readFileSync('README.md', 'utf8')
const blocks = (language: string): string[] =>
  [...readme.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map(match => match[1]!)

t.test('the configuration in the README loads without a warning', async t => {
  const [yaml] = blocks('yaml')
  const io = {
    file: '/etc/wearwatch/wearwatch.yaml',
    env: {},
    hostname: 'gw',
    machineId: 'f00d',
    readFile: () => {
      throw new Error('reads no other file')
    },
  }
  const { config, warnings } = loadConfig(yaml!, io)
  t.same(warnings, [])
  t.equal(config.assets[0]?.channels.length, 5)
  t.equal(config.assets[0]?.layout, 'scattered')
})

t.test('every command that README and docs name exists', async t => {
  const { commands } = await program()
  const texts = [
    'README.md',
    'docs/config.md',
    'docs/mqtt.md',
    'docs/commands.md',
    'docs/models.md',
    'docs/sync.md',
    'docs/alarms.md',
  ].map(file => readFileSync(file, 'utf8'))
  const named = new Set(
    texts
      .flatMap(text =>
        [...text.matchAll(/^(?:npx )?wearwatch ([a-z-]+)(?: ([a-z]+)(?= ))?/gm)].map(
          match => [match[1]!, match[2]] as const,
        ),
      )
      .map(pair => pair.filter(Boolean).join(' ')),
  )
  t.ok(named.size > 5, `${named.size} commands named`)
  for (const name of named) {
    const [first, second] = name.split(' ')
    const command = commands.find(candidate => candidate.name() === first)
    t.ok(command, `wearwatch ${first}`)
    if (second && command && command.commands.length > 0)
      t.ok(
        command.commands.some(child => child.name() === second),
        `wearwatch ${name}`,
      )
  }
})
