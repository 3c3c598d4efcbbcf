// The way in of one log: an append is checked, encoded into memory, given its place in a segment, made durable the way the
// log's durability says, and then shown to readers. Also the way back: what is refused leaves no trace.
//
//   sync    stage → journal (one write + fdatasync for all logs) → visible → segment, lazily
//   os      stage → segment (page cache)                         → visible → fdatasync within the sync interval
//
// Appends settle in the order of their calls. After a failed write or sync everything is refused with `storage-failed`; a
// full disk refuses until there is room, and the next append then continues at `end` again.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import { encodeSegmentHeader, headerBytes, headerCopyBytes, type SegmentHeader } from './format.ts'
import { type JournalRecord, record } from './journal-files.ts'
import type { LogFiles } from './log-files.ts'
import type { HostedLog, LogHost, OpenedLog } from './log-host.ts'
import { LogWriter } from './log-writer.ts'
import { logKey } from './paths.ts'
import { Segment } from './segment.ts'
import { isEssential } from './space-guard.ts'
import {
  appendBytes,
  type AppendOwner,
  checkContinuity,
  largerThanFits,
  settleSlabs,
  stageBatches,
  StagedAppend,
  type StagedBatch,
  stagedBatchOf,
} from './staged-append.ts'
import { isNoSpace, storageError } from './storage-errors.ts'
import type { Batch, LogConfig, LogId, Position } from './storage-engine.ts'
import { TailCache } from './tail-cache.ts'

interface WaitingAppend {
  readonly batches: readonly Batch[]
  readonly resolve: () => void
  readonly reject: (error: Error) => void
}

// What stays in memory of one log before it is written into its segment: larger writes are cheaper.
const writeBackBytes = 256 * 1024
// Under durability `os` up to here a write on this thread is cheaper than handing it to another.
const synchronousBytesMax = 64 * 1024

export class LogAppender implements AppendOwner {
  readonly writer: LogWriter
  readonly tail: TailCache
  readonly isEssential: boolean
  /** Next to be acknowledged: everything before it is durable and visible. */
  end: Position
  /** Where `end` lies. */
  endPlace: { readonly segment: Segment | null; readonly position: number }
  lastTimeMs: number | null
  /** Where the next append must begin: `end` and what is in flight. */
  next: Position
  /** Staged and not yet durable. */
  inFlight = 0
  /** Why everything is refused until the log is opened anew. */
  failure: EhubError | null = null
  readonly #id: LogId
  readonly #log: HostedLog
  readonly #host: LogHost
  readonly #files: LogFiles
  readonly #isSync: boolean
  readonly #segmentBytes: number
  #nextTimeMs: number
  /** Rises when appends are refused: what was staged before continues what is not there. */
  #epoch = 0
  #waiting: WaitingAppend[] = []
  /** Why the last append was refused; later ones in flight that continue it are refused alike. */
  #refused: EhubError | null = null
  /** A write failed and is being cut off. */
  #cutting: EhubError | null = null
  #idle: (() => void)[] = []

  constructor(log: HostedLog, opened: OpenedLog, config: LogConfig, host: LogHost) {
    const { files, place } = opened
    this.#id = files.id
    this.#log = log
    this.#host = host
    this.#files = files
    this.isEssential = isEssential(files.id)
    this.#isSync = config.durability === 'sync'
    this.#segmentBytes = config.segmentBytes
    this.end = place.end
    this.next = place.end
    this.endPlace = place
    this.lastTimeMs = place.timeMs
    this.#nextTimeMs = place.timeMs ?? 0
    this.tail = new TailCache(host.tailBytesPerLogMax)
    this.writer = new LogWriter(place, {
      files,
      slabs: host.slabs,
      onWritten: (appends) => this.#onWritten(appends),
      onWriteFailed: (error) => this.#onWriteFailed(error),
      onSyncFailed: (segment, error) => this.#onSyncFailed(segment, error),
      unsyncedBytesMax: this.#isSync ? Infinity : host.unsyncedBytesMax,
    })
  }

  /** As `PartitionLog.append`, for an open log. */
  append(batches: readonly Batch[]): Promise<void> {
    const refusal = this.#refusalOf(batches)
    if (refusal !== null) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      if (this.#waiting.length === 0 && this.#stage(batches, resolve, reject)) return
      const noRoom = this.#host.refusal(this.#id, 0, true)
      if (noRoom !== null) return reject((this.#refused = noRoom))
      this.#waiting.push({ batches, resolve, reject })
      if (this.#waiting.length === 1) this.#host.slabs.whenRoom(() => this.#stageWaiting())
    })
  }

  /** Resolves when nothing is in flight. */
  async settle(): Promise<void> {
    while (this.inFlight > 0 || this.#waiting.length > 0) {
      await new Promise<void>((resolve) => this.#idle.push(resolve))
    }
  }

  /** What could not be written stays in the journal; a closed log holds no memory and writes no more. */
  async discard(): Promise<void> {
    this.#giveUp(await this.writer.end())
    this.tail.clear()
  }

  /** What is appended next begins a new segment: there is none, or the newest was ended. */
  passOver(): void {
    this.endPlace = { segment: null, position: 0 }
    this.writer.passOver({ segment: null, position: 0, end: this.end, timeMs: this.lastTimeMs })
  }

  /** Nothing is on its way into the segments. */
  get isIdle(): boolean {
    return this.inFlight === 0 && this.#waiting.length === 0 && this.writer.pendingBytes === 0
  }

  #refusalOf(batches: readonly Batch[]): EhubError | null {
    if (this.failure !== null) return this.failure
    if (this.#cutting !== null) return this.#cutting
    const first = batches[0]
    assert(first !== undefined, 'an append has a batch')
    // Continues one that was refused while this was on its way.
    if (this.#refused !== null && first.baseSequence !== this.next.sequence) return this.#refused
    const tooLarge = largerThanFits(batches)
    if (tooLarge !== null) return tooLarge
    const refusal = this.#host.refusal(this.#id, appendBytes(batches), false)
    if (refusal !== null) this.#refused = refusal
    return refusal
  }

  /** False when there is no room in memory now. */
  #stage(batches: readonly Batch[], resolve: () => void, reject: (error: Error) => void): boolean {
    const bytes = appendBytes(batches)
    if (!this.#host.slabs.makeRoom(bytes)) return false
    checkContinuity(this.#id, batches, this.next, this.#nextTimeMs)
    this.#refused = null
    const { segment, isNew } = this.#segmentFor(bytes, batches)
    const { header } = segment
    assert(header !== null, 'a segment that is appended to has its header')
    const durableEnd = this.#isSync ? this.end.sequence : this.writer.synced.end.sequence
    const place = { slabs: this.#host.slabs, user: this.#log, segment, generation: header.generation, durableEnd }
    const { first, last: lastStaged } = stageBatches(batches, place)
    const last = batches.at(-1)
    assert(last !== undefined, 'an append has a batch')
    this.next = { sequence: last.baseSequence + last.count, offset: last.baseOffset + last.payload.length }
    this.#nextTimeMs = last.enqueuedTimeMs
    this.inFlight += 1
    const staged = new StagedAppend(this, {
      segment,
      first,
      last: lastStaged,
      bytes,
      end: this.next,
      timeMs: last.enqueuedTimeMs,
      epoch: this.#epoch,
      segmentRecord: this.#isSync && isNew ? this.#segmentRecord(header) : null,
      resolve,
      reject,
    })
    this.#host.wrote(bytes)
    if (this.#isSync) this.#host.journal.submit(staged)
    else this.#commitToSegment(staged)
    return true
  }

  #stageWaiting(): void {
    for (let append = this.#waiting[0]; append !== undefined; append = this.#waiting[0]) {
      // On a full disk the room they wait for may never come.
      const refusal = this.failure ?? this.#cutting ?? this.#host.refusal(this.#id, 0, true)
      if (refusal !== null) {
        this.#refused = refusal
        for (const waiting of this.#waiting.splice(0)) waiting.reject(refusal)
        break
      }
      if (!this.#stage(append.batches, append.resolve, append.reject)) {
        this.#host.slabs.whenRoom(() => this.#stageWaiting())
        return
      }
      this.#waiting.shift()
    }
    this.#tellIdle()
  }

  /** The segment the append goes into: the newest, or a new one when it is full or there is none. */
  #segmentFor(bytes: number, batches: readonly Batch[]): { segment: Segment; isNew: boolean } {
    const active = this.#files.active
    // A sealed one whose only append was refused is used after all: there cannot be two that begin with the same event.
    const isOpen = active !== null && !active.isEnded && (!active.isSealed || active.isEmpty)
    const hasRoom = isOpen && active.header !== null
    if (hasRoom && (active.nextPosition + bytes <= this.#segmentBytes || active.isEmpty)) {
      return { segment: active, isNew: false }
    }
    const first = batches[0]
    assert(first !== undefined, 'an append has a batch')
    const header: SegmentHeader = {
      generation: this.#host.nextGeneration(),
      id: this.#id,
      baseSequence: first.baseSequence,
      // Not the batch's own, which may leave a gap: whatever comes here continues the log at this offset or beyond.
      baseOffset: this.next.offset,
      createdAtMs: this.#host.now(),
      previousTimeMs: this.inFlight > 0 || this.lastTimeMs !== null ? this.#nextTimeMs : null,
      previous:
        active === null
          ? null
          : { baseSequence: active.baseSequence, endPosition: active.nextPosition, endSequence: this.next.sequence },
      durableEnd: this.#isSync ? this.end.sequence : this.writer.synced.end.sequence,
    }
    const segment = new Segment(this.#id, first.baseSequence, header, false)
    segment.startIndex()
    this.#files.segments.push(segment)
    return { segment, isNew: true }
  }

  // ------------------------------------------------------------ commit

  #segmentRecord(header: SegmentHeader): JournalRecord {
    return record('segment', this.#log.logNumber, encodeSegmentHeader(header).subarray(0, headerCopyBytes))
  }

  get client(): HostedLog {
    return this.#log
  }

  /** The journal asks before it takes the append into a group. */
  obstacle({ epoch }: StagedAppend): EhubError | null {
    return this.failure ?? (epoch === this.#epoch ? null : this.#refused)
  }

  /** The journal has it. */
  committed(append: StagedAppend): void {
    this.#commit(append)
    if (this.writer.isStopped) return this.#giveUp([append])
    this.writer.enqueue(append)
    if (this.writer.pendingBytes >= writeBackBytes || this.#host.slabs.isWanted) void this.writer.write()
    else this.#host.needsWriteBack(this.#log)
  }

  /** The journal has refused it. */
  failed(append: StagedAppend, error: EhubError): void {
    this.#refuse([append], error)
  }

  #commitToSegment(append: StagedAppend): void {
    if (append.bytes <= synchronousBytesMax) {
      let isWritten = false
      try {
        isWritten = this.writer.writeAtOnce(append)
      } catch (error) {
        this.writer.enqueue(append)
        void this.#onWriteFailed(error)
        return
      }
      if (isWritten) return
    }
    this.writer.enqueue(append)
    void this.writer.write()
  }

  /** The append is durable in the declared sense: show it, open the gate, answer. */
  #commit(append: StagedAppend): void {
    const { index } = append.segment
    for (let batch: StagedBatch | null = append.first; batch !== null; batch = batch.next) {
      this.tail.push(batch)
      if (index?.isDue(batch.position) === true) index.note(stagedBatchOf(batch), batch.position)
    }
    assert(append.end.sequence > this.end.sequence, 'appends are committed in order')
    this.end = append.end
    this.endPlace = { segment: append.segment, position: append.last.position + append.last.bytes }
    this.lastTimeMs = append.timeMs
    this.inFlight -= 1
    // Under `os` what is not synced stays as long as there is memory: a failed sync then loses nothing acknowledged.
    this.tail.shrink((this.#isSync ? this.writer.written : this.writer.synced).end.sequence)
    this.#log.gate.open(append.end.sequence)
    append.accept()
    this.#tellIdle()
  }

  /** What is in memory from `sequence` on, for a log that lost its file. */
  rescued(sequence: number): readonly Batch[] {
    const first = Math.max(sequence, this.tail.firstSequence ?? this.end.sequence)
    return first < this.end.sequence ? (this.tail.read(first, Infinity) ?? []) : []
  }

  #onWritten(appends: readonly StagedAppend[]): void {
    if (this.#isSync) return
    for (const append of appends) this.#commit(append)
    this.#host.needsSync(this.#log)
  }

  // ------------------------------------------------------------ refusing and failing

  /** Nothing of these is kept. A full disk lets later appends go on at `end`; anything else fails the log. */
  #refuse(appends: readonly StagedAppend[], error: EhubError): void {
    this.inFlight -= appends.length
    if (error.code !== 'disk-full') this.#fail(error, false)
    // Not again for one that was staged before an earlier one was refused: another may have begun at `end` since.
    else if (appends[0]?.first.baseSequence === this.end.sequence) this.#rollBack(error)
    const waiting = this.#waiting.splice(0)
    // After that: memory that comes free lets waiting appends in, and these would continue what is refused.
    this.#giveUp(appends)
    for (const append of appends) append.refuse(error)
    for (const append of waiting) append.reject(error)
    this.#tellIdle()
  }

  #giveUp(appends: readonly StagedAppend[]): void {
    for (const append of appends) settleSlabs(append, this.#host.slabs)
  }

  /** The next append continues at `end` again, in the place that comes free. */
  #rollBack(error: EhubError): void {
    this.#host.noSpace(error)
    this.#refused = error
    this.#epoch += 1
    this.next = this.end
    this.#nextTimeMs = this.lastTimeMs ?? 0
    const { segments } = this.#files
    while (segments.length > 0 && segments.at(-1) !== this.endPlace.segment && segments.at(-1)?.isOnDisk === false)
      segments.pop()
    const { active } = this.#files
    // One that was ended takes no more.
    if (active !== null && !active.isEnded)
      active.nextPosition = active === this.endPlace.segment ? this.endPlace.position : headerBytes
  }

  /** @param isFileBroken Nothing more may be written into the present segment. */
  #fail(error: EhubError, isFileBroken: boolean): void {
    if (isFileBroken) this.writer.stop()
    if (this.failure !== null) return
    this.failure =
      error.code === 'storage-failed' ? error : new EhubError('storage-failed', error.message, { cause: error })
    this.#host.failed(this.#log, this.failure)
  }

  async #onWriteFailed(cause: unknown): Promise<void> {
    const error = storageError(`write ${logKey(this.#id)}`, cause)
    if (this.#isSync) {
      // The journal has it all. A full disk passes; anything else is repaired from the journal when the log is opened anew.
      if (isNoSpace(error)) return this.#host.noSpace(error)
      this.#giveUp(this.writer.takePending())
      this.#fail(error, true)
      return
    }
    this.#cutting = error
    const refused = this.writer.takePending()
    try {
      for (const segment of this.#files.segments) {
        if (segment.nextPosition > segment.writtenPosition) await this.#files.cut(segment)
      }
      this.#cutting = null
      this.#refuse(refused, error)
    } catch (cutError) {
      // What was refused may be found after a crash: nobody may be told that it was not written.
      this.#cutting = null
      this.writer.stop()
      const { message } = storageError(`cut ${logKey(this.#id)} back`, cutError)
      this.#refuse(refused, new EhubError('storage-failed', message, { cause }))
    }
  }

  #onSyncFailed(segment: Segment, error: EhubError): void {
    segment.isEnded = true
    const failure = new EhubError('storage-failed', error.message, { cause: error })
    const pending = this.writer.takePending()
    this.#fail(failure, true)
    // Under `sync` they are acknowledged, and the journal has them.
    if (this.#isSync) this.#giveUp(pending)
    else this.#refuse(pending, failure)
  }

  #tellIdle(): void {
    if (this.inFlight > 0 || this.#waiting.length > 0) return
    for (const run of this.#idle.splice(0)) run()
  }
}
