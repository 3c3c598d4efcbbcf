// Whole messages as typed values: for the command line, $cbs and $management, which look inside. Events in transit are not
// decoded: see `sections.ts` and `annotation-splice.ts`.

import { ByteWriter } from '../../base/byte-writer.ts'
import { headerTable, propertiesTable, type Composite, type CompositeInput } from './composite-tables.ts'
import { readDescriptorCode, readFields, writeComposite, type Fields } from './composites.ts'
import { ValueDecoder } from './decode-value.ts'
import { writeBinary, writeMap, writeValue } from './encode-value.ts'
import { sectionCodes } from './names.ts'
import { MessageSections } from './sections.ts'
import type { AmqpMap, AmqpValue } from './types.ts'

export type MessageHeader = Composite<typeof headerTable>
export type MessageProperties = Composite<typeof propertiesTable>

export type MessageBody =
  | { readonly kind: 'none' }
  | { readonly kind: 'data'; readonly sections: readonly Buffer[] }
  | { readonly kind: 'sequence'; readonly sections: readonly (readonly AmqpValue[])[] }
  | { readonly kind: 'value'; readonly value: AmqpValue }

/** An absent section is null. */
export interface AmqpMessage {
  readonly header: MessageHeader | null
  readonly deliveryAnnotations: AmqpMap | null
  readonly messageAnnotations: AmqpMap | null
  readonly properties: MessageProperties | null
  readonly applicationProperties: AmqpMap | null
  readonly body: MessageBody
  readonly footer: AmqpMap | null
}

/** What an encoder takes: any section may be left out, any field of header and properties too. */
export interface MessageInput {
  readonly header?: CompositeInput<typeof headerTable> | null
  readonly deliveryAnnotations?: AmqpMap | null
  readonly messageAnnotations?: AmqpMap | null
  readonly properties?: CompositeInput<typeof propertiesTable> | null
  readonly applicationProperties?: AmqpMap | null
  readonly body?: MessageBody
  readonly footer?: AmqpMap | null
}

/**
 * Decodes a message; nothing in the result points into `buffer`.
 * @throws EhubError `decode-error` for anything that is not sections in order, whole and of the right types.
 */
export function decodeMessage(buffer: Buffer, start = 0, end = buffer.length): AmqpMessage {
  new MessageSections().scan(buffer, start, end)
  const decoder = new ValueDecoder(buffer, start, end)
  const maps: Record<number, AmqpMap> = {}
  const data: Buffer[] = []
  const sequences: (readonly AmqpValue[])[] = []
  let header: Fields | null = null
  let properties: Fields | null = null
  let body: MessageBody = { kind: 'none' }
  while (decoder.position < end) {
    const code = readDescriptorCode(decoder) ?? 0
    if (code === sectionCodes.header) {
      readFields(decoder, headerTable, (header = {}), 1)
    } else if (code === sectionCodes.properties) {
      readFields(decoder, propertiesTable, (properties = {}), 1)
    } else {
      const value = decoder.readValue(1)
      if (code === sectionCodes.value) body = { kind: 'value', value }
      else if (value.type === 'binary') data.push(value.value)
      else if (value.type === 'list') sequences.push(value.value)
      else if (value.type === 'map') maps[code] = value.value
    }
  }
  if (data.length > 0) body = { kind: 'data', sections: data }
  if (sequences.length > 0) body = { kind: 'sequence', sections: sequences }
  return {
    // The tables read are what the types are made from.
    header: header as MessageHeader | null,
    deliveryAnnotations: maps[sectionCodes.deliveryAnnotations] ?? null,
    messageAnnotations: maps[sectionCodes.messageAnnotations] ?? null,
    properties: properties as MessageProperties | null,
    applicationProperties: maps[sectionCodes.applicationProperties] ?? null,
    body,
    footer: maps[sectionCodes.footer] ?? null,
  }
}

/** The message's bytes, owned by the caller. @throws EhubError `argument-error` for a value its type cannot hold. */
export function encodeMessage(message: MessageInput): Buffer {
  const writer = new ByteWriter(256)
  writeMessage(writer, message)
  return writer.takeCopy()
}

/** Writes the sections in their order, each descriptor as `00 53 7x`. @throws EhubError `argument-error`. */
export function writeMessage(writer: ByteWriter, message: MessageInput): void {
  if (message.header) writeComposite(writer, headerTable, message.header)
  writeMapSection(writer, sectionCodes.deliveryAnnotations, message.deliveryAnnotations)
  writeMapSection(writer, sectionCodes.messageAnnotations, message.messageAnnotations)
  if (message.properties) writeComposite(writer, propertiesTable, message.properties)
  writeMapSection(writer, sectionCodes.applicationProperties, message.applicationProperties)
  writeBody(writer, message.body ?? { kind: 'none' })
  writeMapSection(writer, sectionCodes.footer, message.footer)
}

/** One data section: what a batch envelope and a stored payload are made of. */
export function writeDataSection(writer: ByteWriter, content: Uint8Array): void {
  writeDescriptor(writer, sectionCodes.data)
  writeBinary(writer, content)
}

/** The value of a body that is one amqp-value; null for every other kind. */
export function bodyValue(message: AmqpMessage): AmqpValue | null {
  return message.body.kind === 'value' ? message.body.value : null
}

/** The bytes of all data sections together; null for every other kind of body. */
export function bodyData(message: AmqpMessage): Buffer | null {
  if (message.body.kind !== 'data') return null
  const [first] = message.body.sections
  return message.body.sections.length === 1 && first !== undefined ? first : Buffer.concat(message.body.sections)
}

function writeBody(writer: ByteWriter, body: MessageBody): void {
  switch (body.kind) {
    case 'none':
      return
    case 'data':
      for (const section of body.sections) writeDataSection(writer, section)
      return
    case 'sequence':
      for (const section of body.sections) {
        writeDescriptor(writer, sectionCodes.sequence)
        writeValue(writer, { type: 'list', value: section }, 1)
      }
      return
    case 'value':
      writeDescriptor(writer, sectionCodes.value)
      return writeValue(writer, body.value, 1)
  }
}

function writeMapSection(writer: ByteWriter, code: number, map: AmqpMap | null | undefined): void {
  if (map === null || map === undefined) return
  writeDescriptor(writer, code)
  writeMap(writer, map, 1)
}

function writeDescriptor(writer: ByteWriter, code: number): void {
  writer.uint8(0x00)
  writer.uint8(0x53)
  writer.uint8(code)
}
