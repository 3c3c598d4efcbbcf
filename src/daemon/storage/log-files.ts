// The files of one log: its segments in order, writing into the newest, making them durable, removing the oldest. Callers
// are one writer and one syncer at a time (`SegmentedLog` sees to it); readers may come whenever they like.

import { assert } from '../../base/assert.ts'
import { DiskError, type Disk, type DiskFile } from './disk.ts'
import type { FileCache, HeldFile } from './file-cache.ts'
import {
  decodeIndex,
  decodeSegmentHeader,
  encodeIndex,
  encodeSegmentHeader,
  headerBytes,
  type SegmentHeader,
} from './format.ts'
import { compactingPath, indexPath, logFolder, poolFolder } from './paths.ts'
import { Segment } from './segment.ts'
import type { SegmentPool } from './segment-pool.ts'
import { SparseIndex } from './sparse-index.ts'
import type { LogId } from './storage-engine.ts'

export interface LoadedIndex {
  readonly index: SparseIndex
  /** It tells of everything in the segment. */
  readonly isComplete: boolean
}

export interface LogFilesParts {
  readonly disk: Disk
  readonly files: FileCache
  readonly pool: SegmentPool
}

export class LogFiles {
  readonly id: LogId
  readonly #parts: LogFilesParts
  /** In order of base sequence; the last one is written to. */
  readonly segments: Segment[]
  /** A segment was synced because its file had to be closed, and that failed. */
  onEvictFailed: (segment: Segment, error: unknown) => void = () => undefined
  /** Rises when compaction puts a segment into the place of others. */
  replacements = 0
  #compacting: DiskFile | null = null
  #ambiguous: Error | null = null

  constructor(id: LogId, segments: Segment[], parts: LogFilesParts) {
    this.id = id
    this.segments = segments
    this.#parts = parts
  }

  get active(): Segment | null {
    return this.segments.at(-1) ?? null
  }

  get isDirty(): boolean {
    return this.segments.some((segment) => segment.isDirty)
  }

  /** Index in `segments` of the one that holds `sequence`, 0 when it lies before the first. */
  indexOf(sequence: number): number {
    let low = 0
    let high = this.segments.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.segments[middle]?.baseSequence ?? 0) <= sequence) low = middle
      else high = middle
    }
    return low
  }

  /** The open file of the segment, for use before anything is awaited; null when it is not open. */
  peek(segment: Segment): DiskFile | null {
    return segment.isOnDisk ? this.#parts.files.peek(segment.path) : null
  }

  /** @throws DiskError */
  hold(segment: Segment): Promise<HeldFile> {
    return this.#parts.files.hold(segment.path)
  }

  /** Appends to what is written of the segment, making its file first when there is none. @throws DiskError */
  async write(segment: Segment, chunks: readonly Uint8Array[], bytes: number): Promise<void> {
    const held = segment.isOnDisk ? await this.hold(segment) : await this.#make(segment)
    try {
      await held.file.write(chunks, segment.writtenPosition)
      segment.writtenPosition += bytes
      this.#noteDirty(segment)
    } finally {
      held.release()
    }
  }

  /** As `write`, at once, when the file is open; false when it is not. @throws DiskError */
  writeSync(segment: Segment, chunk: Uint8Array): boolean {
    const file = this.peek(segment)
    if (file === null) return false
    file.writeSync([chunk], segment.writtenPosition)
    segment.writtenPosition += chunk.length
    this.#noteDirty(segment)
    return true
  }

  #noteDirty(segment: Segment): void {
    this.#parts.files.setBeforeClose(segment.path, async (file) => {
      try {
        await this.#syncBytes(segment, file)
      } catch (error) {
        this.onEvictFailed(segment, error)
      }
    })
  }

  /**
   * One sync of a file at a time: after one that failed the next one seems to succeed, so it must not be under way already
   * and is never begun. @throws DiskError
   */
  #syncBytes(segment: Segment, file: DiskFile): Promise<void> {
    const synced = segment.syncing.then(async () => {
      if (segment.syncError !== null) throw segment.syncError
      const upTo = segment.writtenPosition
      try {
        await file.sync()
      } catch (error) {
        segment.syncError = error instanceof Error ? error : new Error(String(error))
        throw error
      }
      segment.syncedPosition = Math.max(segment.syncedPosition, upTo)
    })
    segment.syncing = synced.catch(() => undefined)
    return synced
  }

  /** After a failed write: nothing of it may be found by a later recovery. @throws DiskError */
  async cut(segment: Segment): Promise<void> {
    if (!segment.isOnDisk) return
    const held = await this.hold(segment)
    try {
      await held.file.truncate(segment.writtenPosition)
    } finally {
      held.release()
    }
  }

  /** Makes everything written so far durable, oldest segment first. @throws DiskError; `failed` names the segment. */
  async sync(failed: (segment: Segment) => void): Promise<void> {
    // Segments that come while this runs are behind those it visits.
    for (const segment of [...this.segments]) {
      if (!segment.isDirty || (segment.isEnded && segment.syncError === null)) continue
      try {
        const held = await this.hold(segment)
        try {
          await this.#syncBytes(segment, held.file)
        } finally {
          held.release()
        }
        if (segment.needsDirectorySync) await this.#syncNames(segment)
      } catch (error) {
        failed(segment)
        throw error
      }
      segment.needsDirectorySync = false
      if (!segment.isDirty) this.#parts.files.setBeforeClose(segment.path, null)
    }
  }

  /** Reads the header of a segment that was there before. Null when it is damaged. @throws DiskError */
  async loadHeader(segment: Segment): Promise<Segment['header']> {
    if (segment.header !== null || !segment.isOnDisk) return segment.header
    const held = await this.hold(segment)
    try {
      const bytes = Buffer.alloc(headerBytes)
      const count = await held.file.read(bytes, 0)
      const header = decodeSegmentHeader(bytes.subarray(0, count))
      const isOurs =
        header?.baseSequence === segment.baseSequence && header.id.group === this.id.group && isAsNamed(segment, header)
      segment.header = isOurs && header.id.partition === this.id.partition ? header : null
      return segment.header
    } finally {
      held.release()
    }
  }

  /**
   * The index file of a segment, null when there is none that fits; it may end before the segment does. A read error is the
   * same as none.
   */
  async loadIndex(segment: Segment, endPosition: number): Promise<LoadedIndex | null> {
    if (segment.header === null) return null
    try {
      const found = await this.#parts.files.use(indexPath(this.id, segment.baseSequence), 'read', async (file) => {
        const bytes = Buffer.alloc(await file.size())
        return decodeIndex(bytes.subarray(0, await file.read(bytes, 0)))
      })
      if (found === null || found.endPosition > endPosition) return null
      const index = SparseIndex.from(found, segment.header.generation, segment.baseSequence)
      if (index === null) return null
      segment.indexedPosition = found.endPosition
      return { index, isComplete: found.endPosition === endPosition }
    } catch (error) {
      if (error instanceof DiskError) return null
      throw error
    }
  }

  /** Writes the index of a segment that is complete. Not synced: a lost or torn one is made again from the segment. */
  async saveIndex(segment: Segment, endSequence: number): Promise<void> {
    if (segment.index === null || segment.index.count === 0) return
    segment.isIndexed = true
    await this.checkpointIndex(segment, segment.nextPosition, endSequence)
  }

  /** As `saveIndex`, for what is synced of a segment that still grows: a start then reads only what came behind it. */
  async checkpointIndex(segment: Segment, endPosition: number, endSequence: number): Promise<void> {
    const { header, index } = segment
    const entries = index?.entries().filter(({ position }) => position < endPosition) ?? []
    if (header === null || entries.length === 0) return
    segment.indexedPosition = endPosition
    const bytes = encodeIndex({
      generation: header.generation,
      baseSequence: segment.baseSequence,
      endPosition,
      endSequence,
      entries,
    })
    const path = indexPath(this.id, segment.baseSequence)
    await this.#removeIfThere(path)
    await this.#parts.files.use(path, 'create', (file) => file.write([bytes], 0))
  }

  /** The empty file compaction writes into; what another try left is removed. @throws DiskError */
  async makeCompacting(): Promise<DiskFile> {
    // Which of two names the next start finds is not known: nothing may be built on either.
    if (this.#ambiguous !== null) throw this.#ambiguous
    await this.dropCompacting()
    this.#compacting = await this.#parts.disk.open(compactingPath(this.id), 'create')
    return this.#compacting
  }

  /** Closes and removes that file; nothing to do when it was published. @throws DiskError */
  async dropCompacting(): Promise<void> {
    await this.#compacting?.close().catch(() => undefined)
    this.#compacting = null
    await this.#removeIfThere(compactingPath(this.id))
  }

  /**
   * Gives what compaction wrote and synced its name and puts it into the place of `count` neighbours; readers find it from now on,
   * and the files of the others go when nobody reads them any more. @throws DiskError
   */
  async publish(segment: Segment, first: number, count: number, onReplaced: () => void): Promise<void> {
    await this.#compacting?.close()
    this.#compacting = null
    try {
      await this.#parts.disk.rename(compactingPath(this.id), segment.path)
      await this.#parts.disk.syncDirectory(logFolder(this.id))
    } catch (error) {
      // A later start would take it for the newest, however much was compacted since: it must go before that.
      await this.#removeIfThere(segment.path).catch(() => {
        this.#ambiguous = error instanceof Error ? error : new Error(String(error))
      })
      throw error
    }
    const replaced = this.segments.splice(first, count, segment)
    for (const old of replaced) old.isReplaced = true
    this.replacements += 1
    onReplaced()
    await this.#discard(replaced)
  }

  /**
   * Removes the first `count` segments; they are out of `segments` before anything is awaited. The caller has moved the
   * log's start durably before. @throws DiskError
   */
  async removeFirst(count: number): Promise<void> {
    await this.#discard(this.segments.splice(0, count))
  }

  async #discard(removed: readonly Segment[]): Promise<void> {
    for (const segment of removed) {
      await this.#parts.files.drop(segment.path)
      await this.#removeIfThere(indexPath(this.id, segment.baseSequence))
    }
    const files = removed.filter(({ isOnDisk }) => isOnDisk).map(({ path, nextPosition: bytes }) => ({ path, bytes }))
    await this.#parts.pool.give(logFolder(this.id), files)
  }

  async close(): Promise<void> {
    for (const segment of this.segments) await this.#parts.files.drop(segment.path)
  }

  async #make(segment: Segment): Promise<HeldFile> {
    const { header, path } = segment
    assert(header !== null, 'a segment that is made has a header')
    return this.#parts.files.make(async () => {
      const { pool } = this.#parts
      const { file, isRecycled } = await pool.take(path, encodeSegmentHeader(header), header.previous !== null)
      segment.isOnDisk = true
      segment.needsDirectorySync = true
      segment.isRecycled = isRecycled
      return file
    })
  }

  async #syncNames(segment: Segment): Promise<void> {
    await this.#parts.disk.syncDirectory(logFolder(this.id))
    if (segment.isRecycled) await this.#parts.disk.syncDirectory(poolFolder)
  }

  async #removeIfThere(path: string): Promise<void> {
    try {
      await this.#parts.disk.remove(path)
    } catch (error) {
      if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
    }
  }
}

/** A name that says more than the header, or other things, is not believed. */
function isAsNamed({ compacted }: Segment, header: SegmentHeader): boolean {
  if (compacted === null) return header.compacted === undefined
  return header.generation === compacted.generation && header.compacted?.endSequence === compacted.endSequence
}
