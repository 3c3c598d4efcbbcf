// Events as Parquet, for DuckDB, pandas and Spark: one row an event, maps as JSON text. The only home of hyparquet-writer.
// Rows are gathered into groups, which are written whole: memory is bounded by a group.

import { ByteWriter, type SchemaElement, ParquetWriter } from 'hyparquet-writer'
import { snappyCompress } from '@platformatic/wasm-utils/bundled'
import type { Event } from '../wire/events/event.ts'
import { bodyBytes } from '../wire/events/event-format.ts'
import { eventToJson } from '../wire/events/event-json.ts'
import type { ByteTarget } from './byte-target.ts'
import type { EventSink, ExportBodyMode } from './capture-sinks.ts'

const rowsMax = 100_000
const groupBytesMax = 64 * 1024 * 1024

type Cell = string | number | bigint | Date | Uint8Array | null

interface ColumnKind {
  readonly name: string
  readonly element: Omit<SchemaElement, 'name'>
  readonly cell: (event: Event) => Cell
}

const text = { type: 'BYTE_ARRAY', converted_type: 'UTF8', repetition_type: 'OPTIONAL' } as const

function columnsOf(bodyMode: ExportBodyMode): readonly ColumnKind[] {
  return [
    { name: 'hub', element: text, cell: ({ hub }) => hub },
    {
      name: 'partition',
      element: { type: 'INT32', repetition_type: 'OPTIONAL' },
      cell: ({ partition }) => (partition === null ? null : Number(partition)),
    },
    {
      name: 'sequence',
      element: { type: 'INT64', repetition_type: 'OPTIONAL' },
      cell: ({ sequence }) => (sequence === null ? null : BigInt(sequence)),
    },
    { name: 'offset', element: text, cell: ({ offset }) => offset },
    {
      name: 'enqueued',
      element: { type: 'INT64', converted_type: 'TIMESTAMP_MILLIS', repetition_type: 'OPTIONAL' },
      cell: ({ enqueuedTimeMs }) => (enqueuedTimeMs === null ? null : new Date(enqueuedTimeMs)),
    },
    { name: 'key', element: text, cell: ({ key }) => key },
    { name: 'publisher', element: text, cell: ({ publisher }) => publisher },
    bodyColumn(bodyMode),
    { name: 'properties', element: text, cell: (event) => memberText(event, 'props') },
    { name: 'systemProperties', element: text, cell: (event) => memberText(event, 'sys') },
    { name: 'annotations', element: text, cell: (event) => memberText(event, 'annotations') },
  ]
}

/** Bytes as they are unless text is asked for. */
function bodyColumn(bodyMode: ExportBodyMode): ColumnKind {
  const name = 'body'
  const bytes = (event: Event) => (event.body.kind === 'none' ? null : bodyBytes(event))
  switch (bodyMode) {
    case 'auto':
      return { name, element: { type: 'BYTE_ARRAY', repetition_type: 'OPTIONAL' }, cell: bytes }
    case 'base64':
      return { name, element: text, cell: (event) => bytes(event)?.toString('base64') ?? null }
    case 'json':
      return {
        name,
        element: text,
        cell: (event) => jsonText(bytes(event)?.toString('utf8') ?? null),
      }
    case 'utf8':
      return { name, element: text, cell: (event) => bytes(event)?.toString('utf8') ?? null }
  }
}

/** A body that is no JSON is a JSON text. */
function jsonText(body: string | null): string | null {
  if (body === null) return null
  try {
    JSON.parse(body)
    return body
  } catch {
    return JSON.stringify(body)
  }
}

function memberText(event: Event, name: 'props' | 'sys' | 'annotations'): string | null {
  const isEmpty =
    name === 'props'
      ? event.applicationProperties.length === 0
      : name === 'sys'
        ? !event.properties
        : event.annotations.length === 0
  if (isEmpty) return null
  const members = JSON.parse(eventToJson(event, 'none')) as Readonly<Record<string, unknown>>
  return JSON.stringify(members[name])
}

export class ParquetSink implements EventSink {
  readonly #target: ByteTarget
  readonly #columns: readonly ColumnKind[]
  readonly #bytes = new ByteWriter(1024 * 1024)
  readonly #writer: ParquetWriter
  #cells: Cell[][]
  #rows = 0
  #rowBytes = 0

  private constructor(target: ByteTarget, columns: readonly ColumnKind[]) {
    this.#target = target
    this.#columns = columns
    this.#cells = columns.map(() => [])
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema: [
        { name: 'root', num_children: columns.length },
        ...columns.map(({ name, element }) => ({ name, ...element })),
      ],
      compressors: { SNAPPY: (bytes) => snappyCompress(Buffer.from(bytes)) },
      createdBy: 'ehub',
    })
  }

  static open(target: ByteTarget, bodyMode: ExportBodyMode): ParquetSink {
    return new ParquetSink(target, columnsOf(bodyMode))
  }

  get isFull(): boolean {
    return this.#rows >= rowsMax || this.#rowBytes >= groupBytesMax
  }

  add(event: Event): void {
    let index = 0
    for (const { cell } of this.#columns) {
      const value = cell(event)
      // Views would keep whole blocks of the file in memory.
      this.#cells[index]?.push(Buffer.isBuffer(value) ? Buffer.from(value) : value)
      if (typeof value === 'string' || value instanceof Uint8Array) this.#rowBytes += value.length
      index += 1
    }
    this.#rows += 1
    this.#rowBytes += this.#columns.length * 8
  }

  async flush(): Promise<void> {
    if (this.#rows === 0) return
    await this.#writer.write({
      columnData: this.#columns.map(({ name }, index) => ({ name, data: this.#cells[index] ?? [] })),
      rowGroupSize: this.#rows,
    })
    this.#cells = this.#columns.map(() => [])
    this.#rows = 0
    this.#rowBytes = 0
    await this.#drain()
  }

  async finish(): Promise<void> {
    await this.flush()
    await this.#writer.finish()
    await this.#drain()
  }

  /** Hands over what was made; the writer counts offsets by itself. */
  async #drain(): Promise<void> {
    await this.#target.write(this.#bytes.getBytes())
    this.#bytes.index = 0
  }
}
