// What compaction says about itself; how it is asked: `Compactions` in `broker-api.ts`.

/** How far a partition is clean, as remembered in `$state`. */
export interface CompactionProgress {
  /** Below it each key is there once. */
  readonly sequence: number
  /** Of the stream there: how much is dirty is told by it. */
  readonly offset: number
  /** When the oldest delete marker left was met, Unix milliseconds; null: there is none. */
  readonly tombstonesMs: number | null
}

/** One run over a partition, as far as it is. */
export interface CompactionStep {
  readonly partition: number
  readonly isDone: boolean
  /** What the run is about to clean: sequences from here, below there. */
  readonly fromSequence: number
  readonly toSequence: number
  /** Everything below is clean. */
  readonly cleanSequence: number
  /** How many times the partition was rewritten: more than once when the keys do not fit the memory. */
  readonly passes: number
  /** Segments looked at, those with damage left as they are, those rewritten, and into how many. */
  readonly segments: number
  readonly segmentsSkipped: number
  readonly segmentsRewritten: number
  readonly segmentsWritten: number
  readonly eventsKept: number
  readonly eventsRemoved: number
  /** Of the segments looked at in the last pass, before and after. */
  readonly bytesBefore: number
  readonly bytesAfter: number
}

export interface CompactionStatus {
  /** Unix milliseconds of the end of the last lap over all partitions; null before the first. */
  readonly lastLapAtMs: number | null
  /** Failed runs since the start. */
  readonly failures: number
  readonly hubs: readonly HubCompaction[]
}

/** Of a hub with cleanup `compact` or `delete-or-compact`; counts since the start. */
export interface HubCompaction {
  readonly hub: string
  readonly runs: number
  readonly eventsRemoved: number
  readonly bytesRemoved: number
  /** Unix milliseconds of the end of the last run; null: none since the start. */
  readonly lastRunAtMs: number | null
  /** Bytes stored, and those of them not yet compacted. */
  readonly storedBytes: number
  readonly dirtyBytes: number
}
