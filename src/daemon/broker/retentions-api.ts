// What retention says about itself; how it is asked: `Retentions` in `broker-api.ts`.

import type { ClockDoubt } from './trusted-time.ts'

/** What one trim removed of a partition. */
export interface TrimReport {
  readonly partition: number
  /** Sequence numbers and bytes of the stream by which its start moved. */
  readonly events: number
  readonly bytes: number
  /** Not removed from here on, because Capture has not written it yet; null: nothing is held. */
  readonly heldFrom: number | null
}

export interface RetentionStatus {
  /** Why events do not expire by the wall clock at present; null: they do. */
  readonly doubt: ClockDoubt | null
  /** Unix milliseconds of the end of the last lap over all partitions; null before the first. */
  readonly lastLapAtMs: number | null
  /** Failed pieces of work since the start. */
  readonly failures: number
  /** Since the start. */
  readonly hubs: readonly { readonly hub: string; readonly trimmedEvents: number; readonly trimmedBytes: number }[]
}
