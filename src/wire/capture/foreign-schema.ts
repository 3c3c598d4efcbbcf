// Capture files with another schema than the service writes today: those of 2016, whose `Properties` have no null, and those of
// other writers, with more fields, another order, other unions. avsc reads them by the schema they have; it believes the counts
// it reads, so every record is first walked within its bytes.

import type { Type, types } from 'avsc'
import { EhubError } from '../../base/error.ts'
import type { AvroCursor } from './avro-bytes.ts'
import { type CaptureMap, type CaptureRecord, enqueuedTimeOf } from './capture-record.ts'
import { type CaptureValue, longOf } from './capture-value.ts'
import { captureFieldNames } from './schema.ts'

/** Levels of types inside one another, in a schema that names itself. */
const depthMax = 32

/** Takes one record from the cursor. @throws EhubError `decode-error`. */
export type RecordDecoder = (cursor: AvroCursor) => CaptureRecord

interface SchemaOutline {
  readonly name: string
  readonly namespace: string | undefined
  readonly fields: readonly string[]
}

/**
 * @param file For errors.
 * @throws EhubError `decode-error` when the schema is none, is not of events (naming the fields it lacks), or has a field whose
 *   type cannot be read as Capture's (naming it).
 */
export async function foreignDecoder(schemaText: string, file: string): Promise<RecordDecoder> {
  const { outline, json } = outlineOf(schemaText, file)
  const missing = captureFieldNames.filter((name) => !outline.fields.includes(name))
  if (missing.length > 0) {
    throw new EhubError(
      'decode-error',
      `${file} is no Capture file: its schema "${outline.name}" lacks ${missing.map((name) => `"${name}"`).join(', ')}`,
      { hint: `a Capture file has ${captureFieldNames.join(', ')}` },
    )
  }
  const avro = await import('avsc').then((module) => module.default)
  let type: Type
  try {
    checkTypes(json)
    type = avro.Type.forSchema(json as Parameters<typeof avro.Type.forSchema>[0], {
      wrapUnions: true,
      registry: { long: bigLong(avro.types.LongType) },
      omitRecordMethods: true,
    })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EhubError('decode-error', `${file}: its schema cannot be read as Capture's: ${reason.slice(0, 300)}`, {
      cause: error,
    })
  }
  return (cursor) => {
    const start = cursor.position
    skim(type, cursor, 0)
    try {
      const value: unknown = type.fromBuffer(cursor.buffer.subarray(start, cursor.position))
      return recordOf(value)
    } catch (error) {
      if (error instanceof EhubError) throw error
      throw cursor.wrong(`a record cannot be read: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
}

function outlineOf(schemaText: string, file: string): { readonly outline: SchemaOutline; readonly json: unknown } {
  const wrong = (what: string, cause?: unknown) =>
    new EhubError('decode-error', `${file}: ${what}`, cause === undefined ? {} : { cause })
  let json: unknown
  try {
    json = JSON.parse(schemaText)
  } catch (error) {
    throw wrong('its schema is no JSON', error)
  }
  const text = (value: unknown) => (typeof value === 'string' ? value : undefined)
  const fields = memberOf(json, 'fields')
  if (memberOf(json, 'type') !== 'record' || !Array.isArray(fields)) {
    throw wrong('it is no Capture file: its schema is not that of a record')
  }
  return {
    json,
    outline: {
      name: text(memberOf(json, 'name')) ?? 'EventData',
      namespace: text(memberOf(json, 'namespace')),
      fields: fields.map((field: unknown) => text(memberOf(field, 'name')) ?? ''),
    },
  }
}

// Types each field may have so that its value can be made one of Capture's. Avro's own resolution would not do: of a union it
// takes the first branch that can hold a value, which for bytes is `string`.
const fieldTypes: Readonly<Record<(typeof captureFieldNames)[number], readonly string[]>> = {
  SequenceNumber: ['int', 'long'],
  Offset: ['string', 'int', 'long'],
  EnqueuedTimeUtc: ['string'],
  SystemProperties: ['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'],
  Properties: ['null', 'boolean', 'int', 'long', 'float', 'double', 'string', 'bytes'],
  Body: ['null', 'bytes', 'string'],
}

/** @throws Error naming the field and what it holds. */
function checkTypes(schema: unknown): void {
  const fields = memberOf(schema, 'fields') as readonly unknown[]
  for (const name of captureFieldNames) {
    let type = memberOf(
      fields.find((field) => memberOf(field, 'name') === name),
      'type',
    )
    if (name === 'SystemProperties' || name === 'Properties') {
      if (memberOf(type, 'type') !== 'map') throw new Error(`"${name}" is no map`)
      type = memberOf(type, 'values')
    }
    for (const branch of Array.isArray(type) ? (type as readonly unknown[]) : [type]) {
      const primitive: unknown = memberOf(branch, 'type') ?? branch
      if (typeof primitive === 'string' && fieldTypes[name].includes(primitive)) continue
      throw new Error(`"${name}" holds ${JSON.stringify(branch)?.slice(0, 60)}`)
    }
  }
}

/** Longs as bigint: avsc's own refuses what is beyond 2^53. */
function bigLong(LongType: typeof types.LongType): Type {
  return LongType.__with({
    fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
    toBuffer: (value: bigint) => {
      const buffer = Buffer.alloc(8)
      buffer.writeBigInt64LE(value)
      return buffer
    },
    fromJSON: BigInt,
    toJSON: Number,
    isValid: (value: unknown) => typeof value === 'bigint',
    compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
  })
}

/** Steps over one value of a type, checking every length and count against what is there. */
function skim(type: Type, cursor: AvroCursor, depth: number): void {
  if (depth > depthMax) throw cursor.wrong(`types nested deeper than ${depthMax}`)
  switch (type.typeName) {
    case 'null':
      return
    case 'boolean':
      return skip(cursor, 1)
    case 'int':
    case 'long':
    case 'abstract:long':
    case 'enum':
      cursor.readBigLong()
      return
    case 'float':
      return skip(cursor, 4)
    case 'double':
      return skip(cursor, 8)
    case 'bytes':
    case 'string':
      cursor.skipBytes('a value')
      return
    case 'fixed':
      return skip(cursor, (type as types.FixedType).size)
    case 'array':
      return skimItems(cursor, () => skim((type as types.ArrayType).itemsType, cursor, depth + 1))
    case 'map':
      return skimItems(cursor, () => {
        cursor.skipBytes('a key')
        skim((type as types.MapType).valuesType as Type, cursor, depth + 1)
      })
    case 'record':
    case 'error':
      for (const field of (type as types.RecordType).fields) skim(field.type, cursor, depth + 1)
      return
    case 'union:wrapped':
    case 'union:unwrapped': {
      const branches = (type as types.WrappedUnionType).types
      const index = cursor.readLong()
      const branch = branches[index]
      if (branch === undefined) throw cursor.wrong(`a union has branch ${index} of ${branches.length}`)
      return skim(branch, cursor, depth + 1)
    }
    default:
      throw cursor.wrong(`a type "${type.typeName}" is not known`)
  }
}

/** Blocks of an array or a map. An item without bytes of its own counts as one byte: else ten bytes could ask for 2^53 items. */
function skimItems(cursor: AvroCursor, item: () => void): void {
  for (;;) {
    let count = cursor.readLong()
    if (count === 0) return
    if (count < 0) {
      count = -count
      cursor.readLong()
    }
    if (count > cursor.left) throw cursor.wrong(`${count} items have ${cursor.left} bytes`)
    for (let i = 0; i < count; i += 1) item()
  }
}

function skip(cursor: AvroCursor, bytes: number): void {
  if (cursor.left < bytes) throw cursor.wrong(`a value of ${bytes} bytes has ${cursor.left}`)
  cursor.position += bytes
}

/** Of what avsc gives: unions are wrapped, longs are bigint, ints numbers. */
function recordOf(value: unknown): CaptureRecord {
  const systemProperties = mapOf(memberOf(value, 'SystemProperties'))
  const body = valueOf(memberOf(value, 'Body'))
  const text = (name: string) => String(valueOf(memberOf(value, name)).value)
  return {
    sequence: Number(text('SequenceNumber')),
    offset: text('Offset'),
    enqueuedTimeMs: enqueuedTimeOf(text('EnqueuedTimeUtc'), systemProperties),
    systemProperties,
    properties: mapOf(memberOf(value, 'Properties')),
    body: body.branch === 'bytes' ? body.value : body.branch === 'string' ? Buffer.from(body.value) : null,
  }
}

function mapOf(value: unknown): CaptureMap {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).map(([name, item]) => [name, valueOf(item)] as const)
}

/** @param item Wrapped by the name of its branch, or bare where there is no union. */
function valueOf(item: unknown): CaptureValue {
  if (typeof item !== 'object' || item === null || Buffer.isBuffer(item)) return bareValue(item, null)
  const [branch] = Object.keys(item)
  return bareValue(branch === undefined ? null : memberOf(item, branch), branch ?? null)
}

function bareValue(value: unknown, branch: string | null): CaptureValue {
  if (Buffer.isBuffer(value)) return { branch: 'bytes', value }
  switch (typeof value) {
    case 'bigint':
      return { branch: 'long', value: longOf(value) }
    case 'number': {
      const isReal = branch === 'double' || branch === 'float' || !Number.isSafeInteger(value)
      return isReal ? { branch: 'double', value } : { branch: 'long', value }
    }
    case 'string':
      return { branch: 'string', value }
    case 'boolean':
      return { branch: 'string', value: value ? 'True' : 'False' }
    default:
      return { branch: 'null', value: null }
  }
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}
