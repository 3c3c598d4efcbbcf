// What `import` reads: lines of JSON, CSV with the same members as columns, Capture files. Told apart by how they begin.

import { StringDecoder } from 'node:string_decoder'
import { EhubError } from '../base/error.ts'
import type { PlacedFile } from '../client/capture/capture-source.ts'
import { eventOfRecord } from '../wire/capture/capture-event.ts'
import { CaptureFileReader } from '../wire/capture/capture-reader.ts'
import { placeOfEnvelope } from '../wire/events/envelope-place.ts'
import type { Event } from '../wire/events/event.ts'
import { type Envelope, eventOfEnvelope, parseEnvelope } from '../wire/events/event-json.ts'
import type { Json } from '../wire/events/json-value.ts'
import { csvColumns } from './capture-sinks.ts'
import { CsvReader, type CsvRow } from './csv-reader.ts'
import { RecordSplitter } from './record-splitter.ts'

export const importFormats = ['auto', 'jsonl', 'csv', 'avro'] as const
export type ImportFormat = (typeof importFormats)[number]

/** An event, or why a record is none; with its place in the input for messages. */
export interface ImportRecord {
  readonly place: string
  readonly event: Event | null
  readonly error: EhubError | null
}

/** A line of JSON is at most so long: six times the largest publication, and some. */
const recordBytesMax = 8 * 1024 * 1024
// Avro records handed over together.
const groupMax = 1000

/** Records of one file in order, in groups. @throws EhubError `integrity`, `decode-error`, the source's. */
export async function* readImport(
  { file, place }: PlacedFile,
  format: ImportFormat,
): AsyncGenerator<readonly ImportRecord[]> {
  const { first, stream } = await peek(file.open())
  const kind = format === 'auto' ? kindOf(first, file.label) : format
  if (kind === null) return
  const { label } = file
  if (kind === 'jsonl') yield* readLines(stream, label)
  else if (kind === 'csv') yield* readCsv(stream, label)
  else yield* readAvro(stream, label, place?.hub ?? null, place === null ? null : String(place.partition))
}

function kindOf(first: Buffer, label: string): Exclude<ImportFormat, 'auto'> | null {
  if (first.length === 0) return null
  if (first.subarray(0, 3).toString('latin1') === 'Obj') return 'avro'
  const text = first
    .toString('utf8', 0, Math.min(first.length, 4096))
    .replace(/^\ufeff/, '')
    .trimStart()
  if (text.startsWith('{')) return 'jsonl'
  const [header = ''] = text.split(/\r?\n/, 1)
  const names = header.split(',').map((name) => name.replaceAll('"', '').trim())
  if (names.includes('body') || names.includes('bodyBase64')) return 'csv'
  throw new EhubError('argument-error', `${label} is neither lines of JSON, nor CSV with a column "body", nor Avro`, {
    hint: 'plain lines are for: ehub send --input lines --file FILE',
  })
}

async function* readLines(stream: AsyncIterable<Buffer>, label: string): AsyncGenerator<ImportRecord[]> {
  const splitter = new RecordSplitter(Buffer.from('\n'), recordBytesMax)
  const drain = (next: () => boolean): ImportRecord[] => {
    const records: ImportRecord[] = []
    for (;;) {
      try {
        if (!next()) return records
        const line = splitter.buffer.toString('utf8', splitter.start, splitter.end)
        if (line.trim() === '') continue
        const envelope = parseEnvelope(splitter.count === 1 ? line.replace(/^\ufeff/, '') : line)
        records.push({ place: `line ${splitter.count} of ${label}`, event: eventAt(envelope), error: null })
      } catch (error) {
        if (!(error instanceof EhubError)) throw error
        records.push({ place: `line ${splitter.count} of ${label}`, event: null, error })
      }
    }
  }
  for await (const chunk of stream) {
    splitter.feed(chunk)
    yield drain(() => splitter.next())
  }
  yield drain(() => splitter.finish())
}

function eventAt(envelope: Envelope): Event {
  return { ...placeOfEnvelope(envelope), ...eventOfEnvelope(envelope) }
}

async function* readCsv(stream: AsyncIterable<Buffer>, label: string): AsyncGenerator<ImportRecord[]> {
  const reader = new CsvReader(recordBytesMax)
  const decoder = new StringDecoder('utf8')
  let columns: readonly string[] | null = null
  const records = (rows: readonly CsvRow[]): ImportRecord[] => {
    const found: ImportRecord[] = []
    for (const row of rows) {
      if (columns === null) {
        columns = headerOf(row, label)
        continue
      }
      const place = `row ending in line ${reader.row} of ${label}`
      try {
        found.push({ place, event: eventAt(envelopeOfRow(columns, row)), error: null })
      } catch (error) {
        if (!(error instanceof EhubError)) throw error
        found.push({ place, event: null, error })
      }
    }
    return found
  }
  for await (const chunk of stream) yield records(reader.push(decoder.write(chunk)))
  yield records([...reader.push(decoder.end()), ...reader.finish()])
}

function headerOf(row: CsvRow, label: string): readonly string[] {
  const columns = row.map((cell, index) => (index === 0 ? (cell ?? '').replace(/^\ufeff/, '') : (cell ?? '')).trim())
  if (columns.includes('body') || columns.includes('bodyBase64')) return columns
  throw new EhubError('argument-error', `${label} has no column "body" or "bodyBase64"`, {
    hint: `columns are ${csvColumns.join(', ')}; any other is a property`,
  })
}

const jsonColumns: ReadonlySet<string> = new Set([
  'props',
  'propTypes',
  'sys',
  'sysTypes',
  'annotations',
  'annotationTypes',
])
const textColumns: ReadonlySet<string> = new Set([
  'hub',
  'partition',
  'offset',
  'enqueued',
  'key',
  'publisher',
  'bodyType',
])

/** @throws EhubError `argument-error`. */
function envelopeOfRow(columns: readonly string[], row: CsvRow): Envelope {
  if (row.length > columns.length) {
    throw new EhubError('argument-error', `${row.length} cells under ${columns.length} columns`)
  }
  const members: Record<string, Json> = Object.create(null) as Record<string, Json>
  const properties: Record<string, Json> = Object.create(null) as Record<string, Json>
  const typed = row[columns.indexOf('bodyType')] ?? null
  for (const [index, name] of columns.entries()) {
    const cell = row[index] ?? null
    if (cell === null || name === '') continue
    if (name === 'seq') members.seq = Number(cell)
    else if (jsonColumns.has(name)) members[name] = jsonOf(cell, name)
    else if (name === 'body') members.body = typed === null || typed === 'data' ? cell : jsonOf(cell, name)
    else if (name === 'bodyBase64') members.bodyBase64 = cell.startsWith('[') ? jsonOf(cell, name) : cell
    else if (textColumns.has(name)) members[name] = cell
    else properties[name] = cell
  }
  if (members.body === undefined && members.bodyBase64 === undefined) members.body = null
  const own = members.props ?? null
  if (Object.keys(properties).length > 0 && (own === null || isObject(own))) members.props = { ...properties, ...own }
  return members
}

function isObject(json: Json): json is Readonly<Record<string, Json>> {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function jsonOf(cell: string, name: string): Json {
  try {
    return JSON.parse(cell) as Json
  } catch (error) {
    throw new EhubError('argument-error', `"${name}" is no JSON: ${error instanceof Error ? error.message : ''}`)
  }
}

async function* readAvro(
  stream: AsyncIterable<Buffer>,
  label: string,
  hub: string | null,
  partition: string | null,
): AsyncGenerator<ImportRecord[]> {
  const reader = await CaptureFileReader.open(label, stream)
  let count = 0
  while ((await reader.nextBlock()) !== null) {
    let group: ImportRecord[] = []
    for (;;) {
      let record
      try {
        record = reader.nextRecord()
      } catch (error) {
        // What is intact in front of the damage goes first.
        yield group
        throw error
      }
      if (record === null) break
      count += 1
      group.push({ place: `record ${count} of ${label}`, event: eventOfRecord(record, hub, partition), error: null })
      if (group.length < groupMax) continue
      yield group
      group = []
    }
    yield group
  }
}

/** Looks at the beginning without taking it. */
async function peek(
  source: AsyncIterable<Buffer>,
): Promise<{ readonly first: Buffer; readonly stream: AsyncIterable<Buffer> }> {
  const iterator = source[Symbol.asyncIterator]()
  const chunk = await iterator.next()
  const first = chunk.done === true ? Buffer.alloc(0) : chunk.value
  async function* all(): AsyncGenerator<Buffer> {
    if (chunk.done === true) return
    yield first
    for (;;) {
      const next = await iterator.next()
      if (next.done === true) return
      yield next.value
    }
  }
  return { first, stream: all() }
}
