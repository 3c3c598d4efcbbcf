// Inspection of the segments of one log. What is not intact is judged when all of the log was seen, by the rule of
// docs/FORMAT.md: damage when something says that it had been synced and the journal does not hold it, else a torn tail.

import { ByteWindow } from './byte-window.ts'
import type { Disk, DiskPath } from './disk.ts'
import { DiskError } from './disk.ts'
import {
  decodeEnvelopeHeader,
  decodeIndex,
  decodeSegmentHeader,
  envelopeHeaderBytes,
  envelopeNeedle,
  headerBytes,
  isEnvelopeIntact,
  logIdentity,
  needleOffset,
  type SegmentHeader,
} from './format.ts'
import { batchLines } from './inspect-batch.ts'
import { copyNotes, type JournalKnowledge, type Range } from './inspect-journal.ts'
import { damaged, type InspectLine, LenientFile, noting, restOf, saying, unreadable } from './inspect-line.ts'
import { logKey, segmentOfName } from './paths.ts'
import { SegmentWalker, type WalkItem } from './segment-walker.ts'
import type { LogId } from './storage-engine.ts'

/** What the journal says: as read before, or read anew. */
export type Know = (isAnew: boolean) => Promise<JournalKnowledge | null>

interface Hole extends Range {
  readonly path: DiskPath
  readonly at: number | null
  readonly end: number | null
}

/** What was seen of one log. */
interface Sight {
  id: LogId | null
  claimedEnd: number
  /** The sequence that must follow. */
  next: number | null
  readonly holes: Hole[]
}

interface Found {
  readonly path: DiskPath
  readonly base: number | null
  readonly header: SegmentHeader | null
}

const windowBytes = 1024 * 1024
const magicBytes = 4
// Far more than any segment has.
const indexBytesMax = 64 * 1024 * 1024

/**
 * @param paths The log's segments, in order.
 * @param expected Whose they must be by their place; null when that says nothing.
 * @param know What the journal says; asked for anew before anything is called damaged.
 */
export async function* inspectLog(
  disk: Disk,
  paths: readonly DiskPath[],
  expected: LogId | null,
  know: Know,
): AsyncGenerator<InspectLine> {
  const found: Found[] = []
  for (const path of paths) found.push(await headerOf(disk, path))
  const sight: Sight = { id: expected, claimedEnd: 0, next: null, holes: [] }
  for (const [index, segment] of found.entries()) {
    try {
      yield* inspectSegment(disk, segment, found[index + 1] ?? null, expected, sight)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      yield unreadable(segment.path, error)
    }
  }
  const folder = paths[0]?.slice(0, Math.max(0, paths[0].lastIndexOf('/'))) ?? ''
  yield* judgeLog(folder, sight, know)
}

/** A log that the journal knows and of which there is no segment. */
export function judgeMissing(id: LogId, know: Know): AsyncGenerator<InspectLine> {
  return judgeLog(
    `logs/${id.group.replace('/', '.')}/${id.partition}`,
    { id, claimedEnd: 0, next: null, holes: [] },
    know,
  )
}

async function headerOf(disk: Disk, path: DiskPath): Promise<Found> {
  const base = segmentOfName(path.slice(path.lastIndexOf('/') + 1))?.baseSequence ?? null
  try {
    const file = new LenientFile(await disk.open(path, 'read'))
    try {
      const bytes = Buffer.alloc(headerBytes)
      return { path, base, header: decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0))) }
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    // Said when its turn comes.
    return { path, base, header: null }
  }
}

async function* inspectSegment(
  disk: Disk,
  { path, base, header }: Found,
  next: Found | null,
  expected: LogId | null,
  sight: Sight,
): AsyncGenerator<InspectLine> {
  const file = new LenientFile(await disk.open(path, 'read'))
  try {
    const bytes = Buffer.alloc(headerBytes)
    const head = bytes.subarray(0, await file.read(bytes, 0))
    const size = await file.size()
    yield* headerLines(path, head, header, size)
    const isForeign =
      header !== null &&
      ((base !== null && header.baseSequence !== base) || (expected !== null && logKey(header.id) !== logKey(expected)))
    if (isForeign) {
      yield damaged(path, 'segment', `it belongs to ${logKey(header.id)} at ${header.baseSequence}, not here`)
      return
    }
    sight.id ??= header?.id ?? null
    sight.claimedEnd = Math.max(sight.claimedEnd, header?.durableEnd ?? 0)
    const begin = header === null ? await guessBegin(file, base) : beginOf(header)
    if (begin === null) {
      noteGap(sight, path, next)
      return
    }
    if (header === null)
      yield noting(path, 'segment', `read as generation ${begin.generation}, which its envelopes say`)
    if (sight.next !== null && begin.baseSequence > sight.next) {
      sight.holes.push({ from: sight.next, to: begin.baseSequence, path, at: null, end: null })
    }
    const previous = next?.header?.previous ?? null
    const toldByNext = previous !== null && previous.baseSequence === base ? previous.endPosition : null
    const sealedAt = header?.compacted?.endPosition ?? toldByNext
    const walker = new SegmentWalker(file, {
      generation: begin.generation,
      logIdentity: begin.identity,
      position: headerBytes,
      sequence: begin.baseSequence,
      offset: begin.baseOffset,
      endPosition: Math.min(size, sealedAt ?? Infinity),
      searchBytesMax: Infinity,
      windowBytes,
    })
    for (let item = await walker.next(); item !== null; item = await walker.next()) yield* itemLines(path, item, sight)
    sight.next = walker.sequence
    if (sealedAt !== null && next?.base !== null && next !== null && walker.sequence < next.base) {
      sight.holes.push({ from: walker.sequence, to: next.base, path, at: walker.position, end: sealedAt })
      sight.next = next.base
    }
    yield* restOf(file, Math.max(walker.position, sealedAt ?? 0), envelopeNeedle(begin.generation), needleOffset)
    yield* file.badPieces()
  } finally {
    await file.close()
  }
}

function noteGap(sight: Sight, path: DiskPath, next: Found | null): void {
  if (sight.next === null || next === null || next.base === null) return
  sight.holes.push({ from: sight.next, to: next.base, path, at: headerBytes, end: null })
  sight.next = next.base
}

function* headerLines(
  path: DiskPath,
  bytes: Buffer,
  header: SegmentHeader | null,
  size: number,
): Generator<InspectLine> {
  if (header === null) {
    yield damaged(path, 'segment', 'neither copy of the header is intact', { at: 0, to: headerBytes }, { bytes: size })
    return
  }
  const { id, previous, compacted, ...rest } = header
  const before = {
    previousBase: previous?.baseSequence ?? null,
    previousEnd: previous?.endPosition ?? null,
    previousEndSequence: previous?.endSequence ?? null,
  }
  const made =
    compacted === undefined
      ? {}
      : { compactedEnd: compacted.endSequence, endPosition: compacted.endPosition, eventsLeft: compacted.eventCount }
  const version = bytes.readUInt16LE(16)
  yield saying(path, 'segment', { bytes: size, version, log: logKey(id), ...rest, ...before, ...made })
  yield* copyNotes(path, bytes, (copy) => decodeSegmentHeader(copy) !== null)
}

interface Begin {
  readonly generation: number
  readonly identity: number
  readonly baseSequence: number
  readonly baseOffset: number
}

function beginOf({ id, generation, baseSequence, baseOffset }: SegmentHeader): Begin {
  return { generation, identity: logIdentity(id), baseSequence, baseOffset }
}

/** Without a header the first intact envelope says which generation is read. A recycled file may hold older ones. */
async function guessBegin(file: LenientFile, base: number | null): Promise<Begin | null> {
  const window = new ByteWindow(file, await file.size())
  const magic = envelopeNeedle(0).subarray(0, magicBytes)
  let at = await window.find(magic, needleOffset, headerBytes)
  for (; at !== null; at = await window.find(magic, needleOffset, at + 8)) {
    const header = decodeEnvelopeHeader(await window.read(at, envelopeHeaderBytes), 0)
    if (header === null || at + header.lengthBytes > window.size) continue
    if (base !== null && header.baseSequence < base) continue
    if (!isEnvelopeIntact(await window.read(at, header.lengthBytes), 0, header)) continue
    const { generation, logIdentity: identity, baseSequence } = header
    return { generation, identity, baseSequence: base ?? baseSequence, baseOffset: 0 }
  }
  return null
}

function* itemLines(path: DiskPath, item: WalkItem, sight: Sight): Generator<InspectLine> {
  if (item.kind === 'batch') {
    const { header, position: at } = item
    sight.claimedEnd = Math.max(sight.claimedEnd, header.durableEnd)
    const { survivors, payload } = item.batch
    const left = survivors === undefined ? {} : { eventsLeft: survivors.count, cleanedAtMs: survivors.cleanedAtMs }
    yield* batchLines(path, { at, to: at + header.lengthBytes }, header, payload, left)
    return
  }
  const { fromSequence: from, toSequence: to, position: at, toPosition: end } = item
  sight.holes.push({ from, to, path, at, end })
  yield noting(
    path,
    'hole',
    'nothing intact here; judged below',
    { at, to: end },
    { fromSequence: from, toSequence: to },
  )
}

// ---------------------------------------------------------------- judging

async function* judgeLog(folder: DiskPath, sight: Sight, know: Know): AsyncGenerator<InspectLine> {
  let lines = verdicts(folder, sight, await know(false))
  // A daemon that runs may have trimmed or committed meanwhile.
  if (lines.some(({ level }) => level === 'damage')) lines = verdicts(folder, sight, await know(true))
  yield* lines
}

function verdicts(folder: DiskPath, sight: Sight, knowledge: JournalKnowledge | null): InspectLine[] {
  const key = sight.id === null ? null : logKey(sight.id)
  const state = key === null ? undefined : knowledge?.states.get(key)
  const held = (key === null ? undefined : knowledge?.held.get(key)) ?? []
  const start = state?.start.sequence ?? 0
  const claimedEnd = Math.max(sight.claimedEnd, state?.end.sequence ?? 0)
  const end = sight.next ?? start
  const holes: Hole[] = [...sight.holes]
  if (end < claimedEnd) holes.push({ from: end, to: claimedEnd, path: folder, at: null, end: null })
  const lines: InspectLine[] = []
  for (const hole of holes) {
    for (const { from, to } of without({ from: Math.max(hole.from, start), to: hole.to }, held)) {
      const place = { ...(hole.at === null ? {} : { at: hole.at }), ...(hole.end === null ? {} : { to: hole.end }) }
      const fields = { log: key, fromSequence: from, toSequence: to }
      if (from >= claimedEnd) {
        lines.push(noting(hole.path, 'torn', 'nothing says that it was synced: the log ends here', place, fields))
        return lines
      }
      lines.push(damaged(hole.path, 'damage', `sequences ${from} to ${to - 1} were synced and are lost`, place, fields))
    }
  }
  const last = Math.max(end, claimedEnd, ...held.map(({ to }) => to))
  const inJournal = held.reduce((count, { from, to }) => count + Math.max(0, to - Math.max(from, end)), 0)
  lines.push(
    saying(folder, 'log', { log: key, start: state?.start.sequence ?? null, end: last, onlyInJournal: inJournal }),
  )
  return lines
}

/** What is left of a range without others. */
function without(range: Range, others: readonly Range[]): Range[] {
  let left = range.from < range.to ? [range] : []
  for (const { from, to } of others) {
    left = left.flatMap((piece) =>
      [
        { from: piece.from, to: Math.min(piece.to, from) },
        { from: Math.max(piece.from, to), to: piece.to },
      ].filter((part) => part.from < part.to),
    )
  }
  return left
}

// ---------------------------------------------------------------- index file

/** An index is derivable: one that is not intact loses nothing. @throws DiskError when it cannot be opened. */
export async function* inspectIndex(disk: Disk, path: DiskPath): AsyncGenerator<InspectLine> {
  const file = new LenientFile(await disk.open(path, 'read'))
  try {
    const size = await file.size()
    if (size > indexBytesMax) {
      yield noting(path, 'index', 'too large for an index: it will be made again', {}, { bytes: size })
      return
    }
    const bytes = Buffer.alloc(size)
    const index = decodeIndex(bytes.subarray(0, await file.read(bytes, 0)))
    if (index === null) {
      yield noting(path, 'index', 'not intact: it will be made again from its segment', {}, { bytes: size })
      return
    }
    const { entries, ...fields } = index
    yield saying(path, 'index', { bytes: size, version: bytes.readUInt16LE(44), ...fields, entries: entries.length })
    for (const entry of entries) yield saying(path, 'entry', { ...entry })
  } finally {
    await file.close()
  }
}
