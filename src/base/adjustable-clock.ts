// A clock that a person moves, over the machine's: a week passes in seconds. Time that is let pass counts for the wall clock and the
// monotonic one alike, and timers that come due meanwhile run in order, each at its own time.

import type { Clock, Timer } from './clock.ts'

interface Entry {
  readonly dueMs: number
  readonly order: number
  run: (() => void) | null
}

/** Time passes in so many hops at most, with a turn of the event loop between them for what the timers began. */
const hopsMax = 500
const hopMsMin = 50

export class AdjustableClock implements Clock {
  readonly #machine: Clock
  /** How far the two are ahead of the machine's. */
  #wallAheadMs = 0
  #monotonicAheadMs = 0
  /** Monotonic and wall time while it stands still. */
  #frozen: { monotonicMs: number; wallMs: number } | null = null
  /** By due time, then order of scheduling. */
  #entries: Entry[] = []
  #order = 0
  #timer: Timer | null = null
  #moving: Promise<void> = Promise.resolve()

  constructor(machine: Clock) {
    this.#machine = machine
  }

  now(): number {
    return Math.floor(this.#frozen?.wallMs ?? this.#machine.now() + this.#wallAheadMs)
  }

  monotonicMs(): number {
    return this.#frozen?.monotonicMs ?? this.#machine.monotonicMs() + this.#monotonicAheadMs
  }

  schedule(delayMs: number, run: () => void): Timer {
    const entry: Entry = { dueMs: this.monotonicMs() + Math.max(0, delayMs), order: this.#order++, run }
    const at = this.#entries.findIndex(({ dueMs }) => dueMs > entry.dueMs)
    this.#entries.splice(at < 0 ? this.#entries.length : at, 0, entry)
    if (this.#entries[0] === entry) this.#setTimer()
    return {
      cancel: () => {
        entry.run = null
        const index = this.#entries.indexOf(entry)
        if (index >= 0) this.#entries.splice(index, 1)
      },
    }
  }

  get isFrozen(): boolean {
    return this.#frozen !== null
  }

  /** Milliseconds by which the wall clock is ahead of the machine's. */
  get aheadMs(): number {
    return this.now() - this.#machine.now()
  }

  /** Lets time pass; resolves when everything that came due has run. One move at a time, in the order of the calls. */
  advance(ms: number): Promise<void> {
    this.#moving = this.#moving.then(() => this.#advance(ms))
    return this.#moving
  }

  /** Moves the wall clock alone, as somebody who sets the clock of a machine does: no time passes. */
  jump(ms: number): void {
    this.#wallAheadMs += ms
    if (this.#frozen !== null) this.#frozen.wallMs += ms
  }

  /** Time stands still until `resume`, but for `advance`. */
  freeze(): void {
    this.#frozen ??= { monotonicMs: this.monotonicMs(), wallMs: this.now() }
    this.#setTimer()
  }

  /** Time goes on from where it stood. */
  resume(): void {
    const frozen = this.#frozen
    if (frozen === null) return
    this.#frozen = null
    this.#wallAheadMs = frozen.wallMs - this.#machine.now()
    this.#monotonicAheadMs = frozen.monotonicMs - this.#machine.monotonicMs()
    this.#setTimer()
  }

  async #advance(ms: number): Promise<void> {
    const hopMs = Math.max(hopMsMin, ms / hopsMax)
    for (let left = ms; left > 0; left -= hopMs) {
      this.#pass(Math.min(left, hopMs))
      await new Promise<void>((resolve) => this.#machine.schedule(0, resolve))
    }
  }

  #pass(ms: number): void {
    const until = this.monotonicMs() + ms
    for (let next = this.#entries[0]; next !== undefined && next.dueMs <= until; next = this.#entries[0]) {
      this.#move(next.dueMs - this.monotonicMs())
      this.#entries.shift()
      next.run?.()
    }
    this.#move(until - this.monotonicMs())
    this.#setTimer()
  }

  #move(ms: number): void {
    if (ms <= 0) return
    this.#wallAheadMs += ms
    this.#monotonicAheadMs += ms
    if (this.#frozen === null) return
    this.#frozen.wallMs += ms
    this.#frozen.monotonicMs += ms
  }

  /** One timer of the machine, for the entry that comes first. */
  #setTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
    const first = this.#entries[0]
    if (first === undefined || this.#frozen !== null) return
    this.#timer = this.#machine.schedule(Math.max(0, first.dueMs - this.monotonicMs()), () => this.#runDue())
  }

  #runDue(): void {
    for (let next = this.#entries[0]; next !== undefined; next = this.#entries[0]) {
      if (this.#frozen !== null || next.dueMs > this.monotonicMs()) break
      this.#entries.shift()
      next.run?.()
    }
    this.#setTimer()
  }
}
