// Builds batches of events as bytes: each event goes straight into the batch's buffer, without an object of its own.
//
//   [00 53 72 annotations: the partition key of all] | 00 53 75 a0|b0 length [sections in front] 00 53 75 a0|b0 length body | …
//     head                                              data section     prefix                 body
//
// A batch of one event is sent as that event, as the .NET SDK does: it may be as large as the limit itself.

import { ByteWriter } from '../base/byte-writer.ts'
import { EhubError } from '../base/error.ts'
import { encodeMessage } from '../wire/amqp/message.ts'
import { annotations, messageFormats } from '../wire/amqp/names.ts'

export interface EncodedBatch {
  readonly payload: Buffer
  /** AMQP message format. */
  readonly format: number
  readonly count: number
  /** Bytes of the bodies. */
  readonly bodyBytes: number
  /** Number of the first event in the input, counting from 1; of the last. */
  readonly firstNumber: number
  readonly lastNumber: number
  /** Numbers of all events, when somebody asked for them. */
  readonly numbers: readonly number[] | null
}

export interface BatchLimits {
  /** Largest message the peer takes. */
  readonly messageBytesMax: number
  /** Size at which a batch is closed. */
  readonly batchBytes: number
  readonly batchCount: number
}

// Longest section in front of an event's data: descriptor, constructor, length of four bytes.
const sectionHeadBytesMax = 8
const bufferBytesFirst = 4096

export class BatchBuilder {
  count = 0
  readonly #limits: BatchLimits
  readonly #head: Buffer
  readonly #keepsNumbers: boolean
  #writer = new ByteWriter(bufferBytesFirst)
  #sizeHint = bufferBytesFirst
  #bodyBytes = 0
  #firstNumber = 0
  #lastNumber = 0
  #firstStart = 0
  #numbers: number[] = []

  /** @param key Routes the whole batch; null: none. */
  constructor(limits: BatchLimits, key: string | null, keepsNumbers: boolean) {
    this.#limits = limits
    this.#keepsNumbers = keepsNumbers
    this.#head =
      key === null
        ? Buffer.alloc(0)
        : encodeMessage({
            messageAnnotations: [
              [
                { type: 'symbol', value: annotations.partitionKey },
                { type: 'string', value: key },
              ],
            ],
          })
  }

  /** Bytes gathered. */
  get bytes(): number {
    return this.count === 0 ? 0 : this.#writer.position
  }

  /** Whether the batch should leave before anything else is added. */
  get isFull(): boolean {
    return this.count >= this.#limits.batchCount || this.#writer.position >= this.#limits.batchBytes
  }

  /**
   * Adds an event made of sections in front and one data section; false when it does not fit beside what is there: take the
   * batch and add again.
   * @param number Of the event in the input, counting from 1.
   * @throws EhubError `event-too-large`.
   */
  add(prefix: Buffer, body: Buffer, start: number, end: number, number: number): boolean {
    const length = end - start
    const messageBytes = prefix.length + sectionHeadBytes(length) + length
    if (!this.#fits(messageBytes)) return false
    const writer = this.#begin(messageBytes, number)
    if (prefix.length > 0) writer.bytes(prefix)
    writeSectionHead(writer, length)
    body.copy(writer.buffer, writer.position, start, end)
    writer.position += length
    this.#bodyBytes += length
    return true
  }

  /** Adds an encoded message. As `add`. @param bodyBytes For the account of bytes sent. */
  addMessage(message: Buffer, bodyBytes: number, number: number): boolean {
    if (!this.#fits(message.length)) return false
    this.#begin(message.length, number).bytes(message)
    this.#bodyBytes += bodyBytes
    return true
  }

  /** What was gathered; the builder starts afresh. Null when there is nothing. */
  take(): EncodedBatch | null {
    if (this.count === 0) return null
    const isSingle = this.count === 1
    const written = this.#writer.taken()
    const batch: EncodedBatch = {
      payload: isSingle ? written.subarray(this.#firstStart) : written,
      format: isSingle ? messageFormats.single : messageFormats.batch,
      count: this.count,
      bodyBytes: this.#bodyBytes,
      firstNumber: this.#firstNumber,
      lastNumber: this.#lastNumber,
      numbers: this.#keepsNumbers ? this.#numbers : null,
    }
    // The buffer left with the batch; the next one will be about as large.
    this.#sizeHint = Math.min(written.length + 1024, this.#limits.batchBytes + 1024)
    this.clear()
    return batch
  }

  /** Forgets what was gathered. */
  clear(): void {
    this.#writer = new ByteWriter(Buffer.alloc(0))
    this.count = 0
    this.#bodyBytes = 0
    this.#numbers = []
  }

  #fits(messageBytes: number): boolean {
    const { messageBytesMax } = this.#limits
    if (messageBytes > messageBytesMax) {
      throw new EhubError(
        'event-too-large',
        `event of ${messageBytes} bytes exceeds ${messageBytesMax} of one publication`,
      )
    }
    if (this.count === 0) return true
    if (this.isFull) return false
    return this.#writer.position + sectionHeadBytes(messageBytes) + messageBytes <= messageBytesMax
  }

  #begin(messageBytes: number, number: number): ByteWriter {
    if (this.count === 0) {
      this.#writer = new ByteWriter(
        Math.max(this.#sizeHint, this.#head.length + messageBytes + 2 * sectionHeadBytesMax),
      )
      this.#writer.bytes(this.#head)
      this.#firstNumber = number
    }
    const writer = this.#writer
    writer.reserve(messageBytes + 2 * sectionHeadBytesMax)
    writeSectionHead(writer, messageBytes)
    if (this.count === 0) this.#firstStart = writer.position
    this.count += 1
    this.#lastNumber = number
    if (this.#keepsNumbers) this.#numbers.push(number)
    return writer
  }
}

function sectionHeadBytes(length: number): number {
  return length <= 0xff ? 5 : 8
}

/** `00 53 75` and the binary's length; room was reserved. */
function writeSectionHead(writer: ByteWriter, length: number): void {
  const { buffer, position } = writer
  buffer[position] = 0x00
  buffer[position + 1] = 0x53
  buffer[position + 2] = 0x75
  if (length <= 0xff) {
    buffer[position + 3] = 0xa0
    buffer[position + 4] = length
    writer.position = position + 5
  } else {
    buffer[position + 3] = 0xb0
    buffer.writeUInt32BE(length, position + 4)
    writer.position = position + 8
  }
}
