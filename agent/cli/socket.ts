import { FILE_DEFAULT } from '../config/defaults.ts'
import { loadConfigFile } from '../config/load.ts'

export const DEFAULT_CONFIG = FILE_DEFAULT

/** Path of the daemon's control socket: given, or from its config. */
export function socketOf(options: { config: string; socket?: string }): string {
  if (options.socket) return options.socket
  const { config } = loadConfigFile(options.config)
  return config.control.socket
}
