import { messageOf } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { NewRecord } from './contract.ts'
import { RECORD_HEADER_BYTES, recordBytes } from './segment.ts'

/** The owner's fold for a new segment. Undefined when there is none or it is unusable: then older segments are kept. */
export function takeCheckpoint(
  owner: { checkpoint: (() => NewRecord) | undefined; logger: Logger },
  recordBytesMax: number,
): NewRecord | undefined {
  try {
    const record = owner.checkpoint?.()
    if (!record || recordBytes(record) <= recordBytesMax) return record
    owner.logger.error('the checkpoint is too large for the journal: older segments are kept instead', {
      bytes: record.payload.length,
      bytesMax: recordBytesMax - RECORD_HEADER_BYTES,
    })
  } catch (error) {
    owner.logger.error('no checkpoint was given to the journal: older segments are kept instead', {
      cause: messageOf(error),
    })
  }
  return undefined
}
