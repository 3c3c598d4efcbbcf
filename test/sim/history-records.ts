// What the history checker remembers of logs and attempts, in columns.

import { Column } from './columns.ts'
import type { HistoryEntry, LogName, SendOutcome } from './history.ts'

export type TimeLookup = Extract<HistoryEntry, { type: 'time-lookup' }>

interface Gap {
  readonly from: number
  readonly to: number
}

export class LogRecord {
  readonly name: LogName
  readonly index: number
  /** By sequence: who is there. -1: nobody was seen yet. */
  readonly producer = new Column(Int32Array, -1)
  readonly number = new Column(Uint32Array, 0)
  readonly time = new Column(Float64Array, -1)
  readonly gaps: Gap[] = []
  readonly timeLookups: TimeLookup[] = []
  /** Behind the highest number acknowledged, and behind the highest anybody saw. */
  ackedEnd = 0
  seenEnd = 0
  trimInvoked = 0
  trimCompleted = 0
  isDeleteInvoked = false
  /** Of the read-back; -1 before it. */
  storedStart = -1
  storedEnd = -1
  storedNext = -1
  /** The latest begin of an attempt the read-back has passed. */
  lastInvokedAt = -1
  lastTimeMs = Number.NEGATIVE_INFINITY

  constructor(name: LogName, index: number) {
    this.name = name
    this.index = index
  }

  /** Every sequence in from..to-1 was declared missing. */
  isGap(from: number, to: number): boolean {
    let at = from
    for (let isMoving = true; isMoving && at < to; ) {
      isMoving = false
      for (const gap of this.gaps) {
        if (gap.from <= at && at < gap.to) {
          at = gap.to
          isMoving = true
        }
      }
    }
    return at >= to
  }

  hasGapIn(from: number, to: number): boolean {
    return this.gaps.some((gap) => gap.from < to && from < gap.to)
  }

  /** What is wrong with the answer, or null. Only what is still there can be judged. */
  judgeTimeLookup(lookup: TimeLookup): string | null {
    const { timeMs, found, start, end } = lookup
    const said = `${this.name}: the first event at or after ${timeMs} was said to be ${found}`
    if (found < start || found > end) return `${said}, outside ${start}..${end}`
    const before = this.time.get(found - 1)
    if (found - 1 >= Math.max(start, this.storedStart) && before >= timeMs)
      return `${said}, but ${found - 1} has ${before}`
    const time = this.time.get(found)
    if (found < end && found >= this.storedStart && time !== -1 && time < timeMs) return `${said}, which has ${time}`
    return null
  }
}

const outcomes = ['pending', 'ok', 'failed', 'unknown'] as const

/** Attempts of one producer in order of their numbers. */
class Attempts {
  length = 0
  readonly first = new Column(Float64Array, 0)
  readonly count = new Column(Uint32Array, 0)
  readonly outcome = new Column(Uint8Array, 0)
  readonly flags = new Column(Uint8Array, 0)
  readonly log = new Column(Uint32Array, 0)
  readonly floor = new Column(Float64Array, 0)
  readonly sequence = new Column(Float64Array, -1)
  readonly foundAt = new Column(Float64Array, -1)
  /** Where in the history the attempt began and was answered with success; -1 when it was not. */
  readonly invokedAt = new Column(Float64Array, 0)
  readonly completedAt = new Column(Float64Array, -1)
  readonly storedCount = new Column(Uint32Array, 0)
  readonly lastStored = new Column(Float64Array, -1)

  /** Index of the attempt that holds the number, or -1. */
  indexOf(number: number): number {
    let low = 0
    let high = this.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.first.get(middle) <= number) low = middle + 1
      else high = middle
    }
    const index = low - 1
    return index >= 0 && number < this.first.get(index) + this.count.get(index) ? index : -1
  }
}

/** A view of one attempt. Valid until the next `find`: there is one view, moved along. */
export class AttemptRow {
  #attempts: Attempts = new Attempts()
  #index = 0
  #producer = 0

  at(producer: number, attempts: Attempts, index: number): this {
    this.#producer = producer
    this.#attempts = attempts
    this.#index = index
    return this
  }

  get name(): string {
    const { firstNumber, count } = this
    return `${this.#producer}/${firstNumber}${count === 1 ? '' : `..${firstNumber + count - 1}`}`
  }
  get firstNumber(): number {
    return this.#attempts.first.get(this.#index)
  }
  get count(): number {
    return this.#attempts.count.get(this.#index)
  }
  get log(): number {
    return this.#attempts.log.get(this.#index)
  }
  /** Everything below was acknowledged before this attempt began. */
  get floor(): number {
    return this.#attempts.floor.get(this.#index)
  }
  get invokedAt(): number {
    return this.#attempts.invokedAt.get(this.#index)
  }
  get completedAt(): number {
    return this.#attempts.completedAt.get(this.#index)
  }
  get isIdempotent(): boolean {
    return this.#attempts.flags.get(this.#index) === 1
  }
  get outcome(): (typeof outcomes)[number] {
    return outcomes[this.#attempts.outcome.get(this.#index)]!
  }
  get sequence(): number {
    return this.#attempts.sequence.get(this.#index)
  }
  get foundAt(): number {
    return this.#attempts.foundAt.get(this.#index)
  }
  set foundAt(value: number) {
    this.#attempts.foundAt.set(this.#index, value)
  }
  get storedCount(): number {
    return this.#attempts.storedCount.get(this.#index)
  }

  /** The read-back goes upwards: what was found so far is one run that ends with the last number found. */
  isStored(number: number): boolean {
    const last = this.#attempts.lastStored.get(this.#index)
    return number <= last && number > last - this.storedCount
  }

  countStored(number: number): void {
    if (this.isStored(number)) return
    this.#attempts.storedCount.set(this.#index, this.storedCount + 1)
    this.#attempts.lastStored.set(this.#index, number)
  }

  complete(outcome: SendOutcome, at: number, sequence?: number): void {
    // A retry with the same numbers (rule 9): one success makes it present, and a failure proves nothing of the others.
    const before = this.outcome
    const isWeaker = before === 'ok' || (before === 'unknown' && outcome === 'failed')
    if (!isWeaker) this.#attempts.outcome.set(this.#index, outcomes.indexOf(outcome))
    if (outcome === 'ok') this.#attempts.completedAt.set(this.#index, at)
    if (outcome === 'ok' && sequence !== undefined) this.#attempts.sequence.set(this.#index, sequence)
  }
}

export class Producers {
  readonly #attempts = new Map<number, Attempts>()
  readonly #row = new AttemptRow()

  /** What is wrong with the attempt's numbers, or null. */
  invoke(
    producer: number,
    attempt: { readonly firstNumber: number; readonly count: number; readonly isIdempotent?: boolean },
    log: number,
    floor: number,
    at: number,
  ): string | null {
    let attempts = this.#attempts.get(producer)
    if (attempts === undefined) {
      attempts = new Attempts()
      this.#attempts.set(producer, attempts)
    }
    const again = attempts.indexOf(attempt.firstNumber)
    if (again >= 0) {
      return attempt.isIdempotent === true && attempts.first.get(again) === attempt.firstNumber
        ? null
        : `producer ${producer} sends number ${attempt.firstNumber} twice without idempotence`
    }
    const index = attempts.length++
    attempts.first.set(index, attempt.firstNumber)
    attempts.count.set(index, attempt.count)
    attempts.flags.set(index, attempt.isIdempotent === true ? 1 : 0)
    attempts.log.set(index, log)
    attempts.floor.set(index, floor)
    attempts.invokedAt.set(index, at)
    return null
  }

  find(producer: number, number: number): AttemptRow | null {
    const attempts = this.#attempts.get(producer)
    const index = attempts?.indexOf(number) ?? -1
    return attempts === undefined || index < 0 ? null : this.#row.at(producer, attempts, index)
  }

  forEach(visit: (producer: number, row: AttemptRow) => void): void {
    for (const [producer, attempts] of this.#attempts) {
      for (let index = 0; index < attempts.length; index++) visit(producer, this.#row.at(producer, attempts, index))
    }
  }
}
