// Tables of rules that a configuration must keep, and the files they are tried on.
import type { Test } from 'tap'
import { issuesOf, lines, withAsset } from './config-io.ts'

/** What is written, where it is refused, in which words, and what would do instead. */
export type Rule = readonly [what: string, yaml: string, expected: readonly string[]]

/** Each file of the table is refused with exactly these lines. */
export function refuses(t: Test, rules: readonly Rule[]): void {
  for (const [what, yaml, expected] of rules) t.same(lines(issuesOf(yaml)), expected, what)
}

export const MQTT = 'plant: {mqtt: {url: "mqtt://broker:1883"}}'
export const DAQ = 'daq: {serial: {path: /dev/ttyUSB0, baud: 921600, frame: cobs-crc16}}'
export const asset = (keys: string): string => withAsset(`source: plant\ntopic: a/{channel}\n${keys}`)
export const channel = (keys: string): string => asset(`channels: {flow: {unit: m3/h, ${keys}}}`)
export const wave = (keys: string): string => withAsset(`source: daq\nchannels: {de-h: {unit: g, ${keys}}}`, DAQ)
export const CH = 'assets.p-101.channels.flow'
export const source = (text: string): string => withAsset('source: s\nchannels: {flow: {unit: m3/h}}', `s: ${text}`)
export const FLOW = 'channels: {flow: {unit: m3/h}}'
