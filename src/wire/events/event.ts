// An event as the command line sees it: what the producer sent, with exact AMQP types, and where the broker put it. Between
// this value and message bytes nothing is lost but the presence of empty sections and delivery annotations, which belong to
// one hop.

import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import { MapEntries } from '../amqp/annotation-map.ts'
import { decodeValue } from '../amqp/decode-value.ts'
import { decodeMessage, type MessageBody, type MessageInput, writeMessage } from '../amqp/message.ts'
import { annotations as names, sectionCodes } from '../amqp/names.ts'
import { MessageSections } from '../amqp/sections.ts'
import { type AmqpMap, type AmqpValue, safeIntegerOf, textOf } from '../amqp/types.ts'

/** What the producer sent. */
export interface EventContent {
  /** Partition key; null: none. */
  readonly key: string | null
  readonly header: MessageInput['header']
  /** The producer's own: without those the broker makes and without the partition key. */
  readonly annotations: AmqpMap
  readonly properties: MessageInput['properties']
  readonly applicationProperties: AmqpMap
  readonly body: MessageBody
  readonly footer: AmqpMap
}

/** Where it is; null where nobody said. */
export interface EventPlace {
  readonly hub: string | null
  readonly partition: string | null
  readonly sequence: number | null
  /** Decimal text. */
  readonly offset: string | null
  /** Unix milliseconds. */
  readonly enqueuedTimeMs: number | null
  readonly publisher: string | null
}

export type Event = EventContent & EventPlace

/** Longest partition key the service takes, in characters. */
export const partitionKeyLengthMax = 128

export const emptyContent: EventContent = {
  key: null,
  header: null,
  annotations: [],
  properties: null,
  applicationProperties: [],
  body: { kind: 'none' },
  footer: [],
}

/** The content as an encoded message. @throws EhubError `argument-error` for a value its type cannot hold. */
export function writeEvent(writer: ByteWriter, event: EventContent): void {
  const { key, annotations } = event
  const keyEntry: AmqpMap =
    key === null
      ? []
      : [
          [
            { type: 'symbol', value: names.partitionKey },
            { type: 'string', value: key },
          ],
        ]
  const all = keyEntry.length === 0 ? annotations : [...keyEntry, ...annotations]
  writeMessage(writer, {
    header: event.header ?? null,
    messageAnnotations: all.length === 0 ? null : all,
    properties: event.properties ?? null,
    applicationProperties: event.applicationProperties.length === 0 ? null : event.applicationProperties,
    body: event.body,
    footer: event.footer.length === 0 ? null : event.footer,
  })
}

const sequenceName = Buffer.from(names.sequenceNumber)
const offsetName = Buffer.from(names.offset)
const timeName = Buffer.from(names.enqueuedTime)
const keyName = Buffer.from(names.partitionKey)
const publisherName = Buffer.from(names.publisher)

/**
 * Reads delivered messages. One object a partition, reused: `read` fills the place, which is all that counting, stopping and
 * checkpointing need; `event` decodes the rest.
 */
export class EventReader {
  sequence: number | null = null
  offset: string | null = null
  enqueuedTimeMs: number | null = null
  key: string | null = null
  publisher: string | null = null
  readonly #hub: string
  readonly #partition: string
  readonly #sections = new MessageSections()
  readonly #entries = new MapEntries()
  /** The message read last is `buffer[start, end)`, as the broker sent it. */
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  #annotations: (readonly [AmqpValue, AmqpValue])[] = []

  constructor(hub: string, partition: string) {
    this.#hub = hub
    this.#partition = partition
  }

  /** @throws EhubError `decode-error`. */
  read(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer
    this.start = start
    this.end = end
    this.sequence = null
    this.offset = null
    this.enqueuedTimeMs = null
    this.key = null
    this.publisher = null
    this.#annotations = []
    this.#sections.scan(buffer, start, end)
    const { messageAnnotationsStart: at, messageAnnotationsEnd: annotationsEnd, isNormal } = this.#sections
    // A broker of ours or Azure's writes descriptors in the normal form; anything else is read the long way.
    if (at >= 0 && isNormal) this.#readAnnotations(buffer, at + 3, annotationsEnd)
    else if (at >= 0) this.#takeAnnotations(decodeMessage(buffer, start, end).messageAnnotations ?? [])
  }

  /** Bytes of the body when it is one data section, as most are: a view. Null for every other body. */
  dataBody(): Buffer | null {
    const { bodyCode, bodyCount, bodyStart, bodyEnd, isNormal } = this.#sections
    if (bodyCode !== sectionCodes.data || bodyCount !== 1 || !isNormal) return null
    const isShort = this.buffer[bodyStart + 3] === 0xa0
    return this.buffer.subarray(bodyStart + (isShort ? 5 : 8), bodyEnd)
  }

  /** The event read last; its body is a view of the bytes read. */
  event(): Event {
    const { headerStart, propertiesStart, applicationPropertiesStart, footerStart } = this.#sections
    const data = this.dataBody()
    const isPlain = headerStart < 0 && propertiesStart < 0 && applicationPropertiesStart < 0 && footerStart < 0
    const message = isPlain && data !== null ? null : decodeMessage(this.buffer, this.start, this.end)
    return {
      hub: this.#hub,
      partition: this.#partition,
      sequence: this.sequence,
      offset: this.offset,
      enqueuedTimeMs: this.enqueuedTimeMs,
      key: this.key,
      publisher: this.publisher,
      header: message?.header ?? null,
      annotations: this.#annotations,
      properties: message?.properties ?? null,
      applicationProperties: message?.applicationProperties ?? [],
      body: data === null ? (message?.body ?? { kind: 'none' }) : { kind: 'data', sections: [data] },
      footer: message?.footer ?? [],
    }
  }

  #readAnnotations(buffer: Buffer, at: number, end: number): void {
    const entries = this.#entries
    entries.open(buffer, at, end)
    while (entries.next()) {
      const { keyStart, valueStart, valueEnd } = entries
      const code = buffer[valueStart] ?? 0
      // The broker's come first; a producer that set the same names is not heard.
      if (entries.isKey(sequenceName)) this.sequence ??= readInteger(buffer, valueStart, valueEnd)
      else if (entries.isKey(timeName)) this.enqueuedTimeMs ??= readInteger(buffer, valueStart, valueEnd)
      else if (entries.isKey(offsetName)) this.offset ??= readText(buffer, valueStart, valueEnd)
      else if (entries.isKey(publisherName)) this.publisher ??= readText(buffer, valueStart, valueEnd)
      else if (entries.isKey(keyName) && (code === 0xa1 || code === 0xb1) && this.key === null) {
        this.key = readText(buffer, valueStart, valueEnd)
      } else {
        const key = decodeValue(buffer, keyStart, valueStart)
        this.#annotations.push([key, decodeValue(buffer, valueStart, valueEnd)])
      }
    }
  }

  #takeAnnotations(map: AmqpMap): void {
    for (const [key, value] of map) {
      const name = key.type === 'symbol' || key.type === 'string' ? key.value : null
      if (name === names.sequenceNumber) this.sequence ??= safeIntegerOf(value)
      else if (name === names.enqueuedTime) this.enqueuedTimeMs ??= safeIntegerOf(value)
      else if (name === names.offset) this.offset ??= looseText(value)
      else if (name === names.publisher) this.publisher ??= value.type === 'string' ? value.value : null
      else if (name === names.partitionKey && value.type === 'string' && this.key === null) this.key = value.value
      else this.#annotations.push([key, value])
    }
  }
}

/** A message's content, for tests and tools that have bytes and no place. @throws EhubError `decode-error`. */
export function contentOfMessage(buffer: Buffer, start = 0, end = buffer.length): EventContent {
  const reader = new EventReader('', '')
  reader.read(buffer, start, end)
  const { key, header, annotations, properties, applicationProperties, body, footer } = reader.event()
  return { key, header, annotations, properties, applicationProperties, body, footer }
}

/** @throws EhubError `argument-error` for a key longer than the service takes. */
export function checkPartitionKey(key: string): void {
  if (key.length <= partitionKeyLengthMax) return
  throw new EhubError(
    'argument-error',
    `partition key of ${key.length} characters exceeds ${partitionKeyLengthMax}: "${key.slice(0, 20)}…"`,
  )
}

function readInteger(buffer: Buffer, at: number, end: number): number | null {
  const code = buffer[at]
  // long and timestamp of eight bytes, inside ±2^53: what brokers write.
  if ((code === 0x81 || code === 0x83) && end - at === 9) {
    const high = buffer.readInt32BE(at + 1)
    const value = high * 0x1_0000_0000 + buffer.readUInt32BE(at + 5)
    return Number.isSafeInteger(value) ? value : null
  }
  return safeIntegerOf(decodeValue(buffer, at, end))
}

function readText(buffer: Buffer, at: number, end: number): string | null {
  const code = buffer[at]
  if (code === 0xa1) return buffer.toString('utf8', at + 2, end)
  return looseText(decodeValue(buffer, at, end))
}

/** Older brokers give the offset as a long. */
function looseText(value: AmqpValue): string | null {
  return textOf(value) ?? safeIntegerOf(value)?.toString() ?? null
}
