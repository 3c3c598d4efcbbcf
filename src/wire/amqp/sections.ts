// Where the sections of an encoded message begin and end, without decoding what is in them (AMQP 1.0 §3.2):
//
//   [header] [delivery annotations] [message annotations] [properties] [application properties] [body] [footer]
//     0x70           0x71                   0x72              0x73              0x74                      0x78
//
//   body: data 0x75 (any number) | amqp-sequence 0x76 (any number) | amqp-value 0x77 (one)
//
// A section is a described value. Everybody writes the descriptor as `00 53 7x`, and Python's client can read no other
// form, so what is stored is in that form: `normaliseMessage` rewrites the descriptors of a message that came otherwise.

import { ByteWriter } from '../../base/byte-writer.ts'
import { readDescriptorCode } from './composites.ts'
import { decodeError, skipValue, ValueDecoder } from './decode-value.ts'
import { sectionCodes } from './names.ts'

/** Positions in the buffer scanned; an absent section's are both -1. One object, filled anew by each `scan`. */
export class MessageSections {
  headerStart = -1
  headerEnd = -1
  deliveryAnnotationsStart = -1
  deliveryAnnotationsEnd = -1
  messageAnnotationsStart = -1
  messageAnnotationsEnd = -1
  propertiesStart = -1
  propertiesEnd = -1
  applicationPropertiesStart = -1
  applicationPropertiesEnd = -1
  /** First body section. */
  bodyStart = -1
  bodyEnd = -1
  footerStart = -1
  footerEnd = -1
  /** Code of the body's sections: 0x75, 0x76, 0x77; 0 when there is no body. */
  bodyCode = 0
  /** Number of body sections. */
  bodyCount = 0
  /** Every descriptor is in the form `00 53 7x`. */
  isNormal = true
  /** Where the first section after the message annotations begins, or would. */
  restStart = 0

  /** @throws EhubError `decode-error`: not sections in order, each with a value of the right kind inside the bytes. */
  scan(buffer: Buffer, start: number, end: number): void {
    this.#clear(start)
    let at = start
    let previous = 0
    while (at < end) {
      const section = at
      let code = sectionCodeAt(buffer, at, end)
      let value = at + 3
      if (code === 0) {
        const decoder = new ValueDecoder(buffer, at, end)
        code = readDescriptorCode(decoder) ?? 0
        value = decoder.position
        this.isNormal = false
      }
      if (code < sectionCodes.header || code > sectionCodes.footer) {
        throw decodeError('what should be a message section is none', section)
      }
      checkOrder(previous, code, section)
      checkKind(code, value < end ? (buffer[value] ?? 0) : 0, value)
      at = skipValue(buffer, value, end)
      this.#found(code, section, at)
      previous = code
    }
  }

  #clear(start: number): void {
    this.headerStart = -1
    this.headerEnd = -1
    this.deliveryAnnotationsStart = -1
    this.deliveryAnnotationsEnd = -1
    this.messageAnnotationsStart = -1
    this.messageAnnotationsEnd = -1
    this.propertiesStart = -1
    this.propertiesEnd = -1
    this.applicationPropertiesStart = -1
    this.applicationPropertiesEnd = -1
    this.bodyStart = -1
    this.bodyEnd = -1
    this.footerStart = -1
    this.footerEnd = -1
    this.bodyCode = 0
    this.bodyCount = 0
    this.isNormal = true
    this.restStart = start
  }

  #found(code: number, start: number, end: number): void {
    switch (code) {
      case sectionCodes.header:
        this.headerStart = start
        this.headerEnd = end
        this.restStart = end
        return
      case sectionCodes.deliveryAnnotations:
        this.deliveryAnnotationsStart = start
        this.deliveryAnnotationsEnd = end
        this.restStart = end
        return
      case sectionCodes.messageAnnotations:
        this.messageAnnotationsStart = start
        this.messageAnnotationsEnd = end
        this.restStart = end
        return
      case sectionCodes.properties:
        this.propertiesStart = start
        this.propertiesEnd = end
        return
      case sectionCodes.applicationProperties:
        this.applicationPropertiesStart = start
        this.applicationPropertiesEnd = end
        return
      case sectionCodes.footer:
        this.footerStart = start
        this.footerEnd = end
        return
      default:
        if (this.bodyCount === 0) this.bodyStart = start
        this.bodyEnd = end
        this.bodyCode = code
        this.bodyCount += 1
    }
  }
}

/**
 * The message with every section's descriptor as `00 53 7x` and the values as they came; a new buffer, never longer.
 * @throws EhubError `decode-error` as `scan`.
 */
export function normaliseMessage(buffer: Buffer, start = 0, end = buffer.length): Buffer {
  new MessageSections().scan(buffer, start, end)
  const writer = new ByteWriter(end - start)
  const decoder = new ValueDecoder(buffer, start, end)
  while (decoder.position < end) {
    const code = readDescriptorCode(decoder) ?? 0
    const value = decoder.position
    decoder.skipValue()
    writer.uint8(0x00)
    writer.uint8(0x53)
    writer.uint8(code)
    writer.bytes(buffer.subarray(value, decoder.position))
  }
  return writer.takeCopy()
}

/** Code of a section whose descriptor is in the normal form, 0 for any other. Needs 4 bytes: no section has fewer. */
export function sectionCodeAt(buffer: Buffer, at: number, end: number): number {
  return end - at >= 4 && buffer[at] === 0x00 && buffer[at + 1] === 0x53 ? (buffer[at + 2] ?? 0) : 0
}

/** Data and sequence sections may repeat; a body is of one kind; everything else comes once and in order. */
function checkOrder(previous: number, code: number, at: number): void {
  const isBody = code >= sectionCodes.data && code <= sectionCodes.value
  const wasBody = previous >= sectionCodes.data && previous <= sectionCodes.value
  if (isBody && wasBody) {
    if (code === previous && code !== sectionCodes.value) return
    throw decodeError('a message has bodies of two kinds', at)
  }
  if (code <= previous) throw decodeError('message sections are out of order', at)
}

/** The value's constructor is one the section's type allows; what is inside is looked at by whoever decodes it. */
function checkKind(code: number, constructor: number, at: number): void {
  const isList = constructor === 0x45 || constructor === 0xc0 || constructor === 0xd0
  switch (code) {
    case sectionCodes.header:
    case sectionCodes.properties:
    case sectionCodes.sequence:
      if (isList) return
      throw decodeError('a message section is not a list', at)
    case sectionCodes.data:
      // The JavaScript SDK writes the body `null` as a data section holding null; the service takes it.
      if (constructor === 0xa0 || constructor === 0xb0 || constructor === 0x40) return
      throw decodeError('a data section is not binary', at)
    case sectionCodes.value:
      return
    default:
      if (constructor === 0xc1 || constructor === 0xd1) return
      throw decodeError('a message section is not a map', at)
  }
}
