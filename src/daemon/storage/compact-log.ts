// Compaction of one log on disk: closed segments are read, what the caller keeps of their batches is written into a new one beside
// them, and one rename puts that in their place. Neighbours that became small go into one. docs/FORMAT.md, "Compaction",
// has what a crash leaves.
//
//   | 0: a b a | 3: c a | 5: b b … |        segments, the newest is appended to
//     \________________/
//    | 0-5: b c a      | 5: b b … |         one rename; the old files go to the pool

import { addReport, type CompactionTally, newTally } from './compact-report.ts'
import { CompactWriter, type ReadEnd } from './compact-writer.ts'
import { DiskError } from './disk.ts'
import { compactedBytesMax, envelopeBytesOf, headerBytes, type SegmentHeader } from './format.ts'
import type { LogFiles } from './log-files.ts'
import type { Segment } from './segment.ts'
import { SegmentWalker } from './segment-walker.ts'
import type { Batch, CompactionReport, CompactOptions, KeepFunction } from './storage-engine.ts'
import { eventCount } from './survivors.ts'

export interface CompactingParts {
  readonly files: LogFiles
  readonly segmentBytes: number
  /** Segments that begin at or beyond it are not touched. */
  readonly end: number
  /** Everything below was synced before this began. */
  readonly durableEnd: number
  readonly nextGeneration: () => number
  readonly now: () => number
  /** Where the envelopes of a closed segment end, and which sequence follows. */
  readonly endOf: (segment: Segment) => Promise<{ readonly position: number; readonly sequence: number }>
  /** Runs while nothing is trimmed. */
  readonly exclusively: (run: () => Promise<void>) => Promise<void>
  /** What readers are given of events below comes from the files from now on. */
  readonly onReplaced: (endSequence: number) => void
  /** @throws EhubError when nothing may be changed any more: the log failed, is being closed, the disk is full. */
  readonly check: () => void
}

// What is decoded between two turns of the loop, which publishers and readers share.
const windowBytes = 256 * 1024

/** As `PartitionLog.compact`. @throws EhubError, DiskError */
export async function compactLog(
  parts: CompactingParts,
  keep: KeepFunction,
  options: CompactOptions,
): Promise<CompactionReport> {
  return new LogCompaction(parts, keep, options).run()
}

class LogCompaction {
  readonly #parts: CompactingParts
  readonly #keep: KeepFunction
  readonly #options: CompactOptions
  readonly #end: number
  readonly #report = newTally()
  /** What is read, over and over: fresh memory for each read would be half of what a compaction costs. */
  #window: Buffer = Buffer.alloc(0)

  constructor(parts: CompactingParts, keep: KeepFunction, options: CompactOptions) {
    this.#parts = parts
    this.#keep = keep
    this.#options = options
    this.#end = Math.min(parts.end, options.before)
  }

  async run(): Promise<CompactionReport> {
    let from = 0
    for (let segment = this.#next(from); segment !== null; segment = this.#next(from)) {
      try {
        from = await this.#compact(segment)
      } catch (error) {
        // Trimmed while it was read.
        if (!(error instanceof DiskError) || this.#isThere(segment)) throw error
      }
      this.#options.onProgress?.({ ...this.#report })
    }
    return this.#report
  }

  /** The first closed segment at or behind the sequence. */
  #next(from: number): Segment | null {
    const { files, check } = this.#parts
    this.#options.signal.throwIfAborted()
    check()
    const segment = files.segments.find(({ baseSequence }) => baseSequence >= from)
    return segment === undefined || segment.baseSequence >= this.#end ? null : segment
  }

  /** Resolves to where to go on. */
  async #compact(segment: Segment): Promise<number> {
    const { sequence } = await this.#parts.endOf(segment)
    const look = await this.#look(segment)
    if (look === 'damaged') return this.#skip(segment, sequence)
    const next = this.#after(segment)
    const isSmall =
      next !== null && (await this.#sizeOf(segment)) + (await this.#sizeOf(next)) <= this.#parts.segmentBytes
    if (look === 'less' || isSmall) return this.#rewrite(segment, Infinity)
    const bytes = await this.#sizeOf(segment)
    addReport(this.#report, { segments: 1, eventsKept: look, bytesBefore: bytes, bytesAfter: bytes })
    return sequence
  }

  #isThere(segment: Segment): boolean {
    return this.#parts.files.segments.includes(segment)
  }

  async #skip(segment: Segment, endSequence: number): Promise<number> {
    if (!this.#isThere(segment)) return segment.baseSequence
    const bytes = await this.#sizeOf(segment)
    addReport(this.#report, { segments: 1, segmentsSkipped: 1, bytesBefore: bytes, bytesAfter: bytes })
    this.#options.onSkipped?.(endSequence)
    return endSequence
  }

  /** Whether something of it goes, found out as soon as can be; otherwise its events. */
  async #look(segment: Segment): Promise<'damaged' | 'less' | number> {
    let events = 0
    let isLess = false
    const end = await this.#walk(segment, (batch) => {
      events += eventCount(batch)
      isLess = this.#keep(batch) !== batch
      return !isLess
    })
    if (isLess) return 'less'
    return end === null ? 'damaged' : events
  }

  /**
   * Writes a new segment for this one and those behind it that fit, and puts it in their place; resolves to where to go on.
   * @param limit Segments from here on are left out.
   */
  async #rewrite(first: Segment, limit: number): Promise<number> {
    const { files, endOf } = this.#parts
    const { sequence } = await endOf(first)
    const header = await files.loadHeader(first)
    if (header === null) return this.#skip(first, sequence)
    const writer = new CompactWriter(await files.makeCompacting(), this.#headerOf(header))
    const group: Segment[] = []
    const tally = newTally()
    try {
      let end: ReadEnd | null = null
      for (
        let segment: Segment | null = first;
        segment !== null;
        segment = await this.#joining(segment, limit, writer.bytes)
      ) {
        const copied = await this.#copy(segment, writer, tally)
        // Those in front of a damaged one go without it.
        if (copied === null && end !== null) return await this.#rewrite(first, segment.baseSequence)
        if (copied === null) return await this.#skip(first, sequence)
        end = copied
        group.push(segment)
      }
      if (end === null) return sequence
      // Trimmed meanwhile: what is left of them comes again.
      return (await this.#publish(group, writer, end, tally)) ? end.endSequence : first.baseSequence
    } finally {
      await files.dropCompacting()
    }
  }

  /** False when they are no longer what is to be replaced. */
  async #publish(
    group: readonly Segment[],
    writer: CompactWriter,
    end: ReadEnd,
    tally: CompactionTally,
  ): Promise<boolean> {
    const { files, exclusively, check, onReplaced } = this.#parts
    const segment = await writer.finish(end)
    let isDone = false
    await exclusively(async () => {
      check()
      const at = files.segments.indexOf(group[0] ?? segment)
      if (at < 0 || group.some((old, index) => files.segments[at + index] !== old)) return
      await files.publish(segment, at, group.length, () => onReplaced(end.endSequence))
      isDone = true
    })
    if (!isDone) return false
    addReport(this.#report, { ...tally, bytesAfter: segment.nextPosition - headerBytes, segmentsWritten: 1 })
    addReport(this.#report, { segments: group.length, segmentsRewritten: group.length })
    await files.saveIndex(segment, end.endSequence).catch(() => undefined)
    return true
  }

  /** The segment behind, when it is to go into the same one. */
  async #joining(segment: Segment, limit: number, bytes: number): Promise<Segment | null> {
    const next = this.#after(segment)
    if (next === null || next.baseSequence >= limit) return null
    const { segmentBytes } = this.#parts
    if (bytes + (await this.#sizeOf(next)) <= segmentBytes) return next
    return bytes <= segmentBytes / 2 && (await this.#look(next)) === 'less' ? next : null
  }

  /** Resolves to where the segment ends, null when it is damaged. */
  async #copy(segment: Segment, writer: CompactWriter, tally: CompactionTally): Promise<ReadEnd | null> {
    const bytes = await this.#sizeOf(segment)
    let kept = 0
    let removed = 0
    const end = await this.#walk(
      segment,
      (batch) => {
        const left = this.#leftOf(batch)
        const events = left === null ? 0 : eventCount(left)
        kept += events
        removed += eventCount(batch) - events
        writer.add(batch, left)
        return true
      },
      writer,
    )
    addReport(tally, { eventsKept: kept, eventsRemoved: removed, bytesBefore: bytes })
    return end
  }

  /** A batch of very many very small events may be smaller whole than with a table of those that are left. */
  #leftOf(batch: Batch): Batch | null {
    const left = this.#keep(batch)
    return left !== null && envelopeBytesOf(left) > compactedBytesMax ? batch : left
  }

  /** Visits its batches while `visit` says so; resolves to where it ends, null when it is damaged or was not walked to its end. */
  async #walk(segment: Segment, visit: (batch: Batch) => boolean, writer?: CompactWriter): Promise<ReadEnd | null> {
    const { files, endOf } = this.#parts
    const { signal, pace } = this.#options
    const header = await files.loadHeader(segment)
    if (header === null) return null
    const end = await endOf(segment)
    const held = await files.hold(segment)
    try {
      const walker = new SegmentWalker(held.file, {
        generation: header.generation,
        logIdentity: segment.logIdentity,
        position: headerBytes,
        sequence: segment.baseSequence,
        offset: header.baseOffset,
        endPosition: end.position,
        searchBytesMax: Infinity,
        windowBytes,
        windowFor: (bytes) => {
          writer?.release()
          return this.#windowFor(bytes)
        },
      })
      let lastTimeMs = header.previousTimeMs ?? 0
      let pacedAt = headerBytes
      for (;;) {
        const next = walker.next()
        const item = next instanceof Promise ? await next : next
        if (item === null) break
        if (item.kind === 'hole') return null
        lastTimeMs = item.batch.enqueuedTimeMs
        if (!visit(item.batch)) return null
        if (item.endPosition - pacedAt < windowBytes) continue
        signal.throwIfAborted()
        const written = writer?.pendingBytes ?? 0
        await writer?.write(false)
        await pace?.(item.endPosition - pacedAt + written)
        pacedAt = item.endPosition
      }
      if (walker.sequence !== end.sequence) return null
      const endOffset = header.compacted?.endOffset ?? walker.offset
      return { endSequence: end.sequence, endOffset, lastTimeMs: header.compacted?.lastTimeMs ?? lastTimeMs }
    } finally {
      writer?.release()
      held.release()
    }
  }

  #windowFor(bytes: number): Buffer {
    // A batch that is longer than a window is rare, and large.
    if (bytes > windowBytes) return Buffer.allocUnsafeSlow(bytes)
    if (this.#window.length < bytes) this.#window = Buffer.allocUnsafeSlow(bytes)
    return this.#window.subarray(0, bytes)
  }

  #after(segment: Segment): Segment | null {
    const { segments } = this.#parts.files
    const at = segments.indexOf(segment)
    const next = at < 0 ? undefined : segments[at + 1]
    return next === undefined || next.baseSequence >= this.#end ? null : next
  }

  async #sizeOf(segment: Segment): Promise<number> {
    return (await this.#parts.endOf(segment)).position - headerBytes
  }

  #headerOf({
    id,
    baseSequence,
    baseOffset,
    previousTimeMs,
    previous,
  }: SegmentHeader): Omit<SegmentHeader, 'compacted'> {
    const { nextGeneration, now, durableEnd } = this.#parts
    const generation = nextGeneration()
    return { generation, id, baseSequence, baseOffset, createdAtMs: now(), previousTimeMs, previous, durableEnd }
  }
}
