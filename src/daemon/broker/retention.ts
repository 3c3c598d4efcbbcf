// Retention: what is older than a hub's period. Readers never see it (`retained.ts`); here its space is given back, whole segments at
// a time, as one of the janitor's works. A segment that never fills is sealed when something in it has expired, so that a hub with a
// trickle of events gives its space back, too; a hub at rest becomes empty.

import type { Clock } from '../../base/clock.ts'
import type { JanitorPlace, JanitorWork } from './janitor.ts'
import type { OpenHub } from './open-hub.ts'
import type { Partition } from './partition.ts'
import type { TrimReport } from './retentions-api.ts'
import type { HubState } from './state.ts'
import type { TrustedTime } from './trusted-time.ts'

export interface RetentionInput {
  readonly clock: Clock
  readonly time: TrustedTime
  /** First sequence that must stay although it has expired; null: none. */
  readonly heldFrom: (hub: number, partition: number) => number | null
}

// Between two looks at a partition whose events expire: a tenth of the period, so that little more than that is kept too long.
const pauseMsMin = 1000
const pauseMsMax = 60_000
const pausesOfPeriod = 10
/** A partition without new events for this long is emptied with its last event; before, its segment would be made anew at once. */
const restMs = 10_000
/** A segment that is not full is sealed at most so often. */
const sealMsMin = 600_000

interface Upkeep {
  /** Monotonic milliseconds. */
  nextAtMs: number
  sealedAtMs: number
}

export class Retention implements JanitorWork {
  readonly name = 'retention'
  readonly #input: RetentionInput
  readonly #upkeep = new WeakMap<Partition, Upkeep>()
  /** Cutoffs of hubs whose period is about to become longer. */
  readonly #frozen = new Map<number, number>()
  #changing: Promise<unknown> = Promise.resolve()
  /** Since the start, by the hub's number. */
  readonly trimmed = new Map<number, { events: number; bytes: number }>()

  constructor(input: RetentionInput) {
    this.#input = input
  }

  /** Unix milliseconds: what the hub has from before has expired. -Infinity when nothing does. */
  cutoffOf({ number, settings: { retentionMs } }: Readonly<HubState>): number {
    if (retentionMs === null) return -Infinity
    return this.#frozen.get(number) ?? this.#input.time.now() - retentionMs
  }

  isDue({ hub, partition }: JanitorPlace): boolean {
    if (hub.state.settings.retentionMs === null) return false
    const { log, retained } = partition
    if (log.start.sequence === log.end.sequence) return false
    if (retained.isExact && retained.start.sequence === log.start.sequence) return false
    const upkeep = this.#upkeep.get(partition)
    return upkeep === undefined || this.#input.clock.monotonicMs() >= upkeep.nextAtMs
  }

  async run({ hub, partition }: JanitorPlace): Promise<void> {
    const { retentionMs } = hub.state.settings
    if (retentionMs === null) return
    const nowMs = this.#input.clock.monotonicMs()
    const pauseMs = Math.min(pauseMsMax, Math.max(pauseMsMin, retentionMs / pausesOfPeriod))
    const upkeep = this.#upkeep.get(partition) ?? { nextAtMs: 0, sealedAtMs: -Infinity }
    this.#upkeep.set(partition, upkeep)
    upkeep.nextAtMs = nowMs + pauseMs
    const { log, retained } = partition
    await retained.look()
    const target = this.#targetOf(hub, partition, retained.start.sequence)
    if (target <= log.start.sequence) return
    const isOneSegment = log.oldestSegmentEnd >= log.end.sequence
    if (isOneSegment ? this.#isAtRest(partition, retentionMs, target) : target >= log.oldestSegmentEnd) {
      await this.trim(hub, partition, target)
    } else if (isOneSegment && nowMs - upkeep.sealedAtMs >= Math.max(sealMsMin, retentionMs)) {
      upkeep.sealedAtMs = nowMs
      log.seal()
    }
  }

  /** Gives back what has expired now, also of segments that are not through yet. */
  async expire(hub: OpenHub, partition: Partition): Promise<TrimReport> {
    await partition.retained.look()
    return this.trim(hub, partition, partition.retained.start.sequence)
  }

  /** Removes what lies before `sequence` durably, but what is held. */
  async trim(hub: OpenHub, partition: Partition, sequence: number): Promise<TrimReport> {
    const { log, index } = partition
    const before = log.start
    const target = this.#targetOf(hub, partition, sequence)
    if (target > before.sequence) await log.trimBefore(target)
    const events = log.start.sequence - before.sequence
    const bytes = log.start.offset - before.offset
    const sum = this.trimmed.get(hub.number) ?? { events: 0, bytes: 0 }
    this.trimmed.set(hub.number, { events: sum.events + events, bytes: sum.bytes + bytes })
    return { partition: index, events, bytes, heldFrom: target < Math.min(sequence, log.end.sequence) ? target : null }
  }

  /**
   * Runs a change of the hub's settings. What has expired by the present ones does not come back by longer ones: it is removed
   * before they count. Rejects with storage's errors, then nothing has changed.
   */
  changeTo<T>(hub: OpenHub, retentionMs: number | null, change: () => Promise<T>): Promise<T> {
    const changed = this.#changing.then(() => this.#change(hub, retentionMs, change))
    // One at a time; the failure belongs to whoever asked.
    this.#changing = changed.catch(() => undefined)
    return changed
  }

  async #change<T>(hub: OpenHub, retentionMs: number | null, change: () => Promise<T>): Promise<T> {
    const present = hub.state.settings.retentionMs
    const isLonger = present !== null && (retentionMs === null || retentionMs > present)
    if (!isLonger) return change()
    this.#frozen.set(hub.number, this.cutoffOf(hub.state))
    try {
      for (const partition of hub.partitions) {
        if (partition.log.start.sequence < partition.log.end.sequence) await this.expire(hub, partition)
      }
      return await change()
    } finally {
      this.#frozen.delete(hub.number)
    }
  }

  #targetOf(hub: OpenHub, { index }: Partition, sequence: number): number {
    return Math.min(sequence, this.#input.heldFrom(hub.number, index) ?? Infinity)
  }

  #isAtRest({ log }: Partition, retentionMs: number, target: number): boolean {
    const { lastEnqueuedTimeMs } = log
    if (target < log.end.sequence || lastEnqueuedTimeMs === null) return false
    return this.#input.time.now() - lastEnqueuedTimeMs >= retentionMs + restMs
  }
}
