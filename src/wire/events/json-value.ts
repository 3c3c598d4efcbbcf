// AMQP values as JSON and back, without loss: the value in its most natural JSON form, and its type beside it. A value
// whose JSON form already says its type (string, boolean, null) needs none.
//
//   bare form    the value alone, where the type is written elsewhere (`propTypes`): 5, "2026-11-20T09:30:00.000Z"
//   tagged form  the value with its type, inside lists, maps and bodies: "text", true, null, {"int":5}, {"uuid":"…"}
//
//   ubyte ushort uint byte short int   number
//   ulong long                         number, or decimal text beyond 2^53 - 1
//   float double                       number, or "NaN" "Infinity" "-Infinity" "-0"
//   timestamp                          ISO 8601 in UTC, or decimal text of milliseconds outside the years of JavaScript
//   char                               text of one character
//   uuid                               text with dashes
//   binary decimal32/64/128            base64 / hexadecimal digits of the wire
//   list                               [tagged, …]
//   map                                [[tagged, tagged], …]: AMQP maps have an order and keys of any type
//   array                              {"of":"int","values":[bare, …]}, with "descriptors" where the array has them
//   described                          {"descriptor":tagged,"value":tagged}

import { EhubError } from '../../base/error.ts'
import type { AmqpElementType, AmqpValue } from '../amqp/types.ts'

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json }
export type AmqpTypeName = AmqpValue['type']

// Recursion is bounded by what the AMQP decoder accepts; text from a user may nest deeper.
const depthMax = 32

const integerRanges: Readonly<Partial<Record<AmqpTypeName, readonly [min: bigint, max: bigint]>>> = {
  ubyte: [0n, 0xffn],
  ushort: [0n, 0xffffn],
  uint: [0n, 0xffff_ffffn],
  ulong: [0n, 0xffff_ffff_ffff_ffffn],
  byte: [-0x80n, 0x7fn],
  short: [-0x8000n, 0x7fffn],
  int: [-0x8000_0000n, 0x7fff_ffffn],
  long: [-0x8000_0000_0000_0000n, 0x7fff_ffff_ffff_ffffn],
}

const bytesOfType: Readonly<Partial<Record<AmqpTypeName, number>>> = { decimal32: 4, decimal64: 8, decimal128: 16 }

export const amqpTypeNames = [
  'null',
  'boolean',
  'ubyte',
  'ushort',
  'uint',
  'ulong',
  'byte',
  'short',
  'int',
  'long',
  'float',
  'double',
  'decimal32',
  'decimal64',
  'decimal128',
  'char',
  'timestamp',
  'uuid',
  'binary',
  'string',
  'symbol',
  'list',
  'map',
  'array',
  'described',
] as const satisfies readonly AmqpTypeName[]

const typeNames: ReadonlySet<string> = new Set(amqpTypeNames)

export function isAmqpTypeName(name: string): name is AmqpTypeName {
  return typeNames.has(name)
}

/** The bare form of a value. */
export function jsonOfValue(value: AmqpValue): Json {
  switch (value.type) {
    case 'null':
    case 'boolean':
    case 'string':
    case 'symbol':
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'byte':
    case 'short':
    case 'int':
      return value.value
    case 'ulong':
    case 'long': {
      const number = Number(value.value)
      return Number.isSafeInteger(number) ? number : value.value.toString()
    }
    case 'float':
    case 'double':
      return Number.isFinite(value.value) && !Object.is(value.value, -0)
        ? value.value
        : Object.is(value.value, -0)
          ? '-0'
          : String(value.value)
    case 'timestamp':
      return isoTime(value.value) ?? value.value.toString()
    case 'char':
      return String.fromCodePoint(value.value)
    case 'uuid':
      return uuidText(value.value)
    case 'binary':
      return value.value.toString('base64')
    case 'decimal32':
    case 'decimal64':
    case 'decimal128':
      return value.value.toString('hex')
    case 'list':
      return value.value.map(taggedJsonOfValue)
    case 'map':
      return value.value.map(([key, item]) => [taggedJsonOfValue(key), taggedJsonOfValue(item)])
    case 'array': {
      const values = value.value.map(jsonOfValue)
      return value.descriptors === undefined
        ? { of: value.elementType, values }
        : { of: value.elementType, values, descriptors: value.descriptors.map(taggedJsonOfValue) }
    }
    case 'described':
      return { descriptor: taggedJsonOfValue(value.descriptor), value: taggedJsonOfValue(value.value) }
  }
}

/** The tagged form of a value. */
export function taggedJsonOfValue(value: AmqpValue): Json {
  return isSelfEvident(value.type) ? jsonOfValue(value) : { [value.type]: jsonOfValue(value) }
}

/** Whether the bare form of this type needs no type beside it. */
export function isSelfEvident(type: AmqpTypeName): boolean {
  return type === 'string' || type === 'boolean' || type === 'null'
}

/**
 * The value of a bare form. Without a type: text is a string, true and false booleans, null null, whole numbers long
 * (beyond 2^53 - 1 they are damaged before we see them and refused), other numbers double.
 * @throws EhubError `argument-error` saying what is wrong, without naming where: the caller does.
 */
export function valueOfJson(json: Json, type?: AmqpTypeName): AmqpValue {
  return readBare(json, type ?? null, 0)
}

/** The value of a tagged form. @throws EhubError `argument-error`. */
export function valueOfTaggedJson(json: Json): AmqpValue {
  return readTagged(json, 0)
}

function readTagged(json: Json, depth: number): AmqpValue {
  if (typeof json !== 'object' || json === null) return readBare(json, null, depth)
  const [tag, ...others] = Object.keys(json)
  if (Array.isArray(json) || tag === undefined || others.length > 0 || !isAmqpTypeName(tag)) {
    throw wrong(`${short(json)} is no value with its type, such as {"int":5}`)
  }
  return readBare(member(json, tag), tag, depth)
}

function readBare(json: Json, type: AmqpTypeName | null, depth: number): AmqpValue {
  if (depth > depthMax) throw wrong(`values nested deeper than ${depthMax}`)
  switch (type ?? typeOfPlain(json)) {
    case 'null':
      if (json !== null) throw mismatch(json, 'null')
      return { type: 'null', value: null }
    case 'boolean':
      if (typeof json !== 'boolean') throw mismatch(json, 'boolean')
      return { type: 'boolean', value: json }
    case 'string':
      return { type: 'string', value: text(json, 'string') }
    case 'symbol':
      return { type: 'symbol', value: text(json, 'symbol') }
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'byte':
    case 'short':
    case 'int': {
      const small = type as 'ubyte' | 'ushort' | 'uint' | 'byte' | 'short' | 'int'
      return { type: small, value: Number(integer(json, small)) }
    }
    case 'ulong':
      return { type: 'ulong', value: integer(json, 'ulong') }
    case 'long':
      return { type: 'long', value: integer(json, 'long') }
    case 'float':
      return { type: 'float', value: Math.fround(real(json, 'float')) }
    case 'double':
      return { type: 'double', value: real(json, 'double') }
    case 'timestamp':
      return { type: 'timestamp', value: time(json) }
    case 'char': {
      const point = text(json, 'char').codePointAt(0)
      if (point === undefined || String.fromCodePoint(point) !== json || (point >= 0xd800 && point <= 0xdfff)) {
        throw mismatch(json, 'char')
      }
      return { type: 'char', value: point }
    }
    case 'uuid':
      return { type: 'uuid', value: uuidBytes(text(json, 'uuid')) }
    case 'binary':
      return { type: 'binary', value: bytesOfBase64(text(json, 'binary')) }
    case 'decimal32':
    case 'decimal64':
    case 'decimal128': {
      const decimal = type as 'decimal32' | 'decimal64' | 'decimal128'
      const bytes = Buffer.from(text(json, decimal), 'hex')
      if (bytes.length !== bytesOfType[decimal] || bytes.length * 2 !== text(json, decimal).length) {
        throw mismatch(json, decimal)
      }
      return { type: decimal, value: bytes }
    }
    case 'list':
      return { type: 'list', value: items(json, 'list').map((item) => readTagged(item, depth + 1)) }
    case 'map':
      return { type: 'map', value: items(json, 'map').map((pair) => readPair(pair, depth)) }
    case 'array':
      return readArray(json, depth)
    case 'described': {
      const descriptor = readTagged(member(json, 'descriptor'), depth + 1)
      return { type: 'described', descriptor, value: readTagged(member(json, 'value'), depth + 1) }
    }
  }
}

function readPair(pair: Json, depth: number): readonly [AmqpValue, AmqpValue] {
  const [key, value, ...others] = items(pair, 'map')
  if (key === undefined || value === undefined || others.length > 0) throw mismatch(pair, 'pair of a map')
  return [readTagged(key, depth + 1), readTagged(value, depth + 1)]
}

function readArray(json: Json, depth: number): AmqpValue {
  const elementType = member(json, 'of')
  if (typeof elementType !== 'string' || !isElementType(elementType)) throw mismatch(json, 'array')
  const value = items(member(json, 'values'), 'array').map((item) => readBare(item, elementType, depth + 1))
  const descriptors = (json as { readonly descriptors?: Json }).descriptors
  if (descriptors === undefined) return { type: 'array', elementType, value }
  const tagged = items(descriptors, 'array').map((item) => readTagged(item, depth + 1))
  return { type: 'array', elementType, value, descriptors: tagged }
}

function isElementType(name: string): name is AmqpElementType {
  return isAmqpTypeName(name) && name !== 'described'
}

function typeOfPlain(json: Json): AmqpTypeName {
  if (json === null) return 'null'
  switch (typeof json) {
    case 'string':
      return 'string'
    case 'boolean':
      return 'boolean'
    case 'number':
      return Number.isInteger(json) && !Object.is(json, -0) ? 'long' : 'double'
    default:
      throw wrong(`${short(json)} needs a type, such as list or map`)
  }
}

function integer(json: Json, type: AmqpTypeName): bigint {
  const [min = 0n, max = 0n] = integerRanges[type] ?? []
  let value: bigint
  if (typeof json === 'number' && Number.isSafeInteger(json)) value = BigInt(json)
  else if (typeof json === 'string' && /^-?\d{1,20}$/.test(json)) value = BigInt(json)
  else if (typeof json === 'number' && Number.isInteger(json)) throw wrong(`${json} is not exact: write it as text`)
  else throw mismatch(json, type)
  if (value < min || value > max) throw wrong(`${value} is not a ${type} of ${min}..${max}`)
  return value
}

function real(json: Json, type: AmqpTypeName): number {
  if (typeof json === 'number') return json
  if (json === 'NaN') return Number.NaN
  const value = typeof json === 'string' && json.trim() !== '' ? Number(json) : Number.NaN
  if (Number.isNaN(value)) throw mismatch(json, type)
  return value
}

function time(json: Json): bigint {
  if (typeof json === 'number' || (typeof json === 'string' && /^-?\d{1,19}$/.test(json))) return integer(json, 'long')
  const ms = typeof json === 'string' && /^[+-]?\d{4,6}-\d{2}/.test(json) ? Date.parse(json) : Number.NaN
  if (Number.isNaN(ms)) throw mismatch(json, 'timestamp')
  return BigInt(ms)
}

function text(json: Json, type: AmqpTypeName): string {
  if (typeof json !== 'string') throw mismatch(json, type)
  return json
}

function items(json: Json, type: AmqpTypeName): readonly Json[] {
  if (!Array.isArray(json)) throw mismatch(json, type)
  return json as readonly Json[]
}

function member(json: Json, name: string): Json {
  const value =
    typeof json === 'object' && json !== null && Object.hasOwn(json, name)
      ? (json as Readonly<Record<string, Json>>)[name]
      : undefined
  if (value === undefined) throw wrong(`${short(json)} lacks "${name}"`)
  return value
}

/** ISO 8601 in UTC with milliseconds; null outside ±8.64e15 ms. */
export function isoTime(ms: bigint | number): string | null {
  const number = Number(ms)
  return Math.abs(number) <= 8.64e15 ? new Date(number).toISOString() : null
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}

function uuidBytes(uuid: string): Buffer {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(uuid)) throw mismatch(uuid, 'uuid')
  return Buffer.from(uuid.replaceAll('-', ''), 'hex')
}

/** Bytes of standard base64, with or without padding. @throws EhubError `argument-error`. */
export function bytesOfBase64(base64: string): Buffer {
  // Node's decoder skips what is not base64; a damaged body must not pass as a shorter one.
  if (!/^[A-Za-z0-9+/]*={0,2}$/.test(base64) || base64.replace(/=+$/, '').length % 4 === 1) {
    throw wrong(`${short(base64)} is no base64`)
  }
  return Buffer.from(base64, 'base64')
}

function mismatch(json: Json, type: string): EhubError {
  return wrong(`${short(json)} is no ${type}`)
}

function wrong(what: string): EhubError {
  return new EhubError('argument-error', what)
}

function short(json: Json): string {
  const shown = JSON.stringify(json)
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown
}
