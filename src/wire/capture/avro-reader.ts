// Reads Avro object container files as they come in, of any writer: metadata in any order and several map blocks, the codecs
// of `avro-codec.ts`, blocks without records. Bounded whatever the file says: nothing is allocated for bytes that have not come,
// a block may have 512 MiB, as many as the largest Capture file.

import { EhubError } from '../../base/error.ts'
import { AvroCursor } from './avro-bytes.ts'
import { type Codec, loadCodec } from './avro-codec.ts'
import { avroMagic, syncBytes } from './avro-file.ts'

/** Largest block, compressed or not. */
export const blockBytesMax = 512 * 1024 * 1024
/** Largest header: a schema of a few kilobytes and a writer's own entries. */
const headerBytesMax = 16 * 1024 * 1024
/** A block's size is believed up to so much before its bytes have come. */
const trustedBytes = 16 * 1024 * 1024
/** As much is looked at for numbers in front of a block. */
const blockHeadBytesMax = 20

export interface AvroBlock {
  /** From 0. */
  readonly index: number
  /** Where in the file it begins. */
  readonly at: number
  /** Records in it. */
  readonly count: number
  /** The records, uncompressed. */
  readonly payload: Buffer
}

export interface AvroHeader {
  readonly schemaText: string
  readonly codec: string
  /** Other entries, such as a writer's own. */
  readonly metadata: ReadonlyMap<string, Buffer>
  readonly sync: Buffer
}

/** Chunks of a file in order, of any size. */
export type ByteStream = AsyncIterable<Buffer>

export class AvroFileReader {
  readonly name: string
  readonly header: AvroHeader
  readonly #input: Input
  readonly #codec: Codec
  #index = 0

  private constructor(name: string, header: AvroHeader, input: Input, codec: Codec) {
    this.name = name
    this.header = header
    this.#input = input
    this.#codec = codec
  }

  /**
   * Reads the header.
   * @param name Of the file, for errors.
   * @throws EhubError `decode-error` for what is no Avro file, `not-supported` for an unknown codec, the stream's own errors.
   */
  static async open(name: string, stream: ByteStream): Promise<AvroFileReader> {
    const input = new Input(stream)
    const header = await readHeader(name, input)
    return new AvroFileReader(name, header, input, await loadCodec(header.codec))
  }

  /** Bytes of the file behind the block given last: what has been dealt with. */
  get position(): number {
    return this.#input.position
  }

  /**
   * The next block; null at the end of the file, which is only right behind a block. Its payload is valid until the next call.
   * @throws EhubError `integrity` naming file, block and byte, for a block that is not whole or not as it was written.
   */
  async nextBlock(): Promise<AvroBlock | null> {
    const input = this.#input
    const at = input.position
    await input.fill(blockHeadBytesMax)
    if (input.available === 0) return null
    const head = new AvroCursor(input.buffer, input.start, input.end)
    const count = this.#number(head, at, 'count')
    const size = this.#number(head, at, 'size')
    if (size > blockBytesMax) throw this.#damaged(at, `a size of ${size} bytes, at most ${blockBytesMax}`)
    input.take(head.position - input.start)
    await input.fill(size + syncBytes)
    if (input.available < size + syncBytes) {
      throw this.#damaged(at, `${size + syncBytes} bytes should follow, the file has ${input.available}`)
    }
    const payloadStart = input.start
    const payload = input.buffer.subarray(payloadStart, payloadStart + size)
    const sync = input.buffer.subarray(payloadStart + size, payloadStart + size + syncBytes)
    if (!sync.equals(this.header.sync)) throw this.#damaged(at, 'its end is not marked: bytes are missing or too many')
    input.take(size + syncBytes)
    const index = this.#index
    this.#index += 1
    try {
      return { index, at, count, payload: count === 0 ? payload : await this.#codec.decompress(payload, blockBytesMax) }
    } catch (error) {
      if (error instanceof EhubError) throw damaged(this.name, index, at, error.message, error)
      throw error
    }
  }

  #number(cursor: AvroCursor, at: number, what: string): number {
    try {
      const value = cursor.readLong()
      if (value >= 0) return value
      throw new EhubError('decode-error', `${what} of ${value}`)
    } catch (error) {
      if (error instanceof EhubError) throw this.#damaged(at, error.message)
      throw error
    }
  }

  #damaged(at: number, what: string): EhubError {
    return damaged(this.name, this.#index, at, what)
  }
}

/** What is wrong in a block. */
export function damaged(name: string, index: number, at: number, what: string, cause?: unknown): EhubError {
  return new EhubError('integrity', `${name}: block ${index} at byte ${at} is damaged: ${what}`, {
    ...(cause === undefined ? {} : { cause }),
    hint: 'everything before this block is intact',
  })
}

async function readHeader(name: string, input: Input): Promise<AvroHeader> {
  const wrong = (what: string) => new EhubError('decode-error', `${name} is not an Avro file: ${what}`)
  await input.fill(avroMagic.length)
  if (input.available === 0) throw wrong('it is empty')
  if (!input.buffer.subarray(input.start, input.start + avroMagic.length).equals(avroMagic)) {
    throw wrong('it does not begin with "Obj" and 1')
  }
  // The header says nowhere how long it is: tried with more and more of it.
  for (let wanted = 4096; ; wanted *= 2) {
    const isAll = await input.fill(wanted)
    const cursor = new AvroCursor(input.buffer, input.start + avroMagic.length, input.end)
    try {
      const metadata = readMetadata(cursor)
      const sync = Buffer.from(take(cursor, syncBytes))
      input.take(cursor.position - input.start)
      const schema = metadata.get('avro.schema')
      if (schema === undefined) throw wrong('its header lacks avro.schema')
      const codec = metadata.get('avro.codec')?.toString('utf8') ?? 'null'
      return { schemaText: schema.toString('utf8'), codec: codec === '' ? 'null' : codec, metadata, sync }
    } catch (error) {
      if (!(error instanceof EhubError) || error.message.startsWith(name)) throw error
      if (isAll && wanted < headerBytesMax) continue
      throw wrong(isAll ? `its header exceeds ${headerBytesMax} bytes` : `its header ends early (${error.message})`)
    }
  }
}

function readMetadata(cursor: AvroCursor): Map<string, Buffer> {
  const metadata = new Map<string, Buffer>()
  for (let count = cursor.readMapCount(); count > 0; count = cursor.readMapCount()) {
    for (let i = 0; i < count; i += 1) {
      const key = cursor.readText('metadata key')
      metadata.set(key, Buffer.from(cursor.readBytes('metadata value')))
    }
  }
  return metadata
}

function take(cursor: AvroCursor, count: number): Buffer {
  if (cursor.left < count) throw cursor.wrong('bytes end inside the header')
  cursor.position += count
  return cursor.buffer.subarray(cursor.position - count, cursor.position)
}

/** A window on the stream: `buffer[start, end)` has come and is not taken. */
class Input {
  buffer: Buffer = Buffer.alloc(0)
  start = 0
  end = 0
  /** Of the file, where `start` is. */
  position = 0
  readonly #chunks: AsyncIterator<Buffer>
  #isEnded = false
  /** The buffer is ours to append to, not the stream's chunk. */
  #isOwn = false

  constructor(stream: ByteStream) {
    this.#chunks = stream[Symbol.asyncIterator]()
  }

  get available(): number {
    return this.end - this.start
  }

  take(count: number): void {
    this.start += count
    this.position += count
  }

  /** Reads until so many bytes are there or the stream ends. @returns Whether they are there. */
  async fill(count: number): Promise<boolean> {
    while (this.available < count && !this.#isEnded) {
      const next = await this.#chunks.next()
      if (next.done === true) this.#isEnded = true
      else this.#append(next.value, count)
    }
    return this.available >= count
  }

  #append(chunk: Buffer, wanted: number): void {
    if (this.available === 0) {
      this.buffer = chunk
      this.start = 0
      this.end = chunk.length
      this.#isOwn = false
      return
    }
    // What was given out are views, so bytes are never moved within a buffer; a new one is made where they do not fit.
    if (!this.#isOwn || this.end + chunk.length > this.buffer.length) {
      const target = Math.min(wanted + chunk.length, Math.max(this.available * 2, trustedBytes))
      const grown = Buffer.allocUnsafe(Math.max(this.available + chunk.length, target))
      this.buffer.copy(grown, 0, this.start, this.end)
      this.buffer = grown
      this.end -= this.start
      this.start = 0
      this.#isOwn = true
    }
    chunk.copy(this.buffer, this.end)
    this.end += chunk.length
  }
}
