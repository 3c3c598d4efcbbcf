// What compaction means for opening a log: a crash may have left a finished segment beside those it replaces, or an unfinished
// one. A name says what a segment replaces, so nothing has to be read of logs that were left in order.

import { DiskError, type Disk } from './disk.ts'
import { type CompactedRange, decodeSegmentHeader, headerBytes } from './format.ts'
import type { LogState } from './journal-format.ts'
import type { LogFiles, LogFilesParts } from './log-files.ts'
import type { Log } from '../../base/log.ts'
import {
  compactingPath,
  currentSegments,
  logFolder,
  logKey,
  movingPath,
  segmentOfName,
  type SegmentName,
  tornFolder,
} from './paths.ts'
import { Segment } from './segment.ts'
import type { LogId } from './storage-engine.ts'

interface Parts extends LogFilesParts {
  readonly log: Log
}

/** The log's segments in order, after removing what a compaction or a move that was cut short left. @throws DiskError */
export async function finishCompaction(id: LogId, names: readonly string[], parts: Parts): Promise<Segment[]> {
  const folder = logFolder(id)
  for (const path of [compactingPath(id), movingPath(id)]) {
    if (names.some((name) => `${folder}/${name}` === path)) await parts.disk.remove(path)
  }
  const sound = await withoutBroken(id, names, parts)
  const { current, replaced } = currentSegments(sound)
  if (replaced.length > 0) {
    // The new name first: the other way round a power cut could leave neither.
    await parts.disk.syncDirectory(folder)
    const sizes = await Promise.all(replaced.map(({ name }) => sizeOf(parts.disk, `${folder}/${name}`)))
    const files = replaced.map(({ name }, index) => ({ path: `${folder}/${name}`, bytes: sizes[index] ?? 0 }))
    await parts.pool.give(folder, files)
  }
  return current.map(({ baseSequence, compacted }) => new Segment(id, baseSequence, null, true, compacted))
}

/**
 * Where others still lie that a segment would replace, it is looked at before they go: one that is damaged, or whose name somebody
 * made up, replaces nothing. It is put aside.
 */
async function withoutBroken(id: LogId, names: readonly string[], parts: Parts): Promise<readonly string[]> {
  let left = names
  for (;;) {
    const { current, replaced } = currentSegments(left)
    const broken: string[] = []
    for (const segment of replaced.length === 0 ? [] : current) {
      const { compacted } = segment
      const isNeeded = compacted !== null && replaced.some((other) => other.baseSequence < compacted.endSequence)
      if (isNeeded && !(await isSound(id, segment, parts.disk))) broken.push(segment.name)
    }
    if (broken.length === 0) return left
    left = left.filter((name) => !broken.includes(name))
    for (const name of broken) {
      parts.log.warn('a compacted segment is not intact; those it was made from are used', { log: logKey(id), name })
      await parts.disk.makeDirectory(tornFolder)
      await parts.disk.rename(`${logFolder(id)}/${name}`, `${tornFolder}/${logKey(id).replaceAll('/', '.')}.${name}`)
      await parts.disk.syncDirectory(tornFolder)
      await parts.disk.syncDirectory(logFolder(id))
    }
  }
}

async function isSound(id: LogId, { name, baseSequence, compacted }: SegmentName, disk: Disk): Promise<boolean> {
  const file = await disk.open(`${logFolder(id)}/${name}`, 'read')
  try {
    const bytes = Buffer.alloc(headerBytes)
    const header = decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)))
    return (
      header?.compacted !== undefined &&
      logKey(header.id) === logKey(id) &&
      header.baseSequence === baseSequence &&
      header.generation === compacted?.generation &&
      header.compacted.endSequence === compacted.endSequence &&
      header.compacted.endPosition <= (await file.size())
    )
  } finally {
    await file.close()
  }
}

/** Reads the headers of the segments compaction made; what the newest says of itself, null without one. @throws DiskError */
export async function lastCompacted(files: LogFiles): Promise<CompactedRange | null> {
  let last: CompactedRange | null = null
  for (const segment of files.segments) {
    if (segment.compacted !== null) last = (await files.loadHeader(segment))?.compacted ?? last
  }
  return last
}

/** As `lastCompacted`, for a log whose files are not open. @throws DiskError */
export async function lastCompactedOf(id: LogId, disk: Disk): Promise<CompactedRange | null> {
  const names = (await listIfThere(disk, logFolder(id))).filter(
    (name) => (segmentOfName(name)?.compacted ?? null) !== null,
  )
  const last = currentSegments(names).current.at(-1)
  if (last === undefined || !(await isSound(id, last, disk))) return null
  const file = await disk.open(`${logFolder(id)}/${last.name}`, 'read')
  try {
    const bytes = Buffer.alloc(headerBytes)
    return decodeSegmentHeader(bytes.subarray(0, await file.read(bytes, 0)))?.compacted ?? null
  } finally {
    await file.close()
  }
}

/**
 * Compaction begins when the journal knows that everything it touches is synced. A state from before that, all there is when the
 * journal is damaged, names segments that are no more: what they held is in the compacted ones.
 */
export function behindCompacted(state: LogState, compacted: CompactedRange): LogState {
  const { endSequence: sequence, endOffset: offset, lastTimeMs } = compacted
  if (state.end.sequence >= sequence) return state
  const end = { sequence, offset }
  return { ...state, segmentBase: null, segmentGeneration: 0, position: 0, end, lastTimeMs, isExact: false }
}

async function listIfThere(disk: Disk, folder: string): Promise<readonly string[]> {
  try {
    return (await disk.list(folder)).map(({ name }) => name)
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return []
    throw error
  }
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  const file = await disk.open(path, 'read')
  try {
    return await file.size()
  } finally {
    await file.close()
  }
}
