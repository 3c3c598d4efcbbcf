// What one log must hold, kept beside the real one. Batches are known when they are handed to `append`; from then on
// they may be there, once acknowledged or seen they must be.

import type { Batch, Durability, LogId, Position } from '../../src/daemon/storage/storage-engine.ts'

/** A broken promise: the run stops here. */
export class ModelViolation extends Error {
  override readonly name = 'ModelViolation'
}

export interface Call {
  /** Index behind its last batch. */
  readonly until: number
  state: 'pending' | 'stored' | 'unknown'
}

const endOf = (batch: Batch) => batch.baseSequence + batch.count

export class LogModel {
  readonly id: LogId
  readonly durability: Durability
  /** In order, without gaps, as handed to `append`. Those before `start` stay for comparing. */
  #batches: Batch[] = []
  #calls: Call[] = []
  /** Batches below this index are acknowledged or were seen. */
  #certain = 0
  #trimInvoked = 0
  #trimCompleted = 0
  #trimmedOffset = 0

  constructor(id: LogId, durability: Durability) {
    this.id = id
    this.durability = durability
  }

  /** Where the next batch begins. */
  get next(): Position {
    const last = this.#batches.at(-1)
    return last === undefined
      ? { sequence: 0, offset: 0 }
      : { sequence: endOf(last), offset: last.baseOffset + last.payload.length }
  }

  get lastTimeMs(): number {
    return this.#batches.at(-1)?.enqueuedTimeMs ?? 0
  }

  get certainEnd(): number {
    return this.#certain === 0 ? 0 : endOf(this.#batches[this.#certain - 1]!)
  }

  /** Keep the result: it names the call. */
  submit(batches: readonly Batch[]): Call {
    this.#batches.push(...batches)
    const call: Call = { until: this.#batches.length, state: 'pending' }
    this.#calls.push(call)
    return call
  }

  stored(call: Call, end: Position): void {
    call.state = 'stored'
    if (call.until > this.#certain && !this.#calls.includes(call))
      this.#fail('acknowledged though an earlier call was refused')
    const earlier = this.#calls.find((other) => other.until < call.until && other.state !== 'stored')
    if (earlier !== undefined) this.#fail(`a call was acknowledged before an earlier one that is ${earlier.state}`)
    this.#certain = Math.max(this.#certain, call.until)
    if (end.sequence < this.certainEnd)
      this.#fail(`acknowledged up to ${this.certainEnd}, yet the end is ${end.sequence}`)
    this.#calls = this.#calls.filter((other) => other.until > this.#certain)
  }

  /** `disk-full`: this call was not written, and none after it can have been. */
  refused(call: Call): void {
    if (this.#certain >= call.until) this.#fail('a call was refused though a later one was stored')
    const index = this.#calls.indexOf(call)
    if (index < 0) return
    const from = index === 0 ? this.#certain : this.#calls[index - 1]!.until
    this.#batches.length = Math.max(from, this.#certain)
    this.#calls.length = index
  }

  /** `storage-failed`: there or not. */
  failed(call: Call): void {
    call.state = 'unknown'
  }

  trimInvoked(sequence: number): void {
    this.#trimInvoked = Math.max(this.#trimInvoked, sequence)
  }

  trimCompleted(sequence: number, end: number): void {
    this.#trimCompleted = Math.max(this.#trimCompleted, Math.min(sequence, end))
  }

  /** What an open log says of itself; what it shows once it must go on showing. */
  checkBounds(start: Position, end: Position, lastTimeMs: number | null): void {
    const index = this.#indexAtEnd(end.sequence)
    if (index < this.#certain) this.#fail(`ends at ${end.sequence}, though ${this.certainEnd} was certain`)
    this.#certain = index
    const last = this.#batches[index - 1]
    const offset = last === undefined ? 0 : last.baseOffset + last.payload.length
    if (end.offset !== offset) this.#fail(`end offset ${end.offset} should be ${offset}`)
    if (lastTimeMs !== (last?.enqueuedTimeMs ?? null)) {
      this.#fail(`last enqueued time ${lastTimeMs} should be ${last?.enqueuedTimeMs ?? null}`)
    }
    if (start.sequence < this.#trimCompleted)
      this.#fail(`starts at ${start.sequence}, trimmed to ${this.#trimCompleted}`)
    if (start.sequence > Math.min(this.#trimInvoked, end.sequence)) {
      this.#fail(`starts at ${start.sequence}, though trimming was asked to ${this.#trimInvoked} of ${end.sequence}`)
    }
    if (start.offset < this.#trimmedOffset || start.offset > end.offset) {
      this.#fail(`start offset ${start.offset} outside ${this.#trimmedOffset}..${end.offset}`)
    }
    this.#trimCompleted = start.sequence
    this.#trimmedOffset = start.offset
  }

  /** What `read(from, maxBytes)` returned while the log reached from `start` to `end`. */
  checkRead(from: number, maxBytes: number, batches: readonly Batch[], end: number): void {
    if (from >= end) {
      if (batches.length > 0) this.#fail(`read(${from}) beyond the end ${end} returned ${batches.length} batches`)
      return
    }
    if (batches.length === 0) this.#fail(`read(${from}) returned nothing, though the log ends at ${end}`)
    let index = this.#indexOf(from)
    let bytes = 0
    for (const [position, batch] of batches.entries()) {
      const expected = this.#batches[index++]
      if (expected === undefined) this.#fail(`read(${from}) returned ${batch.baseSequence}, which nobody appended`)
      this.#compare(batch, expected)
      bytes += batch.payload.length
      if (position > 0 && bytes > maxBytes) this.#fail(`read(${from}, ${maxBytes}) returned ${bytes} bytes`)
    }
    const last = batches.at(-1)!
    if (endOf(last) > this.certainEnd) {
      this.#fail(`read(${from}) returned up to ${endOf(last)}, certain is only ${this.certainEnd}`)
    }
  }

  /** Throws when this is not a batch that was appended where it says it stands. */
  checkBatch(batch: Batch): void {
    const expected = this.#batches[this.#indexOf(batch.baseSequence)]
    if (expected === undefined) this.#fail(`a batch at ${batch.baseSequence}, which nobody appended`)
    this.#compare(batch, expected)
  }

  /** Batches that must be readable: certain, and not below the start. */
  get expectedBatches(): readonly Batch[] {
    return this.#batches.slice(0, this.#certain).filter((batch) => endOf(batch) > this.#trimCompleted)
  }

  checkFindByTime(timeMs: number, found: number, start: number, end: number): void {
    const first = this.#batches.find((batch) => endOf(batch) > start && batch.enqueuedTimeMs >= timeMs)
    const expected = first === undefined ? end : Math.min(Math.max(first.baseSequence, start), end)
    if (found !== expected) this.#fail(`findByTime(${timeMs}) found ${found}, not ${expected} of ${start}..${end}`)
  }

  /**
   * The log was opened anew after a crash or a failure.
   * @param isPowerCut Un-synced data may be gone, also acknowledged one of a log that is not `sync`.
   */
  reopened(start: Position, end: Position, lastTimeMs: number | null, isPowerCut: boolean): void {
    if (isPowerCut && this.durability !== 'sync') {
      this.#certain = Math.min(this.#certain, this.#indexAtEnd(end.sequence))
      // A lost suffix takes back what trimming had cut away beyond it.
      this.#trimCompleted = Math.min(this.#trimCompleted, end.sequence)
      this.#trimmedOffset = Math.min(this.#trimmedOffset, end.offset)
    }
    const index = this.#indexAtEnd(end.sequence)
    const isWhole =
      index <= this.#certain || index === this.#batches.length || this.#calls.some((call) => call.until === index)
    this.checkBounds(start, end, lastTimeMs)
    if (!isWhole && !(isPowerCut && this.durability !== 'sync')) this.#fail(`ends at ${end.sequence}, inside a call`)
    this.#batches.length = index
    this.#calls = []
  }

  #compare(batch: Batch, expected: Batch): void {
    const isSame =
      batch.baseSequence === expected.baseSequence &&
      batch.baseOffset === expected.baseOffset &&
      batch.count === expected.count &&
      batch.enqueuedTimeMs === expected.enqueuedTimeMs &&
      batch.encoding === expected.encoding &&
      batch.producer?.producerId === expected.producer?.producerId &&
      batch.producer?.epoch === expected.producer?.epoch &&
      batch.producer?.firstSequence === expected.producer?.firstSequence &&
      batch.payload.equals(expected.payload)
    if (!isSame) this.#fail(`batch at ${batch.baseSequence} differs from the one appended at ${expected.baseSequence}`)
  }

  /** Index of the batch that holds the sequence. */
  #indexOf(sequence: number): number {
    let low = 0
    let high = this.#batches.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (endOf(this.#batches[middle]!) <= sequence) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Index behind the batch that ends at the sequence. */
  #indexAtEnd(sequence: number): number {
    const index = this.#indexOf(sequence)
    const isBoundary = sequence === (index === 0 ? 0 : endOf(this.#batches[index - 1]!))
    if (!isBoundary) this.#fail(`ends at ${sequence}, where no batch ends`)
    return index
  }

  #fail(what: string): never {
    throw new ModelViolation(`${this.id.group}/${this.id.partition} (${this.durability}): ${what}`)
  }
}
