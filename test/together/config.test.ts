import { together } from '../support/together.ts'

await together(['unit/config'])
