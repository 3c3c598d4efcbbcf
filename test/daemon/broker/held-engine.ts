// An engine whose appends wait until the test lets them through or fails them: for what happens between an append and its outcome.

import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import type {
  Batch,
  EngineStatus,
  LogConfig,
  LogId,
  PartitionLog,
  StorageEngine,
} from '../../../src/daemon/storage/storage-engine.ts'

interface Held {
  readonly log: PartitionLog
  readonly batches: readonly Batch[]
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

export class HeldEngine implements StorageEngine {
  /** Appends of logs for which this says true wait. */
  holds: (id: LogId) => boolean = () => false
  /** No log has anything in memory. */
  isCold = false
  /** Opening a log waits. */
  holdsOpening = false
  failDeleting: unknown = null
  readonly #opening: { resolve: () => void; reject: (error: unknown) => void }[] = []
  #held: Held[] = []
  readonly #open: PartitionLog[] = []
  /** Logs that failed: what does not continue them is refused until something does. */
  readonly #failed = new Map<PartitionLog, { readonly next: number; readonly error: unknown }>()
  readonly #inner = new MemoryEngine()

  get heldCount(): number {
    return this.#held.length
  }

  async openLog(id: LogId, config: LogConfig): Promise<PartitionLog> {
    if (this.holdsOpening) await new Promise<void>((resolve, reject) => this.#opening.push({ resolve, reject }))
    const log = await this.#inner.openLog(id, config)
    this.#open.push(log)
    const isCold = () => this.isCold
    const append = (batches: readonly Batch[]): Promise<void> => {
      const failed = this.#failed.get(log)
      if (failed !== undefined && batches[0]?.baseSequence !== failed.next) return Promise.reject(failed.error)
      this.#failed.delete(log)
      if (!this.holds(id)) return log.append(batches)
      return new Promise<void>((resolve, reject) => this.#held.push({ log, batches, resolve, reject }))
    }
    return new Proxy(log, {
      get(target, property) {
        if (property === 'append') return append
        if (property === 'readCached' && isCold()) return () => null
        const value: unknown = Reflect.get(target, property, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  }

  /** Lets the oldest `count` appends through. */
  async release(count = this.#held.length): Promise<void> {
    for (const { log, batches, resolve, reject } of this.#held.splice(0, count))
      await log.append(batches).then(resolve, reject)
  }

  /** Fails every waiting append, as a log does once one of them has failed. */
  fail(error: unknown): void {
    for (const held of this.#held.splice(0)) this.#refuse(held, error)
  }

  /** Fails the newest waiting append. */
  failLast(error: unknown): void {
    const held = this.#held.pop()
    if (held !== undefined) this.#refuse(held, error)
  }

  /**
   * Writes what waits, answers nobody, and opens every log anew for whoever comes next. Returns how many appends it wrote.
   */
  async crashAfterWriting(): Promise<number> {
    const held = this.#held.splice(0)
    for (const { log, batches } of held) await log.append(batches)
    this.holds = () => false
    for (const log of this.#open.splice(0)) await log.close()
    return held.length
  }

  /** Trims a log as retention would. */
  async trim(group: string, partition: number, sequence: number): Promise<void> {
    const log = this.#open.find(({ id }) => id.group === group && id.partition === partition)
    await log?.trimBefore(sequence)
  }

  letOpen(): void {
    this.holdsOpening = false
    for (const { resolve } of this.#opening.splice(0)) resolve()
  }

  /** Fails the last log being opened, lets the others. */
  failOpening(error: unknown): void {
    this.#opening.pop()?.reject(error)
    this.letOpen()
  }

  listLogs(): Promise<readonly LogId[]> {
    return this.#inner.listLogs()
  }

  deleteGroup(group: string): Promise<void> {
    if (this.failDeleting !== null) return Promise.reject(this.failDeleting)
    return this.#inner.deleteGroup(group)
  }

  status(): EngineStatus {
    return this.#inner.status()
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #refuse({ log, batches, reject }: Held, error: unknown): void {
    const next = Math.min(batches[0]?.baseSequence ?? 0, this.#failed.get(log)?.next ?? Number.POSITIVE_INFINITY)
    this.#failed.set(log, { next, error })
    reject(error)
  }
}

/** Lets everything that waits on microtasks run. */
export async function settleMicrotasks(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve()
}
