// Bytes written one after another into a buffer that grows. Network byte order (big endian), as every protocol here.
// One writer, one owner: `taken` hands out a view of the writer's own buffer, valid until the next write.

const bytesMin = 64

export class ByteWriter {
  /** Written up to `position`; replaced by a larger one when it is full, so never keep it across a write. */
  buffer: Buffer
  position = 0

  /** @param into Capacity in bytes to start with, or a buffer to write over from its beginning. */
  constructor(into: number | Buffer = 256) {
    this.buffer = typeof into === 'number' ? Buffer.allocUnsafe(Math.max(into, bytesMin)) : into
  }

  /** Makes room for `count` more bytes; the writes below call it themselves. */
  reserve(count: number): void {
    const needed = this.position + count
    if (needed <= this.buffer.length) return
    const grown = Buffer.allocUnsafe(Math.max(needed, this.buffer.length * 2, bytesMin))
    this.buffer.copy(grown, 0, 0, this.position)
    this.buffer = grown
  }

  uint8(value: number): void {
    this.reserve(1)
    this.buffer[this.position] = value
    this.position += 1
  }

  uint16(value: number): void {
    this.reserve(2)
    this.position = this.buffer.writeUInt16BE(value, this.position)
  }

  uint32(value: number): void {
    this.reserve(4)
    this.position = this.buffer.writeUInt32BE(value, this.position)
  }

  int32(value: number): void {
    this.reserve(4)
    this.position = this.buffer.writeInt32BE(value, this.position)
  }

  /** `value` modulo 2^64, so that signed values work too. */
  uint64(value: bigint): void {
    this.reserve(8)
    this.position = this.buffer.writeBigUInt64BE(BigInt.asUintN(64, value), this.position)
  }

  bytes(value: Uint8Array): void {
    this.reserve(value.length)
    this.buffer.set(value, this.position)
    this.position += value.length
  }

  /** @param byteLength `Buffer.byteLength(text)`, which the caller knows because it wrote the length first. */
  utf8(text: string, byteLength: number): void {
    this.reserve(byteLength)
    this.buffer.write(text, this.position, byteLength, 'utf8')
    this.position += byteLength
  }

  /** What was written so far, a view. */
  taken(): Buffer {
    return this.buffer.subarray(0, this.position)
  }

  /** What was written so far as bytes of its own; the writer starts again at 0. */
  takeCopy(): Buffer {
    const copy = Buffer.from(this.taken())
    this.position = 0
    return copy
  }

  clear(): void {
    this.position = 0
  }
}
