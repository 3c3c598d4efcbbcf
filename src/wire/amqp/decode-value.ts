// Bytes to values, from a peer nobody trusts: every length is compared with the bytes that are there before anything is
// allocated, nesting and element counts are bounded, and the work of one frame is bounded by its number of nodes.
// A decoder returns a value or throws `decode-error`. Values own their bytes: nothing points into the buffer decoded,
// which is a socket's read buffer and is overwritten by the next read.
//
// A constructor byte says how many bytes follow (AMQP 1.0 §1.2):
//
//   0x4_ none   0x5_ 1   0x6_ 2   0x7_ 4   0x8_ 8   0x9_ 16      fixed width
//   0xa_ length 1 byte   0xb_ length 4 bytes                     variable width
//   0xc_ size and count 1 byte each   0xd_ 4 bytes each          compound
//   0xe_ size and count 1 byte each   0xf_ 4 bytes each          array: one constructor, then the elements
//   0x00 descriptor value, then the constructor proper           described

import { isUtf8 } from 'node:buffer'
import { emptyBuffer } from '../../base/bytes.ts'
import { EhubError } from '../../base/error.ts'
import { falseValue, nullValue, trueValue, type AmqpElementType, type AmqpValue } from './types.ts'

/** Levels of lists, maps, arrays and described types inside one another (security rule S2). */
export const valueDepthMax = 32
/** Elements of one list, map (keys and values) or array. */
export const elementsMax = 65_536
/** Values of all kinds in one frame. */
export const nodesMax = 200_000

interface Encoding {
  readonly type: AmqpElementType
  /** Of a fixed or variable width value whose bytes are known to be there; null for compounds and arrays. */
  readonly read: ((buffer: Buffer, at: number, length: number) => AmqpValue) | null
}

/** Decodes exactly one value that takes all of `buffer[start, end)`. @throws EhubError `decode-error`. */
export function decodeValue(buffer: Buffer, start = 0, end = buffer.length): AmqpValue {
  const decoder = new ValueDecoder(buffer, start, end)
  const value = decoder.readValue()
  if (decoder.position !== end) throw decodeError(`${end - decoder.position} bytes left over`, decoder.position)
  return value
}

/** Reads values one after another; the node budget is shared by all it reads, so one decoder serves one frame. */
export class ValueDecoder {
  readonly buffer: Buffer
  position: number
  end: number
  #nodes = 0

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = start
    this.end = end
  }

  /** One value of any type. @throws EhubError `decode-error`. */
  readValue(depth = 0): AmqpValue {
    const code = this.readByte()
    if (code !== 0) return this.#readOf(code, depth)
    checkDepth(depth, this.position)
    this.#countNodes(1)
    const descriptor = this.readValue(depth + 1)
    return { type: 'described', descriptor, value: this.readValue(depth + 1) }
  }

  readByte(): number {
    const value = this.position < this.end ? this.buffer[this.position] : undefined
    if (value === undefined) throw decodeError('bytes end inside a value', this.position)
    this.position += 1
    return value
  }

  /** The next constructor byte without taking it. */
  peekByte(): number {
    const value = this.readByte()
    this.position -= 1
    return value
  }

  /** Steps over one value without decoding it. */
  skipValue(): void {
    this.position = skipValue(this.buffer, this.position, this.end)
  }

  /** A 1 or 4 byte length or count. */
  readSize(width: number): number {
    if (width > this.end - this.position) throw decodeError('bytes end inside a length', this.position)
    const size = width === 1 ? this.buffer.readUInt8(this.position) : this.buffer.readUInt32BE(this.position)
    this.position += width
    return size
  }

  #countNodes(count: number): void {
    this.#nodes += count
    if (this.#nodes > nodesMax) throw decodeError(`more than ${nodesMax} values in one frame`, this.position)
  }

  #readOf(code: number, depth: number): AmqpValue {
    const encoding = encodings[code]
    if (encoding === undefined) throw unknownConstructor(code, this.position - 1)
    this.#countNodes(1)
    if (encoding.read !== null) {
      const length = code >= 0xa0 ? this.readSize(lengthWidth(code)) : fixedWidth(code)
      const at = this.position
      if (length > this.end - at) throw decodeError(`${encoding.type} of ${length} bytes has ${this.end - at}`, at)
      this.position = at + length
      return encoding.read(this.buffer, at, length)
    }
    if (code === 0x45) return { type: 'list', value: [] }
    checkDepth(depth, this.position)
    return this.#readCompound(code, encoding.type, depth)
  }

  #readCompound(code: number, type: AmqpElementType, depth: number): AmqpValue {
    const outerEnd = this.end
    const width = lengthWidth(code)
    const size = this.readSize(width)
    if (size < width || size > outerEnd - this.position) {
      throw decodeError(`${type} of ${size} bytes has ${outerEnd - this.position}`, this.position)
    }
    const end = this.position + size
    this.end = end
    const count = this.readSize(width)
    const value =
      type === 'array'
        ? this.#readArray(count, depth)
        : type === 'map'
          ? this.#readMap(count, depth)
          : this.#readList(count, depth)
    if (this.position !== end) throw decodeError(`${type} leaves ${end - this.position} of its bytes`, this.position)
    this.end = outerEnd
    return value
  }

  #checkCount(type: string, count: number, widthMin: number): void {
    if (count > elementsMax) throw decodeError(`${type} of ${count} elements exceeds ${elementsMax}`, this.position)
    const left = this.end - this.position
    if (count * widthMin > left) throw decodeError(`${type} of ${count} elements has ${left} bytes`, this.position)
  }

  #readList(count: number, depth: number): AmqpValue {
    this.#checkCount('list', count, 1)
    const value: AmqpValue[] = []
    for (let i = 0; i < count; i += 1) value.push(this.readValue(depth + 1))
    return { type: 'list', value }
  }

  #readMap(count: number, depth: number): AmqpValue {
    if (count % 2 !== 0) throw decodeError(`map of ${count} keys and values is not of pairs`, this.position)
    this.#checkCount('map', count, 1)
    const value: [AmqpValue, AmqpValue][] = []
    for (let i = 0; i < count; i += 2) {
      const key = this.readValue(depth + 1)
      value.push([key, this.readValue(depth + 1)])
    }
    return { type: 'map', value }
  }

  #readArray(count: number, depth: number): AmqpValue {
    const descriptors: AmqpValue[] = []
    let code = this.readByte()
    for (; code === 0; code = this.readByte()) {
      checkDepth(depth + descriptors.length + 1, this.position)
      descriptors.push(this.readValue(depth + descriptors.length + 1))
    }
    const encoding = encodings[code]
    if (encoding === undefined) throw unknownConstructor(code, this.position - 1)
    // An element without bytes of its own counts as one byte: else some thirty bytes could ask for four billion elements.
    this.#checkCount('array', count, Math.max(1, fixedOrLengthWidth(code)))
    const value: AmqpValue[] = []
    for (let i = 0; i < count; i += 1) value.push(this.#readOf(code, depth + descriptors.length + 1))
    const elementType = encoding.type
    return descriptors.length === 0
      ? { type: 'array', elementType, value }
      : { type: 'array', elementType, descriptors, value }
  }
}

/**
 * Where the value at `at` ends, from its constructor and sizes alone: constant time, nothing inside is looked at.
 * @returns A position at most `end`. @throws EhubError `decode-error`.
 */
export function skipValue(buffer: Buffer, at: number, end: number): number {
  if (at >= end) throw decodeError('bytes end inside a value', at)
  const code = buffer[at] ?? 0
  return code === 0 ? skipDescribed(buffer, at + 1, end) : skipPlain(buffer, at + 1, end, code)
}

/** @param at Behind the constructor `code`, which is no descriptor's. */
function skipPlain(buffer: Buffer, at: number, end: number, code: number): number {
  if (code < 0x40) throw unknownConstructor(code, at - 1)
  let start = at
  let width = fixedWidth(code)
  if (code >= 0xa0) {
    const sizeWidth = lengthWidth(code)
    if (sizeWidth > end - at) throw decodeError('bytes end inside a length', at)
    width = sizeWidth === 1 ? (buffer[at] ?? 0) : buffer.readUInt32BE(at)
    start += sizeWidth
  }
  if (width > end - start) throw decodeError(`value of ${width} bytes has ${end - start}`, start)
  return start + width
}

/** @param at Behind the first 0x00. A descriptor may be described itself: each one makes two values of one. */
function skipDescribed(buffer: Buffer, at: number, end: number): number {
  let position = at
  let descriptors = 1
  for (let pending = 2; pending > 0; ) {
    if (position >= end) throw decodeError('bytes end inside a value', position)
    const code = buffer[position] ?? 0
    position += 1
    if (code === 0) {
      descriptors += 1
      if (descriptors > valueDepthMax) throw decodeError(`types nested deeper than ${valueDepthMax}`, position)
      pending += 1
    } else {
      position = skipPlain(buffer, position, end, code)
      pending -= 1
    }
  }
  return position
}

export function decodeError(what: string, at: number): EhubError {
  return new EhubError('decode-error', `AMQP: ${what}, at byte ${at}`)
}

function unknownConstructor(code: number, at: number): EhubError {
  return decodeError(`unknown constructor 0x${code.toString(16).padStart(2, '0')}`, at)
}

function checkDepth(depth: number, at: number): void {
  if (depth >= valueDepthMax) throw decodeError(`types nested deeper than ${valueDepthMax}`, at)
}

/** Bytes of a fixed width value: 0x4_ → 0, 0x5_ → 1, 0x6_ → 2, … 0x9_ → 16. */
function fixedWidth(code: number): number {
  return code < 0x50 ? 0 : 1 << ((code >> 4) - 5)
}

/** Bytes of the length field of everything from 0xa0 on. */
function lengthWidth(code: number): number {
  return (code & 0x10) === 0 ? 1 : 4
}

function fixedOrLengthWidth(code: number): number {
  return code < 0xa0 ? fixedWidth(code) : lengthWidth(code)
}

/** @throws EhubError `decode-error` for bytes that are not UTF-8. */
export function decodeText(buffer: Buffer, at: number, length: number): string {
  const text = buffer.toString('utf8', at, at + length)
  // The replacement character stands for damage, or for itself.
  if (text.includes('\ufffd') && !isUtf8(buffer.subarray(at, at + length))) throw decodeError('text is not UTF-8', at)
  return text
}

function decodeChar(buffer: Buffer, at: number): number {
  const point = buffer.readUInt32BE(at)
  if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
    throw decodeError(`char 0x${point.toString(16)} is not a Unicode scalar value`, at)
  }
  return point
}

function decodeBoolean(buffer: Buffer, at: number): AmqpValue {
  const byte = buffer.readUInt8(at)
  if (byte > 1) throw decodeError(`boolean of value ${byte}`, at)
  return byte === 1 ? trueValue : falseValue
}

function copyOf(buffer: Buffer, at: number, length: number): Buffer {
  if (length === 0) return emptyBuffer
  return Buffer.from(buffer.subarray(at, at + length))
}

/** AMQP 1.0 §1.6, by constructor byte. */
const encodings: readonly (Encoding | undefined)[] = (() => {
  const table = new Array<Encoding | undefined>(256).fill(undefined)
  const add = (code: number, type: AmqpElementType, read: Encoding['read']) => {
    table[code] = { type, read }
  }
  add(0x40, 'null', () => nullValue)
  add(0x41, 'boolean', () => trueValue)
  add(0x42, 'boolean', () => falseValue)
  add(0x56, 'boolean', decodeBoolean)
  add(0x50, 'ubyte', (buffer, at) => ({ type: 'ubyte', value: buffer.readUInt8(at) }))
  add(0x60, 'ushort', (buffer, at) => ({ type: 'ushort', value: buffer.readUInt16BE(at) }))
  add(0x43, 'uint', () => ({ type: 'uint', value: 0 }))
  add(0x52, 'uint', (buffer, at) => ({ type: 'uint', value: buffer.readUInt8(at) }))
  add(0x70, 'uint', (buffer, at) => ({ type: 'uint', value: buffer.readUInt32BE(at) }))
  add(0x44, 'ulong', () => ({ type: 'ulong', value: 0n }))
  add(0x53, 'ulong', (buffer, at) => ({ type: 'ulong', value: BigInt(buffer.readUInt8(at)) }))
  add(0x80, 'ulong', (buffer, at) => ({ type: 'ulong', value: buffer.readBigUInt64BE(at) }))
  add(0x51, 'byte', (buffer, at) => ({ type: 'byte', value: buffer.readInt8(at) }))
  add(0x61, 'short', (buffer, at) => ({ type: 'short', value: buffer.readInt16BE(at) }))
  add(0x54, 'int', (buffer, at) => ({ type: 'int', value: buffer.readInt8(at) }))
  add(0x71, 'int', (buffer, at) => ({ type: 'int', value: buffer.readInt32BE(at) }))
  add(0x55, 'long', (buffer, at) => ({ type: 'long', value: BigInt(buffer.readInt8(at)) }))
  add(0x81, 'long', (buffer, at) => ({ type: 'long', value: buffer.readBigInt64BE(at) }))
  add(0x72, 'float', (buffer, at) => ({ type: 'float', value: buffer.readFloatBE(at) }))
  add(0x82, 'double', (buffer, at) => ({ type: 'double', value: buffer.readDoubleBE(at) }))
  add(0x74, 'decimal32', (buffer, at, length) => ({ type: 'decimal32', value: copyOf(buffer, at, length) }))
  add(0x84, 'decimal64', (buffer, at, length) => ({ type: 'decimal64', value: copyOf(buffer, at, length) }))
  add(0x94, 'decimal128', (buffer, at, length) => ({ type: 'decimal128', value: copyOf(buffer, at, length) }))
  add(0x73, 'char', (buffer, at) => ({ type: 'char', value: decodeChar(buffer, at) }))
  add(0x83, 'timestamp', (buffer, at) => ({ type: 'timestamp', value: buffer.readBigInt64BE(at) }))
  add(0x98, 'uuid', (buffer, at, length) => ({ type: 'uuid', value: copyOf(buffer, at, length) }))
  for (const code of [0xa0, 0xb0]) {
    add(code, 'binary', (buffer, at, length) => ({ type: 'binary', value: copyOf(buffer, at, length) }))
    add(code + 1, 'string', (buffer, at, length) => ({ type: 'string', value: decodeText(buffer, at, length) }))
    add(code + 3, 'symbol', (buffer, at, length) => ({ type: 'symbol', value: decodeText(buffer, at, length) }))
  }
  for (const code of [0x45, 0xc0, 0xd0]) add(code, 'list', null)
  for (const code of [0xc1, 0xd1]) add(code, 'map', null)
  for (const code of [0xe0, 0xf0]) add(code, 'array', null)
  return table
})()
