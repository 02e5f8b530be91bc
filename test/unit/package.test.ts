// What `npm pack` would publish: what runs and what describes it, nothing else.
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import t from 'tap'

interface Packed {
  files: { path: string; mode: number }[]
  unpackedSize: number
}

const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
  bin: Record<string, string>
  files: string[]
  license: string
}
const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts', '--loglevel=silent'], {
    encoding: 'utf8',
  }),
) as Packed[]
const paths = packed!.files.map(({ path }) => path)

t.test('contains only what runs', async t => {
  const allowed = manifest.files.filter(entry => !entry.startsWith('!')).map(entry => entry.replace('*.md', ''))
  const stray = paths.filter(path => path !== 'package.json' && !allowed.some(entry => path.startsWith(entry)))
  t.same(stray, [], 'nothing that package.json does not name')
  t.same(
    paths.filter(path =>
      /(^|\/)\.|\.tsbuildinfo|\.ts$|\.map$|(^|\/)(test|agent|scripts|node_modules)\/|\.test\./.test(path),
    ),
    [],
    'no sources, tests, maps or build state',
  )
  t.same(
    paths.filter(
      path => path.startsWith('dist/') && !existsSync(path.replace('dist', 'agent').replace(/\.js$/, '.ts')),
    ),
    [],
    'nothing built from a source that is gone',
  )
  t.ok(packed!.unpackedSize < 5e6, `${packed!.unpackedSize} bytes`)
})

t.test('contains what is needed', async t => {
  const children = ['dist/main.js', 'dist/scoring/child.js', 'dist/models/fit/fit-thread.js']
  for (const name of readdirSync('models')) t.ok(paths.includes(`models/${name}`), `models/${name}`)
  for (const path of paths.filter(path => /^models\/.*\.onnx$/.test(path)))
    t.ok(paths.includes(path.replace('.onnx', '.md')), `${path} has its card`)
  for (const path of [...children, 'LICENSE', 'README.md', 'CHANGELOG.md', 'docs/mqtt.md', 'docs/config.md'])
    t.ok(paths.includes(path), path)
  for (const kind of ['alert', 'alarm', 'state', 'health', 'features', 'command', 'command-result', 'config', 'gap'])
    t.ok(paths.includes(`docs/schemas/${kind}.schema.json`), `schema of ${kind}`)
})

t.test('the command can be run', async t => {
  const bin = manifest.bin.wearwatch!
  t.equal(bin, 'dist/main.js')
  t.equal(packed!.files.find(({ path }) => path === bin)!.mode & 0o111, 0o111, 'executable')
  t.match(readFileSync(bin, 'utf8'), /^#!\/usr\/bin\/env .*\bnode\b.*\n/)
})
