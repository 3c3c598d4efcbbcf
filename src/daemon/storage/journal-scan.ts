// Reads the commit journal: which files there are, which groups of each are intact, and whether what follows the last
// intact one is a torn tail or corruption.
//
// Groups are written one at a time, each after the one before was synced. So an intact group proves that everything
// before it in the file was synced: something not intact before it is corruption. What is not intact at the end was being
// written when the daemon stopped and was never acknowledged: a torn tail.

import { ByteWindow } from './byte-window.ts'
import { type Disk, DiskError, type DiskFile } from './disk.ts'
import { headerBytes } from './format.ts'
import {
  decodeGroup,
  decodeGroupHeader,
  decodeJournalHeader,
  groupHeaderBytes,
  groupNeedle,
  type GroupPart,
  type JournalHeader,
} from './journal-format.ts'
import { journalFolder, journalPath, numberOfName } from './paths.ts'

export interface JournalFileFound {
  readonly generation: number
  /** Null when it is damaged or belongs to another file. */
  readonly header: JournalHeader | null
}

export interface JournalGroup {
  readonly position: number
  readonly bytes: Buffer
  readonly parts: readonly GroupPart[]
}

/** Bytes of a journal file that were acknowledged and are not intact. */
export interface JournalDamage {
  readonly generation: number
  readonly from: number
  readonly to: number
}

export interface JournalEnd {
  readonly endPosition: number
  readonly damage: readonly JournalDamage[]
  /** Something follows the end that a group in the making left. */
  readonly isTorn: boolean
}

/** The journal's files in order of generation. @throws DiskError */
export async function findJournalFiles(disk: Disk): Promise<JournalFileFound[]> {
  const found: JournalFileFound[] = []
  let entries
  try {
    entries = await disk.list(journalFolder)
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return []
    throw error
  }
  for (const { name } of entries) {
    const generation = numberOfName(name, 'wal')
    if (generation === null) continue
    const file = await disk.open(journalPath(generation), 'read')
    try {
      const bytes = Buffer.alloc(headerBytes)
      const header = decodeJournalHeader(bytes.subarray(0, await file.read(bytes, 0)))
      found.push({ generation, header: header?.generation === generation ? header : null })
    } finally {
      await file.close()
    }
  }
  return found.sort((a, b) => a.generation - b.generation)
}

/** Where files ended by the word of the ones after them: nothing beyond counts. */
export function journalLimits(found: readonly JournalFileFound[]): ReadonlyMap<number, number> {
  const limits = new Map<number, number>()
  for (const { header } of found) {
    const previous = header?.previous ?? null
    if (previous !== null) limits.set(previous.generation, previous.endPosition)
  }
  return limits
}

/**
 * Calls `visit` with every intact group of the file in order.
 * @param limit Where the file ended by the word of the one after it; nothing beyond counts.
 */
export async function scanJournalFile(
  disk: Disk,
  generation: number,
  limit: number,
  visit: (group: JournalGroup) => void | Promise<void>,
): Promise<JournalEnd> {
  const file = await disk.open(journalPath(generation), 'read')
  try {
    return await scan(file, generation, limit, visit)
  } finally {
    await file.close()
  }
}

async function scan(
  file: DiskFile,
  generation: number,
  limit: number,
  visit: (group: JournalGroup) => void | Promise<void>,
): Promise<JournalEnd> {
  const window = new ByteWindow(file, Math.min(limit, await file.size()))
  const needle = groupNeedle(generation)
  const damage: JournalDamage[] = []
  let number = 0
  for (let position = headerBytes; ; ) {
    const group = await groupAt(window, position, generation, number)
    if (group !== null) {
      await visit(group.group)
      position += group.group.bytes.length
      number = group.number + 1
      continue
    }
    const next = await nextGroup(window, position + 8, needle, generation, number)
    if (next !== null) {
      damage.push({ generation, from: position, to: next })
      position = next
      continue
    }
    // The file after this one said that it ended at `limit`: what is missing before was acknowledged.
    if (position < limit && limit !== Infinity) damage.push({ generation, from: position, to: limit })
    const rest = await window.read(position, groupHeaderBytes)
    const isTorn = rest.subarray(4, 4 + needle.length).equals(needle)
    return { endPosition: position, damage, isTorn }
  }
}

async function groupAt(
  window: ByteWindow,
  position: number,
  generation: number,
  numberMin: number,
): Promise<{ group: JournalGroup; number: number } | null> {
  const header = decodeGroupHeader(await window.read(position, groupHeaderBytes))
  if (header === null || header.generation !== generation || header.number < numberMin) return null
  if (position + header.totalBytes > window.size) return null
  const bytes = await window.read(position, header.totalBytes)
  const parts = decodeGroup(bytes, header)
  return parts === null ? null : { group: { position, bytes, parts }, number: header.number }
}

async function nextGroup(
  window: ByteWindow,
  from: number,
  needle: Buffer,
  generation: number,
  numberMin: number,
): Promise<number | null> {
  for (let at = await window.find(needle, 4, from); at !== null; at = await window.find(needle, 4, at + 8)) {
    if ((await groupAt(window, at, generation, numberMin)) !== null) return at
  }
  return null
}
