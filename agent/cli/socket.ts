import { loadConfigFile } from '../config/load.ts'

export const DEFAULT_CONFIG = '/etc/wearwatch/wearwatch.yaml'

/** Path of the daemon's control socket: given, or from its config. */
export function socketOf(options: { config: string; socket?: string }): string {
  if (options.socket) return options.socket
  const { config } = loadConfigFile(options.config)
  return config.control.socket
}
