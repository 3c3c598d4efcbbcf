// Inspection of the commit journal, the version file, and what the journal knows of the logs. docs/FORMAT.md has the fields.

import { ByteWindow } from './byte-window.ts'
import { type Disk, DiskError, type DiskPath } from './disk.ts'
import {
  decodeEnvelopeHeader,
  decodeSegmentHeader,
  envelopeHeaderBytes,
  formatVersion,
  headerBytes,
  headerCopyBytes,
} from './format.ts'
import { batchLines } from './inspect-batch.ts'
import { damaged, type InspectLine, LenientFile, noting, restOf, saying } from './inspect-line.ts'
import {
  decodeCheckpoint,
  decodeGroup,
  decodeGroupHeader,
  decodeJournalHeader,
  decodeState,
  decodeVersion,
  groupHeaderBytes,
  groupNeedle,
  type GroupHeader,
  type GroupPart,
  type LogState,
  versionSlotBytes,
} from './journal-format.ts'
import { findJournalFiles, journalLimits, scanJournalFile } from './journal-scan.ts'
import { logKey, numberOfName } from './paths.ts'

const magicBytes = 4
const stateBytesMin = 80
const checkpointBytes = 16

interface FoundGroup {
  readonly header: GroupHeader
  readonly bytes: Buffer
  readonly parts: readonly GroupPart[]
}

/** @param limit Where the file ended by the word of the one after it. @throws DiskError when it cannot be opened. */
export async function* inspectJournal(disk: Disk, path: DiskPath, limit: number): AsyncGenerator<InspectLine> {
  const file = new LenientFile(await disk.open(path, 'read'))
  try {
    const size = await file.size()
    const head = Buffer.alloc(headerBytes)
    const headCount = await file.read(head, 0)
    const named = numberOfName(path.slice(path.lastIndexOf('/') + 1), 'wal')
    const header = decodeJournalHeader(head.subarray(0, headCount))
    yield* journalHeaderLines(path, head.subarray(0, headCount), named, size)
    const window = new ByteWindow(file, Math.min(limit, size))
    let generation = header?.generation ?? named
    let number = 0
    let hasHead = false
    const logs = new Map<number, string>()
    for (let position = headerBytes; ; ) {
      const needle = generation === null ? groupNeedle(0).subarray(0, magicBytes) : groupNeedle(generation)
      const group = await groupAt(window, position, generation, number)
      if (group !== null) {
        yield* groupLines(path, position, group, logs)
        position += group.bytes.length
        number = group.header.number + 1
        hasHead ||= group.parts.some((part) => isHead(part, group.bytes))
        generation ??= group.header.generation
        continue
      }
      const next = await nextGroup(window, position + 8, needle, generation, number)
      if (next !== null) {
        const detail = 'not intact, and synced: an intact group follows'
        yield damaged(path, 'hole', detail, { at: position, to: next })
        position = next
        continue
      }
      if (position < limit && limit !== Infinity) {
        const detail = 'not intact, and synced: the next journal file says that this one went so far'
        yield damaged(path, 'hole', detail, { at: position, to: limit })
      }
      yield* restOf(file, Math.max(position, limit === Infinity ? 0 : limit), needle, 4)
      break
    }
    if (!hasHead) yield damaged(path, 'journal', 'no intact head, which was synced before the file had its name')
    yield* file.badPieces()
  } finally {
    await file.close()
  }
}

function isHead({ kind, bodyAt, lengthBytes }: GroupPart, bytes: Buffer): boolean {
  if (kind !== 'checkpoint' || lengthBytes < checkpointBytes) return false
  return decodeCheckpoint(bytes.subarray(bodyAt, bodyAt + lengthBytes)).isComplete
}

function* journalHeaderLines(
  path: DiskPath,
  bytes: Buffer,
  named: number | null,
  size: number,
): Generator<InspectLine> {
  const header = decodeJournalHeader(bytes)
  if (header === null) {
    yield damaged(path, 'journal', 'neither copy of the header is intact', { at: 0, to: headerBytes }, { bytes: size })
    return
  }
  const { generation, createdAtMs, previous } = header
  const fields = {
    bytes: size,
    version: bytes.readUInt16LE(16),
    generation,
    createdAtMs,
    previousGeneration: previous?.generation ?? null,
    previousEnd: previous?.endPosition ?? null,
  }
  yield saying(path, 'journal', fields)
  yield* copyNotes(path, bytes, (copy) => decodeJournalHeader(copy) !== null)
  if (named !== null && named !== generation) {
    yield damaged(path, 'journal', `the name says generation ${named}: it is another file's content`)
  }
}

/** A header has two copies; losing one costs nothing. */
export function* copyNotes(path: DiskPath, bytes: Buffer, isIntact: (copy: Buffer) => boolean): Generator<InspectLine> {
  for (const at of [0, headerCopyBytes]) {
    if (isIntact(bytes.subarray(at, at + headerCopyBytes))) continue
    yield noting(path, 'header', 'one copy of the header is not intact, the other is', { at, to: at + headerCopyBytes })
  }
}

async function groupAt(
  window: ByteWindow,
  position: number,
  generation: number | null,
  numberMin: number,
): Promise<FoundGroup | null> {
  const header = decodeGroupHeader(await window.read(position, groupHeaderBytes))
  if (header === null || header.number < numberMin) return null
  if (generation !== null && header.generation !== generation) return null
  if (position + header.totalBytes > window.size) return null
  const bytes = await window.read(position, header.totalBytes)
  const parts = decodeGroup(bytes, header)
  return parts === null ? null : { header, bytes, parts }
}

async function nextGroup(
  window: ByteWindow,
  from: number,
  needle: Buffer,
  generation: number | null,
  numberMin: number,
): Promise<number | null> {
  for (let at = await window.find(needle, 4, from); at !== null; at = await window.find(needle, 4, at + 8)) {
    if ((await groupAt(window, at, generation, numberMin)) !== null) return at
  }
  return null
}

function* groupLines(
  path: DiskPath,
  position: number,
  { header, bytes, parts }: FoundGroup,
  logs: Map<number, string>,
): Generator<InspectLine> {
  const { number, durablePosition, writtenAtMs, rowCount } = header
  const to = position + bytes.length
  yield saying(path, 'group', { number, rows: rowCount, durablePosition, writtenAtMs }, { at: position, to })
  for (const part of parts) {
    const body = bytes.subarray(part.bodyAt, part.bodyAt + part.lengthBytes)
    const at = position + part.bodyAt
    yield* rowLines(path, { at, to: at + part.lengthBytes }, part, body, logs)
  }
}

function* rowLines(
  path: DiskPath,
  place: { readonly at: number; readonly to: number },
  part: GroupPart,
  body: Buffer,
  logs: Map<number, string>,
): Generator<InspectLine> {
  const log = logs.get(part.logNumber) ?? null
  const row = { row: part.kind, logNumber: part.logNumber }
  const misfit = () => damaged(path, 'row', `the body is no ${part.kind}`, place, row)
  if (part.kind === 'envelope') {
    const header = decodeEnvelopeHeader(body, 0)
    if (header === null) yield misfit()
    else {
      const { segmentBase, position } = part
      yield* batchLines(path, place, header, body.subarray(envelopeHeaderBytes), { ...row, log, segmentBase, position })
    }
  } else if (part.kind === 'segment') {
    const header = decodeSegmentHeader(body)
    if (header === null) yield misfit()
    else yield saying(path, 'row', { ...row, log, ...header, id: logKey(header.id) }, place)
  } else if (part.kind === 'state') {
    if (body.length < stateBytesMin) yield misfit()
    else {
      const { id, start, end, ...state } = decodeState(body)
      logs.set(part.logNumber, logKey(id))
      const ends = { start: start.sequence, startOffset: start.offset, end: end.sequence, endOffset: end.offset }
      yield saying(path, 'row', { ...row, log: logKey(id), ...ends, ...state }, place)
    }
  } else if (part.kind === 'forget') {
    yield saying(path, 'row', { row: part.kind, group: body.toString('latin1') }, place)
  } else if (body.length < checkpointBytes) yield misfit()
  else yield saying(path, 'row', { row: part.kind, ...decodeCheckpoint(body) }, place)
}

// ---------------------------------------------------------------- version file

export async function* inspectVersion(
  disk: Disk,
  path: DiskPath,
  newestJournal: number | null,
): AsyncGenerator<InspectLine> {
  const file = new LenientFile(await disk.open(path, 'read'))
  try {
    const bytes = Buffer.alloc(2 * versionSlotBytes)
    const found = bytes.subarray(0, await file.read(bytes, 0))
    const newest = decodeVersion(found)
    for (let at = 0; at < bytes.length; at += versionSlotBytes) {
      const place = { at, to: at + versionSlotBytes }
      const slot = found.subarray(at, at + versionSlotBytes)
      const version = decodeVersion(slot)
      if (version !== null) yield saying(path, 'version', { ...version }, place)
      else if (slot.every((byte) => byte === 0)) yield saying(path, 'version', { written: false }, place)
      else if (newest !== null) yield noting(path, 'version', 'this slot is not intact, the other is', place)
    }
    if (newest === null) yield damaged(path, 'version', 'neither slot is intact')
    else if (newest.version > formatVersion) {
      yield noting(path, 'version', `a newer format than this program knows, which is ${formatVersion}`)
    }
    if (newest !== null && newestJournal !== null && newest.journalGeneration > newestJournal) {
      yield damaged(path, 'version', `the newest journal file, generation ${newest.journalGeneration}, is missing`)
    }
    yield* file.badPieces()
  } finally {
    await file.close()
  }
}

// ---------------------------------------------------------------- what the journal knows

export interface Range {
  readonly from: number
  /** Exclusive. */
  to: number
}

export interface JournalKnowledge {
  readonly states: Map<string, LogState>
  /** By log: sequences beyond the state's end of which the journal holds the envelopes, for the next start to bring in. */
  readonly held: Map<string, Range[]>
  /** Where files ended by the word of the ones after them. */
  readonly limits: ReadonlyMap<number, number>
  readonly newest: number | null
}

/** From the journal of the data folder; what of it cannot be read is left out. Null when there is none. */
export async function readKnowledge(disk: Disk): Promise<JournalKnowledge | null> {
  try {
    const found = await findJournalFiles(disk)
    const limits = journalLimits(found)
    const knowledge: JournalKnowledge = {
      states: new Map(),
      held: new Map(),
      limits,
      newest: found.at(-1)?.generation ?? null,
    }
    for (const { generation, header } of found) {
      if (header === null) continue
      const logs = new Map<number, string>()
      await scanJournalFile(disk, generation, limits.get(generation) ?? Infinity, ({ bytes, parts }) => {
        for (const part of parts) {
          noteRow(part, bytes.subarray(part.bodyAt, part.bodyAt + part.lengthBytes), logs, knowledge)
        }
      }).catch(ignoreDisk)
    }
    // What the states say to be synced is never brought in again.
    for (const [key, { end }] of knowledge.states) {
      const ranges = knowledge.held
        .get(key)
        ?.filter(({ to }) => to > end.sequence)
        .map(({ from, to }) => ({ from: Math.max(from, end.sequence), to }))
      if (ranges !== undefined) knowledge.held.set(key, ranges)
    }
    return found.length === 0 ? null : knowledge
  } catch (error) {
    ignoreDisk(error)
    return null
  }
}

function noteRow(part: GroupPart, body: Buffer, logs: Map<number, string>, { states, held }: JournalKnowledge): void {
  if (part.kind === 'state' && body.length >= stateBytesMin) {
    const state = decodeState(body)
    const key = logKey(state.id)
    logs.set(part.logNumber, key)
    const before = states.get(key)
    const further = before !== undefined && before.end.sequence > state.end.sequence ? before : state
    const start = before !== undefined && before.start.sequence > state.start.sequence ? before.start : state.start
    states.set(key, { ...further, start, isExact: state.isExact })
  } else if (part.kind === 'forget') {
    const group = body.toString('latin1')
    for (const [key, { id }] of states) if (id.group === group) states.delete(key)
    for (const key of held.keys()) if (key.slice(0, key.lastIndexOf('/')) === group) held.delete(key)
  } else if (part.kind === 'envelope') {
    const header = decodeEnvelopeHeader(body, 0)
    const key = logs.get(part.logNumber)
    if (header === null || key === undefined) return
    const ranges = held.get(key) ?? []
    const last = ranges.at(-1)
    const to = header.baseSequence + header.count
    if (last?.to === header.baseSequence) last.to = to
    else ranges.push({ from: header.baseSequence, to })
    held.set(key, ranges)
  }
}

/** The lines of the files themselves say what cannot be read. */
function ignoreDisk(error: unknown): void {
  if (!(error instanceof DiskError)) throw error
}
