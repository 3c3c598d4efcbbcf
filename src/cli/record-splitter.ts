// Cuts a stream of bytes into records at a delimiter: big chunks in, positions out, nothing allocated for a record. Pull it:
// `feed` a chunk, then `next` until it says no.

import { EhubError } from '../base/error.ts'

const emptyBuffer = Buffer.alloc(0)

export class RecordSplitter {
  /** The record found last is `buffer[start, end)`; the bytes stay as they are, the positions until the next call. */
  buffer: Buffer = emptyBuffer
  start = 0
  end = 0
  /** Number of the record found last, or refused, counting from 1. */
  count = 0
  readonly #delimiter: Buffer
  readonly #recordBytesMax: number
  /** Where the next record begins in `buffer`, and where to look for its end. */
  #at = 0
  #searchFrom = 0
  #isSkipping = false

  /** @param delimiter One byte or more. @param recordBytesMax Longer records are refused as soon as they are. */
  constructor(delimiter: Buffer, recordBytesMax: number) {
    this.#delimiter = delimiter
    this.#recordBytesMax = recordBytesMax
  }

  /** Whether a record has begun and its end was not seen. */
  get hasRest(): boolean {
    return this.#at < this.buffer.length
  }

  /** The chunk is the splitter's from now on; what was fed before must have been cut. */
  feed(chunk: Buffer): void {
    const rest = this.buffer.subarray(this.#at)
    // The rest is copied in front of the chunk: cheap for records shorter than chunks, and bounded for longer ones.
    this.buffer = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    this.#at = 0
    this.#searchFrom = Math.max(0, rest.length - this.#delimiter.length + 1)
  }

  /**
   * Moves to the next record; false when there is no whole one left.
   * @throws EhubError `event-too-large`, `count` being the record's number; calling on skips that record.
   */
  next(): boolean {
    for (;;) {
      const found = this.buffer.indexOf(this.#delimiter, this.#searchFrom)
      if (found === -1) {
        this.#checkRest()
        return false
      }
      const start = this.#at
      this.#at = found + this.#delimiter.length
      this.#searchFrom = this.#at
      if (this.#isSkipping) this.#isSkipping = false
      else return this.#emit(start, found)
    }
  }

  /** After the last chunk: the record that no delimiter ended. @throws as `next`. */
  finish(): boolean {
    const start = this.#at
    if (start === this.buffer.length || this.#isSkipping) return false
    this.#at = this.buffer.length
    return this.#emit(start, this.#at)
  }

  #emit(start: number, end: number): boolean {
    this.count += 1
    if (end - start > this.#recordBytesMax) throw this.#tooLarge(end - start)
    this.start = start
    this.end = end
    return true
  }

  /** The record under way may be refused before its end comes: no more of it is kept. */
  #checkRest(): void {
    const bytes = this.buffer.length - this.#at
    if (this.#isSkipping) {
      this.#at = Math.max(this.#at, this.buffer.length - this.#delimiter.length + 1)
    } else if (bytes > this.#recordBytesMax) {
      this.#isSkipping = true
      this.#at = this.buffer.length - this.#delimiter.length + 1
      this.count += 1
      throw this.#tooLarge(bytes)
    }
  }

  #tooLarge(bytes: number): EhubError {
    return new EhubError('event-too-large', `event of ${bytes} bytes or more exceeds ${this.#recordBytesMax}`)
  }
}
