// The bytes of segments: header, envelope, index. All byte arithmetic of a log's own files is here, none elsewhere; the
// commit journal's is in `journal-format.ts`. docs/FORMAT.md explains what the fields are for and pins them in tables.
//
//   segment   | header | header again | envelope | envelope | … | old bytes or zeros |
//             0       512           1024
//   envelope  | crc magic generation length kind encoding flags … | payload | 0-7 zeros |
//             0                                                  80

import { assert } from '../../base/assert.ts'
import { crc32c } from '../../base/crc32c.ts'
import { align8, readU64, readU64OrNull, writeU64, writeU64OrNull } from './bytes.ts'
import type { Batch, Encoding, LogId, ProducerStamp } from './storage-engine.ts'
import { decodeSurvivors, encodeSurvivors, survivorTableBytes } from './survivor-table.ts'

/** Version of everything in a data folder; raised by any change a reader of the version before would misread. */
export const formatVersion = 2
/** What stands in headers, for people: the first version that could read the file. Segments made by compaction came with 2. */
export const firstVersion = 1

// ---------------------------------------------------------------- envelope

export const envelopeHeaderBytes = 80
/** A batch is read into memory as a whole, so its size is bounded. The largest publication allowed is far below. */
export const payloadBytesMax = 64 * 1024 * 1024
/** A table of survivors may take more room than the events that went. */
export const compactedBytesMax = 2 * payloadBytesMax
const envelopeMagic = 0x31_42_48_45 // "EHB1"
const kindBatch = 1
/** What compaction left of a batch: a table of its survivors in front of their payload. */
const kindCompacted = 2
const encodings: readonly (Encoding | null)[] = [null, 'amqp', 'kafka', 'state']
const flagProducer = 1
const flagContinues = 2

/** An envelope without its payload, as found in a file. */
export interface EnvelopeHeader {
  readonly crc: number
  readonly generation: number
  /** Header and payload, without the zeros that align the next envelope. */
  readonly lengthBytes: number
  readonly encoding: Encoding
  /** The payload begins with a table of what compaction left. */
  readonly isCompacted: boolean
  /** The append this batch belongs to goes on in the next envelope: both are kept or none. */
  readonly continues: boolean
  readonly baseSequence: number
  readonly baseOffset: number
  readonly count: number
  readonly logIdentity: number
  readonly enqueuedTimeMs: number
  /** Every event of the log below this sequence was synced when the envelope was made. */
  readonly durableEnd: number
  readonly producer: ProducerStamp | null
}

/** What the log adds to a batch. */
export interface EnvelopeContext {
  readonly generation: number
  readonly logIdentity: number
  readonly durableEnd: number
  readonly continues: boolean
}

/** Bytes an envelope takes in a file, alignment included. */
export function envelopeBytes(payloadBytes: number): number {
  return align8(envelopeHeaderBytes + payloadBytes)
}

/** Bytes the envelope of a batch takes, also of one that compaction thinned. */
export function envelopeBytesOf({ payload, survivors }: Batch): number {
  return envelopeBytes(payload.length + (survivors === undefined ? 0 : survivorTableBytes(survivors)))
}

/** Writes the envelope of `batch` at the beginning of `into`, which is exactly `envelopeBytesOf(batch)` long. */
export function encodeEnvelope(into: Buffer, batch: Batch, context: EnvelopeContext): void {
  const { producer, survivors } = batch
  const tableBytes = survivors === undefined ? 0 : survivorTableBytes(survivors)
  const lengthBytes = envelopeHeaderBytes + tableBytes + batch.payload.length
  into.writeUInt32LE(envelopeMagic, 4)
  writeU64(into, context.generation, 8)
  into.writeUInt32LE(lengthBytes, 16)
  into[20] = survivors === undefined ? kindBatch : kindCompacted
  into[21] = encodings.indexOf(batch.encoding)
  into.writeUInt16LE((producer === null ? 0 : flagProducer) | (context.continues ? flagContinues : 0), 22)
  writeU64(into, batch.baseSequence, 24)
  writeU64(into, batch.baseOffset, 32)
  into.writeUInt32LE(batch.count, 40)
  into.writeUInt32LE(context.logIdentity, 44)
  writeU64(into, batch.enqueuedTimeMs, 48)
  writeU64(into, context.durableEnd, 56)
  into.writeBigInt64LE(producer === null ? 0n : producer.producerId, 64)
  into.writeInt32LE(producer === null ? 0 : producer.firstSequence, 72)
  into.writeInt32LE(producer === null ? 0 : producer.epoch, 76)
  if (survivors !== undefined) encodeSurvivors(into, survivors, envelopeHeaderBytes)
  into.set(batch.payload, envelopeHeaderBytes + tableBytes)
  if (lengthBytes < into.length) into.fill(0, lengthBytes)
  into.writeUInt32LE(crc32c(into.subarray(4, lengthBytes)), 0)
}

/**
 * The header at `at`, or null when the bytes there are none: too few, no magic, a value nobody writes. Says nothing about
 * the checksum, which covers the payload too.
 */
export function decodeEnvelopeHeader(from: Buffer, at: number): EnvelopeHeader | null {
  if (at + envelopeHeaderBytes > from.length || from.readUInt32LE(at + 4) !== envelopeMagic) return null
  const lengthBytes = from.readUInt32LE(at + 16)
  const encoding = encodings[from[at + 21] ?? 0] ?? null
  const flags = from.readUInt16LE(at + 22)
  const header = {
    crc: from.readUInt32LE(at),
    generation: readU64(from, at + 8),
    lengthBytes,
    isCompacted: from[at + 20] === kindCompacted,
    continues: (flags & flagContinues) !== 0,
    baseSequence: readU64(from, at + 24),
    baseOffset: readU64(from, at + 32),
    count: from.readUInt32LE(at + 40),
    logIdentity: from.readUInt32LE(at + 44),
    enqueuedTimeMs: readU64(from, at + 48),
    durableEnd: readU64(from, at + 56),
  }
  const bytesMax = header.isCompacted ? compactedBytesMax : payloadBytesMax
  if (lengthBytes < envelopeHeaderBytes || lengthBytes > envelopeHeaderBytes + bytesMax) return null
  if ((from[at + 20] !== kindBatch && !header.isCompacted) || encoding === null || header.count === 0) return null
  if (![header.generation, header.baseSequence, header.baseOffset, header.enqueuedTimeMs].every(Number.isFinite))
    return null
  const producer =
    (flags & flagProducer) === 0
      ? null
      : {
          producerId: from.readBigInt64LE(at + 64),
          epoch: from.readInt32LE(at + 76),
          firstSequence: from.readInt32LE(at + 72),
        }
  return { ...header, encoding, producer }
}

/** Whether the envelope whose header was found at `at` is whole: all there, and its checksum right. */
export function isEnvelopeIntact(from: Buffer, at: number, header: EnvelopeHeader): boolean {
  const end = at + header.lengthBytes
  if (end > from.length || crc32c(from.subarray(at + 4, end)) !== header.crc) return false
  return !header.isCompacted || decodeSurvivors(from, at + envelopeHeaderBytes, end, header.count) !== null
}

/** The batch of an intact envelope. Its payload is a view of `from`. */
export function batchOf(from: Buffer, at: number, header: EnvelopeHeader): Batch {
  if (header.isCompacted) return compactedBatchOf(from, at, header)
  return {
    baseSequence: header.baseSequence,
    baseOffset: header.baseOffset,
    count: header.count,
    enqueuedTimeMs: header.enqueuedTimeMs,
    encoding: header.encoding,
    payload: from.subarray(at + envelopeHeaderBytes, at + header.lengthBytes),
    producer: header.producer,
  }
}

function compactedBatchOf(from: Buffer, at: number, header: EnvelopeHeader): Batch {
  const end = at + header.lengthBytes
  const survivors = decodeSurvivors(from, at + envelopeHeaderBytes, end, header.count)
  assert(survivors !== null, 'the table of an intact envelope was looked at')
  const batch = batchOf(from, at, { ...header, isCompacted: false })
  return { ...batch, payload: from.subarray(at + envelopeHeaderBytes + survivorTableBytes(survivors), end), survivors }
}

/** The bytes that begin every envelope of one segment, behind its checksum: where to look on after a damaged one. */
export function envelopeNeedle(generation: number): Buffer {
  const needle = Buffer.alloc(12)
  needle.writeUInt32LE(envelopeMagic, 0)
  writeU64(needle, generation, 4)
  return needle
}

/** What of the needle is the same in every segment. */
export const envelopeMagicBytes: Buffer = envelopeNeedle(0).subarray(0, 4)

/** Distance from an envelope's beginning to its needle. */
export const needleOffset = 4

/** Names the log inside every envelope, so that a write that went to the wrong place is never taken for its own. */
export function logIdentity(id: LogId): number {
  return crc32c(Buffer.from(`${id.group}/${id.partition}`))
}

// ---------------------------------------------------------------- segment header

/** One copy; two lie one after the other, in different sectors. */
export const headerCopyBytes = 512
/** Where the first envelope of a segment, and the first group of a journal file, begins. */
export const headerBytes = 2 * headerCopyBytes
const segmentMagic = 0x31_53_48_45 // "EHS1"

export interface SegmentHeader {
  /** Unique among all files this data folder ever had; every envelope of the segment repeats it. */
  readonly generation: number
  readonly id: LogId
  readonly baseSequence: number
  readonly baseOffset: number
  readonly createdAtMs: number
  /** Enqueued time of the last event before this segment, null when there was none. */
  readonly previousTimeMs: number | null
  /** The segment before: its base sequence and where it ended. Bytes beyond that end were never acknowledged. */
  readonly previous: {
    readonly baseSequence: number
    readonly endPosition: number
    readonly endSequence: number
  } | null
  /** Every event of the log below this sequence was synced when the segment was made. */
  readonly durableEnd: number
  /** What a segment made by compaction says of itself; not there in one that was appended to. */
  readonly compacted?: CompactedRange
}

/** A segment made by compaction is complete from the beginning and says itself where it ends. */
export interface CompactedRange {
  readonly endPosition: number
  /** Where the events it stands for end, whether they are still there or not. */
  readonly endSequence: number
  readonly endOffset: number
  /** Enqueued time of the last of them. */
  readonly lastTimeMs: number
  /** Of the events still there. */
  readonly eventCount: number
  readonly payloadBytes: number
}

// Behind the longest name of a group; zeros in a segment that was appended to.
const compactedAt = 256

/** Both copies, `headerBytes` long. */
export function encodeSegmentHeader(header: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.writeUInt32LE(segmentMagic, 4)
  writeU64(bytes, header.generation, 8)
  bytes.writeUInt16LE(header.compacted === undefined ? firstVersion : formatVersion, 16)
  bytes.writeUInt16LE(headerBytes, 18)
  bytes.writeUInt32LE(logIdentity(header.id), 20)
  writeU64(bytes, header.baseSequence, 24)
  writeU64(bytes, header.baseOffset, 32)
  writeU64(bytes, header.createdAtMs, 40)
  writeU64OrNull(bytes, header.previousTimeMs, 48)
  writeU64OrNull(bytes, header.previous?.baseSequence ?? null, 56)
  writeU64OrNull(bytes, header.previous?.endPosition ?? null, 64)
  writeU64OrNull(bytes, header.previous?.endSequence ?? null, 72)
  writeU64(bytes, header.durableEnd, 80)
  const group = Buffer.from(header.id.group)
  bytes.writeUInt16LE(header.id.partition, 88)
  bytes.writeUInt16LE(group.length, 90)
  group.copy(bytes, 92)
  if (header.compacted !== undefined) encodeCompacted(bytes, header.compacted)
  return sealCopies(bytes)
}

/** Null when neither copy is intact. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | null {
  const copy = intactCopy(bytes, segmentMagic)
  if (copy === null) return null
  const baseSequence = readU64OrNull(copy, 56)
  const endPosition = readU64OrNull(copy, 64)
  const endSequence = readU64OrNull(copy, 72)
  const compacted = decodeCompacted(copy)
  return {
    ...(compacted === null ? {} : { compacted }),
    generation: readU64(copy, 8),
    id: { group: copy.toString('latin1', 92, 92 + copy.readUInt16LE(90)), partition: copy.readUInt16LE(88) },
    baseSequence: readU64(copy, 24),
    baseOffset: readU64(copy, 32),
    createdAtMs: readU64(copy, 40),
    previousTimeMs: readU64OrNull(copy, 48),
    previous:
      baseSequence === null || endPosition === null || endSequence === null
        ? null
        : { baseSequence, endPosition, endSequence },
    durableEnd: readU64(copy, 80),
  }
}

function encodeCompacted(bytes: Buffer, range: CompactedRange): void {
  writeU64(bytes, range.endPosition, compactedAt)
  writeU64(bytes, range.endSequence, compactedAt + 8)
  writeU64(bytes, range.endOffset, compactedAt + 16)
  writeU64(bytes, range.lastTimeMs, compactedAt + 24)
  writeU64(bytes, range.eventCount, compactedAt + 32)
  writeU64(bytes, range.payloadBytes, compactedAt + 40)
}

function decodeCompacted(copy: Buffer): CompactedRange | null {
  const endPosition = readU64(copy, compactedAt)
  if (endPosition === 0) return null
  return {
    endPosition,
    endSequence: readU64(copy, compactedAt + 8),
    endOffset: readU64(copy, compactedAt + 16),
    lastTimeMs: readU64(copy, compactedAt + 24),
    eventCount: readU64(copy, compactedAt + 32),
    payloadBytes: readU64(copy, compactedAt + 40),
  }
}

/** Puts the checksum in front of the first copy and repeats it. */
export function sealCopies(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32c(bytes.subarray(4, headerCopyBytes)), 0)
  bytes.copy(bytes, headerCopyBytes, 0, headerCopyBytes)
  return bytes
}

/** The first of the two copies that has this magic and a right checksum. */
export function intactCopy(bytes: Buffer, magic: number): Buffer | null {
  for (let at = 0; at + headerCopyBytes <= Math.min(bytes.length, headerBytes); at += headerCopyBytes) {
    const copy = bytes.subarray(at, at + headerCopyBytes)
    if (copy.readUInt32LE(4) === magic && crc32c(copy.subarray(4)) === copy.readUInt32LE(0)) return copy
  }
  return null
}

// ---------------------------------------------------------------- index file

const indexMagic = 0x31_49_48_45 // "EHI1"
const indexHeaderBytes = 64
const indexEntryBytes = 32

/** One batch of a segment: where its numbers and its bytes begin. */
export interface IndexEntry {
  readonly sequence: number
  readonly offset: number
  readonly timeMs: number
  readonly position: number
}

export interface IndexFile {
  readonly generation: number
  readonly baseSequence: number
  /** Where the segment ended when the index was written. */
  readonly endPosition: number
  readonly endSequence: number
  readonly entries: readonly IndexEntry[]
}

export function encodeIndex(index: IndexFile): Buffer {
  const bytes = Buffer.alloc(indexHeaderBytes + index.entries.length * indexEntryBytes)
  bytes.writeUInt32LE(indexMagic, 4)
  writeU64(bytes, index.generation, 8)
  writeU64(bytes, index.baseSequence, 16)
  writeU64(bytes, index.endPosition, 24)
  writeU64(bytes, index.endSequence, 32)
  bytes.writeUInt32LE(index.entries.length, 40)
  bytes.writeUInt16LE(firstVersion, 44)
  let at = indexHeaderBytes
  for (const entry of index.entries) {
    writeU64(bytes, entry.sequence, at)
    writeU64(bytes, entry.offset, at + 8)
    writeU64(bytes, entry.timeMs, at + 16)
    writeU64(bytes, entry.position, at + 24)
    at += indexEntryBytes
  }
  bytes.writeUInt32LE(crc32c(bytes.subarray(4)), 0)
  return bytes
}

/** Null when it is not exactly one whole index file. */
export function decodeIndex(bytes: Buffer): IndexFile | null {
  if (bytes.length < indexHeaderBytes || bytes.readUInt32LE(4) !== indexMagic) return null
  const count = bytes.readUInt32LE(40)
  if (bytes.length !== indexHeaderBytes + count * indexEntryBytes) return null
  if (crc32c(bytes.subarray(4)) !== bytes.readUInt32LE(0)) return null
  const entries: IndexEntry[] = []
  for (let at = indexHeaderBytes; at < bytes.length; at += indexEntryBytes) {
    entries.push({
      sequence: readU64(bytes, at),
      offset: readU64(bytes, at + 8),
      timeMs: readU64(bytes, at + 16),
      position: readU64(bytes, at + 24),
    })
  }
  return {
    generation: readU64(bytes, 8),
    baseSequence: readU64(bytes, 16),
    endPosition: readU64(bytes, 24),
    endSequence: readU64(bytes, 32),
    entries,
  }
}
