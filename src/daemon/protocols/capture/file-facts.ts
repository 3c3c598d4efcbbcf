// What is in a Capture file, from its block heads, its first record and its last block: for destinations that keep nothing beside
// a file. Blocks in between are stepped over, so a file of hundreds of megabytes costs a few hundred small reads.

import { isEhubError } from '../../../base/error.ts'
import { AvroCursor, longBytesMax } from '../../../wire/capture/avro-bytes.ts'
import { loadCodec } from '../../../wire/capture/avro-codec.ts'
import { avroMagic, syncBytes } from '../../../wire/capture/avro-file.ts'
import { readCaptureRecord } from '../../../wire/capture/capture-record.ts'
import type { FileFacts } from './destination.ts'

/** Up to `length` bytes from `at`; fewer only at the end of the file. */
export type ReadAt = (at: number, length: number) => Promise<Buffer>

/** Headers of Capture files have 490 bytes; other writers' may be longer. */
const headerBytesMax = 16 * 1024
/** A block beyond it is not looked into. */
const blockBytesMax = 64 * 1024 * 1024

interface Block {
  readonly count: number
  readonly at: number
  readonly length: number
}

/** null: it is no Capture file, or is damaged. Rejects with what `read` rejects with. */
export async function readFileFacts(read: ReadAt, fileBytes: number): Promise<Omit<FileFacts, 'bytes'> | null> {
  try {
    return await factsOf(read, fileBytes)
  } catch (error) {
    if (isEhubError(error, 'decode-error') || isEhubError(error, 'not-supported')) return null
    throw error
  }
}

async function factsOf(read: ReadAt, fileBytes: number): Promise<Omit<FileFacts, 'bytes'>> {
  const header = await read(0, Math.min(headerBytesMax, fileBytes))
  const cursor = new AvroCursor(header)
  const codecName = readHeader(cursor)
  let events = 0
  let first: Block | null = null
  let last: Block | null = null
  let at = cursor.position
  while (at < fileBytes) {
    const head = new AvroCursor(await read(at, Math.min(2 * longBytesMax, fileBytes - at)))
    const block = { count: head.readLong(), length: head.readLong(), at: at + head.position }
    if (block.count < 0 || block.length < 0 || block.at + block.length + syncBytes > fileBytes)
      throw head.wrong('a block')
    at = block.at + block.length + syncBytes
    if (block.count === 0) continue
    events += block.count
    first ??= block
    last = block
  }
  if (first === null || last === null) return { events, firstSequence: -1, lastSequence: -1 }
  const firsts = await sequencesOf(read, first, codecName)
  const lasts = first === last ? firsts : await sequencesOf(read, last, codecName)
  return { events, firstSequence: firsts.first, lastSequence: lasts.last }
}

/** @returns The codec's name. */
function readHeader(cursor: AvroCursor): string {
  if (!cursor.buffer.subarray(0, avroMagic.length).equals(avroMagic)) throw cursor.wrong('no Avro file')
  cursor.position = avroMagic.length
  let codec = 'null'
  for (let count = cursor.readMapCount(); count > 0; count = cursor.readMapCount()) {
    for (let i = 0; i < count; i += 1) {
      const name = cursor.readText('name')
      const value = cursor.readText('value')
      if (name === 'avro.codec') codec = value
    }
  }
  cursor.position += syncBytes
  return codec
}

async function sequencesOf(
  read: ReadAt,
  { at, length, count }: Block,
  codecName: string,
): Promise<{ readonly first: number; readonly last: number }> {
  const codec = await loadCodec(codecName)
  const bytes = await read(at, Math.min(length, blockBytesMax))
  const cursor = new AvroCursor(await codec.decompress(bytes, blockBytesMax))
  const first = readCaptureRecord(cursor).sequence
  let last = first
  for (let i = 1; i < count; i += 1) last = readCaptureRecord(cursor).sequence
  return { first, last }
}
