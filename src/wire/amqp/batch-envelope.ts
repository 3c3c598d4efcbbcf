// The batch envelope, message format 0x80013700: a message whose body is data sections, each holding one complete encoded
// message (an event). All go to one partition. Of what stands beside the data sections only the partition key and the
// numbers of idempotent publishing mean anything: SDKs copy the first event's annotations, or properties, or nothing.
//
//   [header] [00 53 72 annotations] [00 53 73 properties] | 00 53 75 a0 len8 event | 00 53 75 b0 len32 event | … [footer]
//                                                         ^ dataStart                                       ^ dataEnd

import { ByteWriter } from '../../base/byte-writer.ts'
import { decodeError } from './decode-value.ts'
import { encodeMessage, writeDataSection } from './message.ts'
import { sectionCodes } from './names.ts'
import { ProducerAnnotations } from './producer-annotations.ts'
import { MessageSections } from './sections.ts'
import type { AmqpMap } from './types.ts'

/** One object, filled anew by each `read`. */
export class BatchEnvelope {
  /** The envelope's own annotations; those of the events are not looked at here. */
  readonly annotations = new ProducerAnnotations()
  /** The data sections are `buffer[dataStart, dataEnd)`, one behind the other. */
  dataStart = 0
  dataEnd = 0
  /** Data sections: events. */
  count = 0
  /** Descriptors are in the form `00 53 7x`. */
  isNormal = true

  readonly #sections = new MessageSections()

  /** Reads the envelope in `buffer[start, end)` without copying. @throws EhubError `decode-error`. */
  read(buffer: Buffer, start: number, end: number): void {
    const sections = this.#sections
    sections.scan(buffer, start, end)
    if (sections.bodyCount > 0 && sections.bodyCode !== sectionCodes.data) {
      throw decodeError('the body of a batch is not data sections', sections.bodyStart)
    }
    this.isNormal = sections.isNormal
    this.count = sections.bodyCount
    this.dataStart = sections.bodyStart
    this.dataEnd = sections.bodyEnd
    if (this.count === 0) {
      this.dataStart = end
      this.dataEnd = end
    }
    if (sections.messageAnnotationsStart < 0) this.annotations.clear()
    else this.annotations.read(buffer, sections.messageAnnotationsStart, sections.messageAnnotationsEnd)
  }
}

/**
 * A batch envelope around encoded messages, as the SDKs send it.
 * @param messages At least one; each a complete encoded message.
 * @param annotations Of the envelope: the partition key, if there is one.
 */
export function encodeBatch(messages: readonly Buffer[], annotations: AmqpMap | null = null): Buffer {
  const head = encodeMessage({ messageAnnotations: annotations })
  let bytes = head.length
  for (const message of messages) bytes += message.length + 8
  const writer = new ByteWriter(bytes)
  writer.bytes(head)
  for (const message of messages) writeDataSection(writer, message)
  return writer.taken()
}
