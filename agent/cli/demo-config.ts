/** The demo's configuration: what a user would write for such a pump, with short times. */
export function demoConfig(port: number): string {
  return `version: 1
gateway: {site: demo, id: gw-demo}
sources:
  plant: {mqtt: {url: "mqtt://127.0.0.1:${port}"}}
types:
  pump:
    channels:
      flow: {unit: m3/h, range: [0, 200]}
      suction: {unit: bar}
      discharge: {unit: bar, max: 9}
      current: {unit: A}
      speed: {unit: 1/min}
      motor-temp: {unit: Cel, max: 130}
      bearing-temp: {unit: Cel, max: 95}
      vibration: {unit: mm/s, max: 11}
    running: {when: speed > 300, settle: 2min}
    learn: {running: 60min, starts: 3}
    alarm: {on-delay: 10min, off-delay: 30min, priority: 3, action: Check strainer}
assets:
  p-101: {type: pump, tag: P-101A, source: plant, topic: plant/p-101, value: "$.{channel}", time: $.ts}
uplink:
  mqtt: {url: "mqtt://127.0.0.1:${port}"}
  health: 10s
  features: 10s
storage: {dir: data}
scorer: {provider: gpu}
log: {level: info}
`
}
