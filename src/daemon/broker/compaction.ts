// Compaction of hubs as one of the janitor's works. A partition has a clean head, in which each key is once, and a dirty tail; when the
// tail has become large enough, or a delete marker's time is over, it is cleaned:
//
//   | clean: each key once | dirty, older than the lag | younger than the lag | being written |
//   start               clean                         end
//
//   1. note the newest sequence of each key of the dirty part, as many as fit the memory;
//   2. rewrite everything before the noted part's end without what those keys replace;
//   3. remember how far it is clean; go on with what did not fit.
//
// The method is Kafka's log cleaner's. What Event Hubs does differs from Kafka in nothing that can be seen (reference/service.md §7).

import { type Clock, delay } from '../../base/clock.ts'
import { isEhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { Random } from '../../base/random.ts'
import { EventKeyReader } from '../../wire/amqp/event-keys.ts'
import type { PartitionLog } from '../storage/storage-engine.ts'
import type { CompactionProgress } from './compactions-api.ts'
import { KeyKeeper, type KeyReaders, NewestStamps, noteKeys } from './compaction-keys.ts'
import { CompactionRun } from './compaction-run.ts'
import type { JanitorPlace, JanitorWork } from './janitor.ts'
import { LatestMap } from './latest-map.ts'
import type { OpenHub } from './open-hub.ts'
import type { Partition } from './partition.ts'
import { isCompacted } from './settings.ts'

export interface CompactionOptions {
  /** Memory for the keys of one run. */
  readonly mapBytes?: number
  /** Read and written together; a run waits when it is faster. */
  readonly bytesPerSecond?: number
  /** A tail smaller than this is not worth a run. */
  readonly dirtyBytesMin?: number
}

export interface CompactionInput {
  readonly clock: Clock
  readonly random: Random
  readonly lines: Log
  readonly options: CompactionOptions
  readonly progress: (hub: number, partition: number) => CompactionProgress | null
  readonly remember: (hub: number, partition: number, progress: CompactionProgress) => Promise<void>
  /** First sequence that is in no Capture file yet; null: the hub is not captured. */
  readonly uncapturedFrom: (hub: number, partition: number) => number | null
}

const mib = 1024 * 1024
export const compactionDefaults = { mapBytes: 64 * mib, bytesPerSecond: 256 * mib, dirtyBytesMin: mib } as const
/** A run is due when so much of what is stored is dirty. */
const dirtyShare = 0.5
/** From one run of a partition to the next. */
const pauseMs = 15_000
/** When a look showed that there is nothing to do yet, or nothing that can be done. */
const restMsMax = 600_000
const readBytes = 256 * 1024
/** Waits shorter than this are saved up. */
const waitMsMin = 4

interface Upkeep {
  /** Monotonic milliseconds. */
  nextAtMs: number
}

/** Since the start. */
export interface CompactionTotals {
  runs: number
  eventsRemoved: number
  bytesRemoved: number
  lastRunAtMs: number | null
}

export class Compaction implements JanitorWork {
  readonly name = 'compaction'
  /** By the hub's number. */
  readonly totals = new Map<number, CompactionTotals>()
  readonly #input: CompactionInput
  readonly #options: Required<CompactionOptions>
  readonly #upkeep = new WeakMap<Partition, Upkeep>()
  readonly #readers: KeyReaders = { amqp: new EventKeyReader() }

  constructor(input: CompactionInput) {
    this.#input = input
    this.#options = { ...compactionDefaults, ...input.options }
  }

  isDue({ hub, partition }: JanitorPlace): boolean {
    if (!isCompacted(hub.state.settings)) return false
    if (this.#input.clock.monotonicMs() < (this.#upkeep.get(partition)?.nextAtMs ?? 0)) return false
    const metMs = this.#input.progress(hub.number, partition.index)?.tombstonesMs ?? null
    if (metMs !== null && this.#isOver(hub, metMs)) return true
    const dirty = this.dirtyBytes(hub, partition)
    if (dirty < this.#options.dirtyBytesMin) return false
    return dirty >= dirtyShare * partition.log.statistics().storedBytes
  }

  async run({ hub, partition }: JanitorPlace, signal: AbortSignal): Promise<void> {
    const metMs = this.#input.progress(hub.number, partition.index)?.tombstonesMs ?? null
    const isForTombstones = metMs !== null && this.#isOver(hub, metMs)
    if (!isForTombstones && (await this.#worth(hub, partition)) === 0) {
      return this.#rest(partition, Math.min(restMsMax, Math.max(pauseMs, hub.state.settings.minCompactionLagMs / 10)))
    }
    await this.compact(hub, partition, signal, new CompactionRun(partition.index))
    const leftMs = this.#input.progress(hub.number, partition.index)?.tombstonesMs ?? null
    // Damage keeps them where they are: not again and again.
    if (isForTombstones && leftMs !== null && this.#isOver(hub, leftMs)) this.#rest(partition, restMsMax)
  }

  #rest(partition: Partition, ms: number): void {
    this.#upkeep.set(partition, { nextAtMs: this.#input.clock.monotonicMs() + ms })
  }

  /** Bytes behind what is clean. */
  dirtyBytes(hub: OpenHub, { index, log }: Partition): number {
    const cleanOffset = this.#input.progress(hub.number, index)?.offset ?? 0
    return log.end.offset - Math.max(cleanOffset, log.start.offset)
  }

  /** Cleans everything that may be, now. Rejects with storage's errors and the signal's reason. */
  async compact(hub: OpenHub, partition: Partition, signal: AbortSignal, run: CompactionRun): Promise<void> {
    const { clock } = this.#input
    this.#rest(partition, pauseMs)
    const { log } = partition
    await log.closeSegment()
    const nowMs = clock.now()
    const limit = await this.#limit(hub, partition, nowMs)
    const remembered = this.#input.progress(hub.number, partition.index)
    // One that lies beyond the end is of events that a power cut took: then nothing is known.
    const known = remembered !== null && remembered.sequence <= log.end.sequence ? remembered.sequence : 0
    let from = Math.max(known, log.start.sequence)
    const end = Math.max(from, Math.min(log.closedEnd, limit))
    run.begin(from, end)
    const pace = this.#pace()
    do {
      const to = await this.#pass({ hub, partition, signal, run, pace, nowMs }, from, end)
      if (to <= from) break
      from = to
    } while (from < end)
    run.end()
    this.#note(hub, run)
    this.#rest(partition, pauseMs)
  }

  /** Resolves to where what is clean now ends. */
  async #pass(pass: Pass, from: number, end: number): Promise<number> {
    const { hub, partition, signal, run, pace, nowMs } = pass
    const { log, index } = partition
    const map = new LatestMap(this.#options.mapBytes, end - from, from, this.#input.random.uint32())
    const stamps = new NewestStamps()
    const keeper = await this.#noteDirty(pass, map, stamps, from, end)
    const { tombstoneRetentionMs } = hub.state.settings
    const keys = new KeyKeeper({ readers: this.#readers, map, stamps, end: keeper.end, nowMs, tombstoneRetentionMs })
    run.beginPass()
    const report = await log.compact(keys.keep, {
      before: keeper.end,
      signal,
      pace,
      onSkipped: () => keys.skipped(),
      onProgress: (so) => run.passed(so),
    })
    run.endPass(report, keeper.end)
    const offset = keeper.end >= log.end.sequence ? log.end.offset : keeper.offset
    const progress = { sequence: keeper.end, offset, tombstonesMs: keys.oldestTombstoneMs }
    await this.#input.remember(hub.number, index, progress)
    return keeper.end
  }

  /** Notes the keys from `from` on, as many as fit; resolves to where it stopped, the end of a batch. */
  async #noteDirty(
    { partition, hub, signal, pace }: Pass,
    map: LatestMap,
    stamps: NewestStamps,
    from: number,
    end: number,
  ): Promise<{ readonly end: number; readonly offset: number }> {
    const { log } = partition
    let at = Math.max(from, log.start.sequence)
    let offset = Math.max(this.#input.progress(hub.number, partition.index)?.offset ?? 0, log.start.offset)
    while (at < end) {
      signal.throwIfAborted()
      try {
        const batches = await log.read(at, readBytes)
        if (batches.length === 0) break
        let bytes = 0
        for (const batch of batches) {
          if (batch.baseSequence >= end || !noteKeys(batch, this.#readers, map)) return { end: at, offset }
          stamps.note(batch)
          at = batch.baseSequence + batch.count
          offset = batch.baseOffset + batch.payload.length
          bytes += batch.payload.length
        }
        await pace(bytes)
      } catch (error) {
        at = passOver(log, at, error)
      }
    }
    return { end: Math.max(from, Math.min(at, end)), offset }
  }

  /** What has this sequence or a later one stays as it is: it is younger than the hub's lag, or Capture has it in no file yet. */
  async #limit(hub: OpenHub, { index, log }: Partition, nowMs: number): Promise<number> {
    const { minCompactionLagMs } = hub.state.settings
    const young = minCompactionLagMs === 0 ? Infinity : await log.findByTime(nowMs - minCompactionLagMs + 1)
    const held = this.#input.uncapturedFrom(hub.number, index) ?? Infinity
    return Math.min(young, held < log.end.sequence ? await baseOf(log, held) : Infinity)
  }

  /** What is dirty and may be touched, in bytes of the stream; 0 when it is not worth a run. */
  async #worth(hub: OpenHub, partition: Partition): Promise<number> {
    const { index, log } = partition
    const { progress, clock } = this.#input
    const limit = await this.#limit(hub, partition, clock.now())
    if (limit >= log.end.sequence) return Infinity
    const end = Math.max(limit, log.start.sequence)
    const offset = (await log.read(end, 1))[0]?.baseOffset ?? 0
    const dirty = offset - Math.max(progress(hub.number, index)?.offset ?? 0, log.start.offset)
    return dirty >= this.#options.dirtyBytesMin ? dirty : 0
  }

  #isOver(hub: OpenHub, metMs: number): boolean {
    return this.#input.clock.now() >= metMs + hub.state.settings.tombstoneRetentionMs
  }

  #note(hub: OpenHub, run: CompactionRun): void {
    const totals = this.totals.get(hub.number) ?? { runs: 0, eventsRemoved: 0, bytesRemoved: 0, lastRunAtMs: null }
    const { eventsRemoved, bytesRemoved, partition, segmentsSkipped } = run
    totals.runs += 1
    totals.eventsRemoved += eventsRemoved
    totals.bytesRemoved += bytesRemoved
    totals.lastRunAtMs = this.#input.clock.now()
    this.totals.set(hub.number, totals)
    const { lines } = this.#input
    if (segmentsSkipped > 0) {
      lines.warn('compaction left damaged segments as they are', {
        hub: hub.name,
        partition,
        segments: segmentsSkipped,
      })
    }
    if (eventsRemoved > 0) lines.info('compacted', { hub: hub.name, partition, eventsRemoved, bytesRemoved })
  }

  /** Waits when a run is faster than it may be, so that what publishers and readers need is left. */
  #pace(): (bytes: number) => Promise<void> | void {
    const { clock } = this.#input
    const msPerByte = 1000 / this.#options.bytesPerSecond
    let dueMs = clock.monotonicMs()
    return (bytes) => {
      const nowMs = clock.monotonicMs()
      dueMs = Math.max(dueMs, nowMs - waitMsMin) + bytes * msPerByte
      if (dueMs - nowMs >= waitMsMin) return delay(clock, dueMs - nowMs)
    }
  }
}

interface Pass {
  readonly hub: OpenHub
  readonly partition: Partition
  readonly signal: AbortSignal
  readonly run: CompactionRun
  readonly pace: (bytes: number) => Promise<void> | void
  readonly nowMs: number
}

/** Where the batch with a sequence begins: a run ends between batches. */
async function baseOf(log: PartitionLog, sequence: number): Promise<number> {
  try {
    const [batch] = await log.read(sequence, 1)
    return Math.min(sequence, batch?.baseSequence ?? sequence)
  } catch (error) {
    if (isEhubError(error, 'sequence-trimmed') || isEhubError(error, 'storage-corrupt')) return sequence
    throw error
  }
}

/** What is damaged has no keys; what was trimmed meanwhile needs none. */
function passOver(log: PartitionLog, at: number, error: unknown): number {
  if (isEhubError(error, 'sequence-trimmed')) return log.start.sequence
  if (!isEhubError(error, 'storage-corrupt')) throw error
  return log.statistics().damaged.find(({ from, to }) => from <= at && at < to)?.to ?? log.end.sequence
}
