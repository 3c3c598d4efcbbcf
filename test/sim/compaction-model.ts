// What a compacted partition must hold, judged after every read from its beginning: of each key the newest, in order, nothing younger than
// the lag touched, delete markers as long as their retention, nothing back that was gone.

import type { KeyedEvent } from './keyed-events.ts'
import { ModelViolation } from './model.ts'

export interface StoredEvent extends KeyedEvent {
  readonly sequence: number
  readonly timeMs: number
}

interface Sent extends StoredEvent {
  isCertain: boolean
  /** Seen missing: it must not come back. */
  isGone: boolean
}

interface Run {
  /** Wall clock when it was asked for. */
  readonly nowMs: number
  /** Events below were stored by then. */
  readonly end: number
}

export class CompactionModel {
  readonly #lagMs: number
  readonly #tombstoneMs: number
  /** By sequence; what was refused is cut off. */
  readonly #events: (Sent | undefined)[] = []
  readonly #runs: Run[] = []
  /** Events below and old enough then must be the newest of their key. */
  #cleanEnd = 0

  constructor(lagMs: number, tombstoneMs: number) {
    this.#lagMs = lagMs
    this.#tombstoneMs = tombstoneMs
  }

  sent(event: StoredEvent): void {
    this.#events[event.sequence] = { ...event, isCertain: false, isGone: false }
  }

  stored(sequence: number): void {
    const event = this.#events[sequence]
    if (event !== undefined) event.isCertain = true
  }

  runInvoked(nowMs: number, end: number): void {
    this.#runs.push({ nowMs, end })
  }

  /** It said that everything below is clean. */
  runCompleted(clean: number): void {
    this.#cleanEnd = Math.max(this.#cleanEnd, clean)
  }

  /** Judges everything a reader got from the beginning, with the end of the partition then. */
  judge(found: readonly StoredEvent[], end: number): void {
    let next = 0
    const byKey = new Map<string, number>()
    for (const event of found) {
      if (event.sequence < next) fail(`${event.sequence} was handed out behind ${next - 1}`)
      for (; next < event.sequence; next++) this.#judgeMissing(next)
      this.#judgePresent(event)
      if (event.key !== null) this.#judgeClean(event, byKey)
      next = event.sequence + 1
    }
    for (; next < end; next++) this.#judgeMissing(next)
    for (let sequence = end; sequence < this.#events.length; sequence++) {
      if (this.#events[sequence]?.isCertain === true)
        fail(`${sequence} was acknowledged and lies beyond the end ${end}`)
    }
    this.#events.length = end
  }

  #judgePresent(event: StoredEvent): void {
    const sent = this.#events[event.sequence]
    if (sent === undefined) fail(`nobody sent ${event.sequence}`)
    if (sent.isGone) fail(`${event.sequence} with key ${sent.key} was gone and is there again`)
    if (sent.key !== event.key || sent.body !== event.body) fail(`${event.sequence} is not what was sent`)
    if (sent.timeMs !== event.timeMs) fail(`${event.sequence} has time ${event.timeMs}, it was ${sent.timeMs}`)
    // Readers have seen it: from now on it is there like an acknowledged one.
    sent.isCertain = true
  }

  /** Of what is clean each key is there once. */
  #judgeClean({ key, sequence }: StoredEvent, byKey: Map<string, number>): void {
    const before = byKey.get(key ?? '')
    if (before !== undefined && sequence < this.#cleanEnd)
      fail(`key ${key} is at ${before} and at ${sequence}, below ${this.#cleanEnd}, which was said to be clean`)
    byKey.set(key ?? '', sequence)
  }

  #judgeMissing(sequence: number): void {
    const event = this.#events[sequence]
    if (event === undefined) fail(`${sequence} is a number of nobody's event and below the end`)
    if (event.isGone) return
    event.isGone = true
    if (event.key === null) fail(`${sequence} has no key and is gone`)
    if (!this.#isReplaced(event) && !this.#isOver(event))
      fail(`${sequence} is the newest of key ${event.key} and is gone`)
  }

  /** A later event of its key was old enough when a run began. */
  #isReplaced(event: Sent): boolean {
    return this.#runs.some(({ nowMs, end }) =>
      this.#events
        .slice(event.sequence + 1, end)
        .some((later) => later?.key === event.key && later.timeMs <= nowMs - this.#lagMs),
    )
  }

  /** A delete marker whose retention was over in a run, counted from the first run that can have met it. */
  #isOver(event: Sent): boolean {
    if (event.body !== '') return false
    const met = this.#runs.find(({ nowMs, end }) => event.sequence < end && event.timeMs <= nowMs - this.#lagMs)
    return met !== undefined && this.#runs.some((run) => run !== met && run.nowMs >= met.nowMs + this.#tombstoneMs)
  }
}

function fail(what: string): never {
  throw new ModelViolation(what)
}
