// What `capture-export` makes of records: lines of JSON (as `receive --json`, so that `send --input jsonl` and `import` take
// them), CSV with the same members as columns, raw bodies, or Parquet.

import { ByteWriter } from '../base/byte-writer.ts'
import type { Event } from '../wire/events/event.ts'
import { bodyBytes } from '../wire/events/event-format.ts'
import { type BodyMode, eventToJson, writeEventJson } from '../wire/events/event-json.ts'
import type { ByteTarget } from './byte-target.ts'

export const exportFormats = ['jsonl', 'csv', 'raw', 'parquet'] as const
export type ExportFormat = (typeof exportFormats)[number]
export const exportBodyModes = ['auto', 'utf8', 'json', 'base64'] as const satisfies readonly BodyMode[]
export type ExportBodyMode = (typeof exportBodyModes)[number]

export interface EventSink {
  /** Takes an event; synchronous. */
  add(event: Event): void
  /** Bytes gathered are worth writing. */
  readonly isFull: boolean
  /** Writes what was gathered. @throws EhubError of the target. */
  flush(): Promise<void>
  /** Writes what is left and what the format ends with; the target stays open. */
  finish(): Promise<void>
}

export interface SinkOptions {
  readonly format: ExportFormat
  readonly bodyMode: ExportBodyMode
  /** Behind each raw body. */
  readonly delimiter: Buffer
  readonly target: ByteTarget
  /** The target is continued: no header again. */
  readonly isResumed: boolean
}

const flushBytes = 1024 * 1024

export async function openSink(options: SinkOptions): Promise<EventSink> {
  const { format, bodyMode, delimiter, target, isResumed } = options
  switch (format) {
    case 'jsonl':
      return new LineSink(target, (writer, event) => {
        writeEventJson(writer, event, bodyMode)
        writer.uint8(0x0a)
      })
    case 'raw':
      return new LineSink(target, (writer, event) => {
        const body = bodyBytes(event)
        if (bodyMode === 'base64') {
          const text = body.toString('base64')
          writer.utf8(text, text.length)
        } else writer.bytes(body)
        writer.bytes(delimiter)
      })
    case 'csv': {
      const sink = new LineSink(target, (writer, event) => {
        const line = csvLine(event, bodyMode)
        writer.utf8(line, Buffer.byteLength(line))
      })
      if (!isResumed) sink.text(`${csvColumns.join(',')}\r\n`)
      return sink
    }
    case 'parquet': {
      const { ParquetSink } = await import('./parquet-sink.ts')
      return ParquetSink.open(target, bodyMode)
    }
  }
}

class LineSink implements EventSink {
  readonly #target: ByteTarget
  readonly #write: (writer: ByteWriter, event: Event) => void
  readonly #writer = new ByteWriter(flushBytes + flushBytes / 4)

  constructor(target: ByteTarget, write: (writer: ByteWriter, event: Event) => void) {
    this.#target = target
    this.#write = write
  }

  get isFull(): boolean {
    return this.#writer.position >= flushBytes
  }

  add(event: Event): void {
    this.#write(this.#writer, event)
  }

  text(text: string): void {
    this.#writer.utf8(text, Buffer.byteLength(text))
  }

  async flush(): Promise<void> {
    if (this.#writer.position === 0) return
    await this.#target.write(this.#writer.taken())
    this.#writer.clear()
  }

  finish(): Promise<void> {
    return this.flush()
  }
}

/** Members of the JSON envelope, so that a row says the same as a line. */
export const csvColumns = [
  'partition',
  'seq',
  'offset',
  'enqueued',
  'key',
  'publisher',
  'body',
  'bodyBase64',
  'bodyType',
  'props',
  'propTypes',
  'sys',
  'sysTypes',
  'annotations',
  'annotationTypes',
] as const

/** One row with its end (RFC 4180). An empty cell is null or not there; objects are JSON. */
function csvLine(event: Event, bodyMode: BodyMode): string {
  const members = JSON.parse(eventToJson(event, bodyMode === 'json' ? 'auto' : bodyMode)) as Readonly<
    Record<string, unknown>
  >
  const cells = csvColumns.map((name) => csvCell(members[name]))
  return `${cells.join(',')}\r\n`
}

function csvCell(value: unknown): string {
  if (value === undefined || value === null) return ''
  if (typeof value === 'object') {
    const text = JSON.stringify(value)
    return text === '{}' ? '' : `"${text.replaceAll('"', '""')}"`
  }
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  // An empty text is quoted, so that it is not taken for null.
  return text === '' || /[",\r\n]/.test(text) || text.trim() !== text ? `"${text.replaceAll('"', '""')}"` : text
}
