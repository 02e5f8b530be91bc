// What no other file of this folder names: a new room's tests run here.
import { together } from '../support/together.ts'

const ELSEWHERE = ['config', 'models', 'history', 'http', 'journal', 'sources', 'sync', 'uplink']
await together(
  ['unit'],
  ELSEWHERE.map(room => `unit/${room}`),
)
