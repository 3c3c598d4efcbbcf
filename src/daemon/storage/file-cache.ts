// Open files, at most so many at a time, so that ten thousand partitions run under `ulimit -n 1024`. Whoever uses a file
// holds it until `release`; the least recently used one nobody holds is closed to make room.
//
// A file with unsynced bytes is synced before it is closed: the kernel may forget a write-back error once nobody has the
// file open, and a sync through a later descriptor would then succeed over lost data.

import type { Disk, DiskFile, DiskPath } from './disk.ts'

export interface HeldFile {
  readonly file: DiskFile
  /** Idempotent. */
  release(): void
}

interface Entry {
  readonly path: DiskPath
  readonly opened: Promise<DiskFile>
  file: DiskFile | null
  holders: number
  /** Makes the file's bytes durable before it is closed; handles its own failure. */
  beforeClose: (() => Promise<void>) | null
  idle: (() => void)[]
}

export class FileCache {
  readonly #disk: Disk
  readonly #openMax: number
  /** Least recently used first. */
  readonly #entries = new Map<DiskPath, Entry>()
  /** Files being closed count as open until they are. */
  #closing = new Map<DiskPath, Promise<void>>()
  #waiting: (() => void)[] = []

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk
    this.#openMax = openMax
  }

  /** The file if it is open now, for use before anything is awaited. */
  peek(path: DiskPath): DiskFile | null {
    const entry = this.#entries.get(path)
    if (entry === undefined || entry.file === null) return null
    this.#touch(entry)
    return entry.file
  }

  /** Opens an existing file for reading and writing, or shares the open one. @throws DiskError */
  async hold(path: DiskPath): Promise<HeldFile> {
    for (;;) {
      const entry = this.#entries.get(path)
      if (entry !== undefined) return this.#held(entry)
      const closing = this.#closing.get(path)
      if (closing !== undefined) await closing
      else if (this.#entries.size + this.#closing.size < this.#openMax) return this.#held(this.#open(path))
      else await (this.#closeOne() ?? new Promise<void>((resolve) => this.#waiting.push(resolve)))
    }
  }

  /** Puts a file that is open already, just made for instance, into the cache, held. */
  adopt(file: DiskFile): HeldFile {
    const entry = { path: file.path, opened: Promise.resolve(file), file, holders: 1, beforeClose: null, idle: [] }
    this.#entries.set(file.path, entry)
    return this.#handle(entry, file)
  }

  /** What to do before the file is closed to make room; null when its bytes are synced. */
  setBeforeClose(path: DiskPath, beforeClose: (() => Promise<void>) | null): void {
    const entry = this.#entries.get(path)
    if (entry !== undefined) entry.beforeClose = beforeClose
  }

  /** Closes the file when nobody holds it any more, without making it durable; a file that is not open is fine. */
  async drop(path: DiskPath): Promise<void> {
    const entry = this.#entries.get(path)
    if (entry !== undefined) {
      while (entry.holders > 0) await new Promise<void>((resolve) => entry.idle.push(resolve))
      if (this.#entries.get(path) === entry) {
        entry.beforeClose = null
        void this.#close(entry)
      }
    }
    await this.#closing.get(path)
  }

  async closeAll(): Promise<void> {
    for (const path of [...this.#entries.keys()]) await this.drop(path)
    await Promise.all(this.#closing.values())
  }

  async #held(entry: Entry): Promise<HeldFile> {
    entry.holders += 1
    this.#touch(entry)
    try {
      return this.#handle(entry, await entry.opened)
    } catch (error) {
      this.#letGo(entry)
      throw error
    }
  }

  #handle(entry: Entry, file: DiskFile): HeldFile {
    let isHeld = true
    return {
      file,
      release: () => {
        if (isHeld) this.#letGo(entry)
        isHeld = false
      },
    }
  }

  #letGo(entry: Entry): void {
    entry.holders -= 1
    if (entry.holders > 0) return
    const idle = entry.idle
    entry.idle = []
    for (const run of idle) run()
    this.#wake()
  }

  #open(path: DiskPath): Entry {
    const opened = this.#disk.open(path, 'write')
    const entry: Entry = { path, opened, file: null, holders: 0, beforeClose: null, idle: [] }
    this.#entries.set(path, entry)
    opened.then(
      (file) => {
        entry.file = file
      },
      () => {
        this.#entries.delete(path)
        this.#wake()
      },
    )
    return entry
  }

  /** All of them: one that finds its file open meanwhile needs no room and would keep the wake-up to itself. */
  #wake(): void {
    for (const run of this.#waiting.splice(0)) run()
  }

  #touch(entry: Entry): void {
    this.#entries.delete(entry.path)
    this.#entries.set(entry.path, entry)
  }

  /** Closes the least recently used file nobody holds, a synced one rather than a dirty one; null when all are held. */
  #closeOne(): Promise<void> | null {
    let dirty: Entry | null = null
    for (const entry of this.#entries.values()) {
      if (entry.holders > 0 || entry.file === null) continue
      if (entry.beforeClose === null) return this.#close(entry)
      dirty ??= entry
    }
    if (dirty === null || dirty.beforeClose === null) return null
    const entry = dirty
    const synced = dirty.beforeClose()
    entry.beforeClose = null
    entry.holders += 1
    return synced.then(() => this.#letGo(entry))
  }

  #close(entry: Entry): Promise<void> {
    this.#entries.delete(entry.path)
    if (entry.file === null) return Promise.resolve()
    // The bytes are durable already: an error of close has nothing left to say.
    const closed = entry.file.close().catch(() => undefined)
    const closing = closed.then(() => {
      this.#closing.delete(entry.path)
      this.#wake()
    })
    this.#closing.set(entry.path, closing)
    return closing
  }
}
