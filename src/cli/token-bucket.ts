// An even pace: one event after another, at most so many a second, with a burst of at most a tenth of a second's worth.

import { type Clock, delay } from '../base/clock.ts'

const burstMs = 100

export class TokenBucket {
  readonly #clock: Clock
  readonly #perMs: number
  readonly #capacity: number
  #tokens: number
  #filledAtMs: number

  /** @param perSecond Greater than 0. */
  constructor(clock: Clock, perSecond: number) {
    this.#clock = clock
    this.#perMs = perSecond / 1000
    this.#capacity = Math.max(1, this.#perMs * burstMs)
    this.#tokens = 1
    this.#filledAtMs = clock.monotonicMs()
  }

  /** Takes a token when there is one. */
  take(): boolean {
    this.#fill()
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Resolves with a token taken; without one when the signal is aborted. */
  async taken(signal: AbortSignal): Promise<void> {
    while (!this.take() && !signal.aborted) {
      const waitMs = Math.ceil((1 - this.#tokens) / this.#perMs)
      await delay(this.#clock, waitMs, signal).catch((error: unknown) => {
        if (!signal.aborted) throw error
      })
    }
  }

  #fill(): void {
    const now = this.#clock.monotonicMs()
    this.#tokens = Math.min(this.#capacity, this.#tokens + (now - this.#filledAtMs) * this.#perMs)
    this.#filledAtMs = now
  }
}
