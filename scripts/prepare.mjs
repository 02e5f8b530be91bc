// Runs before `npm start` and `npm test`: installs and builds what is missing or older than its source.
// With nothing to do it only compares file times.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const step = (title, command, args) => {
  console.log(title)
  const run = spawnSync(command, args, { stdio: 'inherit' })
  if (run.status !== 0) process.exit(run.status ?? 1)
}
const newestMs = folder =>
  Math.max(
    ...readdirSync(folder, { withFileTypes: true }).map(entry => {
      const path = join(folder, entry.name)
      return entry.isDirectory() ? newestMs(path) : statSync(path).mtimeMs
    }),
    0,
  )

const installed = join('node_modules', '.package-lock.json')
if (!existsSync(installed) || statSync('package-lock.json').mtimeMs > statSync(installed).mtimeMs) {
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  step('install   npm ci (first time only)', npm, ['ci', '--no-audit', '--no-fund', '--loglevel=error'])
}
const stamp = join('dist', '.tsbuildinfo')
const sourceMs = Math.max(newestMs('agent'), statSync('tsconfig.json').mtimeMs, statSync('tsconfig.build.json').mtimeMs)
if (!existsSync(stamp) || !existsSync(join('dist', 'main.js')) || sourceMs > statSync(stamp).mtimeMs) {
  step('build     dist/', process.execPath, [join('scripts', 'build.mjs')])
}
