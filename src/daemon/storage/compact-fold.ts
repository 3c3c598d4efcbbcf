// Keeps a log without gaps between batches while compaction takes batches away: the range of one that goes is added to the one
// before it, or, where there is none, stands as a batch without events.

import { assert } from '../../base/assert.ts'
import type { Batch, Survivors } from './storage-engine.ts'
import { eventCount, offsetEnd } from './survivors.ts'

// A range is a 32-bit number on disk.
const rangeMax = 2 ** 31

export class BatchFold {
  readonly #emit: (batch: Batch) => void
  #pending: Batch | null = null
  #isOwn = false

  /** @param emit Takes what is left, in order; each begins where the one before ends. */
  constructor(emit: (batch: Batch) => void) {
    this.#emit = emit
  }

  /** @param kept What stays of `original`; null for nothing. One without events stays for its producer's stamp only. */
  add(original: Batch, kept: Batch | null): void {
    if (kept !== null) checkKept(original, kept)
    if (kept !== null && (eventCount(kept) > 0 || kept.producer !== null)) {
      this.flush()
      this.#pending = kept
      this.#isOwn = false
      return
    }
    const before = this.#pending
    if (before !== null && before.count + original.count <= rangeMax) {
      this.#pending = {
        ...before,
        count: before.count + original.count,
        survivors: before.survivors ?? asStored(before),
      }
      return
    }
    this.flush()
    this.#pending = gapOf(original)
  }

  /** What is held back no longer lies in memory that was given with it. */
  release(): void {
    const batch = this.#pending
    if (batch === null || this.#isOwn) return
    this.#pending = { ...batch, payload: Buffer.from(batch.payload) }
    this.#isOwn = true
  }

  /** Gives out what is held back. */
  flush(): void {
    const batch = this.#pending
    this.#pending = null
    if (batch !== null) this.#emit(batch)
  }
}

/** All events of a batch, said as survivors: its range may then be longer than they are. */
function asStored(batch: Batch): Survivors {
  return { count: batch.count, listed: null, offsetSpan: batch.payload.length, cleanedAtMs: null }
}

function gapOf(batch: Batch): Batch {
  const survivors = { count: 0, listed: null, offsetSpan: offsetEnd(batch) - batch.baseOffset, cleanedAtMs: null }
  return { ...batch, payload: Buffer.alloc(0), producer: null, survivors }
}

/** What the caller of `compact` promised: anything else would be written as damage. */
function checkKept(original: Batch, kept: Batch): void {
  const isSame =
    kept.baseSequence === original.baseSequence &&
    kept.baseOffset === original.baseOffset &&
    kept.count === original.count &&
    kept.enqueuedTimeMs === original.enqueuedTimeMs &&
    kept.encoding === original.encoding &&
    offsetEnd(kept) === offsetEnd(original)
  assert(isSame, `what compaction keeps of the batch ${original.baseSequence} stands where it stood`)
  const { survivors } = kept
  if (survivors === undefined) return
  const isListed = survivors.listed === null || survivors.listed.sequences.length === survivors.count
  assert(survivors.count <= eventCount(original) && isListed, 'compaction adds no events')
}
