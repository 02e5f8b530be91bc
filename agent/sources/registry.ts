// The kinds of source, one line each.
import type { SourceConfig } from '../config/contract.ts'
import type { Source, SourceDeps } from './contract.ts'
import { MqttSource } from './mqtt.ts'
import { ReplaySource } from './replay.ts'
import { SerialSource } from './serial.ts'
import { SimulatorSource } from './simulator.ts'

/** Opens nothing yet. Throws CONFIG_INVALID when a binding cannot be understood. */
export function createSource(config: SourceConfig, deps: SourceDeps): Source {
  switch (config.kind) {
    case 'mqtt':
      return new MqttSource(config, deps)
    case 'serial':
      return new SerialSource(config, deps)
    case 'replay':
      return new ReplaySource(config, deps)
    case 'simulator':
      return new SimulatorSource(config, deps)
  }
}
