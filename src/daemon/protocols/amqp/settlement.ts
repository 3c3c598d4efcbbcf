// Deliveries of one session that wait for their fate, in order of delivery-id, and how their outcomes become as few
// disposition frames as possible. Neighbouring deliveries of one publish group share a run; when groups settle,
// neighbouring accepted runs leave as one range, rejected ones one by one (only plain `accepted` may be merged: SDKs take
// the error of a range for its first delivery only).
//
//   ids   10 11 12 | 13 14 | 15 | 16 17 …
//   run   group A  | B     | A  | B             A and B stored -> one disposition 10..17

import type { EhubError } from '../../../base/error.ts'
import type { PublishGroup } from '../../broker/broker-api.ts'

export type Outcome = 'stored' | EhubError

/** Writes one disposition for `first`..`last`, both inclusive. */
export type WriteDisposition = (first: number, last: number, outcome: Outcome) => void

interface Run {
  readonly first: number
  last: number
  /** Either is set: the group that decides, or what is already decided. */
  readonly group: PublishGroup | null
  readonly outcome: Outcome | null
}

export class Settlement {
  #runs: Run[] = []
  readonly #pending = new Set<PublishGroup>()
  readonly #onSettled: () => void
  #isDue = false

  /** @param onSettled Called whenever there is something to write; several times a turn. */
  constructor(onSettled: () => void) {
    this.#onSettled = onSettled
  }

  /** Runs kept: what bounds the memory of a session. */
  get length(): number {
    return this.#runs.length
  }

  /** @param id Delivery-id, 0..2^32-1, one more than the last one given or with a gap. */
  published(id: number, group: PublishGroup): void {
    const tail = this.#runs[this.#runs.length - 1]
    // Never across the wrap at 2^32: clients compare the ends of a range as plain numbers.
    if (tail !== undefined && tail.group === group && tail.last + 1 === id) {
      tail.last = id
      return
    }
    this.#runs.push({ first: id, last: id, group, outcome: null })
    if (this.#pending.has(group)) return
    this.#pending.add(group)
    group.whenSettled(() => {
      this.#pending.delete(group)
      this.#settle()
    })
  }

  /** A delivery whose fate is known at once: refused, or nothing to store. */
  decided(id: number, outcome: Outcome): void {
    this.#runs.push({ first: id, last: id, group: null, outcome })
    this.#settle()
  }

  /** Writes what is decided and forgets it; the rest keeps its order. */
  write(write: WriteDisposition): void {
    if (!this.#isDue) return
    this.#isDue = false
    const waiting: Run[] = []
    let first = -1
    let last = -1
    for (const run of this.#runs) {
      const outcome = run.group === null ? run.outcome : run.group.outcome
      if (outcome === null) {
        waiting.push(run)
        continue
      }
      if (outcome !== 'stored') {
        for (let id = run.first; id <= run.last; id++) write(id, id, outcome)
        continue
      }
      if (first !== -1 && last + 1 === run.first) {
        last = run.last
        continue
      }
      if (first !== -1) write(first, last, 'stored')
      first = run.first
      last = run.last
    }
    if (first !== -1) write(first, last, 'stored')
    this.#runs = waiting
  }

  /** Forgets everything: there is nobody to tell any more. */
  clear(): void {
    this.#runs = []
    this.#isDue = false
  }

  #settle(): void {
    this.#isDue = true
    this.#onSettled()
  }
}
