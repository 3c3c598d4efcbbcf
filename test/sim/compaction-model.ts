// What a compacted partition must hold, judged after every read from its beginning: of each key the newest, in order, nothing younger than
// the lag touched, delete markers as long as their retention, nothing back that was gone.

import type { KeyedEvent } from './keyed-events.ts'
import { ModelViolation } from './model.ts'

export interface StoredEvent extends KeyedEvent {
  readonly sequence: number
  readonly timeMs: number
}

/** What one number may hold. */
interface Place {
  /** Until one is certain all that were sent with this number: a refused one may be there after a crash. */
  candidates: readonly StoredEvent[]
  isCertain: boolean
  /** Seen missing: it must not come back. */
  isGone: boolean
}

export class CompactionModel {
  readonly #lagMs: number
  readonly #tombstoneMs: number
  readonly #places: (Place | undefined)[] = []
  /** Wall clock at which runs were asked for, rising. */
  readonly #runsMs: number[] = []
  /** Events below and old enough then must be the newest of their key. */
  #cleanEnd = 0

  constructor(lagMs: number, tombstoneMs: number) {
    this.#lagMs = lagMs
    this.#tombstoneMs = tombstoneMs
  }

  sent(event: StoredEvent): void {
    const place = this.#places[event.sequence] ?? { candidates: [], isCertain: false, isGone: false }
    if (place.isCertain) fail(`${event.sequence} was acknowledged or read, and its number is given again`)
    place.candidates = [...place.candidates, event]
    this.#places[event.sequence] = place
  }

  /** @param event The one given to `sent`. */
  stored(event: StoredEvent): void {
    const place = this.#places[event.sequence]
    if (place === undefined) fail(`${event.sequence} was acknowledged, which nobody sent`)
    place.candidates = [event]
    place.isCertain = true
  }

  runInvoked(nowMs: number): void {
    this.#runsMs.push(nowMs)
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
      for (; next < event.sequence; next++) this.#judgeMissing(next, end)
      this.#judgePresent(event)
      if (event.key !== null) this.#judgeClean(event, byKey)
      next = event.sequence + 1
    }
    for (; next < end; next++) this.#judgeMissing(next, end)
    for (const [sequence, place] of this.#places.entries()) {
      if (sequence < end || place === undefined) continue
      if (place.isCertain) fail(`${sequence} was acknowledged and lies beyond the end ${end}`)
      place.isGone = false
    }
  }

  #judgePresent(event: StoredEvent): void {
    const { sequence } = event
    const place = this.#places[sequence]
    if (place === undefined) fail(`nobody sent ${sequence}`)
    if (place.isGone) fail(`${sequence} with key ${event.key} was gone and is there again`)
    const sent = place.candidates.find(({ key, body, timeMs }) => {
      return key === event.key && body === event.body && timeMs === event.timeMs
    })
    if (sent === undefined) fail(`${sequence} is not what was sent: ${JSON.stringify({ event, ...place })}`)
    // Readers have seen it: from now on it is there like an acknowledged one.
    place.candidates = [sent]
    place.isCertain = true
  }

  /** Of what is clean each key is there once. */
  #judgeClean({ key, sequence }: StoredEvent, byKey: Map<string, number>): void {
    const before = byKey.get(key ?? '')
    if (before !== undefined && sequence < this.#cleanEnd)
      fail(`key ${key} is at ${before} and at ${sequence}, below ${this.#cleanEnd}, which was said to be clean`)
    byKey.set(key ?? '', sequence)
  }

  #judgeMissing(sequence: number, end: number): void {
    const place = this.#places[sequence]
    if (place === undefined) fail(`${sequence} is a number of nobody's event and below the end`)
    if (place.isGone) return
    place.isGone = true
    const { candidates } = place
    if (candidates.every(({ key }) => key === null)) fail(`${sequence} has no key and is gone`)
    if (candidates.some((event) => event.key !== null && (this.#isReplaced(event, end) || this.#isOver(event)))) return
    fail(`${sequence} is the newest of key ${candidates[0]?.key} and is gone`)
  }

  /** A later event of its key was old enough when a run began. */
  #isReplaced({ sequence, key: itsKey }: StoredEvent, end: number): boolean {
    const oldMs = (this.#runsMs.at(-1) ?? -Infinity) - this.#lagMs
    for (let later = sequence + 1; later < end; later++) {
      const candidates = this.#places[later]?.candidates ?? []
      if (candidates.some(({ key, timeMs }) => key === itsKey && timeMs <= oldMs)) return true
    }
    return false
  }

  /** A delete marker whose retention was over in a run, counted from the first run that can have met it. */
  #isOver(event: StoredEvent): boolean {
    if (event.body !== '') return false
    const met = this.#runsMs.findIndex((nowMs) => event.timeMs <= nowMs - this.#lagMs)
    if (met < 0 || met === this.#runsMs.length - 1) return false
    return (this.#runsMs.at(-1) ?? 0) >= (this.#runsMs[met] ?? 0) + this.#tombstoneMs
  }
}

function fail(what: string): never {
  throw new ModelViolation(what)
}
