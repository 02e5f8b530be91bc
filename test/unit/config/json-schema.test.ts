import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { configJsonSchema, configJsonSchemaText } from '../../../agent/config/json-schema.ts'
import { redacted } from '../../../agent/config/redact.ts'
import { load, withParts } from '../../support/config-io.ts'

const FILE = 'docs/schemas/config.schema.json'
const validate = new Ajv2020({ strict: false }).compile(configJsonSchema())

t.test('the file in the repository is what the code generates', async t => {
  t.equal(readFileSync(FILE, 'utf8'), configJsonSchemaText(), `else: node dist/main.js check-config --schema > ${FILE}`)
})

t.test('it takes what loads', async t => {
  for (const file of ['docs/examples/pump-mqtt.yaml', 'docs/examples/serial-cobs.yaml']) {
    t.ok(validate(parse(readFileSync(file, 'utf8'))), `${file} ${JSON.stringify(validate.errors)}`)
  }
  t.ok(validate(parse(stringify(redacted(load(withParts('')).config)))), `effective ${JSON.stringify(validate.errors)}`)
})

t.test('it marks what an editor can know to be wrong', async t => {
  for (const [yaml, keyword] of [
    [withParts('scorr: {}'), 'additionalProperties'],
    [withParts('log: {level: loud}'), 'enum'],
    [withParts('storage: {journal: 64}'), 'type'],
    [withParts('uplink: {mqtt: {url: "mqtt://b"}, health: 10}'), 'type'],
    [withParts('uplink: {mqtt: {url: "mqtt://b"}, health: 10m}'), 'pattern'],
    [withParts('scorer: {library: x}'), 'not'],
    [withParts('gateway: {site: Hamburg}'), 'pattern'],
  ] as const) {
    t.notOk(validate(parse(yaml)), yaml)
    t.match(
      validate.errors?.map(error => error.keyword),
      [keyword],
    )
  }
})

t.test('every key says what it is', async t => {
  const silent: string[] = []
  const visit = (node: unknown, path: string): void => {
    if (typeof node !== 'object' || node === null) return
    const { properties } = node as { properties?: Record<string, { description?: string }> }
    for (const [key, value] of Object.entries(properties ?? {})) if (!value.description) silent.push(`${path}.${key}`)
    for (const [key, value] of Object.entries(node)) visit(value, key === 'properties' ? path : `${path}.${key}`)
  }
  visit(configJsonSchema(), '')
  t.same(silent, [])
})
