// The blocks of the commit journal's present file: they exist before anything is written into them, so that most syncs change
// no metadata. Some always lie ahead that only essential groups may take (promise P9: checkpoints, trimming and deletion go
// on when the disk is full), because a reserve anywhere else is taken by whoever writes first once it is given up.

import type { DiskFile } from './disk.ts'
import { isNoSpace } from './storage-errors.ts'

export interface JournalBlocksParts {
  readonly fileBytes: number
  /** By how many bytes the file may grow at a time at present. */
  readonly growthBytesMax: () => number
  /** Tries to free space for what must go on; resolves to whether it did. */
  readonly onNoSpace: (error: unknown) => Promise<boolean>
}

const growthBytesMin = 64 * 1024
// Some five hundred checkpoints.
const keptBytesMax = 256 * 1024

export class JournalBlocks {
  readonly #parts: JournalBlocksParts
  readonly #keptBytes: number
  #bytes = 0

  constructor(parts: JournalBlocksParts) {
    this.#parts = parts
    this.#keptBytes = Math.min(keptBytesMax, parts.fileBytes >> 3)
  }

  /** The file, or another one, has blocks up to here. */
  set bytes(bytes: number) {
    this.#bytes = bytes
  }

  /**
   * Sees to it that the blocks of a group that ends at `end` exist. @throws DiskError, after which the file is as before or
   * longer by zeros, and nothing of the group is in it.
   */
  async reach(file: DiskFile, end: number, isEssential: boolean): Promise<void> {
    const needed = isEssential ? end : end + this.#keptBytes
    if (needed <= this.#bytes) return
    const { fileBytes, growthBytesMax, onNoSpace } = this.#parts
    const growth = Math.min(growthBytesMax(), fileBytes, Math.max(this.#bytes, growthBytesMin))
    const wanted = Math.max(needed, this.#bytes + growth)
    try {
      await file.preallocate(wanted)
      this.#bytes = wanted
      return
    } catch (error) {
      if (!isNoSpace(error)) throw error
      await this.#giveBack(file)
      if (isEssential && !(await onNoSpace(error))) throw error
      if (!isEssential && wanted === needed) throw error
    }
    try {
      await file.preallocate(needed)
      this.#bytes = needed
    } catch (error) {
      await this.#giveBack(file)
      throw error
    }
  }

  /** What a try that failed took of a full disk; others need it. Whether that works changes nothing here. */
  async #giveBack(file: DiskFile): Promise<void> {
    await file.truncate(this.#bytes).catch(() => undefined)
  }
}
