// Makes folders and their names durable. Many logs are often made at once in one folder: whoever asks for a sync while one
// is running shares the next one, so that a thousand new partitions cost a handful of syncs.

import type { Disk, DiskPath } from './disk.ts'

export class DirectorySyncs {
  readonly #disk: Disk
  readonly #running = new Map<DiskPath, Promise<void>>()
  readonly #queued = new Map<DiskPath, Promise<void>>()
  /** Folders whose own name is durable; forgotten when one is removed. */
  readonly #durable = new Set<DiskPath>([''])

  constructor(disk: Disk) {
    this.#disk = disk
  }

  /** Makes the folder, its parents and all their names durable. @throws DiskError */
  async make(folder: DiskPath): Promise<void> {
    await this.#disk.makeDirectory(folder)
    const missing: DiskPath[] = []
    for (let path = folder; !this.#durable.has(path); path = parentOf(path)) missing.unshift(path)
    for (const path of missing) await this.sync(parentOf(path))
    for (const path of missing) this.#durable.add(path)
  }

  /** Resolves after a sync of the folder that began after this call. @throws DiskError */
  sync(folder: DiskPath): Promise<void> {
    const running = this.#running.get(folder)
    if (running === undefined) return this.#begin(folder)
    let queued = this.#queued.get(folder)
    if (queued === undefined) {
      // A sync that failed says nothing about the next.
      queued = running
        .catch(() => undefined)
        .then(() => {
          this.#queued.delete(folder)
          return this.#begin(folder)
        })
      this.#queued.set(folder, queued)
    }
    return queued
  }

  forget(folder: DiskPath): void {
    for (const path of this.#durable) if (path === folder || path.startsWith(`${folder}/`)) this.#durable.delete(path)
  }

  #begin(folder: DiskPath): Promise<void> {
    const running = this.#disk.syncDirectory(folder).finally(() => this.#running.delete(folder))
    this.#running.set(folder, running)
    return running
  }
}

function parentOf(path: DiskPath): DiskPath {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}
