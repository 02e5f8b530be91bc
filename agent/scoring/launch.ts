// How the scorer is started: its command line, its environment, its memory limit, and what ends it when we are killed.
import { accessSync, constants } from 'node:fs'
import { builtFile } from '../core/built.ts'
import type { Provider } from './contract.ts'

/** Node 20 and ONNX Runtime reserve 734 MB of address space before the first model (measured); below this none starts. */
export const ADDRESS_SPACE_MB_MIN = 768
/** What the V8 of a later Node reserves beyond that, for its code: 22.23 takes 108 MiB more, 24.21 takes 405 (measured). */
const RESERVED_MORE_MB = [
  { fromMajor: 24, mb: 448 },
  { fromMajor: 22, mb: 128 },
] as const

export type Environment = Readonly<Record<string, string | undefined>>

export interface LaunchCommand {
  file: string
  args: string[]
  env: Record<string, string>
  /** How memory is bounded. */
  memory: 'address-space' | 'rss'
  /** Whether the kernel kills the child when this process dies, also inside a native run. */
  diesWithParent: boolean
}

// A warm V8 heap of this child is 5 MB; models and tensors live outside it.
const NODE_FLAGS = ['--max-old-space-size=192', '--v8-pool-size=1']
const PASSED_ON = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'LD_LIBRARY_PATH'] as const
const PASSED_ON_PREFIXES = ['CUDA', 'NVIDIA_'] as const
const SETPRIV_PATHS = ['/usr/bin/setpriv', '/bin/setpriv']

/**
 * `ulimit -v` bounds the address space, which turns a model that asks for more memory than there is into
 * an error of that model. Not where a GPU provider may load: CUDA reserves address space far beyond the memory there is;
 * there the host watches the resident size and kills.
 */
export function launchCommand(
  providers: readonly Provider[],
  memoryMb: number,
  environment: Environment,
  setpriv = findSetpriv(),
  nodeVersion = process.versions.node,
): LaunchCommand {
  const cpuOnly = providers.every(provider => provider === 'cpu')
  const major = Number.parseInt(nodeVersion, 10)
  const moreMb = RESERVED_MORE_MB.find(({ fromMajor }) => major >= fromMajor)?.mb ?? 0
  const limitKb = (Math.max(memoryMb, ADDRESS_SPACE_MB_MIN) + moreMb) * 1024
  const node = [process.execPath, ...NODE_FLAGS, builtFile('scoring/child.js')]
  const guarded = setpriv === undefined ? node : [setpriv, '--pdeathsig', 'KILL', ...node]
  const limit = cpuOnly ? `ulimit -v ${limitKb}; ` : ''
  return {
    file: '/bin/sh',
    // Preloaded tooling (debuggers, test runners) puts NODE_OPTIONS back into an environment that has none, and a loader
    // thread costs 0.5 GB of address space and a second.
    args: ['-c', `unset NODE_OPTIONS; ${limit}exec "$@"`, 'sh', ...guarded],
    env: childEnvironment(environment),
    memory: cpuOnly ? 'address-space' : 'rss',
    diesWithParent: setpriv !== undefined,
  }
}

/**
 * setpriv (util-linux) sets PR_SET_PDEATHSIG, which Node cannot. Without it a child inside an endless run outlives a
 * `kill -9` of the agent until systemd ends the unit's control group; every other child ends with its stdin.
 */
export function findSetpriv(): string | undefined {
  return SETPRIV_PATHS.find(path => {
    try {
      accessSync(path, constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Nothing but what finding libraries and devices needs: no NODE_OPTIONS, no secrets. */
function childEnvironment(environment: Environment): Record<string, string> {
  // glibc reserves 64 MB of address space per arena and thread; one arena is enough for one busy thread.
  const env: Record<string, string> = { MALLOC_ARENA_MAX: '1' }
  for (const [name, value] of Object.entries(environment)) {
    const wanted = PASSED_ON.some(known => known === name) || PASSED_ON_PREFIXES.some(prefix => name.startsWith(prefix))
    if (wanted && value !== undefined) env[name] = value
  }
  return env
}
