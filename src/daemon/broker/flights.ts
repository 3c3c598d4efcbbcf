// The groups of one partition that are on their way to storage, in the order in which they were handed over. They settle in this order
// except that what cannot be stored any more may fail before earlier ones are done.

import type { AppendGroup } from './append-group.ts'

/** The newest event stored. */
export interface LastEvent {
  /** -1 when nothing was ever stored. */
  readonly sequence: number
  readonly offset: number
  readonly timeMs: number | null
}

export interface Flight {
  readonly group: AppendGroup
  /** What the partition ends with once the group is stored. */
  readonly last: LastEvent
  hasLanded: boolean
}

// Landed flights are taken off the array in bulk, so that taking one costs nothing however many there are.
const shiftMin = 64

export class Flights {
  #flights: Flight[] = []
  /** Flights before this one have landed. */
  #first = 0
  /** Flights before this one are known to be stored. */
  #stored = 0
  #lastStored: LastEvent

  constructor(last: LastEvent) {
    this.#lastStored = last
  }

  get isEmpty(): boolean {
    return this.#first === this.#flights.length
  }

  add(group: AppendGroup, last: LastEvent): Flight {
    const flight = { group, last, hasLanded: false }
    this.#flights.push(flight)
    return flight
  }

  /** The newest event below `endSequence`, the log's end: also when its group is stored but has not settled yet. */
  lastStored(endSequence: number): LastEvent {
    for (;;) {
      const last = this.#flights[this.#stored]?.last
      if (last === undefined || last.sequence >= endSequence) return this.#lastStored
      this.#lastStored = last
      this.#stored += 1
    }
  }

  land(flight: Flight): void {
    flight.hasLanded = true
    while (this.#flights[this.#first]?.hasLanded === true) this.#first += 1
    this.#stored = Math.max(this.#stored, this.#first)
    if (this.#first < shiftMin && this.#first < this.#flights.length) return
    this.#flights.splice(0, this.#first)
    this.#stored -= this.#first
    this.#first = 0
  }
}
