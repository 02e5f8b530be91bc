// Where everything is published; docs/mqtt.md says what.
import type { GatewayConfig } from '../config/contract.ts'

export const TOPIC_ROOT = 'wearwatch/v1'
/** Not an asset: ids of assets begin with a letter or digit. */
export const GAP_LEVEL = '_gap'

export interface Topics {
  base: string
  state: string
  health: string
  command: string
  commandResult: string
  gap: string
  alertReceipt: string
  /** Filter of all retained alarms of this gateway. */
  alarms: string
  alert(asset: string): string
  /** Filter of what this gateway publishes of that kind, to hear it back. */
  echo(kind: 'state' | 'alarm' | 'alert'): string
  alarm(asset: string, id: string): string
  features(asset: string): string
}

export function topicsOf(gateway: GatewayConfig): Topics {
  const base = `${TOPIC_ROOT}/${gateway.site}/${gateway.id}`
  const alarms = `${base}/alarm/+/+`
  const echoes = { state: `${base}/state`, alarm: alarms, alert: `${base}/alert/+` }
  return {
    base,
    state: `${base}/state`,
    health: `${base}/health`,
    command: `${base}/command`,
    commandResult: `${base}/command-result`,
    gap: `${base}/alert/${GAP_LEVEL}`,
    alertReceipt: `${base}/alert-receipt`,
    alarms,
    echo: kind => echoes[kind],
    alert: asset => `${base}/alert/${asset}`,
    alarm: (asset, id) => `${base}/alarm/${asset}/${id}`,
    features: asset => `${base}/features/${asset}`,
  }
}
