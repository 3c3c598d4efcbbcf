// Whose turn it is to send events: the links of one connection that may have some, in a ring. Each gets a quantum at a
// time, so that a link with a long backlog never holds up another, and the ring stops as soon as the peer is slow.

import type { Output } from './output.ts'

/** A link with something to send. */
export interface Feeder {
  /** Encodes up to about `bytes`, asking for another turn when it could go on. @returns Bytes encoded. */
  pump(bytes: number): number
}

export class Feeders {
  #waiting: Feeder[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** The link must not be in the ring already. */
  add(feeder: Feeder): void {
    this.#waiting.push(feeder)
  }

  clear(): void {
    this.#waiting = []
  }

  /**
   * Lets everybody send, round by round.
   * @param burstBytes After this much others must have their turn, even when the peer would take more.
   * @returns False when it stopped because of `burstBytes` and wants to be called again soon.
   */
  run(output: Output, quantumBytes: number, burstBytes: number): boolean {
    let left = burstBytes
    while (this.#waiting.length > 0) {
      const round = this.#waiting
      this.#waiting = []
      for (const [index, feeder] of round.entries()) {
        if (output.isBlocked || left <= 0) {
          // Those who did not get their turn in this round are first in the next.
          this.#waiting = [...round.slice(index), ...this.#waiting]
          return output.isBlocked
        }
        left -= feeder.pump(quantumBytes)
      }
    }
    return true
  }
}
