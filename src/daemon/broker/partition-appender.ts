// The hot path of publishing to one partition: numbers, times and copies; no promise, closure or timer per event. What comes in
// one turn shares one group (`append-group.ts`), which leaves with `flush`. Several groups may be in flight; they settle in order.
//
// Sequence numbers are dense from 0, offsets are byte positions of the partition's stream, enqueued times never decrease: when
// the wall clock jumps back they stand still until it is passed.
//
// A failed append makes the numbers given after it void: everything in flight fails with it (the log refuses what does not
// continue it), new publications are refused until the last has settled, then numbering goes on where the log says it ends.

import type { Clock } from '../../base/clock.ts'
import { EhubError, isEhubError } from '../../base/error.ts'
import type { PayloadReader } from '../../wire/amqp/batch-payload.ts'
import type { PartitionLog } from '../storage/storage-engine.ts'
import { AppendGroup, groupBytesMax } from './append-group.ts'
import type { Receipt } from './broker-api.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { BrokerFigures } from './figures.ts'
import { lastEventPosition } from './event-positions.ts'
import { type Flight, Flights, type LastEvent } from './flights.ts'
import type { Congestion, InFlight } from './in-flight.ts'

/** What the appenders of a broker share. */
export interface AppenderContext {
  readonly clock: Clock
  readonly figures: BrokerFigures
  readonly pool: BufferPool
  /** Reads payloads while they are copied; one call at a time. */
  readonly reader: PayloadReader
  readonly inFlight: InFlight
  /** Bytes in flight to one partition at which its publishers pause. */
  readonly partitionBytesMax: number
  /** An append failed with what is no operating error: nothing said about stored data can be trusted any more. */
  onBug(error: unknown): void
  /** Has the appender flushed at the end of the turn. */
  becameDirty(appender: PartitionAppender): void
}

export interface AppenderInput {
  readonly log: PartitionLog
  /** What the log ends with when it is opened. */
  readonly last: LastEvent
  /** For errors: `partition 3 of hub "orders"`. */
  readonly label: string
  readonly context: AppenderContext
  /** Counts this partition while it is not writable. */
  readonly congestion: Congestion
}

/**
 * A group begins with a buffer as large as the one before it was filled, up to this: what many partitions may hold each for one
 * small event stays bounded.
 */
const bytesHintMax = 80 * 1024

export class PartitionAppender {
  readonly #log: PartitionLog
  readonly #context: AppenderContext
  readonly #congestion: Congestion
  #isCongested = false
  readonly #label: string
  #open: AppendGroup | null = null
  readonly #flights: Flights
  #inFlightBytes = 0
  #nextSequence: number
  #nextOffset: number
  #lastTimeMs: number
  /** Why the newest append failed, until numbering is in step with the log again. */
  #failure: EhubError | null = null
  #bytesHint = 0

  constructor({ log, last, label, context, congestion }: AppenderInput) {
    this.#log = log
    this.#context = context
    this.#congestion = congestion
    this.#label = label
    this.#flights = new Flights(last)
    this.#nextSequence = log.end.sequence
    this.#nextOffset = log.end.offset
    this.#lastTimeMs = log.lastEnqueuedTimeMs ?? 0
  }

  get isWritable(): boolean {
    return this.#inFlightBytes < this.#context.partitionBytesMax && this.#failure === null
  }

  /** The newest event readers can see, in step with the log's end also while an append is about to settle. */
  lastStored(): LastEvent {
    return this.#flights.lastStored(this.#log.end.sequence)
  }

  /**
   * Copies a publication whose size was checked.
   * @throws EhubError `server-busy` above the marks and while a failed append is being got over, `decode-error`.
   */
  append(payload: Buffer, count: number): Receipt {
    const { inFlight, partitionBytesMax, reader } = this.#context
    if (this.#failure !== null) throw this.#busy('is getting over a failed write', this.#failure)
    if (this.#inFlightBytes >= 2 * partitionBytesMax || inFlight.isExhausted) {
      throw this.#busy('has too many bytes in flight')
    }
    const lastPosition = lastEventPosition(reader, payload, count)
    const annotations = Math.max(0, reader.annotationsEnd)
    if (this.#open !== null && this.#open.length + payload.length > groupBytesMax) this.flush()
    const group = this.#open ?? this.#begin(payload.length)
    const sequence = group.nextSequence
    const before = group.length
    const offset = group.add(payload, count, annotations, lastPosition)
    const bytes = group.length - before
    this.#inFlightBytes += bytes
    inFlight.bytes += bytes
    if (this.#inFlightBytes >= partitionBytesMax) this.#noteCongestion()
    return { group, sequence, offset, enqueuedTimeMs: group.enqueuedTimeMs }
  }

  /** Hands the open group to the log; nothing to do without one. */
  flush(): void {
    const group = this.#open
    if (group === null) return
    this.#open = null
    this.#nextSequence = group.nextSequence
    this.#nextOffset = group.nextOffset
    this.#bytesHint = Math.min(group.length, bytesHintMax)
    const last = { sequence: this.#nextSequence - 1, offset: group.lastOffset, timeMs: group.enqueuedTimeMs }
    const flight = this.#flights.add(group, last)
    const { clock, figures } = this.#context
    const atMs = clock.monotonicMs()
    this.#log.append(group.close()).then(
      () => {
        figures.committed(clock.monotonicMs() - atMs)
        this.#settle(flight, 'stored')
      },
      (error: unknown) => this.#fail(flight, error),
    )
  }

  #begin(bytes: number): AppendGroup {
    this.#lastTimeMs = Math.max(this.#lastTimeMs, this.#context.clock.now())
    const group = new AppendGroup(this.#log.id.partition, this.#context.pool, Math.max(bytes, this.#bytesHint), {
      sequence: this.#nextSequence,
      offset: this.#nextOffset,
      timeMs: this.#lastTimeMs,
    })
    this.#open = group
    this.#context.becameDirty(this)
    return group
  }

  #settle(flight: Flight, outcome: 'stored' | EhubError): void {
    if (outcome === 'stored') this.lastStored()
    this.#flights.land(flight)
    if (this.#failure !== null && this.#flights.isEmpty) this.#resume()
    this.#release(flight.group, outcome)
  }

  #fail(flight: Flight, error: unknown): void {
    const failure = isEhubError(error)
      ? error
      : new EhubError('internal-error', `an event of ${this.#label} could not be stored`, { cause: error })
    this.#failure = failure
    // What is open was numbered behind the failed one and never reached the log.
    const open = this.#open
    this.#open = null
    this.#settle(flight, failure)
    if (open !== null) this.#release(open, failure)
    if (!isEhubError(error)) this.#context.onBug(error)
  }

  #release(group: AppendGroup, outcome: 'stored' | EhubError): void {
    const bytes = group.length
    this.#inFlightBytes -= bytes
    const wasCongested = this.#isCongested
    this.#noteCongestion()
    group.settle(outcome)
    this.#context.inFlight.release(bytes, wasCongested && !this.#isCongested)
  }

  #noteCongestion(): void {
    if (this.#isCongested === !this.isWritable) return
    this.#isCongested = !this.#isCongested
    this.#congestion.partitions += this.#isCongested ? 1 : -1
  }

  #resume(): void {
    this.#failure = null
    this.#nextSequence = this.#log.end.sequence
    this.#nextOffset = this.#log.end.offset
  }

  #busy(what: string, cause?: EhubError): EhubError {
    return new EhubError('server-busy', `${this.#label} ${what}`, { retryAfterMs: 1000, cause })
  }
}
