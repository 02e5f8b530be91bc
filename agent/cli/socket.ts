import { FILE_DEFAULT } from '../config/defaults.ts'
export const DEFAULT_CONFIG = FILE_DEFAULT

/** Path of the daemon's control socket: given, or from its config. */
export async function socketOf(options: { config: string; socket?: string }): Promise<string> {
  if (options.socket) return options.socket
  const { loadConfigFile } = await import('../config/load.ts')
  const { config } = loadConfigFile(options.config)
  return config.control.socket
}
