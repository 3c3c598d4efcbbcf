// Open files, at most so many at a time, so that ten thousand partitions run under `ulimit -n 1024`. Whoever uses a file
// holds it until `release`; the least recently used one nobody holds is closed to make room.
//
// A slot stands for one descriptor: of a file that is open, being opened, being made or being closed. Whoever wants one
// waits in line. Nobody waits for a slot while holding a file, and making room needs nothing but the disk: a file with
// unsynced bytes is synced through its own descriptor, whatever its log is doing. So every wait ends.
//
// It is synced before it is closed because the kernel may forget a write-back error once nobody has the file open, and a
// sync through a later descriptor would then succeed over lost data.

import type { Disk, DiskFile, DiskPath, OpenMode } from './disk.ts'

export interface HeldFile {
  readonly file: DiskFile
  /** Idempotent. */
  release(): void
}

/** Makes the file's bytes durable before it is closed; handles its own failure, and asks nothing of the cache. */
export type BeforeClose = (file: DiskFile) => Promise<void>

interface Entry {
  readonly path: DiskPath
  readonly opened: Promise<DiskFile>
  file: DiskFile | null
  holders: number
  beforeClose: BeforeClose | null
  idle: (() => void)[]
}

export class FileCache {
  readonly #disk: Disk
  /** Slots that are free; below zero never. */
  #free: number
  /** Least recently used first. */
  readonly #entries = new Map<DiskPath, Entry>()
  readonly #closing = new Map<DiskPath, Promise<void>>()
  /** Who waits for a slot, in order. */
  readonly #waiting: (() => void)[] = []
  /** Files being synced or closed for them. */
  #evictions = 0

  constructor(disk: Disk, openMax: number) {
    this.#disk = disk
    this.#free = openMax
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
      if (closing !== undefined) {
        await closing
        continue
      }
      await this.#takeSlot()
      if (!this.#entries.has(path) && !this.#closing.has(path)) return this.#held(this.#open(path))
      // Somebody else opened it meanwhile.
      this.#giveSlot()
    }
  }

  /** Runs `make`, which leaves a new file open, when there is a slot for it; the file is held. */
  async make(make: () => Promise<DiskFile>): Promise<HeldFile> {
    await this.#takeSlot()
    let file
    try {
      file = await make()
    } catch (error) {
      this.#giveSlot()
      throw error
    }
    const entry: Entry = {
      path: file.path,
      opened: Promise.resolve(file),
      file,
      holders: 1,
      beforeClose: null,
      idle: [],
    }
    this.#entries.set(file.path, entry)
    return this.#handle(entry, file)
  }

  /** Opens a file of which nothing is kept, and closes it when `run` has ended. @throws DiskError */
  async use<T>(path: DiskPath, mode: OpenMode, run: (file: DiskFile) => Promise<T>): Promise<T> {
    await this.#takeSlot()
    try {
      const file = await this.#disk.open(path, mode)
      try {
        return await run(file)
      } finally {
        await file.close()
      }
    } finally {
      this.#giveSlot()
    }
  }

  /** What to do before the file is closed to make room; null when its bytes are synced. */
  setBeforeClose(path: DiskPath, beforeClose: BeforeClose | null): void {
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
    this.#makeRoom()
  }

  /** Into a slot the caller has. */
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
        this.#giveSlot()
      },
    )
    return entry
  }

  #touch(entry: Entry): void {
    this.#entries.delete(entry.path)
    this.#entries.set(entry.path, entry)
  }

  // ------------------------------------------------------------ slots

  async #takeSlot(): Promise<void> {
    if (this.#free > 0 && this.#waiting.length === 0) {
      this.#free -= 1
      return
    }
    const given = new Promise<void>((resolve) => this.#waiting.push(resolve))
    this.#makeRoom()
    await given
  }

  /** To the first in line, if there is one. */
  #giveSlot(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free += 1
    else next()
  }

  /** As many files are on their way out as somebody waits for. */
  #makeRoom(): void {
    while (this.#evictions < this.#waiting.length) {
      const entry = this.#leastUseful()
      if (entry === null) return
      this.#evictions += 1
      void this.#evict(entry).then(() => {
        this.#evictions -= 1
        this.#makeRoom()
      })
    }
  }

  /** The least recently used file nobody holds, a synced one rather than a dirty one. */
  #leastUseful(): Entry | null {
    let dirty: Entry | null = null
    for (const entry of this.#entries.values()) {
      if (entry.holders > 0 || entry.file === null) continue
      if (entry.beforeClose === null) return entry
      dirty ??= entry
    }
    return dirty
  }

  async #evict(entry: Entry): Promise<void> {
    const { beforeClose, file } = entry
    if (beforeClose === null || file === null) return this.#close(entry)
    entry.beforeClose = null
    entry.holders += 1
    await beforeClose(file)
    // Written to or held meanwhile: then another one goes.
    const isStillFree = entry.holders === 1 && entry.beforeClose === null && entry.idle.length === 0
    this.#letGo(entry)
    if (isStillFree && this.#entries.get(entry.path) === entry) await this.#close(entry)
  }

  #close(entry: Entry): Promise<void> {
    this.#entries.delete(entry.path)
    if (entry.file === null) return Promise.resolve()
    // The bytes are durable already: an error of close has nothing left to say.
    const closed = entry.file.close().catch(() => undefined)
    const closing = closed.then(() => {
      this.#closing.delete(entry.path)
      this.#giveSlot()
    })
    this.#closing.set(entry.path, closing)
    return closing
  }
}
