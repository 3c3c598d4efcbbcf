// Avro's binary encoding, as far as Capture files need it (Avro 1.11 "Binary Encoding"). avsc encodes whole values only; a
// record that goes from stored bytes to Avro bytes without becoming an object needs the pieces.
//
//   int, long      zigzag, then 7 bits a byte, lowest first, high bit: more follow
//   bytes, string  length as long, then the bytes
//   double         8 bytes, little endian
//   map            blocks of: count as long (negative: its absolute value, then the block's bytes as long), pairs; ends with 0
//   union          index as long, then the value

import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'

/** Most bytes a long takes. */
export const longBytesMax = 10

// Within it a zigzag value fits 31 bits, so that shifts do.
const smallMax = 0x3fff_ffff

/** @param value A safe integer. */
export function writeLong(writer: ByteWriter, value: number): void {
  writer.reserve(longBytesMax)
  writer.position = putLong(writer.buffer, writer.position, value)
}

/** @param value Within 64 bits, signed. */
export function writeBigLong(writer: ByteWriter, value: bigint): void {
  writer.reserve(longBytesMax)
  let rest = BigInt.asUintN(64, (value << 1n) ^ (value >> 63n))
  while (rest > 0x7fn) {
    writer.uint8(Number(rest & 0x7fn) | 0x80)
    rest >>= 7n
  }
  writer.uint8(Number(rest))
}

/** Puts a safe integer at `at`, where `longBytesMax` bytes are free. @returns Where it ends. */
export function putLong(out: Buffer, at: number, value: number): number {
  let to = at
  if (value <= smallMax && value >= -smallMax) {
    let rest = (value << 1) ^ (value >> 31)
    while (rest > 0x7f) {
      out[to] = (rest & 0x7f) | 0x80
      rest >>>= 7
      to += 1
    }
    out[to] = rest
    return to + 1
  }
  // The first seven bits by arithmetic: doubled, a safe integer may be beyond 2^53.
  const isNegative = value < 0
  const magnitude = isNegative ? -(value + 1) : value
  out[to] = ((magnitude % 64) << 1) | (isNegative ? 1 : 0) | 0x80
  to += 1
  let rest = Math.floor(magnitude / 64)
  while (rest > 0x7f) {
    out[to] = (rest % 128) | 0x80
    rest = Math.floor(rest / 128)
    to += 1
  }
  out[to] = rest
  return to + 1
}

export function writeBytes(writer: ByteWriter, bytes: Uint8Array, start = 0, end = bytes.length): void {
  const length = end - start
  writer.reserve(longBytesMax + length)
  const at = putLong(writer.buffer, writer.position, length)
  writer.buffer.set(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end), at)
  writer.position = at + length
}

export function writeText(writer: ByteWriter, text: string): void {
  const length = Buffer.byteLength(text)
  writeLong(writer, length)
  writer.utf8(text, length)
}

export function writeDouble(writer: ByteWriter, value: number): void {
  writer.reserve(8)
  writer.position = writer.buffer.writeDoubleLE(value, writer.position)
}

/** Longer names are not kept. */
const namesLengthMax = 64

interface Name {
  readonly text: string
  readonly bytes: Buffer
}

/**
 * Reads values one after another from `buffer[position, end)`. Every length and count is compared with the bytes that are there
 * before anything is made of it, so a file cannot ask for more memory or time than it has bytes.
 */
export class AvroCursor {
  buffer: Buffer
  position: number
  end: number
  readonly #names: (Name | undefined)[] = new Array<Name | undefined>(namesLengthMax).fill(undefined)

  constructor(buffer: Buffer, start = 0, end = buffer.length) {
    this.buffer = buffer
    this.position = start
    this.end = end
  }

  open(buffer: Buffer, start: number, end: number): void {
    this.buffer = buffer
    this.position = start
    this.end = end
  }

  get left(): number {
    return this.end - this.position
  }

  /** @throws EhubError `decode-error`, also beyond 2^53 - 1. */
  readLong(): number {
    const first = this.#byte()
    if (first < 0x80) return (first >>> 1) ^ -(first & 1)
    const start = this.position - 1
    let scale = 64
    let magnitude = (first & 0x7f) >>> 1
    for (let byte = 0x80; byte >= 0x80; scale *= 128) {
      if (this.position - start >= longBytesMax) throw this.wrong('a number of more than ten bytes')
      byte = this.#byte()
      magnitude += (byte & 0x7f) * scale
    }
    const value = (first & 1) === 1 ? -magnitude - 1 : magnitude
    if (!Number.isSafeInteger(value)) throw this.wrong(`the number ${value} is beyond 2^53 - 1`)
    return value
  }

  /** @throws EhubError `decode-error`. */
  readBigLong(): bigint {
    let value = 0n
    for (let shift = 0n; ; shift += 7n) {
      if (shift > 63n) throw this.wrong('a number of more than ten bytes')
      const byte = this.#byte()
      value |= BigInt(byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    return BigInt.asIntN(64, (value >> 1n) ^ -(value & 1n))
  }

  /** Takes a length and steps over so many bytes: they end at `position`. @returns The length. */
  skipBytes(what: string): number {
    const length = this.readLong()
    if (length < 0 || length > this.left) throw this.wrong(`${what} of ${length} bytes has ${this.left}`)
    this.position += length
    return length
  }

  /** A view. */
  readBytes(what: string): Buffer {
    const length = this.skipBytes(what)
    return this.buffer.subarray(this.position - length, this.position)
  }

  readText(what: string): string {
    const length = this.skipBytes(what)
    return this.buffer.toString('utf8', this.position - length, this.position)
  }

  /** As `readText`; names come again and again, so the last one of each length is kept. */
  readName(): string {
    const length = this.skipBytes('a name')
    const start = this.position - length
    if (length >= namesLengthMax) return this.buffer.toString('utf8', start, this.position)
    const known = this.#names[length]
    if (known !== undefined && isSame(known.bytes, this.buffer, start)) return known.text
    const text = this.buffer.toString('utf8', start, this.position)
    this.#names[length] = { text, bytes: Buffer.from(this.buffer.subarray(start, this.position)) }
    return text
  }

  readDouble(): number {
    if (this.left < 8) throw this.wrong(`a double of 8 bytes has ${this.left}`)
    this.position += 8
    return this.buffer.readDoubleLE(this.position - 8)
  }

  /** Count of a map's next block, 0 at its end. Each entry takes two bytes at least. */
  readMapCount(): number {
    let count = this.readLong()
    if (count < 0) {
      count = -count
      const bytes = this.readLong()
      if (bytes < 0 || bytes > this.left) throw this.wrong(`a map block of ${bytes} bytes has ${this.left}`)
    }
    if (count * 2 > this.left) throw this.wrong(`a map of ${count} entries has ${this.left} bytes`)
    return count
  }

  wrong(what: string): EhubError {
    return new EhubError('decode-error', `Avro: ${what}, at byte ${this.position}`)
  }

  #byte(): number {
    const byte = this.position < this.end ? this.buffer[this.position] : undefined
    if (byte === undefined) throw this.wrong('bytes end inside a value')
    this.position += 1
    return byte
  }
}

function isSame(bytes: Buffer, buffer: Buffer, at: number): boolean {
  for (let i = 0; i < bytes.length; i += 1) if (bytes[i] !== buffer[at + i]) return false
  return true
}
