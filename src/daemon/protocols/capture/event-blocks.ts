// Stored batches to Avro blocks, in one large buffer that is used again. Blocks are cut where they have reached a size, whatever
// is read at a time: a file that is written a second time is the same byte for byte.
//
//   buffer: | room | records of block 1 | sync | room | records of block 2 | sync | …
//                ^ count and size are put right in front of the records once they are known

import { ByteWriter } from '../../../base/byte-writer.ts'
import { EhubError } from '../../../base/error.ts'
import { PayloadReader } from '../../../wire/amqp/batch-payload.ts'
import { longBytesMax, putLong } from '../../../wire/capture/avro-bytes.ts'
import type { Codec } from '../../../wire/capture/avro-codec.ts'
import { CaptureEncoder } from '../../../wire/capture/capture-encoder.ts'
import type { Batch } from '../../storage/storage-engine.ts'
import { offsetOfIndex, sequenceOfIndex } from '../../storage/survivors.ts'

/** Small enough for every reader's memory, large enough that its head costs nothing. */
export const blockBytesMax = 1024 * 1024
const headRoom = 2 * longBytesMax

/** Where gathering stops: in front of the first event at or beyond either. */
export interface Limits {
  readonly untilSequence: number
  readonly untilMs: number
}

/** What has been gathered and where it ends; one object per chunk buffer, begun anew by each `begin`. */
export class EventBlocks {
  readonly #writer = new ByteWriter(blockBytesMax + blockBytesMax / 4)
  readonly #payloads = new PayloadReader()
  readonly #encoder = new CaptureEncoder()
  readonly #head = Buffer.alloc(headRoom)
  #sync: Buffer = Buffer.alloc(16)
  #blockBytes = blockBytesMax
  /** Of the whole blocks: `[start, end)` in the writer's buffer. */
  #blocks: { readonly start: number; readonly end: number; readonly count: number }[] = []
  #blockStart = headRoom
  #count = 0
  #lastSequence = -1
  #firstSequence = -1

  /** First sequence not in a whole block. */
  position = 0
  /** Enqueued time of the last event in a whole block. */
  lastTimeMs = 0
  /** Events in whole blocks, and the sequences of the first and last of them; -1: none. */
  events = 0
  firstSequence = -1
  lastSequence = -1
  /** Of the batches looked at last. */
  #timeMs = 0
  #next = 0

  begin(position: number, sync: Buffer, blockBytes: number): void {
    this.#writer.clear()
    this.#sync = sync
    this.#blockBytes = blockBytes
    this.#blocks = []
    this.#startBlock()
    this.position = position
    this.#next = position
    this.lastTimeMs = 0
    this.events = 0
    this.firstSequence = -1
    this.lastSequence = -1
    this.#firstSequence = -1
  }

  /** Next sequence to be looked at; at or beyond `position`. */
  get next(): number {
    return this.#next
  }

  /** Uncompressed bytes of the whole blocks, without heads and syncs. */
  get bytes(): number {
    return this.#blocks.reduce((sum, { start, end }) => sum + end - start, 0)
  }

  /**
   * Takes the events of a batch from `next` on.
   * @returns Why it stopped: a block is whole, a limit was met, or the batch is at its end.
   * @throws EhubError `not-supported` for another encoding than `amqp`, `decode-error` for bytes that never were a message.
   */
  take(batch: Batch, limits: Limits): 'block' | 'limit' | 'batch' {
    const { baseSequence, count, enqueuedTimeMs, payload, encoding } = batch
    if (baseSequence >= limits.untilSequence || enqueuedTimeMs >= limits.untilMs) return 'limit'
    if (encoding !== 'amqp') throw new EhubError('not-supported', `Capture reads no events of encoding "${encoding}"`)
    const reader = this.#payloads
    const encoder = this.#encoder
    const writer = this.#writer
    reader.open(payload)
    const { annotationsStart, annotationsEnd } = reader
    if (annotationsStart < 0) encoder.beginBatch(enqueuedTimeMs, null)
    else encoder.beginBatch(enqueuedTimeMs, payload, annotationsStart, annotationsEnd)
    this.#timeMs = enqueuedTimeMs
    while (reader.next()) {
      const sequence = sequenceOfIndex(batch, reader.index)
      if (sequence < this.#next) continue
      if (sequence >= limits.untilSequence) return 'limit'
      const offset = offsetOfIndex(batch, reader.index, reader.sectionStart)
      encoder.write(writer, payload, reader.messageStart, reader.messageEnd, sequence, offset)
      this.#count += 1
      this.#next = sequence + 1
      this.#lastSequence = sequence
      if (this.#firstSequence < 0) this.#firstSequence = sequence
      if (writer.position - this.#blockStart < this.#blockBytes) continue
      this.cut()
      return 'block'
    }
    this.#next = baseSequence + count
    return 'batch'
  }

  /** Steps over events that cannot be had. */
  skipTo(sequence: number): void {
    this.#next = Math.max(this.#next, sequence)
  }

  /** Ends the open block, if it has records: what was taken so far counts. */
  cut(): void {
    const { position } = this.#writer
    if (this.#count > 0) {
      this.#blocks.push({ start: this.#blockStart, end: position, count: this.#count })
      this.events += this.#count
      if (this.firstSequence < 0) this.firstSequence = this.#firstSequence
      this.lastSequence = this.#lastSequence
      this.lastTimeMs = this.#timeMs
      this.#writer.reserve(this.#sync.length + headRoom)
      this.#writer.bytes(this.#sync)
      this.#startBlock()
    }
    this.position = this.#next
  }

  /** The whole blocks as they go into the file: views of the buffer, valid until the next `begin`. */
  async chunks(codec: Codec): Promise<readonly Buffer[]> {
    const { buffer } = this.#writer
    const chunks: Buffer[] = []
    for (const { start, end, count } of this.#blocks) {
      if (codec.name === 'null') {
        const headBytes = this.#putHead(count, end - start)
        this.#head.copy(buffer, start - headBytes, 0, headBytes)
        chunks.push(buffer.subarray(start - headBytes, end + this.#sync.length))
        continue
      }
      const compressed = await codec.compress(buffer.subarray(start, end))
      const headBytes = this.#putHead(count, compressed.length)
      chunks.push(Buffer.from(this.#head.subarray(0, headBytes)), compressed, this.#sync)
    }
    return chunks
  }

  #putHead(count: number, bytes: number): number {
    return putLong(this.#head, putLong(this.#head, 0, count), bytes)
  }

  #startBlock(): void {
    this.#count = 0
    this.#writer.reserve(headRoom)
    this.#writer.position += headRoom
    this.#blockStart = this.#writer.position
  }
}

/** A few chunk buffers for all partitions: who wants one waits its turn. */
export class BlockPool {
  readonly #free: EventBlocks[] = []

  take(): EventBlocks {
    return this.#free.pop() ?? new EventBlocks()
  }

  give(blocks: EventBlocks): void {
    this.#free.push(blocks)
  }
}
