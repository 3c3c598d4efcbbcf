// Reads a partition's log for Capture: from the tail cache where it can, over damage, never waiting for events.

import { type Clock, delay } from '../../../base/clock.ts'
import { isEhubError } from '../../../base/error.ts'
import type { CaptureSource } from '../../broker/captures-api.ts'
import type { Batch } from '../../storage/storage-engine.ts'
import { offsetEnd } from '../../storage/survivors.ts'
import type { EventBlocks, Limits } from './event-blocks.ts'

const readBytesMax = 1024 * 1024

export interface GatherLimits extends Limits {
  /** Uncompressed bytes at which the file is complete. */
  readonly bytesMax: number
  /** Uncompressed bytes worth handing on. */
  readonly chunkBytes: number
  /** Events `[from, to)` cannot be read and are stepped over. */
  readonly onDamage: (from: number, to: number, detail: string) => void
}

/** `limit`: an event beyond a limit comes next. `end`: of the log. `trimmed`: what comes next is gone. */
export type Stop = 'limit' | 'size' | 'chunk' | 'end' | 'trimmed'

export class LogWalker {
  readonly #source: CaptureSource
  readonly #clock: Clock
  /** A place in the log, at or before which reading goes on: offsets of other sequences are not known. */
  #sequence = -1
  #offset = 0
  /** End of the last batch that was taken whole. */
  #taken = { sequence: -1, offset: 0 }

  constructor(source: CaptureSource, clock: Clock) {
    this.#source = source
    this.#clock = clock
  }

  /** Log bytes from a sequence to the end, at least; Infinity when that is not known yet. */
  bytesFrom(sequence: number): number {
    const { end } = this.#source
    if (sequence >= end.sequence) return 0
    return this.#sequence < 0 ? Number.POSITIVE_INFINITY : end.offset - this.#offset
  }

  /** What was taken so far is in a file: reading goes on behind it. */
  settle(): void {
    if (this.#taken.sequence <= this.#sequence) return
    this.#sequence = this.#taken.sequence
    this.#offset = this.#taken.offset
  }

  /** Enqueued time of the first readable event from `sequence` on, null when there is none. */
  async timeOf(sequence: number): Promise<number | null> {
    let at = sequence
    while (at < this.#source.end.sequence) {
      const batches = await this.#read(at, 1, (_from, to) => {
        at = to
      })
      const [first] = batches ?? []
      if (first !== undefined) return first.enqueuedTimeMs
      if (batches !== null) return null
    }
    return null
  }

  /** Takes events into `blocks` until there is a reason to stop; whole blocks count, an open one is left open. */
  async gather(blocks: EventBlocks, limits: GatherLimits): Promise<Stop> {
    for (;;) {
      const { start, end } = this.#source
      if (blocks.next >= limits.untilSequence) return 'limit'
      if (start.sequence > blocks.next) return 'trimmed'
      if (blocks.next >= end.sequence) return 'end'
      const batches = await this.#read(blocks.next, readBytesMax, (from, to, detail) => {
        limits.onDamage(from, to, detail)
        blocks.skipTo(to)
      })
      for (const batch of batches ?? []) {
        const stop = await this.#take(blocks, batch, limits)
        if (stop !== null) return stop
      }
    }
  }

  async #take(blocks: EventBlocks, batch: Batch, limits: GatherLimits): Promise<Stop | null> {
    for (;;) {
      const stop = blocks.take(batch, limits)
      if (stop === 'limit') return 'limit'
      if (stop === 'batch') {
        this.#taken = { sequence: blocks.next, offset: offsetEnd(batch) }
        return null
      }
      this.#sequence = batch.baseSequence
      this.#offset = batch.baseOffset
      if (blocks.bytes >= limits.bytesMax) return 'size'
      if (blocks.bytes >= limits.chunkBytes) return 'chunk'
      // Ingest gets the loop between two blocks.
      await delay(this.#clock, 0)
    }
  }

  /** null: what is there cannot be read and `onDamage` was told, or it was trimmed. */
  async #read(
    sequence: number,
    maxBytes: number,
    onDamage: (from: number, to: number, detail: string) => void,
  ): Promise<readonly Batch[] | null> {
    const source = this.#source
    try {
      const batches = source.readCached(sequence, maxBytes) ?? (await source.read(sequence, maxBytes))
      const [first] = batches
      if (this.#sequence < 0 && first !== undefined) {
        this.#sequence = first.baseSequence
        this.#offset = first.baseOffset
      }
      return batches
    } catch (error) {
      if (isEhubError(error, 'sequence-trimmed') && source.start.sequence > sequence) {
        onDamage(sequence, sequence, 'trimmed')
        return null
      }
      if (!isEhubError(error, 'storage-corrupt')) throw error
      const damage = source.statistics().damaged.find(({ from, to }) => from <= sequence && sequence < to)
      if (damage === undefined) throw error
      onDamage(sequence, damage.to, damage.detail)
      return null
    }
  }
}
