// Capture into a folder. A file grows as `<name>.part` in the folder it will be in; finishing it is: sync the file, rename it,
// sync the folder. A `.part` that a crash left is written over by the same name. Folders are made 0700, files 0600.

import { EhubError } from '../../../base/error.ts'
import { type Disk, DiskError, type DiskFile } from '../../storage/disk.ts'
import type { Destination, FileFacts, ListedFile, TargetFile } from './destination.ts'
import { readFileFacts } from './file-facts.ts'

const partExtension = '.part'
const chunkBytes = 1024 * 1024
/** Bytes after which a growing file is synced, so that finishing it does not flush hundreds of megabytes at once. */
const syncEveryBytes = 32 * 1024 * 1024
const foldersKnownMax = 10_000

export class DirDestination implements Destination {
  readonly chunkBytes = chunkBytes
  readonly label: string
  readonly #disk: Disk
  readonly #folder: string
  readonly #folders = new DurableFolders()

  /**
   * @param disk Its root exists and is durable. @param folder Below it, where the files go.
   * @param path The folder, for messages.
   */
  constructor(disk: Disk, folder: string, path: string) {
    this.#disk = disk
    this.#folder = folder
    this.label = `dir:${path}`
  }

  create(name: string): TargetFile {
    return new DirFile(this.#disk, this.label, this.#pathOf(name), this.#folders)
  }

  sizeOf(name: string): Promise<number | null> {
    return this.#attempt(() => sizeOf(this.#disk, this.#pathOf(name)))
  }

  async *list(prefix: string): AsyncGenerator<ListedFile> {
    const folder = folderOf(this.#pathOf(prefix))
    for (const path of await this.#attempt(() => namesBelow(this.#disk, folder))) {
      const name = this.#folder === '' ? path : path.slice(this.#folder.length + 1)
      if (!name.startsWith(prefix) || name.endsWith(partExtension)) continue
      const bytes = await this.sizeOf(name)
      if (bytes !== null) yield { name, bytes, facts: null }
    }
  }

  readFacts(name: string, bytes: number): Promise<Omit<FileFacts, 'bytes'> | null> {
    return this.#attempt(async () => {
      const file = await this.#disk.open(this.#pathOf(name), 'read')
      try {
        return await readFileFacts(async (at, length) => {
          const into = Buffer.allocUnsafe(length)
          return into.subarray(0, await file.read(into, at))
        }, bytes)
      } finally {
        await file.close()
      }
    })
  }

  close(): Promise<void> {
    return Promise.resolve()
  }

  #pathOf(name: string): string {
    return this.#folder === '' ? name : `${this.#folder}/${name}`
  }

  #attempt<T>(work: () => Promise<T>): Promise<T> {
    return attempt(this.label, work)
  }
}

class DirFile implements TargetFile {
  readonly #disk: Disk
  readonly #label: string
  readonly #name: string
  readonly #part: string
  readonly #folders: DurableFolders
  #isBegun = false
  #bytes = 0
  #unsyncedBytes = 0

  constructor(disk: Disk, label: string, name: string, folders: DurableFolders) {
    this.#folders = folders
    this.#disk = disk
    this.#label = label
    this.#name = name
    this.#part = `${name}${partExtension}`
  }

  append(chunks: readonly Uint8Array[]): Promise<void> {
    return attempt(this.#label, () => this.#withFile((file) => this.#write(file, chunks)))
  }

  finish(chunks: readonly Uint8Array[]): Promise<void> {
    return attempt(this.#label, async () => {
      await this.#withFile(async (file) => {
        await this.#write(file, chunks)
        await file.sync()
      })
      await this.#disk.rename(this.#part, this.#name)
      await this.#disk.syncDirectory(folderOf(this.#name))
      await this.#folders.sync(this.#disk, folderOf(this.#name))
    })
  }

  async abandon(): Promise<void> {
    if (!this.#isBegun) return
    try {
      await this.#disk.remove(this.#part)
    } catch (error) {
      // The next file of this name writes over it.
      if (!(error instanceof DiskError) && !(error instanceof EhubError)) throw error
    }
  }

  /** Open only while it is written: many partitions gather at a time. */
  async #withFile(work: (file: DiskFile) => Promise<void>): Promise<void> {
    const file = this.#isBegun ? await this.#disk.open(this.#part, 'write') : await this.#begin()
    this.#isBegun = true
    try {
      await work(file)
    } finally {
      await file.close()
    }
  }

  async #begin(): Promise<DiskFile> {
    await this.#disk.makeDirectory(folderOf(this.#part))
    try {
      return await this.#disk.open(this.#part, 'create')
    } catch (error) {
      if (!(error instanceof DiskError) || error.systemCode !== 'EEXIST') throw error
    }
    // Of a crashed run.
    const file = await this.#disk.open(this.#part, 'write')
    await file.truncate(0)
    return file
  }

  async #write(file: DiskFile, chunks: readonly Uint8Array[]): Promise<void> {
    await file.write(chunks, this.#bytes)
    const bytes = chunks.reduce((sum, chunk) => sum + chunk.length, 0)
    this.#bytes += bytes
    this.#unsyncedBytes += bytes
    if (this.#unsyncedBytes < syncEveryBytes) return
    await file.sync()
    this.#unsyncedBytes = 0
  }
}

/** Folders whose own names are durable, so that they are synced once and not with every file. */
class DurableFolders {
  readonly #known = new Set<string>([''])

  async sync(disk: Disk, folder: string): Promise<void> {
    if (this.#known.has(folder)) return
    const parent = folderOf(folder)
    await disk.syncDirectory(parent)
    await this.sync(disk, parent)
    // Every minute has a folder of its own: what was long ago is not asked for again.
    if (this.#known.size >= foldersKnownMax) this.#known.clear()
    this.#known.add('').add(folder)
  }
}

async function sizeOf(disk: Disk, name: string): Promise<number | null> {
  try {
    const file = await disk.open(name, 'read')
    try {
      return await file.size()
    } finally {
      await file.close()
    }
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return null
    throw error
  }
}

/** In order of name. */
async function namesBelow(disk: Disk, folder: string): Promise<readonly string[]> {
  const names: string[] = []
  const pending = [folder]
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    for (const { name, kind } of await entriesOf(disk, next)) {
      const path = next === '' ? name : `${next}/${name}`
      if (kind === 'directory') pending.push(path)
      else names.push(path)
    }
  }
  return names.sort()
}

async function entriesOf(disk: Disk, folder: string): ReturnType<Disk['list']> {
  try {
    return await disk.list(folder)
  } catch (error) {
    if (error instanceof DiskError && error.systemCode === 'ENOENT') return []
    throw error
  }
}

const hints: Readonly<Record<string, string>> = {
  ENOSPC: 'free space on that disk: Capture tries again by itself',
  EACCES: 'make the folder writable for the daemon: Capture tries again by itself',
  EROFS: 'mount that disk writable: Capture tries again by itself',
}

async function attempt<T>(label: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    const code = error.systemCode === 'ENOSPC' ? 'disk-full' : 'storage-failed'
    const hint = hints[error.systemCode]
    throw new EhubError(code, `${label}: ${error.message}`, { cause: error, ...(hint === undefined ? {} : { hint }) })
  }
}

function folderOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash < 0 ? '' : path.slice(0, slash)
}
