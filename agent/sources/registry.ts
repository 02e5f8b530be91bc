// The kinds of source, one line each. Loaded when the config names one: serialport alone takes 15 MB and 0.1 s.
import type { SourceConfig } from '../config/contract.ts'
import type { Source, SourceDeps } from './contract.ts'

/** Opens nothing yet. Rejects with CONFIG_INVALID when a binding cannot be understood. */
export async function createSource(config: SourceConfig, deps: SourceDeps): Promise<Source> {
  const own = { ...deps, logger: deps.logger.room('sources') }
  switch (config.kind) {
    case 'mqtt':
      return new (await import('./mqtt.ts')).MqttSource(config, own)
    case 'serial':
      return new (await import('./serial.ts')).SerialSource(config, own)
    case 'replay':
      return new (await import('./replay.ts')).ReplaySource(config, own)
    case 'simulator':
      return new (await import('./simulator.ts')).SimulatorSource(config, own)
  }
}
