// What the broker knows of storage: logs of batches. Engines are interchangeable behind these interfaces (decision D7);
// one conformance suite runs against all of them. Nothing here knows a protocol or a rule of the service.

import type { Gate } from '../../base/gate.ts'

/** `os`: acknowledged once the kernel has it. `memory`: gone with the process. See decision D6 and docs/FORMAT.md. */
export type Durability = 'sync' | 'os' | 'memory'

/** How the bytes of a batch's payload are to be read. Storage never looks inside. */
export type Encoding = 'amqp' | 'kafka' | 'state'

export interface Position {
  readonly sequence: number
  /** Byte position in the partition's stream (decision D5): strictly increasing, stable for ever. */
  readonly offset: number
}

/** Who wrote a batch, for idempotent publishing. Stored under the batch's checksum. */
export interface ProducerStamp {
  readonly producerId: bigint
  readonly epoch: number
  /** Producer sequence number of the batch's first event; the others follow by one. */
  readonly firstSequence: number
}

/** What compaction left of a batch. */
export interface Survivors {
  /** Events still there; 0 for a range of which nothing is left. */
  readonly count: number
  /**
   * Distances of each survivor from the batch's base sequence and base offset, rising. Null: they are the batch's first
   * `count` events and the payload is as it was stored.
   */
  readonly listed: { readonly sequences: Uint32Array; readonly offsets: Uint32Array } | null
  /** Bytes of the partition's stream the batch stood for when it was stored: the next offset is at least that far on. */
  readonly offsetSpan: number
  /** When compaction first met the delete markers among the survivors, null when there are none. */
  readonly cleanedAtMs: number | null
}

/** Unit of atomicity, of checksum and of commit. */
export interface Batch {
  /** Sequence number of the first event; the others follow by one, but for a batch with `survivors`. */
  readonly baseSequence: number
  /** Offset of the payload's first byte. The next batch's is at least `offsetEnd(batch)`. */
  readonly baseOffset: number
  /** Sequence numbers the batch stands for, at least 1: of as many events, unless compaction took some. */
  readonly count: number
  /** Unix milliseconds, the same for every event in the batch, non-decreasing in a log. */
  readonly enqueuedTimeMs: number
  readonly encoding: Encoding
  /** When appending: the log reads it until the append settles and never changes it. When read: never changed by anybody. */
  readonly payload: Buffer
  /** Its `firstSequence` is that of the event with `baseSequence`, also when that one is gone. */
  readonly producer: ProducerStamp | null
  /** Only of a batch that lost events to compaction: which are left. The functions of `survivors.ts` read it. */
  readonly survivors?: Survivors
}

/** Names one log. Both parts match `[a-z0-9$-]{1,64}`: they are made by the broker, never from user text. */
export interface LogId {
  /** Folder of the log below the data folder, e.g. `ns1/h7`. One or two segments. */
  readonly group: string
  /** 0..1023. */
  readonly partition: number
}

export interface LogConfig {
  readonly durability: Durability
  /** Size at which a segment rolls; the last batch may exceed it. */
  readonly segmentBytes: number
}

export interface LogStatistics {
  readonly segments: number
  /** Payload bytes from `start` to `end`, without what compaction removed. */
  readonly storedBytes: number
  /** Ranges of sequences lost to corruption, `to` exclusive; reads across them fail with `storage-corrupt`. */
  readonly damaged: readonly { readonly from: number; readonly to: number; readonly detail: string }[]
  /** Time and sequence of the last event, for runtime metrics. */
  readonly lastEnqueuedTimeMs: number | null
}

/**
 * What of a batch stays: the batch itself, one with less (same base sequence, base offset, count, time and producer; `survivors`
 * and the payload of what they are), or null for nothing, not even the producer's stamp. Called once for every batch in order, may be
 * called for one again in a later try. The payload is valid until the next call.
 */
export type KeepFunction = (batch: Batch) => Batch | null

export interface CompactOptions {
  /** Segments that begin at or beyond it are left alone. */
  readonly before: number
  readonly signal: AbortSignal
  /** Called for every piece read or written: compaction goes on when it resolves. Not given: as fast as it can. */
  readonly pace?: (bytes: number) => Promise<void> | void
  /** A segment with damage was left as it is; events below `endSequence` may still hold what `keep` would have taken. */
  readonly onSkipped?: (endSequence: number) => void
  /** After each segment looked at. */
  readonly onProgress?: (report: CompactionReport) => void
}

export interface CompactionReport {
  /** Segments looked at, those of them with damage, what was rewritten and into how many. */
  readonly segments: number
  readonly segmentsSkipped: number
  readonly segmentsRewritten: number
  readonly segmentsWritten: number
  readonly eventsKept: number
  readonly eventsRemoved: number
  /** Of the segments looked at, before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
}

export interface PartitionLog {
  readonly id: LogId
  /** First readable. Equal to `end` when empty. */
  readonly start: Position
  /** Next to be assigned; everything before it is durable in the log's declared sense. */
  readonly end: Position
  /** Enqueued time of the newest event ever stored, null when none was. Survives trimming and restarts. */
  readonly lastEnqueuedTimeMs: number | null
  /** Opened to `end.sequence` after each durable append, before the append's promise resolves. */
  readonly gate: Gate

  /**
   * Appends; call order is disk order, many may be in flight. Resolves when durable in the log's declared sense.
   * The batches continue the log: the first `baseSequence` is the one after the last appended (also when that one is still
   * in flight). All or none of a call's batches are kept.
   * @throws EhubError `storage-failed` (this and all later ones until the log is opened anew), `disk-full` (nothing was
   *   written; later appends may succeed and continue at `end`), `storage-closed`.
   */
  append(batches: readonly Batch[]): Promise<void>

  /**
   * Batches from the one holding `fromSequence` on, in order, without gaps: whole batches, the first in full even when it
   * begins before `fromSequence` or exceeds `maxBytes`, then as long as the payloads fit `maxBytes`. Empty at or beyond
   * `end`. Never waits for events, never returns what is not durable.
   * @throws EhubError `sequence-trimmed` below `start`, `storage-corrupt` naming the range, `storage-closed`.
   */
  read(fromSequence: number, maxBytes: number): Promise<readonly Batch[]>

  /** As `read` without leaving the thread, when the tail cache holds the batch with `fromSequence`; otherwise null. */
  readCached(fromSequence: number, maxBytes: number): readonly Batch[] | null

  /** First sequence enqueued at or after `timeMs`: `end` when every event is older, `start` when every one is younger. */
  findByTime(timeMs: number): Promise<number>

  /** Base sequence of the batch whose offsets include `offset`, or of the first batch after it; `end` beyond the last. */
  findByOffset(offset: number): Promise<number>

  /**
   * First sequence behind the oldest segment, `end` when there is one only: trimming to there or beyond gives space back, trimming
   * to less does not.
   */
  readonly oldestSegmentEnd: number

  /** The next append begins a new segment, so that what is stored now can be removed as a whole once it is all trimmed. */
  seal(): void

  /**
   * Everything below can be compacted: it lies in segments that are appended to no more. `closeSegment` moves it on.
   */
  readonly closedEnd: number

  /**
   * Ends the newest segment, so that what it holds can be compacted. What is being appended meanwhile may keep it open; then
   * the next append ends it.
   * @throws EhubError as `append`.
   */
  closeSegment(): Promise<void>

  /**
   * Rewrites closed segments that begin below `options.before`, oldest first, with what `keep` leaves of each batch; numbers
   * and offsets stay. Each piece of the log is either as it was or rewritten, also after a crash; readers under way go on.
   * Segments with damage are left as they are. One call at a time; trimming goes on meanwhile.
   * @throws EhubError as `append`; the signal's reason. What was rewritten before stays so.
   */
  compact(keep: KeepFunction, options: CompactOptions): Promise<CompactionReport>

  /** Moves `start` to `sequence` (clamped to start..end), durably, then deletes whole segments below it. */
  trimBefore(sequence: number): Promise<void>

  statistics(): LogStatistics
  close(): Promise<void>
}

/** A log that refuses appends after a failed write or sync, until the engine is opened anew. */
export interface FailedLog {
  readonly id: LogId
  readonly reason: string
}

/** Counted since the engine was opened. */
export interface EngineCounters {
  /** Ends of logs and of the journal that were written, never synced, and cut off. */
  readonly tornTails: number
  /** Groups made durable at once, and the milliseconds their writing and syncing took in all. */
  readonly commitGroups: number
  readonly commitMsTotal: number
  /** Durability `os`: acknowledged bytes that a power cut now would cost, and for how many milliseconds the oldest waits. */
  readonly unsyncedBytes: number
  readonly unsyncedMs: number
  /** Ranges of events that cannot be read, of all open logs. */
  readonly damagedRanges: number
}

export interface EngineStatus {
  readonly kind: 'embedded' | 'memory'
  readonly openLogs: number
  /** Why appends are refused at present, null when they are not. */
  readonly refusing: string | null
  readonly failed: readonly FailedLog[]
  /** null: nothing is kept on a disk. */
  readonly space: SpaceMarks | null
  readonly counters: EngineCounters
}

/** The disk of the data folder and the marks by which appends are refused in time (promise P9). */
export interface SpaceMarks {
  /** As of the last look: at the start, then with what is written. */
  readonly freeBytes: number
  /** Below it events are refused; a quarter above it they are taken again. */
  readonly lowWaterBytes: number
  /** Kept so that checkpoints, trims and the end of the daemon work on a full disk; 0 while it is given up. */
  readonly reserveBytes: number
}

export interface StorageEngine {
  /** Opens the log, making it when it does not exist. At most one open handle a log. */
  openLog(id: LogId, config: LogConfig): Promise<PartitionLog>
  /** Logs present on disk, in order of group and partition. */
  listLogs(): Promise<readonly LogId[]>
  /** Removes every log of the group, open ones are closed first. Durable when it resolves; a missing group is fine. */
  deleteGroup(group: string): Promise<void>
  status(): EngineStatus
  /** Waits for what is in flight, makes everything durable, writes the clean-shutdown marker, gives the folder back. */
  close(): Promise<void>
}
