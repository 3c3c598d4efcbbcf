// The fast path of Capture: stored message bytes straight to the Avro bytes of their record. What most events have (a body, a
// key, a few texts and integers) is copied and never becomes a value; everything else takes the way over `captureValue`.
//
//   SequenceNumber, Offset      the event's place
//   EnqueuedTimeUtc             once a batch
//   SystemProperties            batch's annotations, event's annotations, x-opt-enqueued-time, then the AMQP properties by
//                               their names (`message-id`, `content-type`, …), as .NET shows them
//   Properties                  application properties
//   Body                        data sections together; amqp-value and amqp-sequence as their AMQP encoding; null: none
//
// Left out, having no place in the schema: header, delivery annotations, footer. A map that is not well formed inside (the
// broker looks at boundaries only) becomes one entry with its bytes: an event cannot stop Capture.

import { isUtf8 } from 'node:buffer'
import { ByteWriter } from '../../base/byte-writer.ts'
import { isEhubError } from '../../base/error.ts'
import { MapEntries } from '../amqp/annotation-map.ts'
import { decodeValue, skipValue, ValueDecoder } from '../amqp/decode-value.ts'
import { annotations, sectionCodes } from '../amqp/names.ts'
import { MessageSections, normaliseMessage, sectionCodeAt } from '../amqp/sections.ts'
import { putDecimal } from '../amqp/numbers.ts'
import { longBytesMax, putLong, writeBytes, writeLong, writeText } from './avro-bytes.ts'
import { writeCaptureValue } from './capture-record.ts'
import { formatEnqueuedTime } from './capture-time.ts'
import { captureValue } from './capture-value.ts'
import { bodyBranches, valueBranches } from './schema.ts'

/** AMQP 1.0 §3.2.4, in the order of the list. */
export const propertyNames = [
  'message-id',
  'user-id',
  'to',
  'subject',
  'reply-to',
  'correlation-id',
  'content-type',
  'content-encoding',
  'absolute-expiry-time',
  'creation-time',
  'group-id',
  'group-sequence',
  'reply-to-group-id',
] as const

/** Name of the entry that holds the bytes of a section that is not well formed inside. */
export const malformedName = 'x-ehub-malformed'

const sequenceName = Buffer.from(annotations.sequenceNumber)
const offsetName = Buffer.from(annotations.offset)
const timeName = Buffer.from(annotations.enqueuedTime)
const digitsMax = 16

/** One object a file or a partition; keeps the state of the batch it was last told of. */
export class CaptureEncoder {
  readonly #sections = new MessageSections()
  readonly #entries = new MapEntries()
  readonly #shared = new MapEntries()
  readonly #scratch = new ByteWriter(512)
  #sharedNames: Buffer[] = []
  #timeMs = Number.NaN
  /** Length and text of `EnqueuedTimeUtc`. */
  #timeText: Buffer = Buffer.alloc(0)
  #timeEntry: Buffer = Buffer.alloc(0)
  /** Entries of what the batch's events share, without the time. */
  #sharedEntries: Buffer = Buffer.alloc(0)
  #sharedCount = 0
  /** The whole map of an event without anything of its own. */
  #plainMap: Buffer = Buffer.alloc(0)

  /**
   * Begins a batch: what its events share.
   * @param timeMs Enqueued time, Unix milliseconds.
   * @param payload Holds the annotations section in front of the batch's data sections as `[start, end)`, see
   *   `wire/amqp/batch-payload.ts`; null when there is none.
   */
  beginBatch(timeMs: number, payload: Buffer | null, start = 0, end = payload?.length ?? 0): void {
    if (timeMs === this.#timeMs && payload === null && this.#sharedCount === 0) return
    if (timeMs !== this.#timeMs) this.#beginTime(timeMs)
    const scratch = this.#scratch
    scratch.clear()
    this.#sharedNames = []
    this.#sharedCount = 0
    if (payload !== null) this.#sharedCount = this.#writeAnnotations(payload, start, end, this.#shared, true)
    this.#sharedEntries = scratch.takeCopy()
    writeLong(scratch, this.#sharedCount + 1)
    scratch.bytes(this.#sharedEntries)
    scratch.bytes(this.#timeEntry)
    scratch.uint8(0)
    this.#plainMap = scratch.takeCopy()
  }

  /**
   * Appends the record of the stored message `message[start, end)` of the batch begun last.
   * @param offset A number as the broker has it, 0..2^53-1; text as another broker gave it.
   * @throws EhubError `decode-error` for bytes that never were a message.
   */
  write(
    writer: ByteWriter,
    message: Buffer,
    start: number,
    end: number,
    sequence: number,
    offset: number | string,
  ): void {
    const sections = this.#sections
    sections.scan(message, start, end)
    if (!sections.isNormal) {
      const normal = normaliseMessage(message, start, end)
      return this.write(writer, normal, 0, normal.length, sequence, offset)
    }
    // Room for everything of fixed size; what is not reserves for itself.
    writer.reserve(2 * longBytesMax + digitsMax + this.#timeText.length + this.#plainMap.length)
    writer.position = putLong(writer.buffer, writer.position, sequence)
    if (typeof offset === 'number') {
      const digits = putDecimal(writer.buffer, writer.position + 1, offset)
      writer.buffer[writer.position] = digits * 2
      writer.position += 1 + digits
    } else {
      writeText(writer, offset)
    }
    writer.bytes(this.#timeText)
    if (sections.messageAnnotationsStart < 0 && sections.propertiesStart < 0) writer.bytes(this.#plainMap)
    else this.#writeSystemProperties(writer, message)
    this.#writeProperties(writer, message)
    this.#writeBody(writer, message)
  }

  #beginTime(timeMs: number): void {
    const scratch = this.#scratch
    scratch.clear()
    writeText(scratch, formatEnqueuedTime(timeMs))
    this.#timeText = scratch.takeCopy()
    writeText(scratch, annotations.enqueuedTime)
    writeCaptureValue(scratch, { branch: 'long', value: timeMs })
    this.#timeEntry = scratch.takeCopy()
    this.#timeMs = timeMs
  }

  #writeSystemProperties(writer: ByteWriter, message: Buffer): void {
    const { messageAnnotationsStart, messageAnnotationsEnd, propertiesStart, propertiesEnd } = this.#sections
    const scratch = this.#scratch
    scratch.clear()
    let count = this.#sharedCount + 1
    if (messageAnnotationsStart >= 0) {
      count += this.#writeAnnotations(message, messageAnnotationsStart, messageAnnotationsEnd, this.#entries, false)
    }
    const own = scratch.position
    if (propertiesStart >= 0) count += this.#writeFields(message, propertiesStart, propertiesEnd)
    writeLong(writer, count)
    writer.bytes(this.#sharedEntries)
    if (own > 0) writer.bytes(scratch.buffer.subarray(0, own))
    writer.bytes(this.#timeEntry)
    if (scratch.position > own) writer.bytes(scratch.buffer.subarray(own, scratch.position))
    writer.uint8(0)
  }

  /** Entries of an annotations section to the scratch; without the broker's and, of an event, those of its batch. */
  #writeAnnotations(buffer: Buffer, start: number, end: number, entries: MapEntries, isShared: boolean): number {
    const scratch = this.#scratch
    const from = scratch.position
    try {
      let count = 0
      entries.open(buffer, start + 3, end)
      while (entries.next()) {
        const { keyStart, valueStart, valueEnd } = entries
        if (entries.isKey(sequenceName) || entries.isKey(offsetName) || entries.isKey(timeName)) continue
        if (isNull(buffer, valueStart, valueEnd)) continue
        if (isShared) this.#sharedNames.push(Buffer.from(keyBytes(buffer, entries)))
        else if (this.#sharedNames.some((name) => entries.isKey(name))) continue
        writeKey(scratch, buffer, keyStart, valueStart)
        writeEncoded(scratch, buffer, valueStart, valueEnd)
        count += 1
      }
      return count
    } catch (error) {
      return this.#writeMalformed(error, from, buffer, start, end)
    }
  }

  #writeFields(buffer: Buffer, start: number, end: number): number {
    const scratch = this.#scratch
    const from = scratch.position
    try {
      const list = decodeValue(buffer, start + 3, end)
      let count = 0
      for (const [index, value] of (list.type === 'list' ? list.value : []).entries()) {
        const name = propertyNames[index]
        if (name === undefined || value.type === 'null') continue
        writeText(scratch, name)
        writeCaptureValue(scratch, captureValue(value))
        count += 1
      }
      return count
    } catch (error) {
      return this.#writeMalformed(error, from, buffer, start, end)
    }
  }

  #writeProperties(writer: ByteWriter, message: Buffer): void {
    const { applicationPropertiesStart: start, applicationPropertiesEnd: end } = this.#sections
    if (start < 0) return writer.uint8(0)
    const scratch = this.#scratch
    const entries = this.#entries
    scratch.clear()
    let count = 0
    try {
      entries.open(message, start + 3, end)
      while (entries.next()) {
        writeKey(scratch, message, entries.keyStart, entries.valueStart)
        writeEncoded(scratch, message, entries.valueStart, entries.valueEnd)
        count += 1
      }
    } catch (error) {
      count = this.#writeMalformed(error, 0, message, start, end)
    }
    if (count > 0) {
      writeLong(writer, count)
      writer.bytes(scratch.taken())
    }
    writer.uint8(0)
  }

  #writeMalformed(error: unknown, from: number, buffer: Buffer, start: number, end: number): number {
    if (!isEhubError(error, 'decode-error')) throw error
    const scratch = this.#scratch
    scratch.position = from
    writeText(scratch, malformedName)
    writeCaptureValue(scratch, { branch: 'bytes', value: buffer.subarray(start, end) })
    return 1
  }

  #writeBody(writer: ByteWriter, message: Buffer): void {
    const { bodyCode, bodyCount, bodyStart, bodyEnd } = this.#sections
    const constructor = message[bodyStart + 3]
    if (bodyCount === 0 || (bodyCount === 1 && constructor === 0x40)) return writer.uint8(bodyBranches.null * 2)
    writer.uint8(bodyBranches.bytes * 2)
    if (bodyCount > 1) return writeBytes(writer, joinedBody(message, bodyStart, bodyEnd, bodyCode))
    const at = bodyCode !== sectionCodes.data ? bodyStart + 3 : bodyStart + (constructor === 0xa0 ? 5 : 8)
    const length = bodyEnd - at
    writer.reserve(longBytesMax + length)
    writer.position = putLong(writer.buffer, writer.position, length)
    message.copy(writer.buffer, writer.position, at, bodyEnd)
    writer.position += length
  }
}

/** Contents of all data sections; of sequences their encoded lists. */
function joinedBody(message: Buffer, start: number, end: number, code: number): Buffer {
  const parts: Buffer[] = []
  for (let at = start; at < end && sectionCodeAt(message, at, end) === code; ) {
    const next = skipValue(message, at + 3, end)
    const constructor = message[at + 3]
    const head = code !== sectionCodes.data ? 3 : constructor === 0xa0 ? 5 : constructor === 0xb0 ? 8 : 4
    parts.push(message.subarray(at + head, next))
    at = next
  }
  return Buffer.concat(parts)
}

function keyBytes(buffer: Buffer, { keyTextStart, valueStart }: MapEntries): Buffer {
  return keyTextStart < 0 ? Buffer.alloc(0) : buffer.subarray(keyTextStart, valueStart)
}

/** Nulls, also described ones, have no branch in `SystemProperties`. */
function isNull(buffer: Buffer, start: number, end: number): boolean {
  const code = buffer[start]
  return code === 0x40 || (code === 0x00 && captureValue(decodeValue(buffer, start, end)).branch === 'null')
}

/** A map's key as Avro text: that of a string or symbol as it is, of anything else its captured value as text. */
function writeKey(writer: ByteWriter, buffer: Buffer, start: number, end: number): void {
  const code = buffer[start]
  if (code === 0xa1 || code === 0xa3) return writeUtf8(writer, buffer, start + 2, end)
  if (code === 0xb1 || code === 0xb3) return writeUtf8(writer, buffer, start + 5, end)
  const { value } = captureValue(decodeValue(buffer, start, end))
  writeText(writer, Buffer.isBuffer(value) ? value.toString('base64') : String(value))
}

/** An encoded AMQP value as branch and Avro value. @throws EhubError `decode-error`. */
function writeEncoded(writer: ByteWriter, buffer: Buffer, start: number, end: number): void {
  switch (buffer[start]) {
    case 0xa1:
    case 0xa3:
      writer.uint8(valueBranches.string * 2)
      return writeUtf8(writer, buffer, start + 2, end)
    case 0x54: // int and long of one byte
    case 0x55:
      writer.uint8(valueBranches.long * 2)
      return writeLong(writer, buffer.readInt8(start + 1))
    case 0x71:
      writer.uint8(valueBranches.long * 2)
      return writeLong(writer, buffer.readInt32BE(start + 1))
    case 0x82:
      writer.uint8(valueBranches.double * 2)
      writer.reserve(8)
      for (let i = 0; i < 8; i += 1) writer.buffer[writer.position + i] = buffer[end - 1 - i] ?? 0
      writer.position += 8
      return
    default: {
      const decoder = new ValueDecoder(buffer, start, end)
      return writeCaptureValue(writer, captureValue(decoder.readValue(1)))
    }
  }
}

/** Text as Avro text. One byte that is not UTF-8 would make other readers give up the whole file. */
function writeUtf8(writer: ByteWriter, buffer: Buffer, start: number, end: number): void {
  writer.reserve(longBytesMax + end - start)
  const to = putLong(writer.buffer, writer.position, end - start)
  let bits = 0
  for (let i = start; i < end; i += 1) {
    const byte = buffer[i] ?? 0
    bits |= byte
    writer.buffer[to + i - start] = byte
  }
  if (bits < 0x80 || isUtf8(buffer.subarray(start, end))) writer.position = to + end - start
  else writeText(writer, buffer.toString('utf8', start, end))
}
