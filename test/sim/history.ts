// What clients and servers saw, as a stream of entries in the order of one clock. Simulations feed the checker directly;
// processes write one JSON line an entry with the machine's monotonic time, and the lines are merged by it.
//
// An event is named by its producer and the producer's number for it: 0, 1, 2 … without gaps. An attempt is one send; a
// retry without idempotence is an attempt with new numbers.

/** Names one partition's log for its whole life: a hub made again under the same name gets other names. */
export type LogName = string

export type SendOutcome = 'ok' | 'failed' | 'unknown'

export type HistoryEntry =
  | {
      readonly type: 'send-invoked'
      readonly log: LogName
      readonly producer: number
      readonly firstNumber: number
      readonly count: number
      /** The same numbers may be sent again and must appear once (rule 9). */
      readonly isIdempotent?: boolean
    }
  | {
      readonly type: 'send-completed'
      readonly producer: number
      readonly firstNumber: number
      /** `failed`: certainly not stored. `unknown`: stored or not. */
      readonly outcome: SendOutcome
      /** Of the first event, where the protocol returns it. */
      readonly sequence?: number
    }
  /** The attach was answered. Deliveries begin at `from`, or at the first event present when that is later. */
  | {
      readonly type: 'reader-opened'
      readonly reader: number
      readonly log: LogName
      readonly from: number
      readonly group?: string
      readonly level?: number | null
      /** Events that may still arrive after being displaced: the credit outstanding on the client's side, 0 on the server's. */
      readonly credit?: number
    }
  | ({ readonly type: 'read'; readonly reader: number } & SeenEvent)
  | { readonly type: 'reader-closed'; readonly reader: number }
  | { readonly type: 'trim-invoked'; readonly log: LogName; readonly before: number }
  | { readonly type: 'trim-completed'; readonly log: LogName; readonly before: number }
  /** Sequences lost to declared damage or compaction, `to` exclusive. */
  | { readonly type: 'gap-declared'; readonly log: LogName; readonly from: number; readonly to: number }
  | { readonly type: 'delete-invoked'; readonly log: LogName }
  /** The first event at or after `timeMs` was said to be `found`, when the log reached from `start` to `end`. */
  | {
      readonly type: 'time-lookup'
      readonly log: LogName
      readonly timeMs: number
      readonly found: number
      readonly start: number
      readonly end: number
    }
  | {
      readonly type: 'register-invoked'
      readonly operation: number
      readonly key: string
      readonly action: RegisterAction
    }
  | { readonly type: 'register-completed'; readonly operation: number; readonly result: RegisterResult }
  /** The read-back of one log after everything came to rest: its bounds, then its events in order. */
  | { readonly type: 'stored-log'; readonly log: LogName; readonly start: number; readonly end: number }
  | ({ readonly type: 'stored'; readonly log: LogName } & SeenEvent)

export interface SeenEvent {
  readonly sequence: number
  readonly producer: number
  readonly number: number
  readonly enqueuedTimeMs: number
  /** The body's own checksum was right. */
  readonly isIntact: boolean
}

/** Values are chosen by the clients and unique, so that a read names the write it saw. */
export type RegisterAction =
  | { readonly kind: 'read' }
  | { readonly kind: 'write'; readonly value: string; readonly expected: RegisterExpectation }
  | { readonly kind: 'clear' }

/** `any`: unconditional. Otherwise the write applies only when the register holds this value, null for none. */
export type RegisterExpectation = { readonly kind: 'any' } | { readonly kind: 'is'; readonly value: string | null }

export type RegisterResult =
  | { readonly kind: 'value'; readonly value: string | null }
  | { readonly kind: 'done' }
  | { readonly kind: 'conflict' }
  /** Happened or not; may also happen later. */
  | { readonly kind: 'unknown' }
  /** Certainly did not happen and never will. */
  | { readonly kind: 'failed' }

/** The rules of reliability.md H2. */
export type Rule = 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11

export interface Violation {
  readonly rule: Rule
  readonly what: string
}
