// The newest batches of one log, in memory: what readers at the tail get without a file. Holds durable batches only, in
// order and without gaps up to the log's end. Bounded globally by the slabs they lie in and per log by `bytesMax`.
//
// Read on every turn of every link: a binary search in one array, no allocation but the result.

import { firstIndex } from './memory-log.ts'
import type { Slab } from './slabs.ts'
import { type StagedBatch, stagedBatchOf } from './staged-append.ts'
import type { Batch } from './storage-engine.ts'

export class TailCache {
  readonly #bytesMax: number
  /** From `#first` on; the slots before are given up and cut off now and then. */
  #batches: (StagedBatch | null)[] = []
  #first = 0
  #bytes = 0

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
  }

  /** Base sequence of the oldest batch held, null when none is. */
  get firstSequence(): number | null {
    return this.#batches[this.#first]?.baseSequence ?? null
  }

  push(batch: StagedBatch): void {
    this.#batches.push(batch)
    this.#bytes += batch.payloadBytes
  }

  /** Gives up the oldest batches until the log's share is kept; those at and after `unwritten` stay whatever it is. */
  shrink(unwritten: number): void {
    while (this.#bytes > this.#bytesMax) {
      const oldest = this.#batches[this.#first]
      if (oldest === undefined || oldest === null || oldest.baseSequence >= unwritten) return
      this.#drop(oldest)
    }
  }

  /** Gives up the batches below: compaction left something else of them in the segments. */
  forgetBelow(sequence: number): void {
    for (;;) {
      const oldest = this.#batches[this.#first] ?? null
      if (oldest === null || oldest.baseSequence >= sequence) return
      this.#drop(oldest)
    }
  }

  /** Gives up the batches in `slab`, which are the oldest. */
  forget(slab: Slab): void {
    for (;;) {
      const oldest = this.#batches[this.#first] ?? null
      if (oldest?.slab !== slab) return
      this.#drop(oldest)
    }
  }

  /** As `PartitionLog.readCached` for a sequence below the log's end. */
  read(fromSequence: number, maxBytes: number): readonly Batch[] | null {
    const first = this.firstSequence
    if (first === null || fromSequence < first) return null
    const found: Batch[] = []
    let bytes = 0
    for (let index = this.#indexOf(fromSequence); index < this.#batches.length; index++) {
      const batch = this.#batches[index]
      if (batch === null || batch === undefined) break
      bytes += batch.payloadBytes
      if (found.length > 0 && bytes > maxBytes) break
      found.push(stagedBatchOf(batch))
      batch.slab.isLent = true
    }
    return found
  }

  /** The first batch held that satisfies a condition which, once true, stays true; null when none does. */
  find(satisfies: (batch: Batch) => boolean): Batch | null {
    const index = firstIndex(this.#batches, (batch) => batch !== null && satisfies(stagedBatchOf(batch)))
    const found = this.#batches[index] ?? null
    return found === null ? null : stagedBatchOf(found)
  }

  clear(): void {
    this.#batches = []
    this.#first = 0
    this.#bytes = 0
  }

  /** Index of the batch that holds `sequence`, which is not below the first. */
  #indexOf(sequence: number): number {
    let low = this.#first
    let high = this.#batches.length
    while (high - low > 1) {
      const middle = (low + high) >>> 1
      if ((this.#batches[middle]?.baseSequence ?? 0) <= sequence) low = middle
      else high = middle
    }
    return low
  }

  #drop(oldest: StagedBatch): void {
    this.#bytes -= oldest.payloadBytes
    this.#batches[this.#first] = null
    this.#first += 1
    // Cutting off costs as much as what stays: do it when at least half is given up.
    if (this.#first > 64 && this.#first * 2 > this.#batches.length) {
      this.#batches = this.#batches.slice(this.#first)
      this.#first = 0
    }
  }
}
