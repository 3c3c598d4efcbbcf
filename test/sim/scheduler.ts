// Decides which ready disk operation completes next; everything else runs in microtasks, which Node runs in a fixed
// order. A whole run thus depends on its seed alone and stays inside one turn of the event loop.
//
// Operations of one lane (a file) complete in the order they were submitted, lanes overtake each other. Between two
// completions a seeded number of microtask turns passes, so that the code under test sometimes sees one completion at a
// time and sometimes several operations wait at once.

import type { SimClock } from './sim-clock.ts'
import { SimRandom } from './sim-random.ts'

/** Operations of one file, in order. */
export class Lane {
  isActive = false
  readonly waiting: (() => void)[] = []
}

interface Ready {
  readonly lane: Lane | null
  readonly run: () => void
}

const turnChoices = [1, 2, 4, 16]

export class Scheduler {
  readonly #random: SimRandom
  readonly #ready: Ready[] = []
  #isPumping = false
  #isStopped = false
  #turnsLeft = 0
  readonly #pump = () => this.#turn()

  constructor(random: SimRandom = new SimRandom(0)) {
    this.#random = random
  }

  /** Calls `run` on a later microtask; operations with the same lane in the order of submission. */
  submit(lane: Lane | null, run: () => void): void {
    if (this.#isStopped) return
    if (lane?.isActive) {
      lane.waiting.push(run)
      return
    }
    if (lane !== null) lane.isActive = true
    this.#ready.push({ lane, run })
    if (this.#isPumping) return
    this.#isPumping = true
    this.#turnsLeft = this.#random.pick(turnChoices)
    queueMicrotask(this.#pump)
  }

  /** Nothing submitted is waiting to complete. */
  get isIdle(): boolean {
    return this.#ready.length === 0
  }

  get isStopped(): boolean {
    return this.#isStopped
  }

  /** The process is gone: what waits never completes. */
  stop(): void {
    this.#isStopped = true
    this.#ready.length = 0
  }

  #turn(): void {
    if (this.#turnsLeft > 0) {
      this.#turnsLeft--
      queueMicrotask(this.#pump)
      return
    }
    const ready = this.#ready
    if (ready.length === 0) {
      this.#isPumping = false
      return
    }
    const at = ready.length === 1 ? 0 : this.#random.below(ready.length)
    const chosen = ready[at]!
    const last = ready.pop()!
    if (at < ready.length) ready[at] = last
    chosen.run()
    this.#release(chosen.lane)
    this.#turnsLeft = this.#random.pick(turnChoices)
    queueMicrotask(this.#pump)
  }

  #release(lane: Lane | null): void {
    if (lane === null || this.#isStopped) return
    const next = lane.waiting.shift()
    if (next === undefined) lane.isActive = false
    else this.#ready.push({ lane, run: next })
  }
}

/** Nothing can complete any more, yet something is awaited: rule 11, liveness. */
export class StuckError extends Error {
  override readonly name = 'StuckError'
}

/** Microtask turns without a disk operation after which a run counts as waiting for a timer. */
const idleTurnsMax = 200
/** The same before it counts as stuck, when there is no timer: a long computation may take many turns. */
const stuckTurnsMax = 20_000
/** Timers run for one awaited promise before it counts as stuck: periodic timers never run out. */
const timersMax = 10_000

/**
 * Awaits `promise`, moving the clock to the next timer whenever everything else has come to rest.
 * @throws StuckError when there is no timer either, or when `timersMax` of them did not help.
 */
export async function settle<T>(promise: Promise<T>, scheduler: Scheduler, clock?: SimClock): Promise<T> {
  let isDone = false
  const done = () => {
    isDone = true
  }
  promise.then(done, done)
  let idleTurns = 0
  let timers = 0
  while (!isDone) {
    await Promise.resolve()
    if (!scheduler.isIdle) {
      idleTurns = 0
      continue
    }
    if (++idleTurns < idleTurnsMax) continue
    if (scheduler.isStopped) throw new StuckError('the disk stopped')
    if (timers < timersMax && clock?.runNext() === true) {
      timers++
      idleTurns = 0
    } else if (idleTurns > stuckTurnsMax) {
      throw new StuckError(`nothing left to run after ${timers} timers, yet an operation is pending`)
    }
  }
  return promise
}

/** Lets the code under test go a little way, not to where it rests. */
export async function runTurns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await Promise.resolve()
}

/** Lets everything run that can run without moving the clock. */
export async function quiesce(scheduler: Scheduler): Promise<void> {
  for (let idleTurns = 0; idleTurns < idleTurnsMax; ) {
    await Promise.resolve()
    idleTurns = scheduler.isIdle ? idleTurns + 1 : 0
  }
}
