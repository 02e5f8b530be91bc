// Preloaded into every test process; .taprc names this file and says why.
import { register } from 'node:module'
// Not declared in package.json: the copy of tap's own loader is meant, whose listeners these are.
import processOnSpawn from 'process-on-spawn'

// Node 24 strips types by itself.
if (Number.parseInt(process.versions.node, 10) < 24) register('./hooks.mjs', import.meta.url)

// tap puts its loader into the NODE_OPTIONS of every child, also where the caller gave an environment without: 0.4 s of CPU
// in each, for a record of files and coverage that nobody reads, since children run the built files.
processOnSpawn.addListener(child => {
  const { NODE_OPTIONS: _, ...env } = child.env
  child.env = env
})
