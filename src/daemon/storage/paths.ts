// Every name in the data folder. Groups and partitions come from the broker and match `[a-z0-9$-]`, so a dot can join the
// two segments of a group into one folder name without ever meaning two things.
//
//   version                      what format the folder has, and its newest journal file
//   lock, lock.pid               see folder-lock.ts
//   reserve                      room for what must go on when the disk is full
//   journal/<generation>.wal     the commit journal, newest last; `spare` and `next` are being recycled
//   logs/<group>/<partition>/    one folder a log; `ns1/h7` is the folder `ns1.h7`
//     <base sequence>.log        a segment, 20 digits
//     <base>-<end>-<number>.log  a segment that compaction made: first sequence, end, generation, 20 digits each
//     <base sequence>.index      its sparse index
//     compact                    a segment that compaction is making
//   pool/<number>.log            segments to be used again
//   trash/<number>               groups being deleted
//   torn/                        copies of what recovery cut off

import type { DiskPath } from './disk.ts'
import type { LogId } from './storage-engine.ts'

export const versionPath = 'version'
export const reservePath = 'reserve'
export const journalFolder = 'journal'
export const logsFolder = 'logs'
export const poolFolder = 'pool'
export const trashFolder = 'trash'
export const tornFolder = 'torn'
/** A journal file that waits to be used again, and one that is being made. */
export const journalSparePath = `${journalFolder}/spare`
export const journalNextPath = `${journalFolder}/next`

const compactingName = 'compact'
const movingName = 'moving'
const digits = 20

export function numbered(number: number): string {
  return String(number).padStart(digits, '0')
}

export function journalPath(generation: number): DiskPath {
  return `${journalFolder}/${numbered(generation)}.wal`
}

export function groupFolder(group: string): DiskPath {
  return `${logsFolder}/${group.replace('/', '.')}`
}

export function logFolder(id: LogId): DiskPath {
  return `${groupFolder(id.group)}/${id.partition}`
}

export function segmentPath(id: LogId, baseSequence: number): DiskPath {
  return `${logFolder(id)}/${numbered(baseSequence)}.log`
}

/** Of a segment made by compaction: says of itself what it replaces, so that a start need not read it to know. */
export function compactedPath(id: LogId, baseSequence: number, endSequence: number, generation: number): DiskPath {
  return `${logFolder(id)}/${numbered(baseSequence)}-${numbered(endSequence)}-${numbered(generation)}.log`
}

/** A segment that compaction is making; at a start what another run left. */
export function compactingPath(id: LogId): DiskPath {
  return `${logFolder(id)}/${compactingName}`
}

/** A segment that a log whose file failed will go on in, until it is whole; at a start what another run left. */
export function movingPath(id: LogId): DiskPath {
  return `${logFolder(id)}/${movingName}`
}

export function indexPath(id: LogId, baseSequence: number): DiskPath {
  return `${logFolder(id)}/${numbered(baseSequence)}.index`
}

export function logKey(id: LogId): string {
  return `${id.group}/${id.partition}`
}

/** The number a file name of ours begins with, null when the name is not `<20 digits>.<extension>`. */
export function numberOfName(name: string, extension: string): number | null {
  if (name.length !== digits + 1 + extension.length || !name.endsWith(`.${extension}`)) return null
  const text = name.slice(0, digits)
  if (!/^\d+$/.test(text)) return null
  const number = Number(text)
  return Number.isSafeInteger(number) ? number : null
}

/** A segment by its file name, null when it is none. `compacted`: what compaction made replaces everything up to `endSequence`. */
export function segmentOfName(name: string): SegmentName | null {
  const base = numberOfName(name, 'log')
  if (base !== null) return { name, baseSequence: base, compacted: null }
  const match = /^(\d{20})-(\d{20})-(\d{20})\.log$/.exec(name)
  if (match === null) return null
  const [baseSequence = NaN, endSequence = NaN, generation = NaN] = match.slice(1).map(Number)
  const isSound = [baseSequence, endSequence, generation].every(Number.isSafeInteger) && endSequence > baseSequence
  return isSound ? { name, baseSequence, compacted: { endSequence, generation } } : null
}

export interface SegmentName {
  readonly name: string
  readonly baseSequence: number
  readonly compacted: { readonly endSequence: number; readonly generation: number } | null
}

/**
 * Of a log's segment names those that count, in order, and those that others replace: what a crash left of a compaction. A range
 * within another is replaced by it; of two that are the same the one made later counts.
 */
export function currentSegments(names: readonly string[]): {
  readonly current: readonly SegmentName[]
  readonly replaced: readonly SegmentName[]
} {
  const found = names.map(segmentOfName).filter((segment) => segment !== null)
  const made = (segment: SegmentName) => segment.compacted?.generation ?? -1
  const end = (segment: SegmentName) => segment.compacted?.endSequence ?? segment.baseSequence
  found.sort((a, b) => a.baseSequence - b.baseSequence || end(b) - end(a) || made(b) - made(a))
  const current: SegmentName[] = []
  const replaced: SegmentName[] = []
  let covered = 0
  for (const segment of found) {
    const isReplaced = current.length > 0 && segment.baseSequence < covered
    if (isReplaced) replaced.push(segment)
    else current.push(segment)
    if (!isReplaced) covered = end(segment)
  }
  return { current, replaced }
}

/** The group a folder below `logs` stands for, null when the name is none of ours. */
export function groupOfFolder(name: string): string | null {
  if (!/^[a-z0-9$-]{1,64}(\.[a-z0-9$-]{1,64})?$/.test(name)) return null
  return name.replace('.', '/')
}

/** The partition a folder name stands for, null when it is none. */
export function partitionOfFolder(name: string): number | null {
  return /^(0|[1-9]\d{0,3})$/.test(name) && Number(name) <= 1023 ? Number(name) : null
}
