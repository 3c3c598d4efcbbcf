// Making and putting away the files of the commit journal. A new file is complete and durable, header, head groups and
// name, before anything is committed into it:
//
//   take `spare` or create `next` → header, head group twice → sync → rename to its number → sync folder → version file

import { crc32c } from '../../base/crc32c.ts'
import { align8 } from './bytes.ts'
import { DiskError, type Disk, type DiskFile } from './disk.ts'
import { formatVersion } from './format.ts'
import {
  encodeCheckpoint,
  encodeGroupHead,
  encodeJournalHeader,
  encodeState,
  encodeVersionSlot,
  groupHeaderBytes,
  groupRowBytes,
  type GroupRow,
  type JournalHeader,
  type LogState,
  type RowKind,
  versionSlotBytes,
} from './journal-format.ts'
import { journalFolder, journalNextPath, journalPath, journalSparePath, versionPath } from './paths.ts'
import { headerBytes } from './format.ts'

/** A row with the body it describes, padded. */
export interface JournalRecord {
  readonly row: GroupRow
  readonly body: Buffer
}

export interface NumberedState {
  readonly logNumber: number
  readonly state: LogState
}

/** What a new file says of everything before it. */
export interface JournalHead {
  /** Files before this generation are no longer needed. */
  readonly replayFrom: number
  /** Groups whose deletion is decided and whose folders may still be there. */
  readonly forgotten: readonly string[]
  /** Every log. */
  readonly states: readonly NumberedState[]
}

export interface MadeFile {
  readonly file: DiskFile
  /** Where the first group after the head goes. */
  readonly position: number
  /** How far the file's blocks exist. */
  readonly allocatedBytes: number
}

/** Whether the new file is there for the next start is not known: the journal cannot go on in the old one. */
export class AmbiguousJournal extends Error {
  override readonly name = 'AmbiguousJournal'

  constructor(cause: unknown) {
    super('a new journal file can neither be completed nor taken back', { cause })
  }
}

/** A record of any kind but `envelope`. */
export function record(kind: Exclude<RowKind, 'envelope'>, logNumber: number, body: Buffer): JournalRecord {
  const padded = Buffer.alloc(align8(body.length))
  body.copy(padded)
  const row = { kind, logNumber, lengthBytes: body.length, bodyCrc: crc32c(body), segmentBase: 0, position: 0 }
  return { row, body: padded }
}

export function stateRecord({ logNumber, state }: NumberedState): JournalRecord {
  return record('state', logNumber, encodeState(state))
}

/** Bytes of the group that holds these records. */
export function groupBytes(records: readonly JournalRecord[]): number {
  let bytes = groupHeaderBytes
  for (const { body } of records) bytes += groupRowBytes + body.length
  return bytes
}

export class JournalFiles {
  readonly #disk: Disk
  #versionNumber: number
  #hasSpare = false

  /** @param versionNumber Of the version file's newest slot, 0 when there is none. */
  constructor(disk: Disk, versionNumber: number) {
    this.#disk = disk
    this.#versionNumber = versionNumber
  }

  /**
   * @throws DiskError, after which the journal has no new file and the one before may be used on; `AmbiguousJournal` when
   *   that is not certain.
   */
  async make(header: JournalHeader, head: JournalHead): Promise<MadeFile> {
    const file = await this.#raw()
    let isNamed = false
    try {
      const { replayFrom, forgotten, states } = head
      const checkpoint = record('checkpoint', 0, encodeCheckpoint({ replayFrom, isComplete: true, isClean: false }))
      const forgets = forgotten.map((group) => record('forget', 0, Buffer.from(group)))
      const records = [checkpoint, ...forgets, ...states.map(stateRecord)]
      const totalBytes = groupBytes(records)
      const chunks: Uint8Array[] = [encodeJournalHeader(header)]
      // Twice, so that a damaged sector costs one of them.
      for (let number = 0; number < 2; number++) {
        const durablePosition = headerBytes
        const { generation, createdAtMs: writtenAtMs } = header
        chunks.push(
          encodeGroupHead(
            { generation, number, totalBytes, durablePosition, writtenAtMs },
            records.map(({ row }) => row),
          ),
          ...records.map(({ body }) => body),
        )
      }
      await file.write(chunks, 0)
      const allocatedBytes = await file.size()
      await file.sync()
      isNamed = true
      await this.#disk.rename(journalNextPath, journalPath(header.generation))
      await this.#disk.syncDirectory(journalFolder)
      await this.#writeVersion(header.generation)
      return { file, position: headerBytes + 2 * totalBytes, allocatedBytes }
    } catch (error) {
      await file.close().catch(() => undefined)
      if (isNamed) await this.#unmake(header.generation, error)
      throw error
    }
  }

  /**
   * A file that has its name says where the one before ended. Either the name goes, durably, or nothing may be written to
   * the one before any more.
   */
  async #unmake(generation: number, cause: unknown): Promise<void> {
    try {
      await this.#disk.remove(journalPath(generation)).catch((error: unknown) => {
        if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
      })
      await this.#disk.syncDirectory(journalFolder)
    } catch {
      throw new AmbiguousJournal(cause)
    }
  }

  /** Puts the closed file away: as the one spare, or removes it. A file that failed is never written to again. */
  async putAway(generation: number, mayRecycle: boolean): Promise<void> {
    if (mayRecycle && !this.#hasSpare) {
      await this.#disk.rename(journalPath(generation), journalSparePath)
      // Before it is used again: otherwise a crash could leave its new content under its old name.
      await this.#disk.syncDirectory(journalFolder)
      this.#hasSpare = true
    } else {
      await this.#disk.remove(journalPath(generation))
    }
  }

  /** The spare of an earlier run. */
  async findSpare(): Promise<void> {
    const entries = await this.#disk.list(journalFolder)
    this.#hasSpare = entries.some(({ name }) => `${journalFolder}/${name}` === journalSparePath)
    if (entries.some(({ name }) => `${journalFolder}/${name}` === journalNextPath)) {
      await this.#disk.remove(journalNextPath)
    }
  }

  async #raw(): Promise<DiskFile> {
    if (this.#hasSpare) await this.#disk.rename(journalSparePath, journalNextPath)
    this.#hasSpare = false
    // An attempt that failed leaves `next` behind.
    return (await openOrCreate(this.#disk, journalNextPath)).file
  }

  async #writeVersion(journalGeneration: number): Promise<void> {
    this.#versionNumber += 1
    const slot = encodeVersionSlot({ version: formatVersion, number: this.#versionNumber, journalGeneration })
    const { file, isNew } = await openOrCreate(this.#disk, versionPath)
    try {
      await file.write([slot], (this.#versionNumber % 2) * versionSlotBytes)
      await file.sync()
    } finally {
      await file.close()
    }
    if (isNew) await this.#disk.syncDirectory('')
  }
}

async function openOrCreate(disk: Disk, path: string): Promise<{ file: DiskFile; isNew: boolean }> {
  try {
    return { file: await disk.open(path, 'write'), isNew: false }
  } catch (error) {
    if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
    return { file: await disk.open(path, 'create'), isNew: true }
  }
}
