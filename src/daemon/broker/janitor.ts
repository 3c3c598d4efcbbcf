// What has to be done to partitions from time to time, without anybody asking: one lap after the other over all partitions of all
// hubs, for each kind of work in a lane of its own, so that a long piece of one (compacting a partition) does not keep the other
// (expiring events) from its turn. No two lanes are at one partition at a time.
//
// Bounded: a lane does one piece at a time, and rests after so many looks and pieces. Looking at a partition that needs nothing is a
// comparison; a thousand of them cost microseconds a second.

import { assert } from '../../base/assert.ts'
import { type Clock, delay } from '../../base/clock.ts'
import { isEhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { OpenHub } from './open-hub.ts'
import type { Partition } from './partition.ts'

export interface JanitorPlace {
  readonly hub: OpenHub
  readonly partition: Partition
}

export interface JanitorWork {
  /** For the log: `retention`. */
  readonly name: string
  /** Cheap and synchronous: asked for every partition in every lap. */
  isDue(place: JanitorPlace): boolean
  /** One piece of work. Rejects with operating errors; the place comes up again in the next lap. */
  run(place: JanitorPlace, signal: AbortSignal): Promise<void>
}

export interface JanitorInput {
  readonly clock: Clock
  readonly lines: Log
  readonly hubs: () => readonly OpenHub[]
  readonly works: readonly JanitorWork[]
  /** From the end of a lap to the next, milliseconds; 1,000. */
  readonly lapMs?: number
}

const stepMs = 10
/** Looks at partitions in one step; a piece of work counts as many. */
const stepLooks = 2048
const looksOfWork = 64
/** A partition whose work fails is tried again after this, twice as long each time. */
const retryMsMin = 1000
const retryMsMax = 300_000

interface Failing {
  readonly waitMs: number
  readonly untilMs: number
}

export class Janitor {
  readonly #input: JanitorInput
  readonly #busy = new Set<Partition>()
  readonly #stopped = new AbortController()
  readonly #lanes: readonly Lane[]
  #running: Promise<void>[] = []

  constructor(input: JanitorInput) {
    this.#input = input
    this.#lanes = input.works.map((work) => new Lane(work, input, this.#busy, this.#stopped.signal))
  }

  start(): void {
    this.#running = this.#lanes.map((lane) => lane.run())
    // Until `stop` awaits them: a lane fails only by a bug, which must not wait for that.
    for (const lane of this.#running) lane.catch((error: unknown) => void Promise.reject(error))
  }

  /** Resolves when no work is under way any more. */
  async stop(): Promise<void> {
    this.#stopped.abort(new StoppedError())
    await Promise.all(this.#running)
  }

  statusOf(work: JanitorWork): LaneStatus {
    const lane = this.#lanes.find((candidate) => candidate.work === work)
    assert(lane !== undefined, 'a status is asked of a work that is done')
    return lane.status
  }

  /** Does one work at a place now, when nobody else is at it; for what a person asked for. */
  async exclusively<T>(partition: Partition, run: () => Promise<T>): Promise<T> {
    while (this.#busy.has(partition)) await delay(this.#input.clock, stepMs)
    this.#busy.add(partition)
    try {
      return await run()
    } finally {
      this.#busy.delete(partition)
    }
  }
}

/** Since the start. */
export interface LaneStatus {
  /** Unix milliseconds of the end of the last lap; null before the first. */
  readonly lastLapAtMs: number | null
  readonly failures: number
}

class StoppedError extends Error {}

class Lane {
  readonly work: JanitorWork
  readonly #input: JanitorInput
  readonly #busy: Set<Partition>
  readonly #signal: AbortSignal
  readonly #failing = new WeakMap<Partition, Failing>()
  #status: LaneStatus = { lastLapAtMs: null, failures: 0 }

  constructor(work: JanitorWork, input: JanitorInput, busy: Set<Partition>, signal: AbortSignal) {
    this.work = work
    this.#input = input
    this.#busy = busy
    this.#signal = signal
  }

  get status(): LaneStatus {
    return this.#status
  }

  async run(): Promise<void> {
    const { clock, lapMs = 1000 } = this.#input
    try {
      for (;;) {
        await delay(clock, lapMs, this.#signal)
        await this.#lap()
        this.#status = { ...this.#status, lastLapAtMs: clock.now() }
      }
    } catch (error) {
      if (!(error instanceof StoppedError)) throw error
    }
  }

  async #lap(): Promise<void> {
    let looks = 0
    for (const hub of this.#input.hubs()) {
      // By index: partitions may be added meanwhile.
      for (let index = 0; index < hub.partitions.length; index++) {
        const place = { hub, partition: hub.partition(index) }
        looks += this.#isDue(place) ? looksOfWork : 1
        if (looks > stepLooks) {
          looks = 0
          await delay(this.#input.clock, stepMs, this.#signal)
        }
        // The wait may have made it another's turn, or the hub's end.
        if (this.#isDue(place)) await this.#do(place)
        if (this.#signal.aborted) throw this.#signal.reason
      }
    }
  }

  #isDue(place: JanitorPlace): boolean {
    const failing = this.#failing.get(place.partition)
    if (failing !== undefined && this.#input.clock.monotonicMs() < failing.untilMs) return false
    return !this.#busy.has(place.partition) && this.work.isDue(place)
  }

  async #do(place: JanitorPlace): Promise<void> {
    const { partition } = place
    this.#busy.add(partition)
    try {
      await this.work.run(place, this.#signal)
      this.#failing.delete(partition)
    } catch (error) {
      if (!isEhubError(error)) throw error
      this.#noteFailure(place, error.code, error.message)
    } finally {
      this.#busy.delete(partition)
    }
  }

  #noteFailure({ hub, partition }: JanitorPlace, code: string, reason: string): void {
    // Deleted, or the daemon ends: nothing is left to be done.
    if (code === 'storage-closed' || code === 'shutting-down') return
    this.#status = { ...this.#status, failures: this.#status.failures + 1 }
    const { clock, lines } = this.#input
    const waitMs = Math.min(retryMsMax, 2 * (this.#failing.get(partition)?.waitMs ?? retryMsMin / 2))
    this.#failing.set(partition, { waitMs, untilMs: clock.monotonicMs() + waitMs })
    lines.warn(`${this.work.name} failed`, { hub: hub.name, partition: partition.index, code, reason, waitMs })
  }
}
