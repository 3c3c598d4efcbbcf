// The engine on local disk: opens a data folder, recovers it, and holds what its logs share: the commit journal, the
// memory of the tail, the open files, the space guard. docs/FORMAT.md describes what it leaves on disk.

import { assert } from '../../base/assert.ts'
import type { Clock } from '../../base/clock.ts'
import type { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { BackgroundWriter } from './background-writer.ts'
import { CommitJournal } from './commit-journal.ts'
import { readVersion, removeAll, removeLogs, report } from './data-folder.ts'
import { DirectorySyncs } from './directory-syncs.ts'
import type { Disk } from './disk.ts'
import { embeddedDefaults, type EmbeddedEngineOptions } from './embedded-options.ts'
import { countersOf } from './engine-counters.ts'
import { FileCache } from './file-cache.ts'
import { JournalBlocks } from './journal-blocks.ts'
import { AmbiguousJournal, type JournalRecord, JournalFiles, record, stateRecord } from './journal-files.ts'
import { encodeCheckpoint, type FolderVersion } from './journal-format.ts'
import { KnownLogs } from './known-logs.ts'
import type { HostedLog, LogHost } from './log-host.ts'
import { type LogOpeningParts, openLogFiles } from './log-opening.ts'
import type { Damage } from './log-reader.ts'
import { byGroupAndPartition, MemoryEngine } from './memory-engine.ts'
import {
  groupFolder,
  groupOfFolder,
  journalFolder,
  journalPath,
  logKey,
  logsFolder,
  partitionOfFolder,
  trashFolder,
} from './paths.ts'
import { recoverJournal, type RecoveredJournal } from './recovery.ts'
import { SegmentPool } from './segment-pool.ts'
import { SegmentedLog } from './segmented-log.ts'
import { Slabs } from './slabs.ts'
import { SpaceGuard } from './space-guard.ts'
import { storageClosed, storageError } from './storage-errors.ts'
import type { EngineStatus, LogConfig, LogId, PartitionLog, StorageEngine } from './storage-engine.ts'

export interface EmbeddedEngineParts {
  readonly disk: Disk
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly options?: EmbeddedEngineOptions
}

// Segments of one run are numbered behind the generation of its newest journal file: unique for ever, never persisted.
/** A quarter of it, what shares a slab with others, takes the largest publication of 1 MiB. */
const slabBytesMax = 4 * (1024 + 16) * 1024
const generationsPerJournal = 2 ** 20

/**
 * Opens the data folder of `disk`, making it when it is empty, and brings it into a consistent state.
 * @throws EhubError `data-folder-locked`, `data-folder-newer`, `data-folder-unusable`, `disk-full`, `storage-failed`.
 */
export async function openEmbeddedEngine(parts: EmbeddedEngineParts): Promise<StorageEngine> {
  const release = await parts.disk.lock()
  try {
    return await EmbeddedEngine.open(parts, release)
  } catch (error) {
    await release()
    throw storageError('open the data folder', error instanceof AmbiguousJournal ? error.cause : error)
  }
}

class EmbeddedEngine implements StorageEngine {
  readonly #disk: Disk
  readonly #clock: Clock
  readonly #log: Log
  readonly #options: Required<EmbeddedEngineOptions>
  readonly #release: () => Promise<void>
  readonly #journal: CommitJournal
  readonly #journalFiles: JournalFiles
  readonly #space: SpaceGuard
  readonly #slabs: Slabs
  readonly #background: BackgroundWriter
  readonly #files: FileCache
  readonly #pool: SegmentPool
  readonly #folders: DirectorySyncs
  readonly #memory: MemoryEngine
  readonly #host: LogHost
  readonly #known: KnownLogs
  readonly #opening = new Set<string>()
  /** Groups whose deletion is decided and whose folder may still be there. */
  readonly #deleting = new Set<string>()
  readonly #damaged: ReadonlyMap<string, readonly Damage[]>
  /** Something of the journal is lost: what it says of logs is true and may not be all. */
  readonly #isDoubtful: boolean
  readonly #wasClean: boolean
  #nextGeneration = 0
  #generationLimit = 0
  #trashNumber = 0
  #tornTails: number
  #isClosed = false
  #closing: Promise<void> | null = null

  private constructor(
    parts: EmbeddedEngineParts,
    release: () => Promise<void>,
    recovered: RecoveredJournal,
    version: FolderVersion | null,
  ) {
    this.#disk = parts.disk
    this.#clock = parts.clock
    this.#log = parts.log
    this.#options = { ...embeddedDefaults, ...parts.options }
    this.#release = release
    this.#damaged = recovered.damaged
    this.#tornTails = recovered.isTorn ? 1 : 0
    this.#wasClean = recovered.isClean
    for (const group of recovered.forgotten) this.#deleting.add(group)
    const newest = recovered.previous?.generation ?? 0
    this.#isDoubtful = recovered.journalDamage.length > 0 || (version?.journalGeneration ?? 0) > newest
    this.#known = new KnownLogs({
      disk: this.#disk,
      clock: this.#clock,
      log: this.#log,
      nextGeneration: () => this.#takeGeneration(),
      oldestNeeded: () => this.#journal.oldestNeeded,
    })
    for (const found of recovered.states.values()) {
      const state = this.#isDoubtful ? { ...found, isExact: false } : found
      this.#known.add(state)
    }
    const { tailBytesMax, openFilesMax, poolFilesMax, poolBytesMax, lowWaterBytes, reserveBytes } = this.#options
    this.#slabs = new Slabs({ slabBytes: Math.min(slabBytesMax, tailBytesMax >> 2), bytesMax: tailBytesMax })
    const { syncIntervalMs } = this.#options
    this.#background = new BackgroundWriter({
      clock: this.#clock,
      slabs: this.#slabs,
      tailBytesMax,
      syncIntervalMs,
      checkpoint: (logs) => {
        // Only a shortcut for the next start: a journal that fails says so where it matters.
        void this.#journal
          .commit(
            null,
            logs.map((log) => stateRecord(log.journalState())),
            false,
          )
          .catch(() => undefined)
      },
    })
    this.#files = new FileCache(this.#disk, openFilesMax)
    this.#pool = new SegmentPool(this.#disk, { filesMax: poolFilesMax, bytesMax: poolBytesMax })
    this.#folders = new DirectorySyncs(this.#disk)
    this.#memory = new MemoryEngine({ bytesMax: this.#options.memoryBytesMax })
    this.#space = new SpaceGuard(parts, { lowWaterBytes, reserveBytes }, () => {
      // What could not be written into the segments meanwhile.
      for (const { log } of this.#known.values()) if ((log?.pendingBytes ?? 0) > 0) void log?.writeBack()
    })
    this.#journalFiles = new JournalFiles(this.#disk, version?.number ?? 0)
    this.#journal = new CommitJournal({
      files: this.#journalFiles,
      clock: this.#clock,
      log: this.#log,
      states: () => this.#known.states(),
      forgotten: () => [...this.#deleting],
      onRoll: (generation) => {
        this.#nextGeneration = generation * generationsPerJournal + 1
        this.#generationLimit = (generation + 1) * generationsPerJournal
      },
      blocks: new JournalBlocks({
        fileBytes: this.#options.journalFileBytes,
        growthBytesMax: () => this.#space.stepBytes,
        onNoSpace: (error) => this.#space.release(error),
      }),
      fileBytes: this.#options.journalFileBytes,
    })
    this.#host = this.#makeHost()
  }

  static async open(parts: EmbeddedEngineParts, release: () => Promise<void>): Promise<EmbeddedEngine> {
    const { disk, log } = parts
    await disk.makeDirectory('')
    const version = await readVersion(disk)
    await disk.makeDirectory(journalFolder)
    await disk.makeDirectory(logsFolder)
    await disk.syncDirectory('')
    const recovered = await recoverJournal({ ...parts, folders: new DirectorySyncs(disk) })
    report(recovered, version, log)
    const engine = new EmbeddedEngine(parts, release, recovered, version)
    await engine.#start(recovered, version)
    return engine
  }

  async #start(recovered: RecoveredJournal, version: FolderVersion | null): Promise<void> {
    await this.#space.open()
    const newest = Math.max(version?.journalGeneration ?? 0, ...recovered.files)
    await this.#journalFiles.findSpare()
    await this.#journal.start(newest + 1, recovered.previous)
    for (const group of recovered.forgotten) await this.#removeGroup(group)
    // The new file holds the state of every log and needs none before it.
    for (const generation of recovered.files) await this.#disk.remove(journalPath(generation))
    await this.#pool.open()
    await removeAll(this.#disk, trashFolder)
  }

  async openLog(id: LogId, config: LogConfig): Promise<PartitionLog> {
    if (this.#isClosed) throw closed()
    if (config.durability === 'memory') return this.#memory.openLog(id, config)
    // Whether the last group is there is not known: nothing may be numbered before a new start has found out.
    if (this.#journal.offline !== null) throw this.#journal.offline
    const key = logKey(id)
    assert(
      !this.#opening.has(key) && (this.#known.get(key)?.log ?? null) === null,
      `the log ${key} is opened once at a time`,
    )
    this.#opening.add(key)
    try {
      return await this.#open(id, key, config)
    } catch (error) {
      throw storageError(`open the log ${key}`, error)
    } finally {
      this.#opening.delete(key)
    }
  }

  async #open(id: LogId, key: string, config: LogConfig): Promise<SegmentedLog> {
    const known = this.#known.get(key)
    if (known !== undefined) await this.#known.repair(known)
    if (known?.isMoved === true) {
      await this.#journal.commit(null, [stateRecord(known)])
      known.isMoved = false
    }
    const parts: LogOpeningParts = {
      disk: this.#disk,
      files: this.#files,
      pool: this.#pool,
      folders: this.#folders,
      log: this.#log,
      mayHoldMore: !this.#wasClean && known?.isFound === true,
      unsyncedBytesMax: this.#options.unsyncedBytesMax,
      isDoubtful: this.#isDoubtful && (known === undefined || known.isFound),
    }
    if (this.#deleting.has(id.group)) await this.#removeGroup(id.group)
    const found = await openLogFiles(id, known?.state ?? null, parts)
    if (found.hadTornTail) this.#tornTails += 1
    const logNumber = this.#known.numberOf(id)
    const damaged = [...(this.#damaged.get(key) ?? []), ...found.damaged]
    const log = new SegmentedLog({ ...found, logNumber, damaged }, config, this.#host)
    this.#known.opened(log)
    try {
      // From now on there may be acknowledged events that the journal does not know of: it must not say otherwise.
      if (config.durability === 'os') await this.#journal.commit(log, [stateRecord(log.journalState())])
      if (this.#isClosed) throw closed()
    } catch (error) {
      await log.close()
      throw error
    }
    return log
  }

  async listLogs(): Promise<readonly LogId[]> {
    if (this.#isClosed) throw closed()
    const logs: LogId[] = [...(await this.#memory.listLogs())]
    try {
      for (const { name, kind } of await this.#disk.list(logsFolder)) {
        const group = groupOfFolder(name)
        if (group === null || kind !== 'directory' || this.#deleting.has(group)) continue
        for (const entry of await this.#disk.list(groupFolder(group))) {
          const partition = partitionOfFolder(entry.name)
          if (partition !== null && entry.kind === 'directory') logs.push({ group, partition })
        }
      }
    } catch (error) {
      throw storageError('list the logs', error)
    }
    return logs.sort(byGroupAndPartition)
  }

  async deleteGroup(group: string): Promise<void> {
    if (this.#isClosed) throw closed()
    await this.#memory.deleteGroup(group)
    const logs = this.#known.ofGroup(group)
    for (const { log } of logs) await log?.close()
    try {
      // Once this is durable the group is deleted, whatever happens to its folder: the next start removes what is left.
      await this.#journal.commit(null, [record('forget', 0, Buffer.from(group))])
      for (const { state } of logs) this.#known.forget(state.id)
      this.#deleting.add(group)
      await this.#removeGroup(group)
    } catch (error) {
      throw storageError(`delete the group ${group}`, error)
    }
  }

  /** Removes the group's folder, or of a group that was made again the logs of its earlier life. @throws DiskError */
  async #removeGroup(group: string): Promise<void> {
    const alive = this.#known.ofGroup(group).map(({ state }) => state.id.partition)
    const trash = `${trashFolder}/${this.#journal.generation}-${this.#trashNumber++}`
    await removeLogs(this.#disk, this.#folders, group, alive, trash)
    this.#deleting.delete(group)
  }

  status(): EngineStatus {
    let openLogs = this.#memory.status().openLogs
    for (const { log } of this.#known.values()) if (log !== null) openLogs += 1
    const refusing = this.#journal.offline?.message ?? this.#space.refusing
    const counters = countersOf(this.#known, this.#journal, this.#background, this.#tornTails)
    return { kind: 'embedded', openLogs, refusing, failed: this.#known.failed(), space: this.#space.marks, counters }
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#isClosed = true
    await this.#memory.close()
    await Promise.all(this.#known.values().map(async ({ log }) => log?.close()))
    await this.#background.close()
    await this.#space.close()
    try {
      if (this.#journal.offline === null) await this.#journal.commit(null, this.#cleanShutdown())
    } catch (error) {
      // Without the marker the next start recovers, which is safe and slower.
      this.#log.warn('the shutdown is not marked as clean', { reason: String(error) })
    }
    await this.#journal.close()
    await this.#files.closeAll()
    await this.#release()
  }

  #cleanShutdown(): JournalRecord[] {
    const checkpoint = { replayFrom: this.#journal.oldestNeeded, isComplete: true, isClean: true }
    return [...this.#known.states().map(stateRecord), record('checkpoint', 0, encodeCheckpoint(checkpoint))]
  }

  #makeHost(): LogHost {
    const { tailBytesPerLogMax, unsyncedBytesMax } = this.#options
    return {
      journal: this.#journal,
      slabs: this.#slabs,
      tailBytesPerLogMax,
      unsyncedBytesMax,
      now: () => this.#clock.now(),
      nextGeneration: () => this.#takeGeneration(),
      refusal: (id, bytes, isWaiting) => this.#space.refusal(id, bytes, isWaiting),
      upkeepRefusal: () => this.#space.upkeepRefusal(),
      wrote: (bytes) => this.#space.wrote(bytes),
      needsWriteBack: (log) => this.#background.needsWriteBack(log),
      needsSync: (log) => this.#background.needsSync(log),
      noSpace: (error) => {
        this.#space.noSpace(error)
        this.#slabs.wake()
      },
      rehome: (log) => this.#known.rehome(log),
      failed: (log, error) => this.#log.error('a log failed', { log: logKey(log.id), reason: error.message }),
      closed: (log) => this.#onClosed(log),
    }
  }

  #takeGeneration(): number {
    const isLeft = this.#nextGeneration < this.#generationLimit
    assert(isLeft, 'fewer than a million segments are made while one journal file is written')
    return this.#nextGeneration++
  }

  #onClosed(log: HostedLog): void {
    this.#background.forget(log)
    this.#slabs.forgetUser(log)
    this.#known.closed(log)
  }
}

function closed(): EhubError {
  return storageClosed('the storage engine')
}
