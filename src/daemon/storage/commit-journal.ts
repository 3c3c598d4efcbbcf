// The commit journal (decision D12): what logs of durability `sync` append is one write and one fdatasync for everything
// that came while the group before was being synced, whatever number of logs it belongs to. Segments follow lazily; a
// journal file is put away once the segments of all its logs are synced. Metadata of logs travels the same way.
//
//   submit → open group ──(nothing in flight)──→ write → fdatasync → every item's `committed`, in the order of the calls
//                 ↑ items that come meanwhile form the next group
//
// One runner, one group in flight. A failed write is cut off and its group refused; after a failed sync the file is never
// written to again (reliability §2 rule 7): its end is recorded in the next file's header, and if that cannot be made
// the journal is offline until the data folder is opened anew.

import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { DiskFile } from './disk.ts'
import { GroupBuilder } from './group-builder.ts'
import type { JournalBlocks } from './journal-blocks.ts'
import type { JournalClient, JournalItem } from './journal-client.ts'
import {
  AmbiguousJournal,
  type JournalFiles,
  type JournalRecord,
  type NumberedState,
  stateRecord,
} from './journal-files.ts'
import { isNoSpace, storageError } from './storage-errors.ts'

export interface CommitJournalParts {
  readonly files: JournalFiles
  readonly clock: Clock
  readonly log: Log
  /** States of all logs, for the head of a new file. */
  readonly states: () => readonly NumberedState[]
  /** Groups whose deletion is decided and not yet done, for the same. */
  readonly forgotten: () => readonly string[]
  /** Called before a new file is used. */
  readonly onRoll: (generation: number) => void
  readonly blocks: JournalBlocks
  readonly fileBytes: number
}

interface EncodedGroup {
  readonly items: readonly JournalItem[]
  readonly chunks: Uint8Array[]
  readonly bytes: number
}

interface OldFile {
  readonly generation: number
  readonly clients: Set<JournalClient>
  mayRecycle: boolean
  /** Its segments are synced; null while that is being done, an error when it failed. */
  outcome: 'synced' | EhubError | null
}

// Items beyond this wait for the next group; one item may be larger.
const groupBytesTarget = 8 * 1024 * 1024
// Up to here a write on this thread is cheaper than handing it to another: the blocks exist, so it is a copy.
const synchronousBytesMax = 512 * 1024
// Old files whose segments are not yet synced; when there are more, commits wait.
const unsyncedFilesMax = 2
// Logs synced at the same time when a file is to be put away.
const syncsAtOnce = 4

export class CommitJournal {
  readonly #parts: CommitJournalParts
  #file: DiskFile | null = null
  #generation = 0
  #position = 0
  #groupNumber = 0
  #limit = 0
  #clients = new Set<JournalClient>()
  readonly #builder = new GroupBuilder()
  /** Oldest first. */
  #old: OldFile[] = []
  #open: JournalItem[] = []
  #isRunning = false
  #offline: EhubError | null = null
  #idle: (() => void)[] = []
  #syncing: Promise<void> = Promise.resolve()
  #commitGroups = 0
  #commitMsTotal = 0

  constructor(parts: CommitJournalParts) {
    this.#parts = parts
  }

  /** Why nothing can be committed any more, null when it can. */
  get offline(): EhubError | null {
    return this.#offline
  }

  /** Groups made durable in this run. */
  get commitGroups(): number {
    return this.#commitGroups
  }

  /** Milliseconds that writing and syncing them took. */
  get commitMsTotal(): number {
    return this.#commitMsTotal
  }

  get generation(): number {
    return this.#generation
  }

  /** Generation of the oldest file that holds something not yet synced in the segments. */
  get oldestNeeded(): number {
    return this.#old.find(({ outcome }) => outcome !== 'synced')?.generation ?? this.#generation
  }

  /** Makes the first file of this run. @throws DiskError */
  async start(generation: number, previous: { generation: number; endPosition: number } | null): Promise<void> {
    await this.#make(generation, previous, generation)
  }

  /** Adds to the open group. `committed` or `failed` is called exactly once, never before this returns. */
  submit(item: JournalItem): void {
    this.#open.push(item)
    if (this.#isRunning) return
    this.#isRunning = true
    // On a microtask: everything submitted in this turn, by any number of logs, is one group.
    queueMicrotask(() => void this.#run())
  }

  /** Commits metadata; resolves when it is durable. @throws EhubError `storage-failed`, `disk-full`. */
  commit(client: JournalClient | null, records: readonly JournalRecord[], isEssential = true): Promise<void> {
    return new Promise((committed, failed) => {
      let bodyBytes = 0
      for (const { body } of records) bodyBytes += body.length
      const addTo = (group: GroupBuilder) => {
        for (const one of records) group.add(one)
      }
      this.submit({ client, bodyBytes, isEssential, addTo, obstacle: () => null, committed, failed })
    })
  }

  /** Resolves when nothing is in flight. */
  async settle(): Promise<void> {
    while (this.#isRunning) await new Promise<void>((resolve) => this.#idle.push(resolve))
    await this.#syncing
  }

  /** Gives the file back. Nothing may be submitted any more. */
  async close(): Promise<void> {
    await this.settle()
    const file = this.#file
    this.#file = null
    // Whatever was acknowledged is synced: what close answers changes nothing.
    await file
      ?.close()
      .catch((error: unknown) => this.#parts.log.warn('a file was not closed', { reason: String(error) }))
  }

  async #run(): Promise<void> {
    while (this.#open.length > 0) {
      const offline = this.#offline
      if (offline !== null) {
        for (const item of this.#open.splice(0)) item.failed(offline)
        continue
      }
      try {
        if (this.#position >= this.#limit) await this.#roll(this.#position)
      } catch (error) {
        // The present file is whole and stays: only its successor could not be made, or the segments not be synced.
        const failure = this.#rollFailure(error)
        const rest = isNoSpace(failure) ? this.#open.filter(({ isEssential }) => isEssential) : []
        for (const item of this.#open.splice(0)) if (!rest.includes(item)) item.failed(failure)
        this.#open.unshift(...rest)
      }
      const group = this.#takeGroup()
      if (group.length > 0) await this.#commitGroup(group)
    }
    this.#isRunning = false
    for (const run of this.#idle.splice(0)) run()
  }

  #rollFailure(error: unknown): EhubError {
    if (!(error instanceof AmbiguousJournal)) return storageError('roll the commit journal', error)
    const failure = storageError('roll the commit journal', error.cause)
    this.#offline = new EhubError('storage-failed', failure.message, { cause: error })
    this.#parts.log.error('the commit journal is offline', { reason: failure.message })
    return this.#offline
  }

  /** The next items in order, without those that lost their ground since they were submitted. */
  #takeGroup(): JournalItem[] {
    const group: JournalItem[] = []
    let bytes = 0
    let taken = 0
    for (const item of this.#open) {
      const obstacle = item.obstacle()
      if (obstacle === null && group.length > 0 && bytes + item.bodyBytes > groupBytesTarget) break
      taken += 1
      if (obstacle !== null) item.failed(obstacle)
      else group.push(item)
      bytes += item.bodyBytes
    }
    this.#open.splice(0, taken)
    return group
  }

  async #commitGroup(all: readonly JournalItem[]): Promise<void> {
    const file = this.#file
    assert(file !== null, 'a journal that commits has a file')
    const beganMs = this.#parts.clock.monotonicMs()
    const fitting = await this.#takeFitting(file, all)
    if (fitting === null) return
    const { items, chunks, bytes } = fitting
    try {
      await this.#write(file, chunks, bytes)
    } catch (error) {
      await this.#refuse(file, items, error)
      return
    }
    try {
      await file.sync()
    } catch (error) {
      await this.#abandonFile(items, error)
      return
    }
    this.#commitGroups += 1
    this.#commitMsTotal += this.#parts.clock.monotonicMs() - beganMs
    this.#position += bytes
    this.#groupNumber += 1
    for (const item of items) {
      if (item.client !== null) this.#clients.add(item.client)
      item.committed()
    }
  }

  #encode(items: readonly JournalItem[]): { chunks: Uint8Array[]; bytes: number } {
    const group = this.#builder
    const declared = new Set<JournalClient>()
    for (const item of items) {
      const { client } = item
      if (client !== null && !this.#clients.has(client) && !declared.has(client)) {
        declared.add(client)
        group.add(stateRecord(client.journalState()))
      }
      item.addTo(group)
    }
    return group.finish({
      generation: this.#generation,
      number: this.#groupNumber,
      durablePosition: this.#position,
      writtenAtMs: this.#parts.clock.now(),
    })
  }

  /** The group, or on a full disk what is essential of it; the rest is refused. Null when nothing is left. */
  async #takeFitting(file: DiskFile, all: readonly JournalItem[]): Promise<EncodedGroup | null> {
    let items = all
    for (;;) {
      const isEssential = items.every((item) => item.isEssential)
      const group = this.#encode(items)
      try {
        await this.#parts.blocks.reach(file, this.#position + group.bytes, isEssential)
        return { items, ...group }
      } catch (error) {
        if (!isNoSpace(error)) {
          await this.#refuse(file, items, error)
          return null
        }
        // Nothing of the group was written.
        const failure = storageError('write the commit journal', error)
        for (const item of items) if (isEssential || !item.isEssential) item.failed(failure)
        items = isEssential ? [] : items.filter((item) => item.isEssential)
        if (items.length === 0) return null
      }
    }
  }

  async #write(file: DiskFile, chunks: readonly Uint8Array[], bytes: number): Promise<void> {
    if (bytes <= synchronousBytesMax) file.writeSync(chunks, this.#position)
    else await file.write(chunks, this.#position)
  }

  /** A failed write: cut off what it left, durably, before anybody hears that the group was refused. */
  async #refuse(file: DiskFile, items: readonly JournalItem[], cause: unknown): Promise<void> {
    try {
      await file.truncate(this.#position)
      this.#parts.blocks.bytes = this.#position
      await file.sync()
    } catch (error) {
      await this.#abandonFile(items, error)
      return
    }
    const failure = storageError('write the commit journal', cause)
    this.#parts.log.error('a commit group was refused', { reason: failure.message })
    for (const item of items) item.failed(failure)
  }

  /** A failed sync: go on once in a new file, whose header says where this one ended, else offline. */
  async #abandonFile(items: readonly JournalItem[], cause: unknown): Promise<void> {
    let failure = storageError('sync the commit journal', cause)
    this.#parts.log.error('a sync of the commit journal failed', {
      generation: this.#generation,
      endPosition: this.#position,
      reason: failure.message,
    })
    try {
      await this.#roll(this.#position, false)
    } catch (error) {
      const reason = error instanceof AmbiguousJournal ? error.cause : error
      const { message } = storageError('open another commit journal file after a failed sync', reason)
      // Never `disk-full`: whether the group is there is not known.
      failure = new EhubError('storage-failed', message, { cause: reason })
      this.#offline = failure
      this.#parts.log.error('the commit journal is offline', { reason: failure.message })
    }
    for (const item of items) item.failed(failure)
  }

  /** Begins the next file. The present one is put away when its logs' segments are synced and the one after begins. */
  async #roll(endPosition: number, mayRecycle = true): Promise<void> {
    await this.#waitForSegments()
    const present: OldFile = { generation: this.#generation, clients: this.#clients, mayRecycle, outcome: null }
    // Oldest first and without gaps: a later file may say that logs of an earlier one were deleted.
    const neededFrom = this.#old.findIndex(({ outcome }) => outcome !== 'synced')
    const done = neededFrom < 0 ? this.#old : this.#old.slice(0, neededFrom)
    const needed = this.#old[neededFrom] ?? present
    const before = this.#file
    const kept = this.#old.filter((file) => !done.includes(file))
    // Before anything is awaited: whoever asks meanwhile which files are needed must be told of this one.
    this.#old = [...kept, present]
    try {
      await this.#make(this.#generation + 1, { generation: present.generation, endPosition }, needed.generation)
    } catch (error) {
      this.#old = [...done, ...kept]
      throw error
    }
    await before?.close().catch(() => undefined)
    this.#syncing = this.#syncing.then(() => this.#syncOld(present)).then(() => this.#putAway(done))
  }

  async #make(
    generation: number,
    previous: { generation: number; endPosition: number } | null,
    replayFrom: number,
  ): Promise<void> {
    const { files, clock, states, forgotten, onRoll } = this.#parts
    const head = { replayFrom, forgotten: forgotten(), states: states() }
    const made = await files.make({ generation, createdAtMs: clock.now(), previous }, head)
    onRoll(generation)
    this.#file = made.file
    this.#generation = generation
    this.#position = made.position
    this.#parts.blocks.bytes = made.allocatedBytes
    this.#groupNumber = 2
    this.#limit = made.position + this.#parts.fileBytes
    this.#clients = new Set()
  }

  /** Back-pressure: commits wait while too many files hold what is not yet in the segments. */
  async #waitForSegments(): Promise<void> {
    const unsynced = () => this.#old.filter(({ outcome }) => outcome !== 'synced')
    if (unsynced().length < unsyncedFilesMax) return
    await this.#syncing
    for (const file of unsynced()) await this.#syncOld(file)
    const failed = unsynced().find(({ outcome }) => outcome instanceof EhubError)
    if (failed?.outcome instanceof EhubError) throw failed.outcome
  }

  async #syncOld(file: OldFile): Promise<void> {
    const clients = [...file.clients]
    let failure: EhubError | null = null
    const syncNext = async (): Promise<void> => {
      for (let client = clients.pop(); client !== undefined; client = clients.pop()) {
        const error = await client.syncSegments()
        if (error !== null) failure = error
      }
    }
    await Promise.all(Array.from({ length: syncsAtOnce }, syncNext))
    file.outcome = failure ?? 'synced'
  }

  async #putAway(done: readonly OldFile[]): Promise<void> {
    for (const file of done) {
      try {
        await this.#parts.files.putAway(file.generation, file.mayRecycle)
      } catch (error) {
        // It is no longer needed; the next start removes it.
        this.#parts.log.warn('a journal file could not be put away', {
          generation: file.generation,
          reason: String(error),
        })
      }
    }
  }
}
