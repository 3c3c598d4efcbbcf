// Writes the segment that compaction puts in the place of others. Nothing knows of it before it is complete and synced.

import { assert } from '../../base/assert.ts'
import { BatchFold } from './compact-fold.ts'
import type { DiskFile } from './disk.ts'
import {
  type CompactedRange,
  encodeEnvelope,
  encodeSegmentHeader,
  envelopeBytesOf,
  headerBytes,
  logIdentity,
  type SegmentHeader,
} from './format.ts'
import { Segment } from './segment.ts'
import type { Batch } from './storage-engine.ts'
import { SparseIndex } from './sparse-index.ts'
import { eventCount } from './survivors.ts'

// Written at a time; the buffer grows to that as it is needed.
const writeBytes = 512 * 1024
const bufferBytesMin = 16 * 1024

/** Where what was read ends, whether anything is left of it or not. */
export type ReadEnd = Pick<CompactedRange, 'endSequence' | 'endOffset' | 'lastTimeMs'>

export class CompactWriter {
  readonly #file: DiskFile
  readonly #header: Omit<SegmentHeader, 'compacted'>
  readonly #identity: number
  readonly #fold = new BatchFold((batch) => this.#encode(batch))
  readonly #index = new SparseIndex()
  #position = headerBytes
  #buffer = Buffer.allocUnsafeSlow(bufferBytesMin)
  #used = 0
  #eventCount = 0
  #payloadBytes = 0

  /** @param file Empty, nobody else's. */
  constructor(file: DiskFile, header: Omit<SegmentHeader, 'compacted'>) {
    this.#file = file
    this.#header = header
    this.#identity = logIdentity(header.id)
  }

  /** Size of the segment so far. */
  get bytes(): number {
    return this.#position
  }

  /** @param kept What stays of `original`, the next batch of the log; null for nothing. Their payloads stay as they are until `release`. */
  add(original: Batch, kept: Batch | null): void {
    this.#fold.add(original, kept)
  }

  /** The payloads of what was added are no longer needed. */
  release(): void {
    this.#fold.release()
  }

  /** Bytes that wait to be written. */
  get pendingBytes(): number {
    return this.#used
  }

  /** Writes what was added so far; with a small piece only when `isForced`. Nothing is added meanwhile. @throws DiskError */
  async write(isForced: boolean): Promise<void> {
    if (this.#used === 0 || (!isForced && this.#used < writeBytes)) return
    await this.#file.write([this.#buffer.subarray(0, this.#used)], this.#position - this.#used)
    this.#used = 0
  }

  /** Completes the segment: everything of it is on the disk but its name. @throws DiskError */
  async finish(end: ReadEnd): Promise<Segment> {
    this.#fold.flush()
    await this.write(true)
    const { id, baseSequence, generation } = this.#header
    const { endSequence } = end
    assert(endSequence > baseSequence, 'a compacted segment stands for events')
    const compacted: CompactedRange = {
      ...end,
      endPosition: this.#position,
      eventCount: this.#eventCount,
      payloadBytes: this.#payloadBytes,
    }
    const header = { ...this.#header, compacted }
    await this.#file.write([encodeSegmentHeader(header)], 0)
    await this.#file.sync()
    const segment = new Segment(id, baseSequence, header, true, { endSequence, generation })
    segment.index = this.#index
    segment.placeAt(this.#position)
    return segment
  }

  #encode(batch: Batch): void {
    const bytes = envelopeBytesOf(batch)
    if (this.#used + bytes > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(Math.max(2 * this.#buffer.length, this.#used + bytes))
      this.#buffer.copy(larger, 0, 0, this.#used)
      this.#buffer = larger
    }
    const { generation, durableEnd } = this.#header
    const envelope = this.#buffer.subarray(this.#used, this.#used + bytes)
    // Each is complete in itself: an append of which compaction left a part is no torn one.
    encodeEnvelope(envelope, batch, { generation, logIdentity: this.#identity, durableEnd, continues: false })
    this.#index.note(batch, this.#position)
    this.#used += bytes
    this.#position += bytes
    this.#eventCount += eventCount(batch)
    this.#payloadBytes += batch.payload.length
  }
}
