// What one record of the input becomes: bytes in front of a body that is the record itself (the fast way), or an encoded
// message where the record says more than a body (a key in front of it, or a JSON envelope).

import { ByteWriter } from '../base/byte-writer.ts'
import { EhubError } from '../base/error.ts'
import type { AmqpMap } from '../wire/amqp/types.ts'
import { checkPartitionKey, emptyContent, type EventContent, writeEvent } from '../wire/events/event.ts'
import { eventOfJson } from '../wire/events/event-json.ts'

/** What the flags say about every event. */
export interface EventDefaults {
  readonly key: string | null
  readonly applicationProperties: AmqpMap
  readonly properties: EventContent['properties']
}

/** Takes one record; throws `argument-error` or `event-too-large` for a record that is wrong. */
export type RecordSink = {
  plain(prefix: Buffer, body: Buffer, start: number, end: number, number: number): void
  message(message: Buffer, bodyBytes: number, key: string | null, number: number): void
}

export type RecordKind = 'body' | 'keyed' | 'json'

export class RecordEncoder {
  readonly #defaults: EventDefaults
  readonly #sink: RecordSink
  readonly #keyDelimiter: Buffer | null
  readonly #prefix: Buffer
  readonly #writer = new ByteWriter(1024)
  readonly #defaultNames: ReadonlySet<string>

  constructor(defaults: EventDefaults, keyDelimiter: Buffer | null, sink: RecordSink) {
    this.#defaults = defaults
    this.#sink = sink
    this.#keyDelimiter = keyDelimiter
    this.#defaultNames = new Set(defaults.applicationProperties.map(([name]) => nameOf(name)))
    const writer = new ByteWriter(256)
    writeEvent(writer, { ...emptyContent, ...defaults })
    // The sections before the body; a body that follows makes the message whole.
    this.#prefix = writer.takeCopy()
  }

  /** The record is the body. */
  body(buffer: Buffer, start: number, end: number, number: number): void {
    this.#sink.plain(this.#prefix, buffer, start, end, number)
  }

  /** The record is key, delimiter, body; without a delimiter it is a body without a key of its own. */
  keyed(buffer: Buffer, start: number, end: number, number: number): void {
    const delimiter = this.#keyDelimiter
    const at = delimiter === null ? -1 : buffer.subarray(start, end).indexOf(delimiter)
    if (delimiter === null || at === -1) return this.body(buffer, start, end, number)
    const key = buffer.toString('utf8', start, start + at)
    checkPartitionKey(key)
    const body = buffer.subarray(start + at + delimiter.length, end)
    const content = { ...emptyContent, ...this.#defaults, key }
    this.#message({ ...content, body: { kind: 'data', sections: [body] } }, body.length, key, number)
  }

  /** The record is a JSON envelope; what it says goes before what the flags say. @returns Whether there was an event. */
  json(buffer: Buffer, start: number, end: number, number: number): boolean {
    const line = buffer.toString('utf8', start, end)
    if (line.trim() === '') return false
    const event = eventOfJson(line)
    const content = this.#withDefaults(event)
    this.#message(content, bodyBytesOf(event), event.key, number)
    return true
  }

  #withDefaults(event: EventContent): EventContent {
    const { key, applicationProperties, properties } = this.#defaults
    const own = event.applicationProperties
    const named = new Set(this.#defaultNames.size === 0 ? [] : own.map(([name]) => nameOf(name)))
    const added = applicationProperties.filter(([name]) => !named.has(nameOf(name)))
    return {
      ...event,
      key: event.key ?? key,
      applicationProperties: added.length === 0 ? own : [...own, ...added],
      properties: properties ? { ...properties, ...event.properties } : event.properties,
    }
  }

  #message(content: EventContent, bodyBytes: number, key: string | null, number: number): void {
    this.#writer.clear()
    writeEvent(this.#writer, content)
    this.#sink.message(this.#writer.taken(), bodyBytes, key, number)
  }
}

function bodyBytesOf({ body }: EventContent): number {
  return body.kind === 'data' ? body.sections.reduce((sum, section) => sum + section.length, 0) : 0
}

function nameOf(name: AmqpMap[number][0]): string {
  return name.type === 'string' ? name.value : ''
}

/** Why a record cannot be sent, with its place in the input. */
export function recordError(error: unknown, place: string, hint: string): unknown {
  if (!(error instanceof EhubError)) return error
  // Found wrong here, without asking anybody: no AMQP condition belongs to it.
  const code = error.code === 'argument-error' ? 'usage' : error.code
  return new EhubError(code, `${place}: ${error.message}`, { hint, cause: error })
}
