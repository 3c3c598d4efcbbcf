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

  /** @throws EhubError `integrity` for a block that is not whole, naming file, block and byte. */
  nextBlock(): Promise<AvroBlock | null> {
    return this.#file.nextBlock()
  }

  /**
   * Hands over every record of the block in order.
   * @throws EhubError `integrity` naming file, block, record and byte, after everything before it has been handed over; whatever
   *   `take` throws.
   */
  forEach({ index, at, count, payload }: AvroBlock, take: (record: CaptureRecord) => void): void {
    const cursor = this.#cursor
    cursor.open(payload, 0, payload.length)
    const { name } = this.#file
    for (let i = 0; i < count; i += 1) {
      const start = cursor.position
      let record: CaptureRecord
      try {
        record = this.#decode(cursor)
      } catch (error) {
        if (!(error instanceof EhubError)) throw error
        throw damaged(name, index, at, `record ${i} of ${count}, ${start} bytes into it: ${error.message}`, error)
      }
      take(record)
    }
    if (cursor.left > 0) throw damaged(name, index, at, `${cursor.left} bytes are left behind its ${count} records`)
  }
}
