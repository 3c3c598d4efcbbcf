// Avro object container files (Avro 1.11 "Object Container Files") as Capture writes them. Pure: bytes in, bytes out.
//
//   4F 62 6A 01 | map: avro.codec first, then avro.schema | sync of 16 bytes | block | block | …
//   block: count of records as long | bytes as long | the records, compressed by the codec | sync
//
// With codec null the header has 490 bytes; a file without records is the header and one empty block, 508 bytes, which is
// what the service writes for an empty window. The writer is our own because avsc's takes no records that are encoded already
// and puts the schema before the codec.

import { assert } from '../../base/assert.ts'
import { ByteWriter } from '../../base/byte-writer.ts'
import { longBytesMax, putLong, writeLong, writeText } from './avro-bytes.ts'
import { type Codec, loadCodec, type CodecName } from './avro-codec.ts'
import { captureSchemaText } from './schema.ts'

export const avroMagic = Buffer.from([0x4f, 0x62, 0x6a, 0x01])
export const syncBytes = 16

/** Size at which a block should be cut, uncompressed: large enough for speed, small enough for any reader's memory. */
export const blockBytesDefault = 1024 * 1024

/** Bytes in front of the records for count and size, which are known last. */
const headRoom = 2 * longBytesMax

/** The header of a Capture file. @param sync 16 bytes, random for each file. */
export function captureFileHeader(codec: CodecName, sync: Buffer): Buffer {
  assert(sync.length === syncBytes, 'a sync marker has 16 bytes')
  const writer = new ByteWriter(512)
  writer.bytes(avroMagic)
  writeLong(writer, 2)
  writeText(writer, 'avro.codec')
  writeText(writer, codec)
  writeText(writer, 'avro.schema')
  writeText(writer, captureSchemaText)
  writer.uint8(0)
  writer.bytes(sync)
  return writer.takeCopy()
}

/** A whole file without records: with codec null exactly 508 bytes. */
export function emptyCaptureFile(codec: CodecName, sync: Buffer): Buffer {
  return Buffer.concat([captureFileHeader(codec, sync), Buffer.from([0, 0]), sync])
}

export interface AvroFileWriterOptions {
  readonly codec: CodecName
  /** 16 bytes, random for each file. */
  readonly sync: Buffer
  /** Capacity to begin with; a block's buffer grows as it must. */
  readonly blockBytes?: number
}

/**
 * Gathers records and cuts blocks. The caller writes what it is given, in order: `header` once, then every block; an empty file
 * is `emptyCaptureFile`. Synchronous but for compression; one cut at a time.
 */
export class AvroFileWriter {
  /** First bytes of the file. */
  readonly header: Buffer
  /** Records of the open block are appended here (`CaptureEncoder.write`), each followed by `recordEnded`. */
  readonly writer: ByteWriter
  /** Records in the open block. */
  count = 0
  readonly #codec: Codec
  readonly #sync: Buffer
  /** Size at which `isFull` says so. */
  readonly blockBytes: number
  /** The buffer of the block cut last, and one that was given back. */
  #lent: Buffer | null = null
  #spare: Buffer | null = null

  /** @param codec Loaded; `open` loads it. */
  constructor(codec: Codec, { sync, blockBytes = blockBytesDefault }: Omit<AvroFileWriterOptions, 'codec'>) {
    this.#codec = codec
    this.#sync = sync
    this.blockBytes = blockBytes
    this.header = captureFileHeader(codec.name, sync)
    this.writer = new ByteWriter(blockBytes + blockBytes / 8)
    this.writer.position = headRoom
  }

  static async open(options: AvroFileWriterOptions): Promise<AvroFileWriter> {
    return new AvroFileWriter(await loadCodec(options.codec), options)
  }

  /** Uncompressed bytes of the open block. */
  get bytes(): number {
    return this.writer.position - headRoom
  }

  /** The open block has reached the size given; cut it. */
  get isFull(): boolean {
    return this.bytes >= this.blockBytes
  }

  /** The records of the open block, uncompressed; a view. */
  get openRecords(): Buffer {
    return this.writer.buffer.subarray(headRoom, this.writer.position)
  }

  recordEnded(): void {
    this.count += 1
  }

  /** Forgets what was appended since the last `recordEnded`, given where `writer` was then. */
  rollback(position: number): void {
    this.writer.position = position
  }

  /**
   * Ends the open block. @returns Its bytes, the caller's until `giveBack`. Not to be called without records: an empty block in
   * the middle of a file is legal but some readers end there.
   */
  cut(): Buffer | Promise<Buffer> {
    assert(this.count > 0, 'a block has records')
    const { buffer, position } = this.writer
    const count = this.count
    this.writer.buffer = this.#spare ?? Buffer.allocUnsafe(buffer.length)
    this.#spare = null
    this.writer.position = headRoom
    this.count = 0
    if (this.#codec.name === 'null') return this.#inPlace(buffer, position, count)
    const compressed = this.#codec.compress(buffer.subarray(headRoom, position))
    return compressed instanceof Promise
      ? compressed.then((bytes) => this.#framed(bytes, count))
      : this.#framed(compressed, count)
  }

  /** Lets a later block use the memory of one that has been written. */
  giveBack(block: Buffer): void {
    if (this.#lent === null || this.#lent.buffer !== block.buffer) return
    this.#spare = this.#lent
    this.#lent = null
  }

  /** Count and size right in front of the records, the sync behind: nothing is copied. */
  #inPlace(buffer: Buffer, end: number, count: number): Buffer {
    const head = Buffer.alloc(headRoom)
    const headBytes = putLong(head, putLong(head, 0, count), end - headRoom)
    const start = headRoom - headBytes
    head.copy(buffer, start, 0, headBytes)
    let whole = buffer
    if (buffer.length < end + syncBytes) {
      whole = Buffer.allocUnsafe(end + syncBytes)
      buffer.copy(whole, 0, 0, end)
    }
    this.#sync.copy(whole, end)
    this.#lent = whole
    return whole.subarray(start, end + syncBytes)
  }

  #framed(payload: Buffer, count: number): Buffer {
    const head = Buffer.alloc(headRoom)
    const headBytes = putLong(head, putLong(head, 0, count), payload.length)
    return Buffer.concat([head.subarray(0, headBytes), payload, this.#sync])
  }
}
