// Opens the files of one log: finds its segments, and where it starts and ends. The journal's word is taken where there is
// one; otherwise only what was written since the last known synced place is read.

import type { Log } from '../../base/log.ts'
import { behindCompacted, finishCompaction, lastCompacted } from './compact-opening.ts'
import type { DirectorySyncs } from './directory-syncs.ts'
import { DiskError } from './disk.ts'
import { envelopeNeedle, headerBytes, needleOffset } from './format.ts'
import type { LogState } from './journal-format.ts'
import { LogFiles, type LogFilesParts } from './log-files.ts'
import type { Damage } from './log-reader.ts'
import type { LogPlace } from './log-writer.ts'
import { groupFolder, indexPath, logFolder, logKey, numbered, tornFolder } from './paths.ts'
import { Segment } from './segment.ts'
import { syncPool } from './segment-pool.ts'
import type { LogId, Position } from './storage-engine.ts'
import { scanTail, type TailScan } from './tail-scan.ts'

export interface FoundLog {
  readonly files: LogFiles
  readonly start: Position
  readonly place: LogPlace
  readonly damaged: readonly Damage[]
  readonly hadTornTail: boolean
}

export interface LogOpeningParts extends LogFilesParts {
  readonly folders: DirectorySyncs
  readonly log: Log
  /** How far unsynced bytes may reach. */
  readonly unsyncedBytesMax: number
  /** The last run did not end cleanly: look whether the segments hold more than the journal says. */
  readonly mayHoldMore: boolean
  /** Something of the journal is lost: what it would have said of this log may be. */
  readonly isDoubtful: boolean
}

// Copies of torn tails kept; a crash loop must not fill the disk with them.
const tornFilesMax = 64
const tornBytesMax = 16 * 1024 * 1024
const rewriteBytes = 1024 * 1024
/** Of so small a segment no index is made: what comes is noted in an empty one. */
const indexlessBytes = 64 * 1024

/**
 * @param known What the journal says of the log, null when it knows nothing of it.
 * @throws DiskError
 */
export async function openLogFiles(id: LogId, known: LogState | null, parts: LogOpeningParts): Promise<FoundLog> {
  const files = new LogFiles(id, await listSegments(id, parts), parts)
  const { segments } = files
  const first = segments[0]
  const firstHeader = first === undefined ? null : await files.loadHeader(first)
  const start = known?.start ?? { sequence: first?.baseSequence ?? 0, offset: firstHeader?.baseOffset ?? 0 }
  const compacted = await lastCompacted(files)
  const state = known === null || compacted === null ? known : behindCompacted(known, compacted)
  await removeTrimmed(files, start)
  const { scan, isTrusted } = await findEnd(files, state, start, parts)
  const firstBase = files.segments[0]?.baseSequence ?? scan.place.end.sequence
  const missing = { from: start.sequence, to: firstBase, detail: 'the first segment files are missing' }
  const damaged = [...(firstBase > start.sequence ? [missing] : []), ...scan.damaged.filter(({ to }) => to > firstBase)]
    .filter(({ to }) => to > start.sequence)
    .map((damage) => ({ ...damage, from: Math.max(damage.from, start.sequence) }))
  for (const segment of scan.superseded) segments.splice(segments.indexOf(segment), 1)
  await removeFiles(files, scan.superseded, parts)
  if (scan.isTorn) await cutTorn(files, scan.place, parts)
  if (!isTrusted) await syncFound(files, state, scan.place, parts)
  const place =
    scan.place.end.sequence < start.sequence
      ? await startAfresh(files, start, scan.place.timeMs)
      : await settle(files, scan.place)
  for (const { from, to, detail } of damaged) parts.log.error('a log is damaged', { log: logKey(id), from, to, detail })
  return { files, start, place, damaged, hadTornTail: scan.isTorn }
}

const zero: Position = { sequence: 0, offset: 0 }
const emptyPlace: LogPlace = { segment: null, position: 0, end: zero, timeMs: null }

async function listSegments(id: LogId, parts: LogOpeningParts): Promise<Segment[]> {
  const folder = logFolder(id)
  try {
    const names = (await parts.disk.list(folder)).map(({ name }) => name)
    // A crash between making a folder and syncing it may have left it undurable.
    await parts.folders.make(folder)
    return await finishCompaction(id, names, parts)
  } catch (error) {
    if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
  }
  await parts.folders.make(groupFolder(id.group))
  await parts.folders.make(folder)
  return []
}

/** Segments a crash left between moving the start and unlinking. */
async function removeTrimmed(files: LogFiles, start: Position): Promise<void> {
  let count = 0
  while ((files.segments[count + 1]?.baseSequence ?? Infinity) <= start.sequence) count += 1
  if (count > 0) await files.removeFirst(count)
}

interface FoundEnd {
  readonly scan: TailScan
  /** By the word of the journal alone: everything before the end is synced. */
  readonly isTrusted: boolean
}

async function findEnd(
  files: LogFiles,
  state: LogState | null,
  start: Position,
  parts: LogOpeningParts,
): Promise<FoundEnd> {
  if (state?.isExact !== true) return { scan: await scanFrom(files, state, start, parts), isTrusted: false }
  const trusted = await trustState(files, state)
  const isBelieved = !parts.mayHoldMore || trusted.damaged.length > 0 || !(await seemsToGoOn(files, state))
  if (isBelieved) return { scan: trusted, isTrusted: true }
  // Events reach a segment only after the journal has them. What follows without a gap was acknowledged, and a journal that
  // does not know of it has lost its end; nothing further on is looked for.
  const found = await scanFrom(files, state, start, { ...parts, unsyncedBytesMax: 0 })
  if (found.place.end.sequence <= state.end.sequence) return { scan: trusted, isTrusted: true }
  const lost = { log: logKey(files.id), journalEnd: state.end.sequence, end: found.place.end.sequence }
  parts.log.error('a log goes on beyond the end of the commit journal, which is damaged', lost)
  return { scan: found, isTrusted: false }
}

/** Whether something like an envelope follows where the journal says that the log ends, or a segment that goes on there. */
async function seemsToGoOn(files: LogFiles, state: LogState): Promise<boolean> {
  const last = files.segments.findIndex(({ baseSequence }) => baseSequence === state.segmentBase)
  if (files.segments.some(({ baseSequence }, index) => index > last && baseSequence === state.end.sequence)) return true
  const segment = files.segments[last]
  if (segment === undefined) return false
  const held = await files.hold(segment)
  try {
    const needle = envelopeNeedle(state.segmentGeneration)
    const bytes = Buffer.alloc(needle.length)
    await held.file.read(bytes, state.position + needleOffset)
    return bytes.equals(needle)
  } finally {
    held.release()
  }
}

/** The journal knows exactly where the log ends: nothing is read but the newest segment's header. */
async function trustState(files: LogFiles, state: LogState): Promise<TailScan> {
  const segment = files.segments.find(({ baseSequence }) => baseSequence === state.segmentBase) ?? null
  const place = { segment, position: state.position, end: state.end, timeMs: state.lastTimeMs }
  const damaged: Damage[] = []
  if (segment === null) {
    const from = Math.max(state.start.sequence, state.segmentBase ?? state.end.sequence)
    if (from < state.end.sequence)
      damaged.push({ from, to: state.end.sequence, detail: 'the newest segment file is missing' })
    return {
      place: { ...place, position: 0 },
      damaged,
      isTorn: files.segments.some(({ baseSequence }) => baseSequence >= state.end.sequence),
      superseded: [],
    }
  }
  const header = await files.loadHeader(segment)
  const size = await sizeOf(files, segment)
  const isWhole = header?.generation === state.segmentGeneration && size >= state.position
  if (!isWhole && state.end.sequence > Math.max(segment.baseSequence, state.start.sequence)) {
    segment.header = header?.generation === state.segmentGeneration ? header : null
    damaged.push(...(await findDamage(files, segment, state)))
  }
  // Nothing may be added to a segment that is not whole.
  if (!isWhole) return { place: { ...place, segment: null, position: 0 }, damaged, isTorn: false, superseded: [] }
  return { place, damaged, isTorn: files.segments.at(-1) !== segment, superseded: [] }
}

async function findDamage(files: LogFiles, segment: Segment, state: LogState): Promise<readonly Damage[]> {
  const to = state.end.sequence
  if (segment.header === null)
    return [{ from: segment.baseSequence, to, detail: `no intact header in ${segment.path}` }]
  const begin = { sequence: segment.baseSequence, offset: segment.header.baseOffset }
  const place = { segment, position: headerBytes, end: begin, timeMs: null }
  const limits = { claimedEnd: to, searchBytesMax: Infinity, isDoubtful: false }
  return (await scanTail(files, files.segments.indexOf(segment), place, limits)).damaged
}

async function scanFrom(
  files: LogFiles,
  state: LogState | null,
  start: Position,
  parts: LogOpeningParts,
): Promise<TailScan> {
  const { segments } = files
  const { isDoubtful } = parts
  const searchBytesMax = isDoubtful ? Infinity : parts.unsyncedBytesMax * 2
  if (state !== null) {
    const place = { segment: null, position: state.position, end: state.end, timeMs: state.lastTimeMs }
    const synced = segments.findIndex(({ baseSequence }) => baseSequence === state.segmentBase)
    const segment = segments[synced]
    const from = synced >= 0 ? synced : segments.findIndex(({ baseSequence }) => baseSequence >= state.end.sequence)
    const index = from < 0 ? segments.length : from
    const limits = { claimedEnd: state.end.sequence, searchBytesMax, isDoubtful }
    return scanTail(files, index, { ...place, segment: segment ?? null }, limits)
  }
  // Nothing is known: the newest segment with a header is read from its beginning.
  for (let index = segments.length - 1; index >= 0; index--) {
    const segment = segments[index]
    const header = segment === undefined ? null : await files.loadHeader(segment)
    if (segment === undefined || header === null) continue
    const end = { sequence: header.baseSequence, offset: header.baseOffset }
    const place = { segment, position: headerBytes, end, timeMs: header.previousTimeMs }
    return scanTail(files, index, place, { claimedEnd: header.durableEnd, searchBytesMax, isDoubtful })
  }
  return scanTail(files, 0, { ...emptyPlace, end: start }, { claimedEnd: 0, searchBytesMax, isDoubtful })
}

/** A torn tail: copied aside for a person to look at, then cut, so that no later reader meets it again. */
async function cutTorn(files: LogFiles, place: LogPlace, parts: LogOpeningParts): Promise<void> {
  const { segments } = files
  const keep =
    place.segment === null
      ? segments.filter(({ baseSequence }) => baseSequence < place.end.sequence).length
      : segments.indexOf(place.segment) + 1
  const removed = segments.splice(keep)
  const cut = place.segment === null ? [] : [{ segment: place.segment, from: place.position }]
  for (const { segment, from } of [...cut, ...removed.map((segment) => ({ segment, from: 0 }))]) {
    const { bytes, copy } = await readTail(files, segment, from)
    const name = `${files.id.group.replace('/', '.')}.${files.id.partition}.${numbered(segment.baseSequence)}.${from}`
    await keepAside(copy, name, parts)
    if (from > 0) await truncateTo(files, segment, from)
    parts.log.warn('a torn tail was cut off', { log: logKey(files.id), segment: segment.path, from, bytes })
  }
  await removeFiles(files, removed, parts)
}

async function removeFiles(files: LogFiles, removed: readonly Segment[], parts: LogOpeningParts): Promise<void> {
  for (const segment of removed) {
    await parts.files.drop(segment.path)
    await parts.disk.remove(segment.path)
    await parts.disk.remove(indexPath(files.id, segment.baseSequence)).catch(ignoreMissing)
  }
  if (removed.length > 0) await parts.disk.syncDirectory(logFolder(files.id))
}

/** What follows `from` in the segment, as much of it as is worth keeping, and how many bytes it is in all. */
async function readTail(files: LogFiles, segment: Segment, from: number): Promise<{ bytes: number; copy: Buffer }> {
  const held = await files.hold(segment)
  try {
    const bytes = (await held.file.size()) - from
    const copy = Buffer.alloc(Math.max(0, Math.min(bytes, tornBytesMax)))
    return { bytes, copy: copy.subarray(0, await held.file.read(copy, from)) }
  } finally {
    held.release()
  }
}

async function truncateTo(files: LogFiles, segment: Segment, bytes: number): Promise<void> {
  const held = await files.hold(segment)
  try {
    await held.file.truncate(bytes)
    await held.file.sync()
  } finally {
    held.release()
  }
}

async function keepAside(copy: Buffer, name: string, { disk, files }: LogOpeningParts): Promise<void> {
  if (copy.length === 0) return
  await disk.makeDirectory(tornFolder)
  if ((await disk.list(tornFolder)).length >= tornFilesMax) return
  const path = `${tornFolder}/${name}`
  await disk.remove(path).catch(ignoreMissing)
  await files.use(path, 'create', (file) => file.write([copy], 0))
}

/**
 * What a scan found is in the page cache at least; before anything is built on it, it is on the disk. It is written again
 * first: after a failed sync the page cache of a process that is gone shows bytes that a mere sync would not bring there.
 */
async function syncFound(
  files: LogFiles,
  state: LogState | null,
  place: LogPlace,
  parts: LogOpeningParts,
): Promise<void> {
  for (const segment of files.segments) {
    // A state that names no segment says of everything before its end that it is synced.
    if (segment.baseSequence < (state?.segmentBase ?? state?.end.sequence ?? 0)) continue
    const held = await files.hold(segment)
    try {
      const from = segment.baseSequence === state?.segmentBase ? state.position : 0
      const to = segment === place.segment ? place.position : await held.file.size()
      for (let at = from; state !== null && at < to; at += rewriteBytes) {
        const bytes = Buffer.allocUnsafe(Math.min(rewriteBytes, to - at))
        await held.file.write([bytes.subarray(0, await held.file.read(bytes, at))], at)
      }
      await held.file.sync()
    } finally {
      held.release()
    }
  }
  await parts.disk.syncDirectory(logFolder(files.id))
  await syncPool(parts.folders)
}

/** Tells the newest segment how far it is filled. One that lost its end is closed: what comes goes into a new one. */
async function settle(files: LogFiles, place: LogPlace): Promise<LogPlace> {
  if (place.segment !== null) {
    place.segment.placeAt(place.position)
    // Before its first entry a small segment is read from its beginning.
    if (place.position <= indexlessBytes) place.segment.startIndex()
    return place
  }
  const { active } = files
  if (active === null) return place
  active.isEnded = true
  active.placeAt(Math.max(headerBytes, (await sizeOf(files, active)) & ~7))
  return place
}

/** Everything before the start was trimmed and everything after it is lost: numbers go on from the start all the same. */
async function startAfresh(files: LogFiles, start: Position, timeMs: number | null): Promise<LogPlace> {
  await files.removeFirst(files.segments.length)
  return { segment: null, position: 0, end: start, timeMs }
}

async function sizeOf(files: LogFiles, segment: Segment): Promise<number> {
  const held = await files.hold(segment)
  try {
    return await held.file.size()
  } finally {
    held.release()
  }
}

function ignoreMissing(error: unknown): void {
  if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
}
