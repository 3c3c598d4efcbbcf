// One event as a record of a Capture file, in both forms: as a value, and as Avro bytes.

import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import { annotations } from '../amqp/names.ts'
import { type AvroCursor, writeBigLong, writeBytes, writeDouble, writeLong, writeText } from './avro-bytes.ts'
import { formatEnqueuedTime, parseEnqueuedTime } from './capture-time.ts'
import { type CaptureValue, longOf } from './capture-value.ts'
import { bodyBranches, valueBranches } from './schema.ts'

/** In the order of the file. Names are unique in files of ours; of others the last one counts, as for every Avro reader. */
export type CaptureMap = readonly (readonly [name: string, value: CaptureValue])[]

export interface CaptureRecord {
  readonly sequence: number
  /** Decimal text; opaque, increasing. */
  readonly offset: string
  /** Unix milliseconds; in files without `x-opt-enqueued-time` whole seconds. */
  readonly enqueuedTimeMs: number
  /** Holds `x-opt-enqueued-time`. Never a null. */
  readonly systemProperties: CaptureMap
  readonly properties: CaptureMap
  /** Null: an event without a body. */
  readonly body: Buffer | null
}

/** Appends the record's Avro bytes, as they are in a file of `captureSchemaText`. */
export function writeCaptureRecord(writer: ByteWriter, record: CaptureRecord): void {
  writeLong(writer, record.sequence)
  writeText(writer, record.offset)
  writeText(writer, formatEnqueuedTime(record.enqueuedTimeMs))
  writeMap(writer, record.systemProperties)
  writeMap(writer, record.properties)
  if (record.body === null) return writer.uint8(bodyBranches.null * 2)
  writer.uint8(bodyBranches.bytes * 2)
  writeBytes(writer, record.body)
}

export function writeCaptureValue(writer: ByteWriter, value: CaptureValue): void {
  // Indexes are zigzag, too.
  writer.uint8(valueBranches[value.branch] * 2)
  switch (value.branch) {
    case 'long':
      if (typeof value.value === 'number') return writeLong(writer, value.value)
      return writeBigLong(writer, value.value)
    case 'double':
      return writeDouble(writer, value.value)
    case 'string':
      return writeText(writer, value.value)
    case 'bytes':
      return writeBytes(writer, value.value)
    case 'null':
      return
  }
}

/**
 * The record at the cursor; strings and bytes are copies or views of its buffer.
 * @throws EhubError `decode-error` for bytes that are no record of `captureSchemaText`.
 */
export function readCaptureRecord(cursor: AvroCursor): CaptureRecord {
  const sequence = cursor.readLong()
  const offset = cursor.readText('Offset')
  const timeBytes = cursor.skipBytes('EnqueuedTimeUtc')
  const timeEnd = cursor.position
  const systemProperties = readMap(cursor, valueBranches.bytes)
  const properties = readMap(cursor, valueBranches.null)
  const branch = cursor.readLong()
  if (branch !== bodyBranches.null && branch !== bodyBranches.bytes)
    throw cursor.wrong(`Body has branch ${branch} of 2`)
  const body = branch === bodyBranches.null ? null : cursor.readBytes('Body')
  // The text is only looked at where there is nothing better.
  const enqueuedTimeMs =
    exactTimeOf(systemProperties) ?? timeOfText(cursor.buffer.toString('utf8', timeEnd - timeBytes, timeEnd))
  return { sequence, offset, enqueuedTimeMs, systemProperties, properties, body }
}

/** The exact time of the system properties, else the text's. @throws EhubError `decode-error` when neither is a time. */
export function enqueuedTimeOf(text: string, systemProperties: CaptureMap): number {
  return exactTimeOf(systemProperties) ?? timeOfText(text)
}

function exactTimeOf(systemProperties: CaptureMap): number | null {
  for (const [name, value] of systemProperties) {
    if (name === annotations.enqueuedTime && typeof value.value === 'number') return value.value
  }
  return null
}

function timeOfText(text: string): number {
  const timeMs = parseEnqueuedTime(text)
  if (timeMs === null) throw new EhubError('decode-error', `EnqueuedTimeUtc "${text.slice(0, 60)}" is no time`)
  return timeMs
}

function writeMap(writer: ByteWriter, map: CaptureMap): void {
  if (map.length > 0) writeLong(writer, map.length)
  for (const [name, value] of map) {
    writeText(writer, name)
    writeCaptureValue(writer, value)
  }
  writer.uint8(0)
}

const noEntries: CaptureMap = []

function readMap(cursor: AvroCursor, branchMax: number): CaptureMap {
  let count = cursor.readMapCount()
  if (count === 0) return noEntries
  const map: [string, CaptureValue][] = []
  for (; count > 0; count = cursor.readMapCount()) {
    for (let i = 0; i < count; i += 1) {
      const name = cursor.readName()
      map.push([name, readValue(cursor, branchMax)])
    }
  }
  return map
}

function readValue(cursor: AvroCursor, branchMax: number): CaptureValue {
  const branch = cursor.readLong()
  if (branch < 0 || branch > branchMax) throw cursor.wrong(`a value has branch ${branch} of ${branchMax + 1}`)
  switch (branch) {
    case valueBranches.long:
      return { branch: 'long', value: readAnyLong(cursor) }
    case valueBranches.double:
      return { branch: 'double', value: cursor.readDouble() }
    case valueBranches.string:
      return { branch: 'string', value: cursor.readText('text') }
    case valueBranches.bytes:
      return { branch: 'bytes', value: cursor.readBytes('bytes') }
    default:
      return { branch: 'null', value: null }
  }
}

// Seven bytes hold 49 bits: a safe integer for sure. Longer ones are rare, and bigint is slow.
const safeLongBytesMax = 7

function readAnyLong(cursor: AvroCursor): number | bigint {
  const { position, end, buffer } = cursor
  for (let at = position; at < Math.min(end, position + safeLongBytesMax); at += 1) {
    if ((buffer[at] ?? 0) < 0x80) return cursor.readLong()
  }
  return longOf(cursor.readBigLong())
}
