// A log in memory: same contract as the one on disk, nothing survives the process. Serves `ehub --ephemeral` (through
// `MemoryEngine`) and hubs of durability `memory` inside the embedded engine.
//
// Bounded by a byte budget shared by all memory logs of an engine. When it is used up appends are refused with
// `disk-full`: dropping the oldest events instead would be retention that nobody asked for.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import { Gate } from '../../base/gate.ts'
import { BatchFold } from './compact-fold.ts'
import { addReport, type CompactionTally, newTally } from './compact-report.ts'
import type {
  Batch,
  CompactionReport,
  CompactOptions,
  KeepFunction,
  LogId,
  LogStatistics,
  PartitionLog,
  Position,
} from './storage-engine.ts'
import { eventCount, offsetEnd } from './survivors.ts'

/** What a batch costs beside its payload: the object, its views, its slots. */
const batchOverheadBytes = 200

/** Compacted between two turns of the loop. */
const batchesAtOnce = 64

/** Bytes that all memory logs of one engine may hold. */
export class MemoryBudget {
  readonly bytesMax: number
  bytesUsed = 0

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax
  }
}

export class MemoryLog implements PartitionLog {
  readonly id: LogId
  readonly gate = new Gate(0)
  readonly #budget: MemoryBudget
  readonly #onClose: () => void
  #batches: Batch[] = []
  #start: Position = { sequence: 0, offset: 0 }
  #end: Position = { sequence: 0, offset: 0 }
  #next: Position = { sequence: 0, offset: 0 }
  #lastTimeMs: number | null = null
  #refused: EhubError | null = null
  #inFlight: Promise<void> = Promise.resolve()
  #isClosed = false

  constructor(id: LogId, budget: MemoryBudget, onClose: () => void) {
    this.id = id
    this.#budget = budget
    this.#onClose = onClose
  }

  get start(): Position {
    return this.#start
  }

  get end(): Position {
    return this.#end
  }

  get lastEnqueuedTimeMs(): number | null {
    return this.#lastTimeMs
  }

  /** Every batch can go by itself. */
  get oldestSegmentEnd(): number {
    const first = this.#batches[0]
    return first === undefined ? this.#end.sequence : first.baseSequence + first.count
  }

  seal(): void {}

  append(batches: readonly Batch[]): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    const first = batches[0]
    if (first === undefined) return this.#inFlight
    if (first.baseSequence !== this.#next.sequence && this.#refused !== null) return Promise.reject(this.#refused)
    let bytes = 0
    let next = this.#next
    for (const batch of batches) {
      assert(
        batch.baseSequence === next.sequence,
        `batch at ${batch.baseSequence} continues the log at ${next.sequence}`,
      )
      assert(batch.baseOffset >= next.offset, `offset ${batch.baseOffset} continues the log at ${next.offset}`)
      next = { sequence: batch.baseSequence + batch.count, offset: batch.baseOffset + batch.payload.length }
      bytes += batch.payload.length + batchOverheadBytes
    }
    if (this.#budget.bytesUsed + bytes > this.#budget.bytesMax) {
      this.#refused = new EhubError(
        'disk-full',
        `the ${this.#budget.bytesMax} bytes for events kept in memory are used up`,
        { hint: 'Delete or trim hubs, raise the limit, or keep events on disk.', retryAfterMs: 1000 },
      )
      return Promise.reject(this.#refused)
    }
    this.#refused = null
    this.#budget.bytesUsed += bytes
    this.#next = next
    const copies = batches.map((batch) => ({ ...batch, payload: copy(batch.payload) }))
    // On a microtask, so that callers see the same order of things as with a disk.
    this.#inFlight = this.#inFlight.then(() => this.#commit(copies, next))
    return this.#inFlight
  }

  read(fromSequence: number, maxBytes: number): Promise<readonly Batch[]> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    if (fromSequence < this.#start.sequence) {
      return Promise.reject(
        new EhubError(
          'sequence-trimmed',
          `sequence ${fromSequence} of ${this.id.group}/${this.id.partition} is gone, the log starts at ${this.#start.sequence}`,
        ),
      )
    }
    return Promise.resolve(this.readCached(fromSequence, maxBytes) ?? [])
  }

  readCached(fromSequence: number, maxBytes: number): readonly Batch[] | null {
    if (this.#isClosed || fromSequence < this.#start.sequence) return null
    if (fromSequence >= this.#end.sequence) return []
    const found: Batch[] = []
    let bytes = 0
    for (let index = this.#firstEndingAfter(fromSequence); index < this.#batches.length; index++) {
      const batch = this.#batches[index]
      if (batch === undefined) break
      bytes += batch.payload.length
      if (found.length > 0 && bytes > maxBytes) break
      found.push(batch)
    }
    return found
  }

  findByTime(timeMs: number): Promise<number> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    const index = firstIndex(this.#batches, (batch) => batch.enqueuedTimeMs >= timeMs)
    return Promise.resolve(Math.max(this.#batches[index]?.baseSequence ?? this.#end.sequence, this.#start.sequence))
  }

  findByOffset(offset: number): Promise<number> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    const index = firstIndex(this.#batches, (batch) => offsetEnd(batch) > offset)
    return Promise.resolve(Math.max(this.#batches[index]?.baseSequence ?? this.#end.sequence, this.#start.sequence))
  }

  trimBefore(sequence: number): Promise<void> {
    if (this.#isClosed) return Promise.reject(this.#closed())
    const target = Math.min(sequence, this.#end.sequence)
    if (target <= this.#start.sequence) return Promise.resolve()
    const index = this.#firstEndingAfter(target)
    for (const batch of this.#batches.splice(0, index)) this.#release(batch)
    this.#start = { sequence: target, offset: this.#batches[0]?.baseOffset ?? this.#end.offset }
    return Promise.resolve()
  }

  /** Nothing is appended to a batch: all of it is closed. */
  get closedEnd(): number {
    return this.#end.sequence
  }

  closeSegment(): Promise<void> {
    return this.#isClosed ? Promise.reject(this.#closed()) : Promise.resolve()
  }

  /** Batch by batch; each as a segment of its own would be on disk. */
  async compact(keep: KeepFunction, { before, signal, pace, onProgress }: CompactOptions): Promise<CompactionReport> {
    if (this.#isClosed) throw this.#closed()
    const end = Math.min(before, this.#end.sequence)
    const report = newTally()
    for (let from = this.#start.sequence; from < end && !this.#isClosed; ) {
      signal.throwIfAborted()
      const index = this.#firstEndingAfter(from)
      const batches = this.#batches.slice(index, index + batchesAtOnce).filter(({ baseSequence }) => baseSequence < end)
      const last = batches.at(-1)
      if (last === undefined) break
      this.#replace(index, batches, keep, report)
      from = last.baseSequence + last.count
      await pace?.(batches.reduce((sum, { payload }) => sum + payload.length, 0))
      onProgress?.({ ...report })
    }
    return report
  }

  #replace(index: number, batches: readonly Batch[], keep: KeepFunction, report: CompactionTally): void {
    const left: Batch[] = []
    const fold = new BatchFold((batch) => left.push(batch))
    for (const batch of batches) {
      const kept = keep(batch)
      fold.add(batch, kept === null || kept === batch ? kept : { ...kept, payload: copy(kept.payload) })
    }
    fold.flush()
    this.#batches.splice(index, batches.length, ...left)
    for (const batch of batches) this.#release(batch)
    for (const { payload } of left) this.#budget.bytesUsed += payload.length + batchOverheadBytes
    const sum = (numbers: readonly number[]) => numbers.reduce((total, number) => total + number, 0)
    const kept = sum(left.map(eventCount))
    addReport(report, {
      eventsKept: kept,
      eventsRemoved: sum(batches.map(eventCount)) - kept,
      bytesBefore: sum(batches.map(({ payload }) => payload.length)),
      bytesAfter: sum(left.map(({ payload }) => payload.length)),
    })
    Object.assign(report, { segments: 1, segmentsRewritten: 1, segmentsWritten: 1 })
  }

  statistics(): LogStatistics {
    let storedBytes = 0
    for (const batch of this.#batches) storedBytes += batch.payload.length
    return { segments: 1, storedBytes, damaged: [], lastEnqueuedTimeMs: this.#lastTimeMs }
  }

  /** Waits for what is in flight. The events are gone afterwards unless `keep` says that the log is opened again. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#inFlight
    this.#onClose()
  }

  /** A closed log comes back with its events: they live as long as the engine. */
  reopen(): void {
    this.#isClosed = false
  }

  /** Gives the memory back. */
  discard(): void {
    for (const batch of this.#batches) this.#release(batch)
    this.#batches = []
  }

  #commit(copies: readonly Batch[], end: Position): void {
    for (const batch of copies) this.#batches.push(batch)
    this.#end = end
    this.#lastTimeMs = copies.at(-1)?.enqueuedTimeMs ?? this.#lastTimeMs
    this.gate.open(end.sequence)
  }

  #firstEndingAfter(sequence: number): number {
    return firstIndex(this.#batches, (batch) => batch.baseSequence + batch.count > sequence)
  }

  #release(batch: Batch): void {
    this.#budget.bytesUsed -= batch.payload.length + batchOverheadBytes
  }

  #closed(): EhubError {
    return new EhubError('storage-closed', `the log ${this.id.group}/${this.id.partition} is closed`)
  }
}

/** A copy that shares no pool, so that one small event kept does not keep a whole pool page alive. */
function copy(payload: Buffer): Buffer {
  const bytes = Buffer.allocUnsafeSlow(payload.length)
  bytes.set(payload)
  return bytes
}

/** Index of the first item that satisfies a condition which, once true, stays true; `items.length` when none does. */
export function firstIndex<T>(items: readonly T[], satisfies: (item: T) => boolean): number {
  let low = 0
  let high = items.length
  while (low < high) {
    const middle = (low + high) >>> 1
    const item = items[middle]
    if (item !== undefined && satisfies(item)) high = middle
    else low = middle + 1
  }
  return low
}
