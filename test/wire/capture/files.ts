// Builders and readers of Capture files for the tests of this folder. avsc is the judge of what we write.

import { once } from 'node:events'
import { Readable } from 'node:stream'
import { inflateRawSync } from 'node:zlib'
import avro from 'avsc'
import snappy from 'snappyjs'
import { AvroFileWriter } from '../../../src/wire/capture/avro-file.ts'
import type { CodecName } from '../../../src/wire/capture/avro-codec.ts'
import { CaptureFileReader } from '../../../src/wire/capture/capture-reader.ts'
import { type CaptureRecord, writeCaptureRecord } from '../../../src/wire/capture/capture-record.ts'
import { hex } from '../amqp/bytes.ts'

export const sync = hex('67 26 a3 d7 10 0b 1d 49 9c 4d 19 7a b6 48 ae a8')

/** One record by hand, from the rules of Avro and what is known of the service's files. */
export const textRecord = Buffer.concat([
  hex('02'), // SequenceNumber 1
  hex('08'), // Offset of four letters
  Buffer.from('1456'),
  hex('28'), // EnqueuedTimeUtc of twenty letters
  Buffer.from('12/9/2022 4:51:25 PM'),
  hex('04'), // two system properties
  hex('26'), // name of nineteen letters
  Buffer.from('x-opt-partition-key'),
  hex('04 04'), // branch 2: string, of two letters
  Buffer.from('k9'),
  hex('26'),
  Buffer.from('x-opt-enqueued-time'),
  hex('00'), // branch 0: long
  hex('92 fe e3 fc 9e 61'), // 1670604685193
  hex('00'), // no more of them
  hex('06'), // three properties
  hex('02 6e 00 05'), // n: branch 0, -3
  hex('02 74 04 02 78'), // t: branch 2, "x"
  hex('0e'), // name of seven letters
  Buffer.from('nothing'),
  hex('08'), // branch 4: null
  hex('00'),
  hex('02'), // Body: branch 1, bytes
  hex('0e'), // of seven bytes
  Buffer.from('{"a":1}'),
])

export function recordOf(sequence: number, body: Buffer | null = Buffer.from(`body ${sequence}`)): CaptureRecord {
  return {
    sequence,
    offset: String(sequence * 256),
    enqueuedTimeMs: 1_670_604_685_193 + sequence,
    systemProperties: [['x-opt-enqueued-time', { branch: 'long', value: 1_670_604_685_193 + sequence }]],
    properties: [],
    body,
  }
}

export async function fileOfBlocks(
  codec: CodecName,
  blocks: readonly (readonly CaptureRecord[])[],
  syncMarker = sync,
): Promise<Buffer> {
  const writer = await AvroFileWriter.open({ codec, sync: syncMarker })
  const parts = [writer.header]
  for (const records of blocks) {
    for (const record of records) {
      writeCaptureRecord(writer.writer, record)
      writer.recordEnded()
    }
    parts.push(await writer.cut())
  }
  return Buffer.concat(parts)
}

export function fileOf(codec: CodecName, blockCount: number, perBlock: number): Promise<Buffer> {
  const blocks = Array.from({ length: blockCount }, (_, block) =>
    Array.from({ length: perBlock }, (__, index) => recordOf(block * perBlock + index)),
  )
  return fileOfBlocks(codec, blocks)
}

/** In pieces of so many bytes. */
export async function* streamOf(bytes: Buffer, pieceBytes = 100): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes)
}

/** Records as our reader sees them. */
export async function recordsOf(file: Buffer, pieceBytes = 100, into: CaptureRecord[] = []): Promise<CaptureRecord[]> {
  const reader = await CaptureFileReader.open('test.avro', streamOf(file, pieceBytes))
  while ((await reader.nextBlock()) !== null) {
    for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) into.push(record)
  }
  return into
}

/** avsc's own longs end at 2^53. */
const bigLong = avro.types.LongType.__with({
  fromBuffer: (buffer: Buffer) => buffer.readBigInt64LE(),
  toBuffer: (value: bigint) => Buffer.from(BigInt64Array.of(value).buffer),
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
})

/** Without avsc's classes. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number.isSafeInteger(Number(value)) ? Number(value) : value
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value
  return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, plain(item)]))
}

/** Records as avsc sees them, unions wrapped. */
export async function avscRecords(file: Buffer): Promise<object[]> {
  const decoder = new avro.streams.BlockDecoder({
    parseHook: (schema) => avro.Type.forSchema(schema, { wrapUnions: true, registry: { long: bigLong } }),
    codecs: {
      null: (bytes, done) => done(null, bytes),
      deflate: (bytes, done) => done(null, inflateRawSync(bytes)),
      snappy: (bytes, done) => done(null, Buffer.from(snappy.uncompress(bytes.subarray(0, -4)))),
    },
  })
  const records: object[] = []
  decoder.on('data', (record: object) => records.push(plain(record) as object))
  Readable.from([file]).pipe(decoder)
  await once(decoder, 'end')
  return records
}
