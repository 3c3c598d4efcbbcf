// The bytes of the commit journal and of the version file. docs/FORMAT.md explains the fields.
//
//   journal file  | header | header again | head group | head group again | group | group | … | old bytes or zeros |
//   group         | crc magic generation number … | row | row | … | body | 0-7 zeros | body | …
//                 0                              64    96
//
// The group's checksum covers its header and its rows; each row holds the checksum of its body, which for an envelope is
// the envelope's own. So a group is intact as a whole or not at all, and no payload is summed twice.

import { crc32c } from '../../base/crc32c.ts'
import { align8, readU64, readU64OrNull, writeU64, writeU64OrNull } from './bytes.ts'
import { firstVersion, headerBytes, intactCopy, sealCopies } from './format.ts'
import type { LogId, Position } from './storage-engine.ts'

// ---------------------------------------------------------------- file header

const journalMagic = 0x31_4a_48_45 // "EHJ1"

export interface JournalHeader {
  /** Rises by one with every file; also the file's name. */
  readonly generation: number
  readonly createdAtMs: number
  /** The file before: bytes of it beyond `endPosition` were never acknowledged. Null for the first of a data folder. */
  readonly previous: { readonly generation: number; readonly endPosition: number } | null
}

/** Both copies, `headerBytes` long. */
export function encodeJournalHeader(header: JournalHeader): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.writeUInt32LE(journalMagic, 4)
  writeU64(bytes, header.generation, 8)
  bytes.writeUInt16LE(firstVersion, 16)
  bytes.writeUInt16LE(headerBytes, 18)
  writeU64(bytes, header.createdAtMs, 24)
  writeU64OrNull(bytes, header.previous?.generation ?? null, 32)
  writeU64OrNull(bytes, header.previous?.endPosition ?? null, 40)
  return sealCopies(bytes)
}

/** Null when neither copy is intact. */
export function decodeJournalHeader(bytes: Buffer): JournalHeader | null {
  const copy = intactCopy(bytes, journalMagic)
  if (copy === null) return null
  const generation = readU64OrNull(copy, 32)
  const endPosition = readU64OrNull(copy, 40)
  return {
    generation: readU64(copy, 8),
    createdAtMs: readU64(copy, 24),
    previous: generation === null || endPosition === null ? null : { generation, endPosition },
  }
}

// ---------------------------------------------------------------- group

export const groupHeaderBytes = 64
export const groupRowBytes = 32
/** Larger than any group we write: a bound for what a damaged length may make us read. */
export const groupBytesMax = 512 * 1024 * 1024
const groupMagic = 0x31_47_48_45 // "EHG1"

const rowKinds = ['invalid', 'envelope', 'segment', 'state', 'forget', 'checkpoint'] as const
export type RowKind = Exclude<(typeof rowKinds)[number], 'invalid'>

export interface GroupRow {
  readonly kind: RowKind
  /** Stands for a log within one file, which declares it by a `state` row first; 0 where no log is meant. */
  readonly logNumber: number
  /** Bytes of the body, without the zeros that align the next one. */
  readonly lengthBytes: number
  readonly bodyCrc: number
  /** Of an envelope: base sequence of the segment it belongs to, and its position there. */
  readonly segmentBase: number
  readonly position: number
}

export interface GroupHeader {
  readonly generation: number
  /** Counts the groups of a file from 0. */
  readonly number: number
  /** Whole group with bodies, a multiple of 8. */
  readonly totalBytes: number
  readonly rowCount: number
  /** Everything in this file before this position was synced when the group was written. */
  readonly durablePosition: number
  readonly writtenAtMs: number
}

/** Header and rows of a group; the bodies follow, each padded to 8 bytes. */
export function encodeGroupHead(header: Omit<GroupHeader, 'rowCount'>, rows: readonly GroupRow[]): Buffer {
  const bytes = Buffer.alloc(groupHeaderBytes + rows.length * groupRowBytes)
  let at = groupHeaderBytes
  for (const { kind, logNumber, lengthBytes, bodyCrc, segmentBase, position } of rows) {
    writeGroupRow(bytes, at, kind, logNumber, lengthBytes, bodyCrc, segmentBase, position)
    at += groupRowBytes
  }
  sealGroupHead(bytes, header, rows.length)
  return bytes
}

/** One row at `at`, all of its bytes. Numbers in place of an object: there may be hundreds in every group. */
export function writeGroupRow(
  into: Buffer,
  at: number,
  kind: RowKind,
  logNumber: number,
  lengthBytes: number,
  bodyCrc: number,
  segmentBase: number,
  position: number,
): void {
  into.writeUInt32LE(rowKinds.indexOf(kind), at)
  into.writeUInt32LE(logNumber, at + 4)
  into.writeUInt32LE(lengthBytes, at + 8)
  into.writeUInt32LE(bodyCrc, at + 12)
  writeU64(into, segmentBase, at + 16)
  writeU64(into, position, at + 24)
}

/** Writes the header in front of rows that are there already, with the checksum of both. */
export function sealGroupHead(bytes: Buffer, header: Omit<GroupHeader, 'rowCount'>, rowCount: number): void {
  bytes.fill(0, 0, groupHeaderBytes)
  bytes.writeUInt32LE(groupMagic, 4)
  writeU64(bytes, header.generation, 8)
  writeU64(bytes, header.number, 16)
  bytes.writeUInt32LE(header.totalBytes, 24)
  bytes.writeUInt32LE(rowCount, 28)
  writeU64(bytes, header.durablePosition, 32)
  writeU64(bytes, header.writtenAtMs, 40)
  bytes.writeUInt32LE(crc32c(bytes.subarray(4, groupHeaderBytes + rowCount * groupRowBytes)), 0)
}

/** The header at the beginning of `from`, unchecked except for magic and bounds; null when it is none. */
export function decodeGroupHeader(from: Buffer): GroupHeader | null {
  if (from.length < groupHeaderBytes || from.readUInt32LE(4) !== groupMagic) return null
  const header = {
    generation: readU64(from, 8),
    number: readU64(from, 16),
    totalBytes: from.readUInt32LE(24),
    rowCount: from.readUInt32LE(28),
    durablePosition: readU64(from, 32),
    writtenAtMs: readU64(from, 40),
  }
  if (header.totalBytes > groupBytesMax || header.totalBytes % 8 !== 0) return null
  if (groupHeaderBytes + header.rowCount * groupRowBytes > header.totalBytes) return null
  return header
}

export interface GroupPart extends GroupRow {
  /** Where the body begins, counted from the group's beginning. */
  readonly bodyAt: number
}

/** The rows of the group at the beginning of `from`, or null when anything in it, a body included, is not intact. */
export function decodeGroup(from: Buffer, header: GroupHeader): readonly GroupPart[] | null {
  const rowsEnd = groupHeaderBytes + header.rowCount * groupRowBytes
  if (from.length < header.totalBytes || crc32c(from.subarray(4, rowsEnd)) !== from.readUInt32LE(0)) return null
  const parts: GroupPart[] = []
  let bodyAt = rowsEnd
  for (let at = groupHeaderBytes; at < rowsEnd; at += groupRowBytes) {
    const kind = rowKinds[from[at] ?? 0]
    if (kind === undefined || kind === 'invalid') return null
    const row = {
      kind,
      logNumber: from.readUInt32LE(at + 4),
      lengthBytes: from.readUInt32LE(at + 8),
      bodyCrc: from.readUInt32LE(at + 12),
      segmentBase: readU64(from, at + 16),
      position: readU64(from, at + 24),
    }
    const bodyEnd = bodyAt + row.lengthBytes
    if (bodyEnd > header.totalBytes) return null
    // An envelope's checksum stands in its own first 4 bytes and covers the rest.
    const summed = kind === 'envelope' ? bodyAt + 4 : bodyAt
    if (crc32c(from.subarray(summed, bodyEnd)) !== row.bodyCrc) return null
    parts.push({ ...row, bodyAt })
    bodyAt += align8(row.lengthBytes)
  }
  return bodyAt === header.totalBytes ? parts : null
}

/** The bytes that begin every group of one file, behind its checksum. */
export function groupNeedle(generation: number): Buffer {
  const needle = Buffer.alloc(12)
  needle.writeUInt32LE(groupMagic, 0)
  writeU64(needle, generation, 4)
  return needle
}

// ---------------------------------------------------------------- bodies

/** What the journal knows of a log: enough to open it without reading what is behind. */
export interface LogState {
  readonly id: LogId
  readonly start: Position
  /** Up to here the segments are synced. `segmentBase` null: the log has no segment yet. */
  readonly segmentBase: number | null
  readonly segmentGeneration: number
  readonly position: number
  readonly end: Position
  readonly lastTimeMs: number | null
  /** Nothing of the log is beyond but what this journal holds; false: durability `os`, look on in the segments. */
  readonly isExact: boolean
}

const stateBytes = 80

export function encodeState(state: LogState): Buffer {
  const group = Buffer.from(state.id.group)
  const bytes = Buffer.alloc(stateBytes + group.length)
  writeU64(bytes, state.start.sequence, 0)
  writeU64(bytes, state.start.offset, 8)
  writeU64OrNull(bytes, state.segmentBase, 16)
  writeU64(bytes, state.segmentGeneration, 24)
  writeU64(bytes, state.position, 32)
  writeU64(bytes, state.end.sequence, 40)
  writeU64(bytes, state.end.offset, 48)
  writeU64OrNull(bytes, state.lastTimeMs, 56)
  bytes.writeUInt32LE(state.isExact ? 1 : 0, 64)
  bytes.writeUInt16LE(state.id.partition, 68)
  bytes.writeUInt16LE(group.length, 70)
  group.copy(bytes, stateBytes)
  return bytes
}

/** `body` is intact by its row's checksum. */
export function decodeState(body: Buffer): LogState {
  return {
    id: {
      group: body.toString('latin1', stateBytes, stateBytes + body.readUInt16LE(70)),
      partition: body.readUInt16LE(68),
    },
    start: { sequence: readU64(body, 0), offset: readU64(body, 8) },
    segmentBase: readU64OrNull(body, 16),
    segmentGeneration: readU64(body, 24),
    position: readU64(body, 32),
    end: { sequence: readU64(body, 40), offset: readU64(body, 48) },
    lastTimeMs: readU64OrNull(body, 56),
    isExact: (body.readUInt32LE(64) & 1) !== 0,
  }
}

export interface Checkpoint {
  /** Files before this generation are no longer needed. */
  readonly replayFrom: number
  /** The states of all logs follow in this group. */
  readonly isComplete: boolean
  /** Written by a clean shutdown as the last thing. */
  readonly isClean: boolean
}

export function encodeCheckpoint(checkpoint: Checkpoint): Buffer {
  const bytes = Buffer.alloc(16)
  writeU64(bytes, checkpoint.replayFrom, 0)
  bytes.writeUInt32LE((checkpoint.isComplete ? 1 : 0) | (checkpoint.isClean ? 2 : 0), 8)
  return bytes
}

export function decodeCheckpoint(body: Buffer): Checkpoint {
  const flags = body.readUInt32LE(8)
  return { replayFrom: readU64(body, 0), isComplete: (flags & 1) !== 0, isClean: (flags & 2) !== 0 }
}

// ---------------------------------------------------------------- version file

const versionMagic = 0x31_56_48_45 // "EHV1"
export const versionSlotBytes = 512

/** What the data folder says of itself: two slots written in turn, the intact one with the higher number counts. */
export interface FolderVersion {
  readonly version: number
  /** Counts the writings of this file. */
  readonly number: number
  /** The newest journal file; when it is missing, acknowledged events may be. */
  readonly journalGeneration: number
}

export function encodeVersionSlot(version: FolderVersion): Buffer {
  const bytes = Buffer.alloc(versionSlotBytes)
  bytes.writeUInt32LE(versionMagic, 4)
  bytes.writeUInt32LE(version.version, 8)
  writeU64(bytes, version.number, 16)
  writeU64(bytes, version.journalGeneration, 24)
  bytes.writeUInt32LE(crc32c(bytes.subarray(4)), 0)
  return bytes
}

/** The newest intact slot, null when there is none. These fields keep their places in every later version. */
export function decodeVersion(bytes: Buffer): FolderVersion | null {
  let newest: FolderVersion | null = null
  for (let at = 0; at + versionSlotBytes <= bytes.length; at += versionSlotBytes) {
    const slot = bytes.subarray(at, at + versionSlotBytes)
    if (slot.readUInt32LE(4) !== versionMagic || crc32c(slot.subarray(4)) !== slot.readUInt32LE(0)) continue
    const found = { version: slot.readUInt32LE(8), number: readU64(slot, 16), journalGeneration: readU64(slot, 24) }
    if (newest === null || found.number > newest.number) newest = found
  }
  return newest
}
