// What one log must hold, kept beside the real one. Batches are known when they are handed to `append`; from then on
// they may be there, once acknowledged or seen they must be.

import type { Batch, Durability, LogId, Position, Survivors } from '../../src/daemon/storage/storage-engine.ts'

/** A broken promise: the run stops here. */
export class ModelViolation extends Error {
  override readonly name = 'ModelViolation'
}

export interface Call {
  /** Index behind its last batch. */
  readonly until: number
  state: 'pending' | 'stored' | 'unknown'
}

/** Levels of events: each compaction takes those below one. */
export const levels = 4

/** Half of the events have level 0, a quarter level 1, and so on; the highest is never taken. */
export function levelOf(sequence: number): number {
  const mixed = Math.imul(sequence + 1, 0x9e3779b1) >>> 16
  return Math.min(levels, mixed === 0 ? levels : Math.clz32(mixed) - 16)
}

/** Where the event with this index begins: the models' payloads are cut evenly. */
export function pieceStart({ payload, count }: Batch, index: number): number {
  return Math.floor((index * payload.length) / count)
}

function pieceOf(batch: Batch, index: number): Buffer {
  return batch.payload.subarray(pieceStart(batch, index), pieceStart(batch, index + 1))
}

const allIndexes = ({ count }: Batch) => Array.from({ length: count }, (_, index) => index)

function keptIndexes(batch: Batch, { listed, count }: Survivors): readonly number[] {
  return listed === null ? Array.from({ length: count }, (_, index) => index) : [...listed.sequences]
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
  /** Events of a smaller level may be gone. */
  #levelInvoked = 0
  /** By level: events below the sequence and of a smaller level are gone. */
  readonly #compacted = Array.from({ length: levels + 1 }, () => 0)

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
    // What compaction left may begin with batches that are gone.
    while (index > 0 && this.#levelInvoked > 0 && this.#batches[index]?.baseSequence !== batches[0]!.baseSequence)
      index -= 1
    if (endOf(batches[0]!) <= from)
      this.#fail(`read(${from}) returned ${batches[0]!.baseSequence}, which ends before it`)
    for (const [position, batch] of batches.entries()) {
      index = this.#compareCompacted(batch, index)
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
    if (this.#levelInvoked > 0) return this.#checkFoundBetween(timeMs, found, start, end)
    const first = this.#batches.find((batch) => endOf(batch) > start && batch.enqueuedTimeMs >= timeMs)
    const expected = first === undefined ? end : Math.min(Math.max(first.baseSequence, start), end)
    if (found !== expected) this.#fail(`findByTime(${timeMs}) found ${found}, not ${expected} of ${start}..${end}`)
  }

  /** Of what compaction may have taken nothing is known but what is left before and behind. */
  #checkFoundBetween(timeMs: number, found: number, start: number, end: number): void {
    let before = -1
    let first = end
    for (const batch of this.#batches.slice(0, this.#certain)) {
      const left = allIndexes(batch).filter((index) => levelOf(batch.baseSequence + index) >= this.#levelInvoked)
      if (left.length === 0 || endOf(batch) <= start) continue
      if (batch.enqueuedTimeMs < timeMs) before = batch.baseSequence + left.at(-1)!
      else first = Math.min(first, batch.baseSequence + left[0]!)
    }
    if (found <= before || found > Math.max(first, start))
      this.#fail(`findByTime(${timeMs}) found ${found}, not behind ${before} and up to ${first}`)
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

  // ------------------------------------------------------------ compaction

  /** The batch that begins there, as it was appended. */
  batchAt(baseSequence: number): Batch | undefined {
    const batch = this.#batches[this.#indexOf(baseSequence)]
    return batch?.baseSequence === baseSequence ? batch : undefined
  }

  /** Compaction was asked to take events below a level. */
  compactInvoked(level: number): void {
    this.#levelInvoked = Math.max(this.#levelInvoked, level)
  }

  /** It said that it did, of all below `before`. */
  compactCompleted(level: number, before: number): void {
    for (let index = 0; index <= level; index++) this.#compacted[index] = Math.max(this.#compacted[index]!, before)
  }

  /** A batch as it was read, of which compaction may have taken events and to which it may have added ranges. */
  #compareCompacted(batch: Batch, index: number): number {
    const first = this.#batches[index]
    if (first === undefined) this.#fail(`read a batch at ${batch.baseSequence}, which nobody appended`)
    const { survivors } = batch
    if (survivors === undefined) {
      this.#compare(batch, first)
      this.#checkGone(first, allIndexes(first))
      return index + 1
    }
    const kept = keptIndexes(batch, survivors)
    const isGap = survivors.count === 0 && batch.producer === null
    const whole = { ...first, count: batch.count, payload: batch.payload, ...(isGap ? { producer: null } : {}) }
    this.#compare(batch, whole)
    this.#checkLeft(first, kept)
    this.#checkGone(first, kept)
    const pieces = kept.map((i) => pieceOf(first, i))
    if (!Buffer.concat(pieces).equals(batch.payload))
      this.#fail(`what is left of ${first.baseSequence} is not what it was`)
    if (survivors.offsetSpan !== first.payload.length) this.#fail(`the offsets of ${first.baseSequence} do not span it`)
    if (survivors.listed !== null && kept.some((i, at) => survivors.listed?.offsets[at] !== pieceStart(first, i)))
      this.#fail(`an event of ${first.baseSequence} has another offset`)
    let next = index + 1
    for (let at = endOf(first); at < endOf(batch); next++) {
      const taken = this.#batches[next]
      if (taken === undefined || taken.baseSequence !== at)
        this.#fail(`${batch.baseSequence} goes on to where no batch ends`)
      if (taken.producer !== null) this.#fail(`the producer of ${taken.baseSequence} is forgotten`)
      this.#checkLeft(taken, [])
      at = endOf(taken)
    }
    if (endOf(this.#batches[next - 1]!) !== endOf(batch)) this.#fail(`${batch.baseSequence} ends where no batch ends`)
    return next
  }

  /** What is not there may be gone. */
  #checkLeft(batch: Batch, kept: readonly number[]): void {
    for (const index of allIndexes(batch)) {
      const sequence = batch.baseSequence + index
      if (!kept.includes(index) && levelOf(sequence) >= this.#levelInvoked)
        this.#fail(`${sequence} was not to go and is gone`)
    }
  }

  /** What is there was not said to be gone. */
  #checkGone(batch: Batch, kept: readonly number[]): void {
    for (const index of kept) {
      const sequence = batch.baseSequence + index
      if (sequence < (this.#compacted[levelOf(sequence) + 1] ?? 0))
        this.#fail(`${sequence} was compacted away and is there again`)
    }
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
