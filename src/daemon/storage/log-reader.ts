// Reads of one log from its segments. Finds the place through the sparse index and walks from there with every checksum
// verified; an index that does not agree with what is there is rebuilt, not believed.

import { EhubError } from '../../base/error.ts'
import { DiskError } from './disk.ts'
import { headerBytes, type IndexEntry } from './format.ts'
import type { LogFiles } from './log-files.ts'
import type { Segment } from './segment.ts'
import { SegmentWalker, type WalkItem } from './segment-walker.ts'
import { SparseIndex } from './sparse-index.ts'
import { storageError } from './storage-errors.ts'
import type { Batch } from './storage-engine.ts'

/** Sequences that cannot be read, `to` exclusive. */
export interface Damage {
  readonly from: number
  readonly to: number
  readonly detail: string
}

export interface LogReaderParts {
  readonly files: LogFiles
  /** First sequence that is not in the files. */
  readonly filesEnd: () => number
  readonly onDamage: (damage: Damage) => void
}

/** Where a segment's envelopes end, and which sequence must follow. */
export interface SegmentEnd {
  readonly position: number
  readonly sequence: number
}

// A look-up reads about one index step; a reader that catches up reads what it asked for, at most this much at a time.
const windowBytesMin = 64 * 1024
const windowBytesMax = 1024 * 1024
// An index made again from a segment reads large pieces.
const scanWindowBytes = 1024 * 1024
// Sequential readers of a log whose next place is remembered.
const hintsMax = 16

export class LogReader {
  readonly #parts: LogReaderParts
  /** Where the batch with a sequence begins, for readers that go on where they stopped; oldest first. */
  readonly #hints = new Map<number, { readonly segment: Segment; readonly entry: IndexEntry }>()
  readonly #indexing = new Map<Segment, Promise<SparseIndex>>()
  /** What an error on its way says is damaged: noted when it is known that the segment was not replaced meanwhile. */
  readonly #found = new WeakMap<Error, Damage>()

  constructor(parts: LogReaderParts) {
    this.#parts = parts
  }

  /** As `PartitionLog.read`, for a sequence that is in the files. @throws EhubError `storage-corrupt`, `storage-failed`. */
  async read(fromSequence: number, maxBytes: number): Promise<readonly Batch[]> {
    return this.#guard(() =>
      this.#unlessReplaced(async () => {
        const segment = this.#segmentOf(fromSequence)
        if (segment === null) throw this.#damaged(fromSequence, this.#parts.filesEnd(), 'no segment file')
        const hint = this.#hints.get(fromSequence)
        this.#hints.delete(fromSequence)
        const entry = hint?.segment === segment ? hint.entry : null
        return this.#readSegment(segment, fromSequence, maxBytes, entry)
      }),
    )
  }

  /** What is read while compaction replaces segments may be of no segment: again. Replacing ends, and so does this. */
  async #unlessReplaced<T>(run: () => Promise<T>): Promise<T> {
    const { files } = this.#parts
    for (;;) {
      const before = files.replacements
      try {
        const found = await run()
        if (files.replacements === before) return found
      } catch (error) {
        if (files.replacements !== before) continue
        this.#noteDamage(error)
        throw error
      }
    }
  }

  /** First sequence in the files whose batch satisfies `matches`, which once true stays true; null when none does. */
  async find(
    first: (index: SparseIndex) => IndexEntry | null,
    mayBeginIn: (segment: Segment) => boolean,
    matches: (batch: Batch) => boolean,
  ): Promise<number | null> {
    return this.#guard(() => this.#unlessReplaced(() => this.#find(first, mayBeginIn, matches)))
  }

  async #find(
    first: (index: SparseIndex) => IndexEntry | null,
    mayBeginIn: (segment: Segment) => boolean,
    matches: (batch: Batch) => boolean,
  ): Promise<number | null> {
    const { segments } = this.#parts.files
    let from = await this.#lastSegmentWhere(mayBeginIn)
    for (; from < segments.length; from++) {
      const segment = segments[from]
      // What is not in a file yet is in the tail cache.
      if (segment === undefined || !segment.isOnDisk) break
      const end = await this.endOf(segment)
      const index = await this.#indexOf(segment, end)
      const found = await this.#findInSegment(segment, end, index === null ? null : first(index), matches)
      if (found !== null) return found
    }
    return null
  }

  async #readSegment(
    segment: Segment,
    fromSequence: number,
    maxBytes: number,
    hint: IndexEntry | null,
    isIndexFresh = false,
  ): Promise<readonly Batch[]> {
    const end = await this.endOf(segment)
    const index = hint === null ? await this.#indexOf(segment, end) : null
    const from = hint ?? index?.bySequence(fromSequence) ?? null
    const batches: Batch[] = []
    let bytes = 0
    let isFirst = true
    const hole = await this.#walk(segment, end, from, clampWindow(maxBytes), (item) => {
      const isDoubtful = isFirst && !isIndexFresh && item.kind === 'hole' && (from?.position ?? 0) > headerBytes
      isFirst = false
      if (isDoubtful) throw new DoubtfulIndex()
      if (item.kind === 'hole') {
        if (batches.length > 0) return 'stop'
        if (fromSequence < item.toSequence) throw this.#damaged(item.fromSequence, item.toSequence, item.detail)
        return 'go on'
      }
      const { batch } = item
      if (batch.baseSequence + batch.count <= fromSequence) return 'go on'
      bytes += batch.payload.length
      if (batches.length > 0 && bytes > maxBytes) {
        const { baseSequence: sequence, baseOffset: offset, enqueuedTimeMs: timeMs } = batch
        this.#remember(segment, { sequence, offset, timeMs, position: item.position })
        return 'stop'
      }
      batches.push(batch)
      return 'go on'
    }).catch((error: unknown) => {
      if (!(error instanceof DoubtfulIndex)) throw error
      return 'doubtful' as const
    })
    if (hole === 'doubtful') {
      segment.index = await this.#scanIndex(segment, end)
      return this.#readSegment(segment, fromSequence, maxBytes, null, true)
    }
    if (batches.length === 0)
      throw this.#damaged(Math.min(hole ?? fromSequence, fromSequence), end.sequence, 'nothing intact')
    return batches
  }

  /** Walks until `visit` says stop or nothing follows; resolves to the sequence expected then, null when stopped. */
  async #walk(
    segment: Segment,
    end: SegmentEnd,
    from: IndexEntry | null,
    windowBytes: number,
    visit: (item: WalkItem) => 'go on' | 'stop',
  ): Promise<number | null> {
    const header = await this.#parts.files.loadHeader(segment)
    if (header === null) throw this.#damaged(segment.baseSequence, end.sequence, `no intact header in ${segment.path}`)
    const held = await this.#parts.files.hold(segment)
    try {
      const walker = new SegmentWalker(held.file, {
        generation: header.generation,
        logIdentity: segment.logIdentity,
        position: from?.position ?? headerBytes,
        sequence: from?.sequence ?? segment.baseSequence,
        offset: from?.offset ?? header.baseOffset,
        endPosition: end.position,
        searchBytesMax: Infinity,
        windowBytes,
      })
      for (;;) {
        const next = walker.next()
        const item = next instanceof Promise ? await next : next
        if (item === null) return walker.sequence
        if (visit(item) === 'stop') return null
      }
    } finally {
      held.release()
    }
  }

  async #findInSegment(
    segment: Segment,
    end: SegmentEnd,
    from: IndexEntry | null,
    matches: (batch: Batch) => boolean,
  ): Promise<number | null> {
    let found: number | null = null
    try {
      await this.#walk(segment, end, from, windowBytesMin, (item) => {
        // Over damage to the first batch behind it: what it held is not known.
        if (item.kind === 'hole' || !matches(item.batch)) return 'go on'
        found = item.batch.baseSequence
        return 'stop'
      })
    } catch (error) {
      if (!(error instanceof EhubError && error.code === 'storage-corrupt')) throw error
      if (!segment.isReplaced) this.#noteDamage(error)
    }
    return found
  }

  /** Where to begin: the last segment for which the condition, which holds for a first part of them, holds. */
  async #lastSegmentWhere(mayBeginIn: (segment: Segment) => boolean): Promise<number> {
    const { segments } = this.#parts.files
    let low = 0
    let high = segments.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      const segment = segments[middle]
      if (segment === undefined) break
      await this.#parts.files.loadHeader(segment)
      if (segment.header !== null && mayBeginIn(segment)) low = middle
      else high = middle
    }
    return low
  }

  #segmentOf(sequence: number): Segment | null {
    const { files } = this.#parts
    const segment = files.segments[files.indexOf(sequence)]
    return segment === undefined || segment.baseSequence > sequence ? null : segment
  }

  /** The next segment's header says where this one ended; of the newest it is known. */
  async endOf(segment: Segment): Promise<SegmentEnd> {
    const { files, filesEnd } = this.#parts
    const place = files.segments.indexOf(segment)
    const next = place < 0 ? undefined : files.segments[place + 1]
    if (segment.compacted !== null) {
      const position = (await files.loadHeader(segment))?.compacted?.endPosition ?? headerBytes
      return { position, sequence: next?.baseSequence ?? filesEnd() }
    }
    if (next === undefined || !next.isOnDisk) {
      return { position: segment.isEnded ? segment.syncedPosition : segment.writtenPosition, sequence: filesEnd() }
    }
    const header = await files.loadHeader(next)
    const isBefore = header?.previous?.baseSequence === segment.baseSequence
    if (header !== null && header.previous !== null && isBefore) {
      return { position: header.previous.endPosition, sequence: next.baseSequence }
    }
    // The header that said so is damaged, or a segment between is missing: up to the end of the file.
    const held = await files.hold(segment)
    try {
      return { position: await held.file.size(), sequence: next.baseSequence }
    } finally {
      held.release()
    }
  }

  /** Null when the segment is too small to need one. */
  async #indexOf(segment: Segment, end: SegmentEnd): Promise<SparseIndex | null> {
    if (segment.index !== null) return segment.index
    if (end.position <= headerBytes + windowBytesMin) return null
    let indexing = this.#indexing.get(segment)
    if (indexing === undefined) {
      indexing = this.#loadOrScanIndex(segment, end).finally(() => this.#indexing.delete(segment))
      this.#indexing.set(segment, indexing)
    }
    segment.index = await indexing
    return segment.index
  }

  async #loadOrScanIndex(segment: Segment, end: SegmentEnd): Promise<SparseIndex> {
    await this.#parts.files.loadHeader(segment)
    const loaded = await this.#parts.files.loadIndex(segment, end.position)
    if (loaded === null) return this.#scanIndex(segment, end)
    return loaded.isComplete ? loaded.index : this.#completeIndex(segment, end, loaded.index)
  }

  /** What came behind an index that was written while the segment grew. */
  async #completeIndex(segment: Segment, end: SegmentEnd, index: SparseIndex): Promise<SparseIndex> {
    try {
      return await this.#scanIndex(segment, end, index)
    } catch (error) {
      if (!(error instanceof DoubtfulIndex)) throw error
      return this.#scanIndex(segment, end)
    }
  }

  async #scanIndex(segment: Segment, end: SegmentEnd, index = new SparseIndex()): Promise<SparseIndex> {
    const from = index.last
    let isFirst = true
    await this.#walk(segment, end, from, scanWindowBytes, (item) => {
      if (isFirst && from !== null && item.kind === 'hole') throw new DoubtfulIndex()
      isFirst = false
      if (item.kind === 'batch') index.note(item.batch, item.position)
      return 'go on'
    })
    return index
  }

  #remember(segment: Segment, entry: IndexEntry): void {
    this.#hints.set(entry.sequence, { segment, entry })
    if (this.#hints.size <= hintsMax) return
    for (const oldest of this.#hints.keys()) {
      this.#hints.delete(oldest)
      return
    }
  }

  #damaged(from: number, to: number, detail: string): EhubError {
    const { id } = this.#parts.files
    const damage = { from, to: Math.max(from + 1, to), detail }
    const error = new EhubError(
      'storage-corrupt',
      `sequences ${damage.from} to ${damage.to - 1} of ${id.group}/${id.partition} are damaged: ${detail}`,
      { hint: `Reading goes on from sequence ${damage.to}. \`ehub doctor\` lists all damaged ranges.` },
    )
    this.#found.set(error, damage)
    return error
  }

  #noteDamage(error: unknown): void {
    const damage = error instanceof Error ? this.#found.get(error) : undefined
    if (damage !== undefined) this.#parts.onDamage(damage)
  }

  async #guard<T>(run: () => Promise<T>): Promise<T> {
    try {
      return await run()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      throw storageError(`read ${this.#parts.files.id.group}/${this.#parts.files.id.partition}`, error)
    }
  }
}

/** What is at the place the index names is not what it says. */
class DoubtfulIndex extends Error {}

function clampWindow(maxBytes: number): number {
  return Math.min(windowBytesMax, Math.max(windowBytesMin, maxBytes + 4096))
}
