// Virtual time. Nothing moves unless a test moves it. The wall clock may jump, the monotonic clock never does.

import type { Clock, Timer } from '../../src/base/clock.ts'

interface Entry {
  readonly dueMs: number
  readonly order: number
  run: (() => void) | null
}

export class SimClock implements Clock {
  #monotonicMs = 0
  #wallOffsetMs: number
  #order = 0
  /** Binary heap by due time, then order of scheduling. Cancelled entries stay until they come up. */
  #heap: Entry[] = []

  /** @param startMs Unix milliseconds the wall clock shows at first. */
  constructor(startMs = 1_700_000_000_000) {
    this.#wallOffsetMs = startMs
  }

  now(): number {
    return Math.floor(this.#wallOffsetMs + this.#monotonicMs)
  }

  monotonicMs(): number {
    return this.#monotonicMs
  }

  schedule(delayMs: number, run: () => void): Timer {
    const entry: Entry = { dueMs: this.#monotonicMs + Math.max(0, delayMs), order: this.#order++, run }
    this.#push(entry)
    return {
      cancel: () => {
        entry.run = null
      },
    }
  }

  /** Moves both clocks by `ms`, running the timers that come due, in order, each at its own time. */
  advance(ms: number): void {
    const until = this.#monotonicMs + ms
    for (let next = this.#next(); next !== null && next.dueMs <= until; next = this.#next()) this.#fire(next)
    this.#monotonicMs = until
  }

  /** Moves both clocks to the next timer and runs it; false when there is none. */
  runNext(): boolean {
    const next = this.#next()
    if (next === null) return false
    this.#fire(next)
    return true
  }

  /** Moves the wall clock alone, either way. */
  jumpWall(ms: number): void {
    this.#wallOffsetMs += ms
  }

  /** Forgets every timer, as the end of a process does. */
  dropTimers(): void {
    for (const entry of this.#heap) entry.run = null
    this.#heap = []
  }

  get pendingTimers(): number {
    let count = 0
    for (const entry of this.#heap) if (entry.run !== null) count++
    return count
  }

  #fire(entry: Entry): void {
    this.#pop()
    this.#monotonicMs = Math.max(this.#monotonicMs, entry.dueMs)
    const { run } = entry
    entry.run = null
    run?.()
  }

  #next(): Entry | null {
    while (this.#heap.length > 0 && this.#heap[0]!.run === null) this.#pop()
    return this.#heap[0] ?? null
  }

  #push(entry: Entry): void {
    const heap = this.#heap
    let at = heap.push(entry) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!isBefore(entry, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = entry
  }

  #pop(): void {
    const heap = this.#heap
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++
      if (!isBefore(heap[child]!, last)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.dueMs < b.dueMs || (a.dueMs === b.dueMs && a.order < b.order)
}
