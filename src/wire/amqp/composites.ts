// Composites (AMQP 1.0 §1.3) between bytes and objects, driven by the field tables of `composite-tables.ts`.
//
// Decoding takes every legal encoding, short lists and list0 included. Encoding always writes the full number of fields,
// trailing nulls included, as list8 or list32 behind a smallulong descriptor (`00 53 code`): Python's client reads fields
// by position from exactly as many as were sent, and its frame decoder knows neither list0 nor other descriptors. Only
// the two outcomes that have no fields at all (accepted, released) are `45`, as every peer writes them.

import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import {
  errorTable,
  sourceTable,
  stateTables,
  targetTable,
  type CompositeTable,
  type Field,
  type FieldTypes,
} from './composite-tables.ts'
import { decodeError, type ValueDecoder } from './decode-value.ts'
import {
  beginCompound,
  endCompound,
  writeBinary,
  writeMap,
  writeString,
  writeSymbol,
  writeSymbols,
  writeUint,
  writeUlong,
  writeValue,
} from './encode-value.ts'
import { descriptorCodes } from './names.ts'
import { safeIntegerOf, textOf, type AmqpMap, type AmqpValue } from './types.ts'

/** An object under construction from a table; its type is the table's `Composite`. */
export type Fields = Record<string, unknown>

/**
 * Takes `00` and the descriptor at the decoder's position. @returns The code, e.g. 0x14 for a transfer; null for a
 * descriptor that is none of the specification's. @throws EhubError `decode-error` when there is no described type.
 */
export function readDescriptorCode(decoder: ValueDecoder): number | null {
  if (decoder.readByte() !== 0) throw decodeError('a described type was expected', decoder.position - 1)
  if (decoder.peekByte() === 0x53) {
    decoder.readByte()
    return decoder.readByte()
  }
  const descriptor = decoder.readValue(1)
  if (descriptor.type === 'symbol') return descriptorCodes.get(descriptor.value) ?? null
  return descriptor.type === 'ulong' ? safeIntegerOf(descriptor) : null
}

/**
 * Reads a composite's list, of which the descriptor was taken, into `into`; leaves the decoder behind it.
 * @param depth How many types are open around the list.
 * @throws EhubError `decode-error` for a wrong type, a missing mandatory field, or a list that does not fit its bytes.
 */
export function readFields(decoder: ValueDecoder, table: CompositeTable, into: Fields, depth: number): void {
  const outerEnd = decoder.end
  const count = enterList(decoder, table.name)
  const listEnd = decoder.end
  let index = 0
  for (const field of table.fields) {
    into[field.name] =
      index < count ? readField(decoder, field, table, depth + 1) : absent(field, table, decoder.position)
    index += 1
  }
  // Fields of a later revision are stepped over.
  for (; index < count; index += 1) decoder.skipValue()
  if (decoder.position !== listEnd) {
    throw decodeError(`${table.name} leaves ${listEnd - decoder.position} of its bytes`, decoder.position)
  }
  decoder.end = outerEnd
}

/** Writes `00 53 code` and the full list. @throws EhubError `argument-error` for a value its field cannot hold. */
export function writeComposite(writer: ByteWriter, table: CompositeTable, input: object): void {
  writer.uint8(0x00)
  writer.uint8(0x53)
  writer.uint8(table.code)
  if (table.fields.length === 0) return writer.uint8(0x45)
  const fields = input as Readonly<Fields>
  const start = beginCompound(writer)
  for (const field of table.fields) writeField(writer, field, fields[field.name], table)
  endCompound(writer, start, table.fields.length, 0xc0)
}

/** Takes a list's constructor, size and count; the decoder's end becomes the list's. @returns The count. */
function enterList(decoder: ValueDecoder, name: string): number {
  const code = decoder.readByte()
  if (code === 0x45) {
    decoder.end = decoder.position
    return 0
  }
  if (code !== 0xc0 && code !== 0xd0) throw decodeError(`${name} is not a list`, decoder.position - 1)
  const width = code === 0xc0 ? 1 : 4
  const size = decoder.readSize(width)
  const left = decoder.end - decoder.position
  if (size < width || size > left) throw decodeError(`${name} of ${size} bytes has ${left}`, decoder.position)
  decoder.end = decoder.position + size
  const count = decoder.readSize(width)
  if (count > decoder.end - decoder.position) {
    throw decodeError(`${name} of ${count} fields has ${decoder.end - decoder.position} bytes`, decoder.position)
  }
  return count
}

function absent(field: Field, table: CompositeTable, at: number): unknown {
  if (field.isMandatory === true) throw decodeError(`${table.name} lacks ${field.name}`, at)
  return field.default ?? null
}

function readField(decoder: ValueDecoder, field: Field, table: CompositeTable, depth: number): unknown {
  const at = decoder.position
  if (decoder.peekByte() === 0x40) {
    decoder.readByte()
    return absent(field, table, at)
  }
  switch (field.type) {
    case 'error':
      return readNested(decoder, errorTable, depth)
    case 'source':
      return readNested(decoder, sourceTable, depth)
    case 'target':
      return readNested(decoder, targetTable, depth)
    case 'state':
      return readState(decoder, depth)
    default: {
      const read = simpleFieldOf(field.type, decoder.readValue(depth))
      if (read === null) throw decodeError(`${table.name}.${field.name} is not a ${field.type}`, at)
      return read
    }
  }
}

/** A terminus of another kind (a transaction coordinator) reads as one that names no address. */
function readNested(decoder: ValueDecoder, table: CompositeTable, depth: number): Fields {
  const fields: Fields = {}
  const at = decoder.position
  const code = readDescriptorCode(decoder)
  if (code === table.code) {
    readFields(decoder, table, fields, depth + 1)
    return fields
  }
  if (table === errorTable) throw decodeError('an error was expected', at)
  decoder.skipValue()
  for (const field of table.fields) fields[field.name] = field.default ?? null
  return fields
}

function readState(decoder: ValueDecoder, depth: number): Fields {
  const at = decoder.position
  const code = readDescriptorCode(decoder)
  for (const [kind, table] of Object.entries(stateTables)) {
    if (table.code !== code) continue
    const state: Fields = { kind }
    readFields(decoder, table, state, depth + 1)
    return state
  }
  decoder.position = at
  return { kind: 'other', value: decoder.readValue(depth) }
}

/** The value as what a field of `type` holds, null when it is nothing of the kind. */
function simpleFieldOf(
  type: Exclude<keyof FieldTypes, 'error' | 'source' | 'target' | 'state'>,
  value: AmqpValue,
): unknown {
  switch (type) {
    case 'boolean':
      return value.type === 'boolean' ? value.value : null
    case 'role':
      return value.type !== 'boolean' ? null : value.value ? 'receiver' : 'sender'
    case 'ubyte':
      return unsignedOf(value, 0xff)
    case 'ushort':
      return unsignedOf(value, 0xffff)
    case 'uint':
      return unsignedOf(value, 0xffffffff)
    case 'ulong':
      if (value.type === 'ulong') return value.value
      return value.type === 'uint' ? BigInt(value.value) : null
    case 'timestamp':
      return value.type === 'timestamp' ? value.value : null
    case 'string':
    case 'symbol':
      return textOf(value)
    case 'binary':
      return value.type === 'binary' ? value.value : null
    case 'symbols':
      return symbolsOf(value)
    case 'map':
      return value.type === 'map' ? value.value : null
    case 'value':
      return value
  }
}

/** Unsigned integers of another width are let pass when they fit. */
function unsignedOf(value: AmqpValue, max: number): number | null {
  if (value.type !== 'uint' && value.type !== 'ushort' && value.type !== 'ubyte') return null
  return value.value <= max ? value.value : null
}

function symbolsOf(value: AmqpValue): readonly string[] | null {
  if (value.type !== 'array' && value.type !== 'list') {
    const text = textOf(value)
    return text === null ? null : [text]
  }
  const symbols: string[] = []
  for (const element of value.value) {
    const text = textOf(element)
    if (text === null) return null
    symbols.push(text)
  }
  return symbols
}

// The field tables made the types the callers were checked against, so the casts below state what is known already.
function writeField(writer: ByteWriter, field: Field, value: unknown, table: CompositeTable): void {
  if (value === null || value === undefined) {
    if (field.isMandatory !== true) return writer.uint8(0x40)
    throw new EhubError('argument-error', `AMQP: ${table.name} needs ${field.name}`)
  }
  switch (field.type) {
    case 'boolean':
      return writer.uint8(value === true ? 0x41 : 0x42)
    case 'role':
      return writer.uint8(value === 'receiver' ? 0x41 : 0x42)
    case 'ubyte':
      return writeValue(writer, { type: 'ubyte', value: value as number })
    case 'ushort':
      return writeValue(writer, { type: 'ushort', value: value as number })
    case 'uint':
      return writeUint(writer, value as number)
    case 'ulong':
      return writeUlong(writer, value as bigint)
    case 'timestamp':
      return writeValue(writer, { type: 'timestamp', value: value as bigint })
    case 'string':
      return writeString(writer, value as string)
    case 'symbol':
      return writeSymbol(writer, value as string)
    case 'binary':
      return writeBinary(writer, value as Buffer)
    case 'symbols':
      return writeSymbols(writer, value as readonly string[])
    case 'map':
      return writeMap(writer, value as AmqpMap, 2)
    case 'value':
      return writeValue(writer, value as AmqpValue, 2)
    case 'error':
      return writeComposite(writer, errorTable, value)
    case 'source':
      return writeComposite(writer, sourceTable, value)
    case 'target':
      return writeComposite(writer, targetTable, value)
    case 'state':
      return writeState(writer, value as { kind: string })
  }
}

function writeState(writer: ByteWriter, state: { readonly kind: string; readonly value?: AmqpValue }): void {
  if (state.value !== undefined) return writeValue(writer, state.value, 2)
  const table = (stateTables as Readonly<Record<string, CompositeTable>>)[state.kind]
  if (table === undefined) throw new EhubError('argument-error', `AMQP: no delivery state "${state.kind}"`)
  writeComposite(writer, table, state)
}
