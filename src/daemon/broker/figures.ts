// What the broker counts for /metrics and nothing else: how long publications took to be durable, errors told to clients, events
// handed to receivers. Since the daemon started; everything else metrics show is in the state and the logs already.

import type { EhubErrorCode } from '../../base/error.ts'
import { entityKey } from '../../wire/entity-names.ts'

/** Upper ends of the buckets, seconds: from a commit without a sync to a disk in trouble. */
export const commitBuckets = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10] as const

/** Events handed to the receivers of a group on a partition, those gone included. */
export interface Delivered {
  readonly hub: string
  readonly group: string
  readonly partition: number
  events: number
}

/** Hubs made and deleted for days leave rows: beyond this the oldest is forgotten, which a counter may. */
const deliveredMax = 100_000

export class BrokerFigures {
  /** Counts by bucket, the last one for what took longer than all. */
  readonly commitCounts: number[] = Array.from({ length: commitBuckets.length + 1 }, () => 0)
  commitSeconds = 0
  readonly #errors = new Map<EhubErrorCode, number>()
  readonly #delivered = new Map<string, Delivered>()

  /** One group of publications is durable as far as its hub asks, `ms` after it was handed to its log. */
  committed(ms: number): void {
    const seconds = ms / 1000
    this.commitSeconds += seconds
    let bucket = 0
    while (bucket < commitBuckets.length && seconds > (commitBuckets[bucket] ?? 0)) bucket++
    this.commitCounts[bucket] = (this.commitCounts[bucket] ?? 0) + 1
  }

  /** An error was told to a client. */
  refused(code: EhubErrorCode): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1)
  }

  get errors(): ReadonlyMap<EhubErrorCode, number> {
    return this.#errors
  }

  /** The row of a receiver about to be opened: it counts into it. */
  deliveredTo(hub: string, group: string, partition: number): Delivered {
    const key = `${entityKey(hub)}/${entityKey(group)}/${partition}`
    const known = this.#delivered.get(key)
    if (known !== undefined) return known
    const made = { hub, group, partition, events: 0 }
    this.#delivered.set(key, made)
    const [oldest] = this.#delivered.keys()
    if (this.#delivered.size > deliveredMax && oldest !== undefined) this.#delivered.delete(oldest)
    return made
  }

  get delivered(): Iterable<Delivered> {
    return this.#delivered.values()
  }
}
