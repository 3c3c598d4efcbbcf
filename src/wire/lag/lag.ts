// How far a consumer group is behind on one partition: the definition, as pure functions of what one look at the
// partition and the group's checkpoint shows. docs/CLI.md, "Lag".
//
//   first            checkpoint   next          last
//     │                  │         │             │
//     ▼                  ▼         ▼             ▼
//   ──●────●────●────●───●─────────●────●────●───●──▶        lag = last − next + 1
//
// Events below `first` were removed by retention or compaction: what the checkpoint still had before it is lost.

/** What our own looks at events call themselves: they make no group a used one. */
export const peekReaderName = 'ehub peek'

export interface CheckpointFacts {
  /** Sequence of the last event handled; -1 when a store says "before the first". */
  readonly sequence: number
  /** Unix milliseconds of the last write, null when the store does not say. */
  readonly updatedAtMs: number | null
  /** Who wrote it, when the store says. */
  readonly owner: string | null
}

/** One look at one partition for one group. */
export interface LagFacts {
  readonly atMs: number
  /** First readable sequence; `lastSequence + 1` when everything was removed, 0 on a never-used partition. */
  readonly firstSequence: number
  /** -1 when nothing was ever stored. */
  readonly lastSequence: number
  /** null: the group has no checkpoint here. */
  readonly checkpoint: CheckpointFacts | null
  /** The store answered. False: nothing can be said about the checkpoint. */
  readonly isReadable: boolean
}

export interface Lag {
  /** The sequence a consumer resuming now would get next. */
  readonly next: number
  /** Events stored and not yet handled, 0 or more. */
  readonly events: number
  /** Events the checkpoint had still before it that are no longer stored, 0 or more. */
  readonly lost: number
}

/** Lag by the definition above. Without a checkpoint the group starts at `first` and has lost nothing. */
export function measureLag(facts: LagFacts): Lag {
  const { firstSequence: first, lastSequence: last, checkpoint } = facts
  const resume = checkpoint === null ? first : checkpoint.sequence + 1
  const next = Math.max(resume, first)
  return {
    next,
    events: Math.max(0, last - next + 1),
    lost: checkpoint === null ? 0 : Math.max(0, first - resume),
  }
}

/** Nothing was ever stored in the partition. */
export function isNeverUsed(facts: LagFacts): boolean {
  return facts.lastSequence < 0
}

/**
 * Seconds until the lag is worked off at the present rates, `Infinity` when it is not shrinking, 0 when there is none.
 *
 * @param inRate Events stored a second. @param outRate Events handled a second.
 */
export function drainSeconds(lagEvents: number, inRate: number, outRate: number): number {
  if (lagEvents === 0) return 0
  return outRate > inRate ? lagEvents / (outRate - inRate) : Number.POSITIVE_INFINITY
}
