// The payload of a batch in the encoding `amqp`, as it is stored and as the broker takes it:
//
//   [00 53 72 map]  |  00 53 75 a0 len8 message  |  00 53 75 b0 len32 message  |  …
//   what all events    ^ the event's offset is the batch's base offset plus this section's position
//   share, optional
//
// It is the tail of a batch envelope as it came, or one data section around a single message. The annotations in front are
// there only when the envelope named a partition key that not every event repeats, or the link names a publisher.
// Every message inside has been scanned on the way in: sections in order and inside their bytes, descriptors `00 53 7x`.

import { emptyBuffer } from '../../base/bytes.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError, isEhubError } from '../../base/error.ts'
import { BatchEnvelope } from './batch-envelope.ts'
import { decodeError, skipValue } from './decode-value.ts'
import { writeDataSection, writeMessage } from './message.ts'
import { annotations, messageFormats, sectionCodes } from './names.ts'
import { ProducerAnnotations, type ProducerIdentity } from './producer-annotations.ts'
import { MessageSections, normaliseMessage, sectionCodeAt } from './sections.ts'
import { stringValue, symbolValue, type AmqpValue } from './types.ts'

/** Bytes in front of a transfer's payload that `IncomingPayload.read` may overwrite with a data section's head. */
export const payloadHeadroomBytes = 8

// ---------------------------------------------------------------- reading what is stored

/** Walks the events of one payload in order; one object, filled anew by each `open`. */
export class PayloadReader {
  /** The shared annotations section is `payload[annotationsStart, annotationsEnd)`; both -1 when there is none. */
  annotationsStart = -1
  annotationsEnd = -1
  /** Of the current event, from 0. */
  index = -1
  /** Where the event's data section begins: its offset within the batch. */
  sectionStart = 0
  /** The event's message is `payload[messageStart, messageEnd)`; its section ends with it. */
  messageStart = 0
  messageEnd = 0

  #payload: Buffer = emptyBuffer
  #end = 0

  /** @throws EhubError `decode-error`. */
  open(payload: Buffer, start = 0, end = payload.length): void {
    this.#payload = payload
    this.#end = end
    this.index = -1
    this.messageEnd = start
    this.annotationsStart = -1
    this.annotationsEnd = -1
    if (sectionCodeAt(payload, start, end) !== sectionCodes.messageAnnotations) return
    this.annotationsStart = start
    this.annotationsEnd = skipValue(payload, start + 3, end)
    this.messageEnd = this.annotationsEnd
  }

  /** Moves to the next event. @throws EhubError `decode-error` for bytes that are no data section. */
  next(): boolean {
    const at = this.messageEnd
    const end = this.#end
    if (at === end) return false
    const payload = this.#payload
    if (sectionCodeAt(payload, at, end) !== sectionCodes.data) throw decodeError('an event is no data section', at)
    const code = payload[at + 3]
    let start = at + 5
    let length = payload[at + 4] ?? 0
    if (code === 0xb0 && end - at >= 8) {
      start = at + 8
      length = payload.readUInt32BE(at + 4)
    } else if (code !== 0xa0 || end - at < 5) {
      throw decodeError('a data section is not binary', at)
    }
    if (length > end - start) throw decodeError(`event of ${length} bytes has ${end - start}`, at)
    this.index += 1
    this.sectionStart = at
    this.messageStart = start
    this.messageEnd = start + length
    return true
  }

  /** Moves forward to the event with this index; false when there are not so many. */
  seek(index: number): boolean {
    while (this.index < index) if (!this.next()) return false
    return this.index === index
  }
}

/** Events in a payload. @throws EhubError `decode-error`. */
export function countEvents(payload: Buffer): number {
  const reader = new PayloadReader()
  reader.open(payload)
  while (reader.next());
  return reader.index + 1
}

/** Index of the first event whose data section begins at or behind `position`; the number of events when none does. */
export function eventIndexAt(payload: Buffer, position: number): number {
  const reader = new PayloadReader()
  reader.open(payload)
  while (reader.next()) if (reader.sectionStart >= position) return reader.index
  return reader.index + 1
}

// ---------------------------------------------------------------- taking in what is sent

/** A transfer's payload made ready to be stored; one object a connection, filled anew by each `read`. */
export class IncomingPayload {
  /** Name of the publisher a link is bound to; stamped on every event. Set before `read`. */
  publisher: string | null = null

  /** What to store is `buffer[start, end)`: usually the buffer read, sometimes one of its own. */
  buffer: Buffer = emptyBuffer
  start = 0
  end = 0
  /** Events; 0 for a batch without any, which has nothing to store. */
  count = 0
  /** The envelope's, else the first event's. */
  partitionKey: string | null = null
  /** Idempotent publishing: the first event's numbers. */
  producer: ProducerIdentity | null = null

  readonly #envelope = new BatchEnvelope()
  readonly #sections = new MessageSections()
  readonly #own = new ProducerAnnotations()
  // Where `#own` was read: the buffer given, or a message in the normal form.
  #ownBuffer: Buffer = emptyBuffer
  readonly #events = new PayloadReader()

  /**
   * Checks the transfer payload `buffer[start, end)` and finds what to store. No copy is made when the descriptors are
   * normal: the head of a data section, or the shared annotations, are written into the bytes in front of the data, so up
   * to `payloadHeadroomBytes` in front of `start` and the envelope's own sections are overwritten. They lie inside the
   * frame, whose performative has been read by then (its delivery tag too).
   * @param messageFormat 0 or 0x80013700.
   * @throws EhubError `argument-error` for a payload that is no message, `not-supported` for another format.
   */
  read(messageFormat: number, buffer: Buffer, start: number, end: number): void {
    try {
      if (messageFormat === messageFormats.single) this.#readSingle(buffer, start, end)
      else if (messageFormat === messageFormats.batch) this.#readBatch(buffer, start, end)
      else throw new EhubError('not-supported', `message format 0x${messageFormat.toString(16)} is not known`)
    } catch (error) {
      if (!isEhubError(error, 'decode-error')) throw error
      throw new EhubError('argument-error', `the payload is not a message: ${error.message}`, { cause: error })
    }
  }

  #readSingle(buffer: Buffer, start: number, end: number): void {
    const isNormal = this.#readEvent(buffer, start, end)
    this.count = 1
    this.partitionKey = this.#own.partitionKey(this.#ownBuffer)
    this.producer = this.#own.identity
    const length = end - start
    const headBytes = length <= 0xff ? 5 : 8
    if (!isNormal || this.publisher !== null || start < headBytes) {
      const writer = new ByteWriter(length + 64)
      this.#writeShared(writer, null)
      writeDataSection(writer, isNormal ? buffer.subarray(start, end) : normaliseMessage(buffer, start, end))
      return this.#give(writer.taken())
    }
    const at = start - headBytes
    buffer[at] = 0x00
    buffer[at + 1] = 0x53
    buffer[at + 2] = sectionCodes.data
    if (headBytes === 5) {
      buffer[at + 3] = 0xa0
      buffer[at + 4] = length
    } else {
      buffer[at + 3] = 0xb0
      buffer.writeUInt32BE(length, at + 4)
    }
    this.buffer = buffer
    this.start = at
    this.end = end
  }

  #readBatch(buffer: Buffer, start: number, end: number): void {
    const envelope = this.#envelope
    envelope.read(buffer, start, end)
    this.count = envelope.count
    this.partitionKey = envelope.annotations.partitionKey(buffer)
    this.producer = null
    if (!envelope.isNormal) return this.#rebuild(normaliseMessage(buffer, start, end))
    const events = this.#events
    events.open(buffer, envelope.dataStart, envelope.dataEnd)
    let isNormal = true
    let isKeyShared = true
    while (events.next()) {
      if (!this.#readEvent(buffer, events.messageStart, events.messageEnd)) isNormal = false
      if (!this.#hasKeyOf(envelope.annotations, buffer)) isKeyShared = false
      if (events.index > 0) continue
      this.partitionKey ??= this.#own.partitionKey(this.#ownBuffer)
      this.producer = this.#own.identity
    }
    this.producer ??= envelope.annotations.identity
    const shared = isKeyShared ? null : envelope.annotations.partitionKey(buffer)
    if (!isNormal) return this.#rewrite(buffer, envelope, shared)
    this.buffer = buffer
    this.start = envelope.dataStart
    this.end = envelope.dataEnd
    if (shared !== null || this.publisher !== null) this.#prepend(start, shared)
  }

  /** An envelope with other descriptors is read again in the normal form. */
  #rebuild(normal: Buffer): void {
    this.#readBatch(normal, 0, normal.length)
  }

  /** Some event has other descriptors: the payload is written anew. */
  #rewrite(buffer: Buffer, envelope: BatchEnvelope, sharedKey: string | null): void {
    const writer = new ByteWriter(envelope.dataEnd - envelope.dataStart + 64)
    this.#writeShared(writer, sharedKey)
    const events = this.#events
    events.open(buffer, envelope.dataStart, envelope.dataEnd)
    while (events.next()) writeDataSection(writer, normaliseMessage(buffer, events.messageStart, events.messageEnd))
    this.#give(writer.taken())
  }

  /** Puts the shared annotations in front of the data: over the envelope's own sections when they fit there. */
  #prepend(envelopeStart: number, sharedKey: string | null): void {
    const writer = new ByteWriter(96)
    this.#writeShared(writer, sharedKey)
    const shared = writer.taken()
    if (shared.length <= this.start - envelopeStart) {
      this.start -= shared.length
      shared.copy(this.buffer, this.start)
      return
    }
    this.#give(Buffer.concat([shared, this.buffer.subarray(this.start, this.end)]))
  }

  #writeShared(writer: ByteWriter, sharedKey: string | null): void {
    const entries: [AmqpValue, AmqpValue][] = []
    if (sharedKey !== null) entries.push([symbolValue(annotations.partitionKey), stringValue(sharedKey)])
    if (this.publisher !== null) entries.push([symbolValue(annotations.publisher), stringValue(this.publisher)])
    if (entries.length > 0) writeMessage(writer, { messageAnnotations: entries })
  }

  #give(payload: Buffer): void {
    this.buffer = payload
    this.start = 0
    this.end = payload.length
  }

  /** Scans one message and reads its annotations. @returns Whether its descriptors are normal. */
  #readEvent(buffer: Buffer, start: number, end: number): boolean {
    if (start === end) throw decodeError('a message is empty', start)
    const sections = this.#sections
    sections.scan(buffer, start, end)
    const own = this.#own
    if (sections.messageAnnotationsStart < 0) {
      if (own.keyStart >= 0 || own.identity !== null) own.clear()
    } else if (sections.isNormal) {
      this.#ownBuffer = buffer
      own.read(buffer, sections.messageAnnotationsStart, sections.messageAnnotationsEnd)
    } else {
      const normal = normaliseMessage(buffer, sections.messageAnnotationsStart, sections.messageAnnotationsEnd)
      this.#ownBuffer = normal
      own.read(normal, 0, normal.length)
    }
    return sections.isNormal
  }

  /** Whether the event read last has the envelope's partition key itself, or the envelope has none. */
  #hasKeyOf(envelope: ProducerAnnotations, buffer: Buffer): boolean {
    const { keyStart, keyEnd } = envelope
    if (keyStart < 0) return true
    const own = this.#own
    if (own.keyStart < 0 || own.keyEnd - own.keyStart !== keyEnd - keyStart) return false
    if (!this.#sections.isNormal) return false
    for (let i = keyEnd - keyStart - 1; i >= 0; i -= 1) {
      if (buffer[own.keyStart + i] !== buffer[keyStart + i]) return false
    }
    return true
  }
}
