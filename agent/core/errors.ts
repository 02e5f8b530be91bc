// One table of codes, never reused. Branch on code or kind, never on message text.

export type ErrorKind = 'config' | 'transient' | 'corrupt' | 'refused'

/** code -> kind. Add a line in your room's group; a retired code stays, marked retired. */
export const ERROR_KINDS = {
  // config/
  CONFIG_UNREADABLE: 'config',
  CONFIG_INVALID: 'config',
  SECRET_UNREADABLE: 'config',
  UNIT_UNKNOWN: 'config',
  // sources/, decode/
  REPLAY_UNREADABLE: 'config',
  CSV_INVALID: 'config',
  NPY_INVALID: 'config',
  // scoring/
  SCORER_DIED: 'transient',
  SCORER_DEADLINE: 'transient',
  SCORER_PROTOCOL: 'corrupt',
  MODEL_QUARANTINED: 'refused',
  PROVIDER_UNAVAILABLE: 'config',
  // models/
  MODEL_UNREADABLE: 'refused',
  MODEL_CONTRACT: 'refused',
  MODEL_SELF_TEST: 'refused',
  MODEL_MISMATCH: 'refused',
  MODEL_STORE_IO: 'transient',
  FIT_INSUFFICIENT: 'refused',
  FIT_FAILED: 'transient',
  // journal/
  JOURNAL_IO: 'transient',
  JOURNAL_FULL: 'transient',
  JOURNAL_CORRUPT: 'corrupt',
  JOURNAL_CLOSED: 'refused',
  JOURNAL_TOO_LARGE: 'refused',
  // history/
  HISTORY_IO: 'transient',
  HISTORY_LOCKED: 'transient',
  // uplink/
  UPLINK_UNAVAILABLE: 'transient',
  COMMAND_INVALID: 'refused',
  COMMAND_REFUSED: 'refused',
  // sync/
  SYNC_OFF: 'refused',
  SYNC_UNREACHABLE: 'transient',
  SYNC_UNTRUSTED: 'refused',
  SYNC_EXPIRED: 'refused',
  SYNC_REFUSED: 'refused',
  SYNC_BUSY: 'transient',
  SYNC_IO: 'transient',
  PUBLISH_INVALID: 'config',
  // http/, cli/
  DAEMON_NOT_RUNNING: 'transient',
  NOT_FOUND: 'refused',
  ALREADY_RUNNING: 'refused',
  USAGE: 'config',
  FILE_UNREADABLE: 'config',
  FILE_UNWRITABLE: 'config',
  BENCH_FAILED: 'transient',
  STORAGE_UNUSABLE: 'config',
} as const satisfies Record<string, ErrorKind>

export type ErrorCode = keyof typeof ERROR_KINDS

export class AgentError extends Error {
  readonly code: ErrorCode
  readonly kind: ErrorKind

  /** `message` says what happened, where, and what to do. */
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options)
    this.name = 'AgentError'
    this.code = code
    this.kind = ERROR_KINDS[code]
  }
}

/** The text of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** A broken invariant is a bug: crash, let the supervisor restart, lose nothing that was acknowledged. */
export function assert(condition: unknown, invariant: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${invariant}`)
}
