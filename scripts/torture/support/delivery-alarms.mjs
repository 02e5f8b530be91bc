// What the processes of the fault `delivery` have to agree on.

export const GATEWAY = { site: 'hall', id: 'gw-1' }
/** The clocks of agent and consumer run so many times as fast: back-offs and the wait for receipts are short, 200 times. */
export const AGENT_CLOCK = 10
export const ASSETS = 5

export function linkConfig(url, clientId) {
  // In seconds of the machine: a half-open link shows after three.
  return { url, clientId, tls: {}, protocol: 'auto', keepaliveS: 2 }
}

export function uplinkConfig(url) {
  return {
    ...linkConfig(url, 'gw-1-uplink'),
    ...{ healthEveryMs: 60_000, featuresEveryMs: 60_000, inFlightMax: 100, commands: [] },
    ...{ receipt: 'consumer', consumer: 'ledger', receiptTimeoutMs: 30_000, backfill: { from: 300, perSecond: 100 } },
  }
}

export function idOf(alertSeq) {
  return String(alertSeq).padStart(13, '0')
}

/** Alarm by alarm, raised and at once cleared and acknowledged, so that none stands at the end but the last ones. */
export function alarmOf(alertSeq) {
  const atUs = 1_700_000_000_000_000 + alertSeq * 1_000_000
  return {
    ...{ id: idOf(alertSeq), alertSeq, transition: 'raised', rule: 'flow.max', asset: `p-${alertSeq % ASSETS}` },
    ...{
      kind: 'machine',
      priority: 1 + (alertSeq % 4),
      active: alertSeq % 100 === 0,
      acked: true,
      suppression: 'none',
    },
    ...{ onsetUs: atUs, raisedUs: atUs, atUs, clock: 'synced', running: true, test: false },
    ...{ message: `alarm ${alertSeq}`, value: alertSeq, setpoint: 1, evidence: [] },
  }
}
