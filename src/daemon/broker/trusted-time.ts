// The time that retention goes by: the wall clock as long as it can be believed (reliability P10, decision 0013). What is expired is
// never shown again, so a clock that jumps ahead must not expire anything by itself:
//
//   wall clock   ____/‾‾‾‾    a jump of more than a minute against the monotonic clock is not believed: time goes on as if it had
//   trusted      _________    not happened, until wall and monotonic clock have gone together for ten minutes, or a person says that
//                             the clock is right, or the time has really passed
//
// At a start the time believed last, which is noted in the state (`time-notes.ts`), stands for the clock before it: a daemon that was away
// for long waits alike, since a wrong clock cannot be told from a long absence. Never the time of events: those were stored by the
// wall clock. A clock that jumps back is believed at once: it only makes events stay longer.

import type { Clock } from '../../base/clock.ts'
import type { Log } from '../../base/log.ts'

/** How long wall and monotonic clock have to agree after a jump. */
export const graceMs = 600_000
/** At a start the clock may be so far ahead of what was noted last: notes are five minutes apart. */
const startMsMax = 900_000
/** A jump up to here is believed: it expires events at most so much too early. */
const jumpMsMax = 60_000
/** How far the two may drift apart while they are said to go together: more than any slewing in the time of grace. */
const slackMs = 1000

interface Reading {
  readonly wallMs: number
  readonly monotonicMs: number
}

export interface ClockDoubt {
  /** How far the wall clock is ahead of what is believed. */
  readonly aheadMs: number
  /** It will be believed after this time of going evenly. */
  readonly waitsMs: number
}

export class TrustedTime {
  readonly #clock: Clock
  readonly #lines: Log
  /** The newest reading that is believed; null before `start`. */
  #anchor: Reading | null = null
  /** Since when the two clocks have gone together. */
  #even: Reading
  #isWaiting = false

  constructor(clock: Clock, lines: Log) {
    this.#clock = clock
    this.#lines = lines
    this.#even = this.#read()
  }

  /**
   * From now on there is a time.
   * @param believedMs Time that was believed last, as far as it is known; null when nothing ever was stored.
   */
  start(believedMs: number | null): void {
    const reading = this.#read()
    const isNear = believedMs === null || reading.wallMs <= believedMs + startMsMax
    this.#even = reading
    this.#anchor = isNear ? reading : { ...reading, wallMs: believedMs }
    this.now()
  }

  /** Unix milliseconds, an integer; before `start` the beginning of time. May go back with the wall clock. */
  now(): number {
    const anchor = this.#anchor
    if (anchor === null) return 0
    const reading = this.#read()
    if (Math.abs(driftOf(this.#even, reading)) > slackMs) this.#even = reading
    else if (reading.monotonicMs - this.#even.monotonicMs >= graceMs) {
      this.#believe(reading)
      return reading.wallMs
    }
    const aheadMs = driftOf(anchor, reading)
    if (aheadMs <= jumpMsMax) {
      this.#noteWaiting(false, aheadMs)
      return reading.wallMs
    }
    this.#noteWaiting(true, aheadMs)
    return Math.floor(reading.wallMs - aheadMs)
  }

  /** Why time does not follow the wall clock at present, null when it does. */
  get doubt(): ClockDoubt | null {
    this.now()
    const anchor = this.#anchor
    if (anchor === null || !this.#isWaiting) return null
    const reading = this.#read()
    const waitsMs = graceMs - (reading.monotonicMs - this.#even.monotonicMs)
    return { aheadMs: Math.round(driftOf(anchor, reading)), waitsMs: Math.max(0, Math.ceil(waitsMs)) }
  }

  /** A person says that the wall clock is right. */
  confirm(): void {
    this.#believe(this.#read())
  }

  #believe(reading: Reading): void {
    const aheadMs = this.#anchor === null ? 0 : driftOf(this.#anchor, reading)
    this.#anchor = reading
    this.#even = reading
    this.#noteWaiting(false, aheadMs)
  }

  #noteWaiting(isWaiting: boolean, aheadMs: number): void {
    if (isWaiting === this.#isWaiting) return
    this.#isWaiting = isWaiting
    const fields = { aheadMs: Math.round(aheadMs) }
    if (isWaiting)
      this.#lines.warn('the clock is far ahead: nothing expires until it has gone evenly for a while', fields)
    else this.#lines.info('the clock is believed again: events expire by it', fields)
  }

  #read(): Reading {
    return { wallMs: this.#clock.now(), monotonicMs: this.#clock.monotonicMs() }
  }
}

/** By how much the wall clock went more than the monotonic one between two readings. */
function driftOf(from: Reading, to: Reading): number {
  return to.wallMs - from.wallMs - (to.monotonicMs - from.monotonicMs)
}
