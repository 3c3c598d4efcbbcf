// Brings what a log has staged into its segments, and its segments to the disk. Under durability `os` that is what makes an
// append visible; under `sync` it follows lazily behind the journal, which has the same bytes already.
//
//   enqueue → pending ──one run at a time, neighbours in one write──→ page cache ──one sync at a time──→ disk

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import type { LogFiles } from './log-files.ts'
import { logKey } from './paths.ts'
import type { Segment } from './segment.ts'
import type { Slabs } from './slabs.ts'
import { Pieces } from './pieces.ts'
import { settleSlabs, type StagedAppend, type StagedBatch } from './staged-append.ts'
import { isNoSpace, storageError } from './storage-errors.ts'
import type { Position } from './storage-engine.ts'

/** A place in the log and in its files at once. */
export interface LogPlace {
  /** Null: there is no segment yet. */
  readonly segment: Segment | null
  readonly position: number
  readonly end: Position
  readonly timeMs: number | null
}

export interface LogWriterParts {
  readonly files: LogFiles
  readonly slabs: Slabs
  /** These appends are in the page cache, in order. */
  readonly onWritten: (appends: readonly StagedAppend[]) => void
  /** A write failed and everything still pending with it; nothing more is written until `resume`. */
  readonly onWriteFailed: (error: unknown) => Promise<void>
  /** The segment's sync failed: never write to it again. */
  readonly onSyncFailed: (segment: Segment, error: EhubError) => void
  /** Bytes that may be written and not yet synced; the writer waits for a sync beyond it. */
  readonly unsyncedBytesMax: number
}

// One write: enough to be efficient, little enough that a reader or a sync does not wait long.
const writeBytesMax = 4 * 1024 * 1024

export class LogWriter {
  readonly #parts: LogWriterParts
  #pending: StagedAppend[] = []
  #pendingBytes = 0
  /** End of the last append that was enqueued and not taken back. */
  #enqueuedEnd = 0
  #isRunning = false
  #running: Promise<void> = Promise.resolve()
  #isStopped = false
  #isFinal = false
  #written: LogPlace
  #synced: LogPlace
  #syncing: Promise<EhubError | null> = Promise.resolve(null)
  #syncFailure: EhubError | null = null
  /** Why the last write failed. */
  #writeFailure: unknown = null
  #progress: (() => void)[] = []

  constructor(place: LogPlace, parts: LogWriterParts) {
    this.#written = place
    this.#synced = place
    this.#parts = parts
  }

  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** What is in the page cache at least. */
  get written(): LogPlace {
    return this.#written
  }

  /** What is on the disk at least. */
  get synced(): LogPlace {
    return this.#synced
  }

  get unsyncedBytes(): number {
    let bytes = 0
    for (const segment of this.#parts.files.segments) {
      if (segment.isOnDisk) bytes += segment.writtenPosition - segment.syncedPosition
    }
    return bytes
  }

  enqueue(append: StagedAppend): void {
    this.#pending.push(append)
    this.#enqueuedEnd = append.end.sequence
    this.#pendingBytes += append.bytes
  }

  /**
   * Writes an append of one envelope on this thread when nothing is before it and the file is open; `onWritten` is called
   * before it returns true. @throws DiskError
   */
  writeAtOnce(append: StagedAppend): boolean {
    const { slab, at, bytes, next } = append.first
    if (this.#isRunning || this.#pending.length > 0 || next !== null) return false
    if (this.unsyncedBytes > this.#parts.unsyncedBytesMax) return false
    if (!this.#parts.files.writeSync(append.segment, slab.bytes.subarray(at, at + bytes))) return false
    this.#noteWritten([append])
    return true
  }

  /** Writes all that is pending; resolves when it is written or was refused. */
  write(): Promise<void> {
    if (this.#isStopped || this.#pending.length === 0) return this.#running
    if (!this.#isRunning) {
      this.#isRunning = true
      this.#running = this.#run()
    }
    return this.#running
  }

  /** Writes and syncs all that was staged before the call; resolves to the error when that failed. */
  sync(): Promise<EhubError | null> {
    this.#syncing = this.#syncing.then(() => this.#syncOnce())
    return this.#syncing
  }

  /** Runs when no sync is in flight and lets none begin before it is done. */
  betweenSyncs<T>(run: () => Promise<T>): Promise<T> {
    const done = this.#syncing.then(run)
    this.#syncing = done.then(
      () => null,
      () => null,
    )
    return done
  }

  /**
   * For a writer that is stopped: makes durable what was written, when that can be, and calls `run` with nothing under way.
   * From then on `written` and `synced` stay as they are, so that what `run` builds on them holds.
   */
  whenFinal<T>(run: () => Promise<T>): Promise<T> {
    assert(this.#isStopped, 'a writer is final when it is stopped')
    return this.betweenSyncs(async () => {
      while (this.#isRunning) await this.#running
      if (!this.#isFinal) await this.#syncFiles()
      this.#isFinal = true
      return run()
    })
  }

  /** Takes back what is pending, for refusing it or for giving it up. Its slabs are not settled. */
  takePending(): StagedAppend[] {
    const pending = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    this.#enqueuedEnd = 0
    return pending
  }

  /** What is pending of a segment that is to be removed need not be written; false when it is being written just now. */
  giveUpPending(segment: Segment): boolean {
    if (this.#isRunning && segment.writtenPosition < segment.nextPosition) return false
    const given = this.#pending.filter((append) => append.segment === segment)
    this.#pending = this.#pending.filter((append) => append.segment !== segment)
    for (const append of given) {
      this.#pendingBytes -= append.bytes
      settleSlabs(append, this.#parts.slabs)
    }
    const last = given.at(-1)
    if (last !== undefined)
      this.#written = { segment, position: segment.nextPosition, end: last.end, timeMs: last.timeMs }
    return true
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** Nothing is written any more. */
  stop(): void {
    this.#isStopped = true
  }

  /** Nothing is written any more; resolves, when what is being written is, to what then never will be. */
  async end(): Promise<readonly StagedAppend[]> {
    this.#isStopped = true
    while (this.#isRunning) await this.#running
    return this.takePending()
  }

  /** Everything up to `place` is in the log without any file: it was trimmed away. */
  passOver(place: LogPlace): void {
    this.#written = place
    this.#synced = place
  }

  async #run(): Promise<void> {
    try {
      while (this.#pending.length > 0 && !this.#isStopped) {
        if (this.unsyncedBytes > this.#parts.unsyncedBytesMax && (await this.#syncFiles()) !== null) return
        if (!(await this.#writeRun(this.#takeRun()))) return
      }
    } finally {
      // In the same turn in which nothing was pending, not a microtask later: what is enqueued next must find nobody running.
      this.#isRunning = false
      this.#tellProgress()
    }
  }

  /** False when the write failed. */
  async #writeRun(run: readonly StagedAppend[]): Promise<boolean> {
    const first = run[0]
    if (first === undefined) return true
    let bytes = 0
    const pieces = new Pieces()
    for (const append of run) {
      bytes += append.bytes
      for (let batch: StagedBatch | null = append.first; batch !== null; batch = batch.next) {
        pieces.add(batch.slab.bytes, batch.at, batch.bytes)
      }
    }
    try {
      await this.#parts.files.write(first.segment, pieces.take(), bytes)
    } catch (error) {
      this.#pending.unshift(...run)
      this.#pendingBytes += bytes
      this.#writeFailure = error
      await this.#parts.onWriteFailed(error)
      return false
    }
    this.#noteWritten(run)
    this.#tellProgress()
    return true
  }

  #tellProgress(): void {
    for (const run of this.#progress.splice(0)) run()
  }

  /** Appends of one segment, as many as one write takes. */
  #takeRun(): StagedAppend[] {
    let count = 0
    let bytes = 0
    for (const append of this.#pending) {
      if (append.segment !== this.#pending[0]?.segment) break
      if (count > 0 && bytes + append.bytes > writeBytesMax) break
      bytes += append.bytes
      count += 1
    }
    this.#pendingBytes -= bytes
    return this.#pending.splice(0, count)
  }

  #noteWritten(run: readonly StagedAppend[]): void {
    const last = run.at(-1)
    if (last === undefined) return
    const { segment, end, timeMs } = last
    this.#written = { segment, position: segment.writtenPosition, end, timeMs }
    this.#parts.onWritten(run)
    // Last: memory that is settled may be given up and filled anew at once, before a reader was told of what lies in it.
    for (const append of run) settleSlabs(append, this.#parts.slabs)
  }

  async #syncOnce(): Promise<EhubError | null> {
    // Not until nothing is pending: under load there always is.
    const target = this.#enqueuedEnd
    const writing = this.write()
    while (this.#isRunning && this.#written.end.sequence < target) {
      await new Promise<void>((resolve) => this.#progress.push(resolve))
    }
    if (!this.#isRunning) await writing
    if (this.#written.end.sequence < target) {
      if (isNoSpace(this.#writeFailure)) return storageError('write a segment', this.#writeFailure)
      return this.#notWritten()
    }
    return this.#syncFiles()
  }

  #notWritten(): EhubError {
    return new EhubError('storage-failed', `the log ${logKey(this.#parts.files.id)} could not be written`)
  }

  async #syncFiles(): Promise<EhubError | null> {
    // After one failed, another would seem to succeed.
    if (this.#syncFailure !== null) return this.#syncFailure
    if (this.#isFinal) return this.#notWritten()
    const upTo = this.#written
    let failed: Segment | null = null
    try {
      await this.#parts.files.sync((segment) => {
        failed = segment
      })
      if (upTo.end.sequence >= this.#synced.end.sequence) this.#synced = upTo
      return null
    } catch (error) {
      return failed === null ? storageError('sync a segment', error) : this.syncFailed(failed, error)
    }
  }

  /** Nothing is synced any more; resolves what was told the first time. */
  syncFailed(segment: Segment, error: unknown): EhubError {
    if (this.#syncFailure !== null) return this.#syncFailure
    this.#syncFailure = storageError('sync a segment', error)
    if (!this.#isFinal) this.#syncedBefore(segment)
    this.#parts.onSyncFailed(segment, this.#syncFailure)
    return this.#syncFailure
  }

  /** What lies before the segment that failed is synced, unless a file before it is still to be. */
  #syncedBefore(failed: Segment): void {
    const { segments } = this.#parts.files
    const at = segments.indexOf(failed)
    const before = segments[at - 1]
    if (before === undefined || failed.header === null || failed.baseSequence <= this.#synced.end.sequence) return
    if (segments.slice(0, at).some(({ isDirty }) => isDirty)) return
    const { baseSequence: sequence, baseOffset: offset, previousTimeMs: timeMs } = failed.header
    this.#synced = { segment: before, position: before.nextPosition, end: { sequence, offset }, timeMs }
  }
}
