// One segment of a log: what is known of its file. A value with state, no I/O; `LogFiles` does that.
//
//   header | envelopes on disk, synced | written, not synced | assigned, in memory |
//                                      synced                written               next

import { assert } from '../../base/assert.ts'
import type { DiskPath } from './disk.ts'
import { headerBytes, logIdentity, type SegmentHeader } from './format.ts'
import { compactedPath, type SegmentName, segmentPath } from './paths.ts'
import { SparseIndex } from './sparse-index.ts'
import type { LogId } from './storage-engine.ts'

export class Segment {
  readonly id: LogId
  readonly baseSequence: number
  readonly path: DiskPath
  readonly logIdentity: number
  /** Null until it was needed: opening a log reads only its newest segment. */
  header: SegmentHeader | null
  /** Null until it was needed: loaded or rebuilt for a segment that was there before. */
  index: SparseIndex | null = null
  /** The file is there. Under durability `sync` the journal holds the first batches before there is a file. */
  isOnDisk: boolean
  /** The file's name is not yet durable. */
  needsDirectorySync = false
  /** It came from the pool, whose folder must be synced for the name, too. */
  isRecycled = false
  nextPosition = headerBytes
  writtenPosition = headerBytes
  syncedPosition = headerBytes
  /** The sync of its file that is under way, or was. */
  syncing: Promise<void> = Promise.resolve()
  /** Why a sync of its file failed: it is never synced again. */
  syncError: Error | null = null
  /** Nothing is added to it. After a failed sync what lies beyond `syncedPosition` must never be read through the page cache. */
  isEnded: boolean
  /** Nothing more goes into it. Not durable: after a restart the newest segment goes on. */
  isSealed = false
  /** Its index is in a file. */
  isIndexed = false
  /** Up to where an index file tells of it. */
  indexedPosition = headerBytes
  /** What its name says of a segment that compaction made. */
  readonly compacted: SegmentName['compacted']
  /** Compaction put another in its place: who was about to read it looks again. */
  isReplaced = false

  constructor(
    id: LogId,
    baseSequence: number,
    header: SegmentHeader | null,
    isOnDisk: boolean,
    compacted: SegmentName['compacted'] = null,
  ) {
    assert(header === null || header.baseSequence === baseSequence, 'a header belongs to its segment')
    this.id = id
    this.baseSequence = baseSequence
    this.compacted = compacted
    // Complete from the beginning.
    this.isEnded = compacted !== null
    this.path =
      compacted === null
        ? segmentPath(id, baseSequence)
        : compactedPath(id, baseSequence, compacted.endSequence, compacted.generation)
    this.logIdentity = logIdentity(id)
    this.header = header
    this.isOnDisk = isOnDisk
  }

  get isEmpty(): boolean {
    return this.nextPosition === headerBytes
  }

  get isDirty(): boolean {
    return this.isOnDisk && (this.writtenPosition > this.syncedPosition || this.needsDirectorySync)
  }

  /** For a new segment: every batch is noted as it is committed. */
  startIndex(): void {
    this.index = new SparseIndex()
  }

  /** For a segment that was found on disk: everything before `position` is written and, unless said otherwise, synced. */
  placeAt(position: number, syncedPosition = position): void {
    this.nextPosition = position
    this.writtenPosition = position
    this.syncedPosition = syncedPosition
  }
}
