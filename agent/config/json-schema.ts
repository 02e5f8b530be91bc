// The JSON Schema that editors complete and check with (YAML language server); docs/schemas/config.schema.json holds it.
import { z } from 'zod'
import { fileSchema } from './schema.ts'

/** Draft 2020-12 of what may be written, before defaults and conversion. */
export function configJsonSchema(): Record<string, unknown> {
  const { $schema, ...rest } = z.toJSONSchema(fileSchema, { io: 'input' })
  return {
    $schema,
    title: 'Wearwatch configuration',
    description: 'One gateway: /etc/wearwatch/wearwatch.yaml',
    ...rest,
  }
}

/** As it stands in the repository, newline at the end. */
export function configJsonSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 1)}\n`
}
