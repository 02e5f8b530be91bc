import type { ConfigIssue } from '../../agent/config/contract.ts'
import { ConfigError, type ConfigIo, type LoadedConfig, loadConfig } from '../../agent/config/load.ts'

export interface TestWorld {
  /** Absolute path -> contents; mode 0o600 unless `modes` says otherwise. */
  files?: Record<string, string>
  modes?: Record<string, number>
  env?: Record<string, string>
  machineId?: string | undefined
  hostname?: string
}

export const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'

/** A world in which the file is /etc/ww/config.yaml and nothing exists but what is given. */
export function configIo(world: TestWorld = {}): ConfigIo {
  return {
    file: '/etc/ww/config.yaml',
    env: world.env ?? {},
    machineId: 'machineId' in world ? world.machineId : 'b08dfa6083e7567a1921a715000001fb\n',
    ...(world.hostname === undefined ? {} : { hostname: world.hostname }),
    readFile(path) {
      const text = world.files?.[path]
      if (text === undefined) throw Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
      return { bytes: new TextEncoder().encode(text), mode: world.modes?.[path] ?? 0o100600 }
    },
  }
}

export function load(text: string, world?: TestWorld): LoadedConfig {
  return loadConfig(text, configIo(world))
}

/** The issues of a file that must not load. */
export function issuesOf(text: string, world?: TestWorld): readonly ConfigIssue[] {
  try {
    load(text, world)
  } catch (error) {
    if (error instanceof ConfigError) return error.issues
    throw error
  }
  throw new Error('it loads')
}

/** `path: message | hint`, for comparing. */
export function lines(issues: readonly ConfigIssue[]): string[] {
  return issues.map(({ path, message, hint }) => `${path}: ${message}${hint === undefined ? '' : ` | ${hint}`}`)
}

const HEAD = `gateway: {site: hamburg, id: gw-1}
`
const SOURCES = `sources:
  plant: {mqtt: {url: "mqtt://broker:1883"}}
`
const ASSETS = `assets:
  p-101: {source: plant, topic: "line1/p-101/{channel}", channels: {flow: {unit: m3/h}, speed: {unit: 1/min}}}
`
const UPLINK = `uplink: {mqtt: {url: "mqtt://broker:1883"}}
`

/** A file that loads without a warning, with `parts` in place of its top-level keys or added to them. */
export function withParts(parts: string): string {
  const base: Record<string, string> = { gateway: HEAD, sources: SOURCES, assets: ASSETS, uplink: UPLINK }
  const kept = Object.entries(base).filter(([key]) => !new RegExp(`^${key}:`, 'm').test(parts))
  const version = /^version:/m.test(parts) ? '' : 'version: 1\n'
  return `${version}${kept.map(([, text]) => text).join('')}${parts}\n`
}

/** A file with one asset on one source; `keys` are the asset's, one a line. */
export function withAsset(keys: string, source = 'plant: {mqtt: {url: "mqtt://broker:1883"}}'): string {
  return withParts(`sources:\n  ${source}\nassets:\n  p-101:\n${keys.replace(/^/gm, '    ')}`)
}
