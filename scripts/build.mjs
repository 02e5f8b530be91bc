// Compiles agent/ into dist/. Incremental: an unchanged tree costs a second.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(import.meta.url)
const tsc = require.resolve('typescript/bin/tsc')
const run = spawnSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
if (run.status !== 0) process.exit(run.status ?? 1)
// What was built from a source that is gone would still be packed, and run.
for (const path of readdirSync('dist', { recursive: true })) {
  if (path.endsWith('.js') && !existsSync(join('agent', path.replace(/\.js$/, '.ts')))) rmSync(join('dist', path))
}
chmodSync(join('dist', 'main.js'), 0o755)
