// What lanes of the alert stream say of themselves.

export type LaneName = 'fresh' | 'backlog'

/** What an alert says of its delivery; none of it is part of the alarm, and all of it may differ when it is sent again. */
export interface LaneFacts {
  lane: LaneName
  /** With receipts: a consumer confirmed every alert of this lane up to this number. */
  confirmed?: number
  /** While there are two lanes: what the backlog lane still has to deliver. */
  backlog?: { from: number | null; to: number }
}

/** One go at delivering: work begun for an earlier one sees `alive` false and lets go. */
export interface Round {
  alive: boolean
  /** What the broker refused. */
  refused: unknown
}
