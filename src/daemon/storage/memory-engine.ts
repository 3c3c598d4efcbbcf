// The engine of `--ephemeral`: every log in memory, nothing on disk, the whole contract of `StorageEngine`. A log that is
// closed and opened again has kept its events; they live until its group is deleted or the engine is closed.

import { assert } from '../../base/assert.ts'
import { EhubError } from '../../base/error.ts'
import { MemoryBudget, MemoryLog } from './memory-log.ts'
import type { EngineCounters, EngineStatus, LogConfig, LogId, PartitionLog, StorageEngine } from './storage-engine.ts'

export interface MemoryEngineOptions {
  /** Bytes of payload and bookkeeping that all logs together may hold; appends beyond it are refused with `disk-full`. */
  readonly bytesMax?: number
}

/** Fits beside everything else on a developer's machine, for which this engine is made. */
export const memoryBytesMaxDefault = 1024 * 1024 * 1024

/** Nothing is written, so nothing is torn, damaged or waits to be synced. */
export const noCounters: EngineCounters = {
  tornTails: 0,
  commitGroups: 0,
  commitMsTotal: 0,
  unsyncedBytes: 0,
  unsyncedMs: 0,
  damagedRanges: 0,
}

export class MemoryEngine implements StorageEngine {
  readonly #budget: MemoryBudget
  readonly #logs = new Map<string, { readonly log: MemoryLog; isOpen: boolean }>()
  #isClosed = false

  constructor(options: MemoryEngineOptions = {}) {
    this.#budget = new MemoryBudget(options.bytesMax ?? memoryBytesMaxDefault)
  }

  openLog(id: LogId, _config: LogConfig): Promise<PartitionLog> {
    if (this.#isClosed) return Promise.reject(closed())
    const key = `${id.group}/${id.partition}`
    const present = this.#logs.get(key)
    if (present !== undefined) {
      assert(!present.isOpen, `the log ${key} is opened once at a time`)
      present.isOpen = true
      present.log.reopen()
      return Promise.resolve(present.log)
    }
    const entry = { log: new MemoryLog(id, this.#budget, () => void (entry.isOpen = false)), isOpen: true }
    this.#logs.set(key, entry)
    return Promise.resolve(entry.log)
  }

  listLogs(): Promise<readonly LogId[]> {
    if (this.#isClosed) return Promise.reject(closed())
    return Promise.resolve([...this.#logs.values()].map(({ log }) => log.id).sort(byGroupAndPartition))
  }

  async deleteGroup(group: string): Promise<void> {
    if (this.#isClosed) throw closed()
    for (const [key, { log }] of this.#logs) {
      if (log.id.group !== group) continue
      this.#logs.delete(key)
      await log.close()
      log.discard()
    }
  }

  status(): EngineStatus {
    let openLogs = 0
    for (const { isOpen } of this.#logs.values()) if (isOpen) openLogs += 1
    const isFull = this.#budget.bytesUsed >= this.#budget.bytesMax
    return {
      kind: 'memory',
      openLogs,
      refusing: isFull ? 'the memory for events is used up' : null,
      failed: [],
      space: null,
      counters: noCounters,
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true
    for (const { log } of this.#logs.values()) await log.close()
    this.#logs.clear()
  }
}

/** The order of `listLogs`. */
export function byGroupAndPartition(a: LogId, b: LogId): number {
  if (a.group !== b.group) return a.group < b.group ? -1 : 1
  return a.partition - b.partition
}

function closed(): EhubError {
  return new EhubError('storage-closed', 'the storage engine is closed')
}
