// What the commit journal is given, and by whom.

import type { EhubError } from '../../base/error.ts'
import type { GroupBuilder } from './group-builder.ts'
import type { NumberedState } from './journal-files.ts'

/** A log as the journal sees it. */
export interface JournalClient {
  /** Its present state, which declares its number in a file. */
  journalState(): NumberedState
  /** Makes durable in the segments whatever of this log the journal holds; resolves to the error when that failed. */
  syncSegments(): Promise<EhubError | null>
}

export interface JournalItem {
  readonly client: JournalClient | null
  /** Sum of the bodies. */
  readonly bodyBytes: number
  /** It must go on when the disk is full. All items of a client are, or none that continue one another. */
  readonly isEssential: boolean
  /** Puts what it holds into a group. */
  addTo(group: GroupBuilder): void
  /** Why it must not be committed any more: something before it, which it continues, was refused. Null when it may. */
  obstacle(): EhubError | null
  committed(): void
  failed(error: EhubError): void
}
