// Values to bytes, always in the shortest encoding the type allows. The inverse of `decode-value.ts`; what a caller hands
// in is data of ours or text of a user of the command line, so a value that does not fit its type is `argument-error`.

import { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import { elementsMax, valueDepthMax } from './decode-value.ts'
import type { AmqpArray, AmqpElementType, AmqpMap, AmqpValue } from './types.ts'

/** The value's bytes, owned by the caller. @throws EhubError `argument-error` for a value its type cannot hold. */
export function encodeValue(value: AmqpValue): Buffer {
  const writer = new ByteWriter(64)
  writeValue(writer, value)
  return writer.takeCopy()
}

/** @throws EhubError `argument-error` for a value its type cannot hold. */
export function writeValue(writer: ByteWriter, value: AmqpValue, depth = 0): void {
  switch (value.type) {
    case 'described':
      checkDepth(depth)
      writer.uint8(0x00)
      writeValue(writer, value.descriptor, depth + 1)
      return writeValue(writer, value.value, depth + 1)
    case 'null':
      return writer.uint8(0x40)
    case 'boolean':
      return writer.uint8(value.value ? 0x41 : 0x42)
    case 'uint':
      return writeUint(writer, value.value)
    case 'ulong':
      return writeUlong(writer, value.value)
    case 'int':
      checkInteger('int', value.value, -0x80000000, 0x7fffffff)
      if (value.value < -128 || value.value > 127) return writeOf(writer, 0x71, value, depth)
      return writeByteOf(writer, 0x54, value.value)
    case 'long':
      if (value.value < -128n || value.value > 127n) return writeOf(writer, 0x81, value, depth)
      return writeByteOf(writer, 0x55, Number(value.value))
    case 'string':
      return writeString(writer, value.value)
    case 'symbol':
      return writeSymbol(writer, value.value)
    case 'binary':
      return writeBinary(writer, value.value)
    case 'list':
      return writeList(writer, value.value, depth)
    case 'map':
      return writeMap(writer, value.value, depth)
    case 'array':
      return writeArray(writer, value, depth)
    default:
      return writeOf(writer, wideCodes[value.type], value, depth)
  }
}

export function writeUint(writer: ByteWriter, value: number): void {
  checkInteger('uint', value, 0, 0xffffffff)
  if (value === 0) return writer.uint8(0x43)
  if (value <= 0xff) return writeByteOf(writer, 0x52, value)
  writer.uint8(0x70)
  writer.uint32(value)
}

export function writeUlong(writer: ByteWriter, value: bigint): void {
  checkBigint('ulong', value, 0n, 0xffffffffffffffffn)
  if (value === 0n) return writer.uint8(0x44)
  if (value <= 0xffn) return writeByteOf(writer, 0x53, Number(value))
  writer.uint8(0x80)
  writer.uint64(value)
}

export function writeString(writer: ByteWriter, value: string): void {
  writeText(writer, value, 0xa1)
}

export function writeSymbol(writer: ByteWriter, value: string): void {
  writeText(writer, value, 0xa3)
}

export function writeBinary(writer: ByteWriter, value: Uint8Array): void {
  writeLength(writer, value.length, 0xa0)
  writer.bytes(value)
}

export function writeMap(writer: ByteWriter, map: AmqpMap, depth = 0): void {
  checkDepth(depth)
  const start = beginCompound(writer)
  for (const [key, value] of map) {
    writeValue(writer, key, depth + 1)
    writeValue(writer, value, depth + 1)
  }
  endCompound(writer, start, map.length * 2, 0xc1)
}

/** An array of symbols, e.g. capabilities and SASL mechanisms. */
export function writeSymbols(writer: ByteWriter, symbols: readonly string[]): void {
  writeArray(writer, {
    type: 'array',
    elementType: 'symbol',
    value: symbols.map((value) => ({ type: 'symbol', value })),
  })
}

/**
 * Begins a list, map or array of up to 255 bytes; `endCompound` widens it when it came out longer. Never becomes list0,
 * which Python's frame decoder does not know.
 * @returns What `endCompound` needs.
 */
export function beginCompound(writer: ByteWriter): number {
  const start = writer.position
  writer.reserve(3)
  writer.position += 3
  return start
}

/**
 * Writes constructor, size and count in front of what was written since `beginCompound`.
 * @param code8 0xc0 list, 0xc1 map, 0xe0 array; the wide form is 0x10 above.
 */
export function endCompound(writer: ByteWriter, start: number, count: number, code8: number): void {
  if (count > elementsMax) {
    throw new EhubError('argument-error', `AMQP: ${count} elements exceed ${elementsMax} of one list, map or array`)
  }
  const contentBytes = writer.position - start - 3
  if (contentBytes + 1 <= 0xff && count <= 0xff) {
    writer.buffer[start] = code8
    writer.buffer[start + 1] = contentBytes + 1
    writer.buffer[start + 2] = count
    return
  }
  writer.reserve(6)
  const { buffer } = writer
  buffer.copyWithin(start + 9, start + 3, writer.position)
  buffer[start] = code8 + 0x10
  buffer.writeUInt32BE(contentBytes + 4, start + 1)
  buffer.writeUInt32BE(count, start + 5)
  writer.position += 6
}

function writeList(writer: ByteWriter, list: readonly AmqpValue[], depth: number): void {
  if (list.length === 0) return writer.uint8(0x45)
  checkDepth(depth)
  const start = beginCompound(writer)
  for (const value of list) writeValue(writer, value, depth + 1)
  endCompound(writer, start, list.length, 0xc0)
}

function writeArray(writer: ByteWriter, array: AmqpArray, depth = 0): void {
  checkDepth(depth)
  const start = beginCompound(writer)
  let elementDepth = depth + 1
  for (const descriptor of array.descriptors ?? []) {
    checkDepth(elementDepth)
    writer.uint8(0x00)
    writeValue(writer, descriptor, elementDepth)
    elementDepth += 1
  }
  const code = elementCode(array)
  writer.uint8(code)
  for (const value of array.value) {
    if (value.type !== array.elementType) {
      throw new EhubError('argument-error', `AMQP: array of ${array.elementType} holds a ${value.type}`)
    }
    writeElement(writer, code, value, elementDepth)
  }
  endCompound(writer, start, array.value.length, 0xe0)
}

/** Text and binary take the short form when all elements fit it. */
function elementCode(array: AmqpArray): number {
  const wide = wideCodes[array.elementType]
  if (wide < 0xb0 || wide > 0xb3) return wide
  for (const value of array.value) {
    const isShort =
      value.type === 'binary'
        ? value.value.length <= 0xff
        : (value.type === 'string' || value.type === 'symbol') && Buffer.byteLength(value.value) <= 0xff
    if (!isShort) return wide
  }
  return wide - 0x10
}

function writeOf(writer: ByteWriter, code: number, value: AmqpValue, depth: number): void {
  writer.uint8(code)
  writeElement(writer, code, value, depth)
}

/** What follows the constructor `code`, which is the widest of the value's type or a short one of text and binary. */
function writeElement(writer: ByteWriter, code: number, value: AmqpValue, depth: number): void {
  switch (value.type) {
    case 'null':
      // Zero-width elements have no bytes to be counted by, so decoders with limits refuse them.
      throw new EhubError('argument-error', 'AMQP: an array of null cannot be encoded')
    case 'boolean':
      return writer.uint8(value.value ? 1 : 0)
    case 'ubyte':
      checkInteger('ubyte', value.value, 0, 0xff)
      return writer.uint8(value.value)
    case 'ushort':
      checkInteger('ushort', value.value, 0, 0xffff)
      return writer.uint16(value.value)
    case 'uint':
      checkInteger('uint', value.value, 0, 0xffffffff)
      return writer.uint32(value.value)
    case 'ulong':
      checkBigint('ulong', value.value, 0n, 0xffffffffffffffffn)
      return writer.uint64(value.value)
    case 'byte':
      checkInteger('byte', value.value, -0x80, 0x7f)
      return writer.uint8(value.value & 0xff)
    case 'short':
      checkInteger('short', value.value, -0x8000, 0x7fff)
      return writer.uint16(value.value & 0xffff)
    case 'int':
      checkInteger('int', value.value, -0x80000000, 0x7fffffff)
      return writer.int32(value.value)
    case 'long':
    case 'timestamp':
      checkBigint(value.type, value.value, -0x8000000000000000n, 0x7fffffffffffffffn)
      return writer.uint64(value.value)
    case 'float':
      writer.reserve(4)
      writer.position = writer.buffer.writeFloatBE(value.value, writer.position)
      return
    case 'double':
      writer.reserve(8)
      writer.position = writer.buffer.writeDoubleBE(value.value, writer.position)
      return
    case 'char':
      checkInteger('char', value.value, 0, 0x10ffff)
      return writer.uint32(value.value)
    case 'decimal32':
      return writeExactly(writer, value.type, value.value, 4)
    case 'decimal64':
      return writeExactly(writer, value.type, value.value, 8)
    case 'decimal128':
    case 'uuid':
      return writeExactly(writer, value.type, value.value, 16)
    case 'binary':
      writeElementLength(writer, code, value.value.length)
      return writer.bytes(value.value)
    case 'string':
    case 'symbol': {
      const length = Buffer.byteLength(value.value)
      writeElementLength(writer, code, length)
      return writer.utf8(value.value, length)
    }
    case 'list':
    case 'map':
    case 'array':
      return writeWideCompound(writer, value, depth)
    case 'described':
      throw new EhubError('argument-error', 'AMQP: an array carries its descriptors once, in `descriptors`')
  }
}

/** Element of an array of compounds: the constructor went out once, so all take the wide form. */
function writeWideCompound(writer: ByteWriter, value: AmqpValue, depth: number): void {
  const inner = new ByteWriter(64)
  writeValue(inner, value, depth)
  const code = inner.buffer[0] ?? 0
  if (code === 0x45) {
    writer.uint32(4)
    return writer.uint32(0)
  }
  if (code >= 0xd0 && code !== 0xe0) return writer.bytes(inner.buffer.subarray(1, inner.position))
  const content = inner.buffer.subarray(3, inner.position)
  writer.uint32(content.length + 4)
  writer.uint32(inner.buffer[2] ?? 0)
  writer.bytes(content)
}

function writeElementLength(writer: ByteWriter, code: number, length: number): void {
  if (code < 0xb0) writer.uint8(length)
  else writer.uint32(length)
}

function writeExactly(writer: ByteWriter, type: string, value: Buffer, length: number): void {
  if (value.length !== length) {
    throw new EhubError('argument-error', `AMQP: ${type} takes ${length} bytes, not ${value.length}`)
  }
  writer.bytes(value)
}

function writeText(writer: ByteWriter, text: string, code8: number): void {
  const length = Buffer.byteLength(text)
  writeLength(writer, length, code8)
  writer.utf8(text, length)
}

function writeLength(writer: ByteWriter, length: number, code8: number): void {
  if (length <= 0xff) return writeByteOf(writer, code8, length)
  writer.uint8(code8 + 0x10)
  writer.uint32(length)
}

function writeByteOf(writer: ByteWriter, code: number, value: number): void {
  writer.uint8(code)
  writer.uint8(value & 0xff)
}

function checkDepth(depth: number): void {
  if (depth >= valueDepthMax) throw new EhubError('argument-error', `AMQP: types nested deeper than ${valueDepthMax}`)
}

function checkInteger(type: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new EhubError('argument-error', `AMQP: ${value} is not a ${type} of ${min}..${max}`)
  }
}

function checkBigint(type: string, value: bigint, min: bigint, max: bigint): void {
  if (value < min || value > max) {
    throw new EhubError('argument-error', `AMQP: ${value} is not a ${type} of ${min}..${max}`)
  }
}

/** The widest constructor of each type: the one an array of that type uses. */
const wideCodes = {
  null: 0x40,
  boolean: 0x56,
  ubyte: 0x50,
  ushort: 0x60,
  uint: 0x70,
  ulong: 0x80,
  byte: 0x51,
  short: 0x61,
  int: 0x71,
  long: 0x81,
  float: 0x72,
  double: 0x82,
  decimal32: 0x74,
  decimal64: 0x84,
  decimal128: 0x94,
  char: 0x73,
  timestamp: 0x83,
  uuid: 0x98,
  binary: 0xb0,
  string: 0xb1,
  symbol: 0xb3,
  list: 0xd0,
  map: 0xd1,
  array: 0xf0,
} as const satisfies Record<AmqpElementType, number>
