// Makes and takes back segment files (decision D13). A trimmed segment is kept, up to a few, and used again by whichever
// log rolls next: overwriting a file whose blocks exist takes 2-4 times as many bytes a second as growing one. A log's
// first segment is a new, growing file, so that small and idle partitions cost no preallocated space.

import type { DirectorySyncs } from './directory-syncs.ts'
import { DiskError, type Disk, type DiskFile, type DiskPath } from './disk.ts'
import { poolFolder } from './paths.ts'

/** Below this a file is not worth keeping. */
const worthBytes = 1024 * 1024

export interface PooledFile {
  readonly path: DiskPath
  readonly bytes: number
}

export class SegmentPool {
  readonly #disk: Disk
  readonly #filesMax: number
  readonly #bytesMax: number
  /** Paths of the files waiting, with their sizes. */
  #free: PooledFile[] = []
  #bytes = 0
  #nextNumber = 1

  constructor(disk: Disk, options: { readonly filesMax: number; readonly bytesMax: number }) {
    this.#disk = disk
    this.#filesMax = options.filesMax
    this.#bytesMax = options.bytesMax
  }

  get bytesHeld(): number {
    return this.#bytes
  }

  /** Finds what an earlier run left. Files that cannot be used are removed. */
  async open(): Promise<void> {
    let entries
    try {
      entries = await this.#disk.list(poolFolder)
    } catch (error) {
      if (error instanceof DiskError && error.systemCode === 'ENOENT') return
      throw error
    }
    for (const { name } of entries) {
      const path = `${poolFolder}/${name}`
      this.#nextNumber = Math.max(this.#nextNumber, Number.parseInt(name, 10) + 1 || 0)
      const file = await this.#disk.open(path, 'read')
      const bytes = await file.size()
      await file.close()
      if (this.#hasRoomFor(bytes)) this.#keep(path, bytes)
      else await this.#disk.remove(path)
    }
  }

  /**
   * A file at `path`, which must not exist, that begins with `header`. Neither its name nor its content is durable yet: the
   * name is when its folder and, for a recycled file, the pool's are synced.
   * @param mayRecycle Whether the log has shown that it fills a segment.
   * @throws DiskError, after which there is no file at `path`.
   */
  async take(
    path: DiskPath,
    header: Buffer,
    mayRecycle: boolean,
  ): Promise<{ readonly file: DiskFile; readonly isRecycled: boolean }> {
    const recycled = mayRecycle ? this.#free.pop() : undefined
    if (recycled !== undefined) this.#bytes -= recycled.bytes
    if (recycled !== undefined) await this.#disk.rename(recycled.path, path)
    const file = recycled === undefined ? await this.#create(path) : await this.#disk.open(path, 'write')
    try {
      await file.write([header], 0)
      return { file, isRecycled: recycled !== undefined }
    } catch (error) {
      await file.close().catch(() => undefined)
      await this.#disk.remove(path).catch(() => undefined)
      throw error
    }
  }

  /**
   * Takes closed files back or removes them, and makes it durable that they are gone from `folder`. Only then may they be
   * used again: otherwise a crash could leave the new content under the old name. @throws DiskError
   */
  async give(folder: DiskPath, files: readonly PooledFile[]): Promise<void> {
    const kept: PooledFile[] = []
    let keptBytes = 0
    for (const { path, bytes } of files) {
      if (bytes < worthBytes || !this.#hasRoomFor(bytes, kept.length, keptBytes)) {
        await this.#disk.remove(path)
        continue
      }
      await this.#disk.makeDirectory(poolFolder)
      const pooled = `${poolFolder}/${this.#nextNumber++}.log`
      await this.#disk.rename(path, pooled)
      kept.push({ path: pooled, bytes })
      keptBytes += bytes
    }
    if (files.length > 0) await this.#disk.syncDirectory(folder)
    if (kept.length > 0) await this.#disk.syncDirectory(poolFolder)
    for (const { path, bytes } of kept) this.#keep(path, bytes)
  }

  /** What is there already was left by an attempt that failed and could not clean up; no log knows of it. */
  async #create(path: DiskPath): Promise<DiskFile> {
    try {
      return await this.#disk.open(path, 'create')
    } catch (error) {
      if (!(error instanceof DiskError && error.systemCode === 'EEXIST')) throw error
      await this.#disk.remove(path)
      return this.#disk.open(path, 'create')
    }
  }

  /** Gives the space back to the file system. */
  async empty(): Promise<void> {
    for (let free = this.#free.pop(); free !== undefined; free = this.#free.pop()) {
      this.#bytes -= free.bytes
      await this.#disk.remove(free.path)
    }
  }

  #keep(path: DiskPath, bytes: number): void {
    this.#free.push({ path, bytes })
    this.#bytes += bytes
  }

  /** @param moreFiles Files on their way in, with `moreBytes` bytes. */
  #hasRoomFor(bytes: number, moreFiles = 0, moreBytes = 0): boolean {
    return this.#free.length + moreFiles < this.#filesMax && this.#bytes + moreBytes + bytes <= this.#bytesMax
  }
}

/**
 * Makes it durable that files which another process took out of the pool are no longer there: a power cut could otherwise give a
 * segment that is built upon its old name back. @throws DiskError
 */
export async function syncPool(folders: DirectorySyncs): Promise<void> {
  try {
    await folders.sync(poolFolder)
  } catch (error) {
    if (!(error instanceof DiskError && error.systemCode === 'ENOENT')) throw error
  }
}
