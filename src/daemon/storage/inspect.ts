// Prints what lies in a data folder or a file of it, for people and programs. Reads only, takes no lock, works beside a running
// daemon, and goes on after every damage. docs/FORMAT.md explains what is printed.

import { type Disk, type DiskEntry, DiskError, type DiskPath } from './disk.ts'
import { inspectJournal, inspectVersion, type JournalKnowledge, readKnowledge } from './inspect-journal.ts'
import { type InspectLine, LenientFile, noting, saying, unreadable } from './inspect-line.ts'
import { inspectIndex, inspectLog, judgeMissing } from './inspect-log.ts'
import {
  groupOfFolder,
  journalNextPath,
  journalSparePath,
  logKey,
  logsFolder,
  currentSegments,
  numberOfName,
  segmentOfName,
  partitionOfFolder,
  poolFolder,
  tornFolder,
  trashFolder,
  versionPath,
} from './paths.ts'
import type { LogId } from './storage-engine.ts'

type FileKind = 'segment' | 'journal' | 'index' | 'version' | 'other'

const magics: Readonly<Record<string, FileKind>> = { EHS1: 'segment', EHJ1: 'journal', EHI1: 'index', EHV1: 'version' }

// What is not decoded, by the beginning of its path.
const otherFiles: readonly (readonly [string, string])[] = [
  [`${poolFolder}/`, 'a trimmed segment, to be used again'],
  [`${trashFolder}/`, 'being deleted'],
  [`${tornFolder}/`, 'what recovery cut off or set aside'],
  [journalSparePath, 'a journal file to be used again'],
  [journalNextPath, 'a journal file that was being made'],
  ['lag/', 'lag history'],
  ['tls/', 'certificate or key'],
  ['reserve', 'space for when the disk is full'],
  ['lock', 'the lock of a running daemon'],
]

/**
 * @param path A file or folder of `disk`. What the journal of `disk` knows is taken into account, so `disk` is best the whole
 *   data folder, also when only a part is asked for.
 * @throws DiskError when the path itself is not there.
 */
export async function* inspect(disk: Disk, path: DiskPath, kind: 'file' | 'directory'): AsyncGenerator<InspectLine> {
  const inspection = new Inspection(disk)
  if (kind === 'file') {
    await (await disk.open(path, 'read')).close()
    yield* inspection.file(path)
  } else {
    await disk.list(path)
    yield* inspection.folder(path)
    if (path === '') yield* inspection.missingLogs()
  }
}

class Inspection {
  readonly #disk: Disk
  readonly #seen = new Set<string>()
  #knowledge: Promise<JournalKnowledge | null> | null = null

  constructor(disk: Disk) {
    this.#disk = disk
  }

  async *folder(path: DiskPath): AsyncGenerator<InspectLine> {
    let entries: readonly DiskEntry[]
    try {
      entries = await this.#disk.list(path)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      yield unreadable(path, error)
      return
    }
    const inside = (name: string) => (path === '' ? name : `${path}/${name}`)
    const isLeftover = `${path}/`.startsWith(`${trashFolder}/`)
    const isSegment = ({ name, kind }: DiskEntry) => !isLeftover && kind === 'file' && segmentOfName(name) !== null
    const { current, replaced } = currentSegments(entries.filter(isSegment).map(({ name }) => name))
    if (current.length > 0) yield* this.#log(current.map(({ name }) => inside(name)))
    for (const { name } of replaced) {
      yield noting(inside(name), 'segment', 'a compacted one replaces it: it goes with the next start')
    }
    for (const entry of entries) {
      if (isSegment(entry)) continue
      if (entry.kind === 'directory') yield* this.folder(inside(entry.name))
      else yield* this.file(inside(entry.name))
    }
  }

  async *file(path: DiskPath): AsyncGenerator<InspectLine> {
    try {
      switch (await this.#kindOf(path)) {
        case 'segment':
          return yield* this.#log([path])
        case 'journal': {
          const generation = numberOfName(path.slice(path.lastIndexOf('/') + 1), 'wal')
          const limit = generation === null ? undefined : (await this.#know())?.limits.get(generation)
          return yield* inspectJournal(this.#disk, path, limit ?? Infinity)
        }
        case 'index':
          return yield* inspectIndex(this.#disk, path)
        case 'version':
          return yield* inspectVersion(this.#disk, path, (await this.#know())?.newest ?? null)
        case 'other':
          yield await this.#other(path)
      }
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      yield unreadable(path, error)
    }
  }

  /** Logs the journal knows and that have no segment: nothing of theirs was seen yet. */
  async *missingLogs(): AsyncGenerator<InspectLine> {
    for (const [key, { id }] of (await this.#know())?.states ?? []) {
      if (!this.#seen.has(key)) yield* judgeMissing(id, (isAnew) => this.#know(isAnew))
    }
  }

  async *#log(segments: readonly DiskPath[]): AsyncGenerator<InspectLine> {
    const id = idOfPath(segments[0] ?? '')
    if (id !== null) this.#seen.add(logKey(id))
    yield* inspectLog(this.#disk, segments, id, (isAnew) => this.#know(isAnew))
  }

  #know(isAnew = false): Promise<JournalKnowledge | null> {
    if (isAnew) this.#knowledge = null
    this.#knowledge ??= readKnowledge(this.#disk)
    return this.#knowledge
  }

  async #kindOf(path: DiskPath): Promise<FileKind> {
    const name = path.slice(path.lastIndexOf('/') + 1)
    if (otherFiles.some(([prefix]) => path.startsWith(prefix))) return 'other'
    if (segmentOfName(name) !== null) return 'segment'
    if (numberOfName(name, 'index') !== null) return 'index'
    if (numberOfName(name, 'wal') !== null) return 'journal'
    if (path === versionPath) return 'version'
    const bytes = Buffer.alloc(8)
    const file = new LenientFile(await this.#disk.open(path, 'read'))
    try {
      await file.read(bytes, 0)
    } finally {
      await file.close()
    }
    return magics[bytes.toString('latin1', 4)] ?? 'other'
  }

  async #other(path: DiskPath): Promise<InspectLine> {
    const file = await this.#disk.open(path, 'read')
    try {
      const is = otherFiles.find(([prefix]) => path.startsWith(prefix))?.[1] ?? 'not of the data folder'
      return saying(path, 'other', { bytes: await file.size(), is })
    } finally {
      await file.close()
    }
  }
}

/** The log whose folder the path lies in, null when it is not in its place in a data folder. */
function idOfPath(path: DiskPath): LogId | null {
  const [top, folder = '', name = '', file] = path.split('/')
  const group = groupOfFolder(folder)
  const partition = partitionOfFolder(name)
  return top !== logsFolder || file === undefined || group === null || partition === null ? null : { group, partition }
}
