// What follows behind an acknowledgement: writing into the segments what so far only the journal and memory hold, oldest
// first, and syncing what durability `os` acknowledged from the page cache. No timers but the clock's.

import type { Clock, Timer } from '../../base/clock.ts'
import type { HostedLog } from './log-host.ts'
import type { Slabs } from './slabs.ts'

export interface BackgroundWriterParts {
  readonly clock: Clock
  readonly slabs: Slabs
  readonly tailBytesMax: number
  readonly syncIntervalMs: number
  /** Tells the journal how far these logs are synced, so that a later start need not look before that. Never rejects. */
  readonly checkpoint: (logs: readonly HostedLog[]) => void
}

// Share of the tail's memory that may wait to be written into the segments.
const writeBackShare = 4
const writeBacksAtOnce = 2
const syncsAtOnce = 4
// Bytes of durability `os` after which the journal is told: what a start after a crash has to read at most.
const checkpointBytes = 64 * 1024 * 1024

export class BackgroundWriter {
  readonly #parts: BackgroundWriterParts
  readonly #writeBack = new Set<HostedLog>()
  #writeBacks = 0
  /** Since when, on the monotonic clock; oldest first. */
  #unsynced = new Map<HostedLog, number>()
  /** The same of the oldest that is being synced now. */
  #roundSinceMs: number | null = null
  #timer: Timer | null = null
  #round: Promise<void> = Promise.resolve()
  readonly #sinceCheckpoint = new Set<HostedLog>()
  #bytesSinceCheckpoint = 0
  #isClosed = false

  constructor(parts: BackgroundWriterParts) {
    this.#parts = parts
  }

  /** The log has bytes that are not yet in its segments. */
  needsWriteBack(log: HostedLog): void {
    this.#writeBack.add(log)
    this.#writeBackSome()
  }

  /** The log has bytes in its segments that are not yet on the disk. */
  needsSync(log: HostedLog): void {
    if (!this.#unsynced.has(log)) this.#unsynced.set(log, this.#parts.clock.monotonicMs())
    if (this.#isClosed) return
    this.#timer ??= this.#parts.clock.schedule(this.#parts.syncIntervalMs, () => {
      this.#round = this.#syncUnsynced()
    })
  }

  /** How long the oldest byte of durability `os` has waited to be synced, 0 when none does. */
  get unsyncedMs(): number {
    const sinceMs = this.#roundSinceMs ?? firstOf(this.#unsynced)
    return sinceMs === null ? 0 : Math.max(0, this.#parts.clock.monotonicMs() - sinceMs)
  }

  forget(log: HostedLog): void {
    this.#writeBack.delete(log)
    this.#unsynced.delete(log)
    this.#sinceCheckpoint.delete(log)
  }

  /** Nothing new begins; resolves when what runs has ended. */
  async close(): Promise<void> {
    this.#isClosed = true
    this.#timer?.cancel()
    await this.#round
  }

  /** Oldest first, when more waits than the tail's memory should hold. */
  #writeBackSome(): void {
    const { slabs, tailBytesMax } = this.#parts
    for (const log of this.#writeBack) {
      const isMuch = slabs.pendingBytes * writeBackShare > tailBytesMax
      if (!isMuch || this.#writeBacks >= writeBacksAtOnce) return
      this.#writeBack.delete(log)
      this.#writeBacks += 1
      void log.writeBack().then(() => {
        this.#writeBacks -= 1
        this.#writeBackSome()
      })
    }
  }

  async #syncUnsynced(): Promise<void> {
    const logs = [...this.#unsynced.keys()]
    this.#roundSinceMs = firstOf(this.#unsynced)
    this.#unsynced = new Map()
    const syncNext = async (): Promise<void> => {
      for (let log = logs.pop(); log !== undefined; log = logs.pop()) {
        this.#bytesSinceCheckpoint += log.unsyncedBytes
        this.#sinceCheckpoint.add(log)
        // A failed sync is the log's to handle; it says so itself.
        await log.syncSegments()
      }
    }
    await Promise.all(Array.from({ length: syncsAtOnce }, syncNext))
    this.#roundSinceMs = null
    if (this.#bytesSinceCheckpoint >= checkpointBytes && !this.#isClosed) {
      this.#parts.checkpoint([...this.#sinceCheckpoint])
      this.#sinceCheckpoint.clear()
      this.#bytesSinceCheckpoint = 0
    }
    this.#timer = null
    for (const waiting of this.#unsynced.keys()) return this.needsSync(waiting)
  }
}

function firstOf(times: ReadonlyMap<HostedLog, number>): number | null {
  for (const timeMs of times.values()) return timeMs
  return null
}
