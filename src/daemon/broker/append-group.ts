// Everything published to one partition in one turn: one append, one fate. Publications lie one behind the other in one pooled
// buffer and share batches as far as they can:
//
//   buffer  | batch 1: e e e e e | batch 2: annotations, e e | batch 3: e e ...      |
//           0                    cut                         cut           length
//
// A batch-wide annotations section counts for its whole batch, so a publication with another one begins a new batch.

import { assert } from '../../base/assert.ts'
import type { EhubError } from '../../base/error.ts'
import type { Batch } from '../storage/storage-engine.ts'
import type { PublishGroup } from './broker-api.ts'
import type { BufferPool } from './buffer-pool.ts'

/** Bytes of a group at which it is handed over at once. A single larger publication makes a group of its own. */
export const groupBytesMax = 1024 * 1024
/**
 * Bytes of a batch of several publications: what a reader with little credit gets as one piece. A little below a round number, so
 * that with storage's envelope it does not just miss the block that number makes.
 */
export const batchBytesMax = 255 * 1024

type Outcome = 'stored' | EhubError

export class AppendGroup implements PublishGroup {
  readonly partition: number
  readonly enqueuedTimeMs: number
  outcome: Outcome | null = null
  /** Bytes of payload so far. */
  length = 0
  #buffer: Buffer
  #batches: Batch[] = []
  #batchAt = 0
  #batchSequence: number
  #batchOffset: number
  #batchCount = 0
  #batchAnnotations = 0
  /** Offset of the newest event. */
  #lastOffset = -1
  #waiting: ((outcome: Outcome) => void)[] = []
  readonly #pool: BufferPool

  constructor(
    partition: number,
    pool: BufferPool,
    bytesHint: number,
    start: { readonly sequence: number; readonly offset: number; readonly timeMs: number },
  ) {
    this.partition = partition
    this.enqueuedTimeMs = start.timeMs
    this.#pool = pool
    this.#buffer = pool.take(bytesHint)
    this.#batchSequence = start.sequence
    this.#batchOffset = start.offset
  }

  get nextSequence(): number {
    return this.#batchSequence + this.#batchCount
  }

  get nextOffset(): number {
    return this.#batchOffset + this.length - this.#batchAt
  }

  /**
   * Copies a publication in; returns the offset of its first event. The caller has checked the limits and the payload.
   * @param annotations Bytes of the shared annotations in front of the events.
   * @param lastPosition Position of the last event.
   */
  add(payload: Buffer, count: number, annotations: number, lastPosition: number): number {
    let skip = 0
    if (this.#batchCount > 0) {
      if (this.length - this.#batchAt + payload.length > batchBytesMax || !this.#hasAnnotations(payload, annotations)) {
        this.#cut()
      } else skip = annotations
    }
    if (this.#batchCount === 0) this.#batchAnnotations = annotations
    const at = this.length
    const after = at + payload.length - skip
    if (after > this.#buffer.length) this.#grow(after)
    payload.copy(this.#buffer, at, skip)
    this.length = after
    this.#batchCount += count
    const base = this.#batchOffset + at - this.#batchAt - skip
    this.#lastOffset = base + lastPosition
    return base + annotations
  }

  /** Offset of the newest event added. */
  get lastOffset(): number {
    return this.#lastOffset
  }

  /** The batches, once; afterwards nothing can be added. */
  close(): readonly Batch[] {
    this.#cut()
    return this.#batches
  }

  whenSettled(run: (outcome: Outcome) => void): void {
    const { outcome } = this
    if (outcome === null) this.#waiting.push(run)
    else queueMicrotask(() => run(outcome))
  }

  /** Says the outcome to everybody who waits and gives the buffer back. */
  settle(outcome: Outcome): void {
    assert(this.outcome === null, 'a group settles once')
    this.outcome = outcome
    this.#batches = []
    this.#pool.give(this.#buffer)
    this.#buffer = Buffer.alloc(0)
    const waiting = this.#waiting
    this.#waiting = []
    for (const run of waiting) run(outcome)
  }

  #hasAnnotations(payload: Buffer, annotations: number): boolean {
    if (annotations !== this.#batchAnnotations) return false
    if (annotations === 0) return true
    return this.#buffer.compare(payload, 0, annotations, this.#batchAt, this.#batchAt + annotations) === 0
  }

  #cut(): void {
    assert(this.#batchCount > 0, 'a batch holds events')
    const payload = this.#buffer.subarray(this.#batchAt, this.length)
    this.#batches.push({
      baseSequence: this.#batchSequence,
      baseOffset: this.#batchOffset,
      count: this.#batchCount,
      enqueuedTimeMs: this.enqueuedTimeMs,
      encoding: 'amqp',
      payload,
      producer: null,
    })
    this.#batchSequence += this.#batchCount
    this.#batchOffset += payload.length
    this.#batchAt = this.length
    this.#batchCount = 0
  }

  #grow(bytes: number): void {
    const larger = this.#pool.take(Math.max(bytes, Math.min(4 * this.#buffer.length, groupBytesMax)))
    this.#buffer.copy(larger, 0, 0, this.length)
    // Batches cut so far lie at the same places in the larger buffer.
    let at = 0
    this.#batches = this.#batches.map((batch) => {
      const payload = larger.subarray(at, at + batch.payload.length)
      at += batch.payload.length
      return { ...batch, payload }
    })
    this.#pool.give(this.#buffer)
    this.#buffer = larger
  }
}
