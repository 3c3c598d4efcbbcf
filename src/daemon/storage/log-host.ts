// Between a log and its engine: what each needs of the other.

import type { EhubError } from '../../base/error.ts'
import type { CommitJournal } from './commit-journal.ts'
import type { JournalClient } from './journal-client.ts'
import type { LogFiles } from './log-files.ts'
import type { Damage } from './log-reader.ts'
import type { LogPlace } from './log-writer.ts'
import type { Slabs, SlabUser } from './slabs.ts'
import type { Batch, LogId, PartitionLog, Position } from './storage-engine.ts'

/** An open log as its engine sees it. */
export interface HostedLog extends PartitionLog, JournalClient, SlabUser {
  readonly logNumber: number
  readonly isSync: boolean
  /** Why appends are refused until the log is opened anew; null when they are not. */
  readonly failure: EhubError | null
  /** Bytes that are not yet in the segments. */
  readonly pendingBytes: number
  /** Bytes that are in the segments and not yet on the disk. */
  readonly unsyncedBytes: number
  /** Writes what is pending into the segments; resolves when it is written or was refused. */
  writeBack(): Promise<void>
  /** What is in memory from `sequence` on, for a log that lost its file. */
  rescued(sequence: number): readonly Batch[]
}

/** What a log needs of its engine. */
export interface LogHost {
  readonly journal: CommitJournal
  readonly slabs: Slabs
  readonly tailBytesPerLogMax: number
  readonly unsyncedBytesMax: number
  now(): number
  /** A number no file of this data folder ever had. */
  nextGeneration(): number
  /**
   * Why an append of so many bytes is refused at present (disk nearly full), null when it is not.
   * @param isWaiting There is no room for it in memory, and on a full disk none may come.
   */
  refusal(id: LogId, bytes: number, isWaiting: boolean): EhubError | null
  /** The same of work that writes much and frees more, which goes on below the low-water mark. */
  upkeepRefusal(): EhubError | null
  /** Bytes were written: time to look at the free space now and then. */
  wrote(bytes: number): void
  /** The log has bytes to bring into its segments (`sync`) or onto the disk (`os`). */
  needsWriteBack(log: HostedLog): void
  needsSync(log: HostedLog): void
  /** A write met a full disk. */
  noSpace(error: EhubError): void
  failed(log: HostedLog, error: EhubError): void
  /**
   * Brings what is acknowledged and not synced into a new segment, because the file of the present one failed. The log
   * stays failed until it is opened anew. Resolves to the error when that failed, too.
   */
  rehome(log: HostedLog): Promise<EhubError | null>
  closed(log: HostedLog): void
}

export interface OpenedLog {
  readonly logNumber: number
  readonly files: LogFiles
  readonly start: Position
  /** Where the log ends, in its newest segment. */
  readonly place: LogPlace
  readonly damaged: readonly Damage[]
}
