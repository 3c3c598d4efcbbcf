// The records of a Capture file, block by block: those with the service's schema by our own decoder, several times faster than
// avsc's, all others through schema resolution.

import { EhubError } from '../../base/error.ts'
import { AvroCursor } from './avro-bytes.ts'
import { AvroFileReader, type AvroBlock, type ByteStream, damaged } from './avro-reader.ts'
import { type CaptureRecord, readCaptureRecord } from './capture-record.ts'
import { foreignDecoder, type RecordDecoder } from './foreign-schema.ts'
import { captureSchemaText } from './schema.ts'

export class CaptureFileReader {
  readonly #file: AvroFileReader
  readonly #decode: RecordDecoder
  readonly #cursor = new AvroCursor(Buffer.alloc(0))
  #block: AvroBlock | null = null
  /** Records of the block handed over. */
  #given = 0

  private constructor(file: AvroFileReader, decode: RecordDecoder) {
    this.#file = file
    this.#decode = decode
  }

  /**
   * @param name Of the file, for errors.
   * @throws EhubError `decode-error` for what is no Avro file or of another schema, `not-supported` for an unknown codec.
   */
  static async open(name: string, stream: ByteStream): Promise<CaptureFileReader> {
    const file = await AvroFileReader.open(name, stream)
    const { schemaText } = file.header
    const isOurs = schemaText === captureSchemaText
    return new CaptureFileReader(file, isOurs ? readCaptureRecord : await foreignDecoder(schemaText, name))
  }

  get codec(): string {
    return this.#file.header.codec
  }

  /** Bytes of the file that have been dealt with. */
  get position(): number {
    return this.#file.position
  }

  /**
   * Moves to the next block; null at the end of the file.
   * @throws EhubError `integrity` for a block that is not whole, naming file, block and byte.
   */
  async nextBlock(): Promise<AvroBlock | null> {
    this.#block = null
    const block = await this.#file.nextBlock()
    if (block === null) return null
    this.#block = block
    this.#given = 0
    this.#cursor.open(block.payload, 0, block.payload.length)
    return block
  }

  /**
   * The block's next record; null behind its last.
   * @throws EhubError `integrity` naming file, block, record and byte, after everything before it has been handed over.
   */
  nextRecord(): CaptureRecord | null {
    const block = this.#block
    if (block === null) return null
    const cursor = this.#cursor
    const { index, at, count } = block
    if (this.#given === count) {
      this.#block = null
      if (cursor.left === 0) return null
      throw damaged(this.#file.name, index, at, `${cursor.left} bytes are left behind its ${count} records`)
    }
    const start = cursor.position
    try {
      const record = this.#decode(cursor)
      this.#given += 1
      return record
    } catch (error) {
      this.#block = null
      if (!(error instanceof EhubError)) throw error
      const what = `record ${this.#given} of ${count}, ${start} bytes into it: ${error.message}`
      throw damaged(this.#file.name, index, at, what, error)
    }
  }
}
