// Merges partitions by enqueued time: an event leaves when every partition still open has one waiting, the earliest first, so
// the order is exact. Within a partition the order stays as it is. Bounded by what the partitions' readers may hold.

import type { EventMark } from './checkpointer.ts'
import type { PartitionReader } from './partition-reader.ts'

export interface MergeEntry {
  readonly reader: PartitionReader
  readonly timeMs: number
  readonly bytes: Buffer
  readonly bodyBytes: number
  readonly mark: EventMark | null
}

interface Queue {
  readonly entries: MergeEntry[]
  at: number
  isOpen: boolean
}

export class TimeMerge {
  readonly #queues: ReadonlyMap<string, Queue>

  constructor(partitions: readonly string[]) {
    this.#queues = new Map(partitions.map((partition) => [partition, { entries: [], at: 0, isOpen: true }]))
  }

  push(entry: MergeEntry): void {
    this.#queues.get(entry.reader.partition)?.entries.push(entry)
  }

  /** Nothing more comes from this partition. */
  close(partition: string): void {
    const queue = this.#queues.get(partition)
    if (queue !== undefined) queue.isOpen = false
  }

  /** The next event in order; undefined when it is not known yet. */
  take(): MergeEntry | undefined {
    let best: Queue | null = null
    let bestTimeMs = Number.POSITIVE_INFINITY
    for (const queue of this.#queues.values()) {
      const head = queue.entries[queue.at]
      if (head === undefined) {
        if (queue.isOpen) return undefined
        continue
      }
      // Of equal times the lowest partition's goes first.
      if (head.timeMs < bestTimeMs) {
        best = queue
        bestTimeMs = head.timeMs
      }
    }
    if (best === null) return undefined
    const entry = best.entries[best.at]
    best.at += 1
    if (best.at > 1024) {
      best.entries.splice(0, best.at)
      best.at = 0
    }
    return entry
  }
}
