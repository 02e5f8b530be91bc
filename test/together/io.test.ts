import { together } from '../support/together.ts'

await together(['unit/history', 'unit/http', 'unit/journal', 'unit/sources', 'unit/sync', 'unit/uplink'])
