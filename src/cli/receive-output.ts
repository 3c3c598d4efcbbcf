// What `receive` writes for an event: bytes appended to one buffer, which leaves as a whole after each read of the network.

import type { ByteWriter } from '../base/byte-writer.ts'
import { escapeText } from '../base/escape-text.ts'
import type { EventReader } from '../wire/events/event.ts'
import { bodyBytes, compileFormat } from '../wire/events/event-format.ts'
import { type BodyMode, writeEventJson } from '../wire/events/event-json.ts'
import { isoTime, jsonOfValue } from '../wire/events/json-value.ts'

export const outputKinds = ['text', 'jsonl', 'raw', 'hex', 'none'] as const
export type OutputKind = (typeof outputKinds)[number]
export const bodyModes = ['auto', 'utf8', 'json', 'base64', 'hex', 'none'] as const satisfies readonly BodyMode[]

export type EventRenderer = (reader: EventReader, writer: ByteWriter) => void

export interface RendererOptions {
  readonly kind: OutputKind
  /** Wins over `kind`; null: none. */
  readonly format: string | null
  readonly bodyMode: BodyMode
  /** After each event of `raw` and `hex`. */
  readonly delimiter: Buffer
  /** For `text`. */
  readonly dim: (text: string) => string
}

/** @throws EhubError `usage` for a format that is not understood. */
export function makeRenderer(options: RendererOptions): EventRenderer {
  const { kind, format, bodyMode, delimiter } = options
  if (format !== null) {
    const write = compileFormat(format)
    return (reader, writer) => write(reader.event(), writer)
  }
  switch (kind) {
    case 'none':
      return () => undefined
    case 'raw':
      return (reader, writer) => {
        writer.bytes(reader.dataBody() ?? bodyBytes(reader.event()))
        writer.bytes(delimiter)
      }
    case 'hex':
      return (reader, writer) => {
        const hex = (reader.dataBody() ?? bodyBytes(reader.event())).toString('hex')
        writer.utf8(hex, hex.length)
        writer.bytes(delimiter)
      }
    case 'jsonl':
      return (reader, writer) => {
        writeEventJson(writer, reader.event(), bodyMode)
        writer.uint8(0x0a)
      }
    case 'text':
      return (reader, writer) => {
        const line = textLine(reader, options.dim)
        writer.utf8(line, Buffer.byteLength(line))
      }
  }
}

/** `2:41  2026-11-20 09:30:00.123  c7  {"id":1}  type=OrderPlaced`: for people, so nothing in it may steer the terminal. */
function textLine(reader: EventReader, dim: (text: string) => string): string {
  const event = reader.event()
  const time =
    event.enqueuedTimeMs === null ? '' : (isoTime(event.enqueuedTimeMs) ?? '').replace('T', ' ').replace('Z', '')
  const place = dim(`${event.partition ?? ''}:${event.sequence ?? ''}  ${time}`)
  const key = event.key === null ? '' : `  ${escapeText(event.key)}`
  const properties = event.applicationProperties
    .map(([name, value]) => `${name.type === 'string' ? name.value : ''}=${plain(jsonOfValue(value))}`)
    .join(' ')
  const tail = properties === '' ? '' : `  ${dim(escapeText(properties))}`
  return `${place}${key}  ${escapeText(bodyBytes(event).toString('utf8'))}${tail}\n`
}

function plain(json: unknown): string {
  return typeof json === 'string' ? json : JSON.stringify(json)
}
