// Sparse index of one segment: about every 64 KiB the sequence, offset, time and file position of a batch, in memory as
// typed arrays. It only says where to begin looking: whoever reads walks from there over envelopes whose checksums are
// verified. A wrong index can therefore cost time, never give a wrong batch, and it is always derivable from the segment.

import type { IndexEntry, IndexFile } from './format.ts'
import type { Batch } from './storage-engine.ts'

/** A look-up then reads about one such piece. */
const stepBytes = 64 * 1024
const fields = 4
const sequenceField = 0
const offsetField = 1
const timeField = 2
const positionField = 3

export class SparseIndex {
  /** `fields` numbers an entry, grown by doubling. */
  #numbers = new Float64Array(8 * fields)
  #count = 0

  get count(): number {
    return this.#count
  }

  get last(): IndexEntry | null {
    return this.#entry(this.#count - 1)
  }

  /** Whether a batch at `position` would be added by `note`. */
  isDue(position: number): boolean {
    return this.#count === 0 || position - this.#field(this.#count - 1, positionField) >= stepBytes
  }

  /** Adds the batch at `position` when it is the first or far enough behind the last one added; positions rise. */
  note(batch: Batch, position: number): void {
    if (!this.isDue(position)) return
    this.add({ sequence: batch.baseSequence, offset: batch.baseOffset, timeMs: batch.enqueuedTimeMs, position })
  }

  add(entry: IndexEntry): void {
    if ((this.#count + 1) * fields > this.#numbers.length) {
      const larger = new Float64Array(this.#numbers.length * 2)
      larger.set(this.#numbers)
      this.#numbers = larger
    }
    this.#numbers.set([entry.sequence, entry.offset, entry.timeMs, entry.position], this.#count * fields)
    this.#count += 1
  }

  /**
   * The last entry at or before the sequence. Null when there is none: look from the segment's beginning, since what lies
   * in front of the first entry may be damage that must not be passed over.
   */
  bySequence(sequence: number): IndexEntry | null {
    return this.#entry(this.#countBelow(sequenceField, sequence + 1) - 1)
  }

  /** As `bySequence`, by offset. */
  byOffset(offset: number): IndexEntry | null {
    return this.#entry(this.#countBelow(offsetField, offset + 1) - 1)
  }

  /** The last entry before the time: the first batch at or after it cannot lie earlier, however many share one time. */
  byTime(timeMs: number): IndexEntry | null {
    return this.#entry(this.#countBelow(timeField, timeMs) - 1)
  }

  entries(): readonly IndexEntry[] {
    const entries: IndexEntry[] = []
    for (let index = 0; index < this.#count; index++) {
      const entry = this.#entry(index)
      if (entry !== null) entries.push(entry)
    }
    return entries
  }

  /** From a file that belongs to this very segment and is in order; null otherwise. */
  static from(file: IndexFile | null, generation: number, baseSequence: number): SparseIndex | null {
    if (file === null || file.generation !== generation || file.baseSequence !== baseSequence) return null
    const index = new SparseIndex()
    let last: IndexEntry | null = null
    for (const entry of file.entries) {
      const isInOrder =
        last === null ||
        (entry.sequence > last.sequence &&
          entry.offset >= last.offset &&
          entry.timeMs >= last.timeMs &&
          entry.position > last.position)
      if (!isInOrder || entry.sequence < baseSequence || entry.position >= file.endPosition) return null
      index.add(entry)
      last = entry
    }
    return index
  }

  #entry(index: number): IndexEntry | null {
    if (index < 0) return null
    return {
      sequence: this.#field(index, sequenceField),
      offset: this.#field(index, offsetField),
      timeMs: this.#field(index, timeField),
      position: this.#field(index, positionField),
    }
  }

  #countBelow(field: number, value: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#field(middle, field) < value) low = middle + 1
      else high = middle
    }
    return low
  }

  #field(index: number, field: number): number {
    return this.#numbers[index * fields + field] ?? 0
  }
}
