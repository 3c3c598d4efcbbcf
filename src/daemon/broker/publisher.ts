// One producer's way in: checks a publication's limits, chooses the partition, hands it to the partition's appender. Rights are
// looked at once a turn, so that a lapsed token ends publishing even before its timer has run.

import { EhubError } from '../../base/error.ts'
import { partitionOfKey } from '../../wire/partition-key.ts'
import type { Caller, Publication, Publisher, Receipt } from './broker-api.ts'
import { grouped, unauthorized } from './error-texts.ts'
import type { InFlight, WaitingWriter } from './in-flight.ts'
import type { OpenHub } from './open-hub.ts'
import type { Partition } from './partition.ts'
import { partitionKeyLengthMax } from './tiers.ts'
import type { Turns } from './turns.ts'

export interface PublisherInput {
  readonly caller: Caller
  /** Entity path the right to send is needed for. */
  readonly path: string
  readonly hub: OpenHub
  /** null: the broker chooses. */
  readonly partition: Partition | null
  readonly publicationBytesMax: number
  readonly inFlight: InFlight
  readonly turns: Turns
  /** Why nothing more is taken in at present, null when it is. */
  readonly refusal: () => EhubError | null
  /** Called once, when it is closed or detached. */
  readonly onGone: (publisher: PartitionPublisher) => void
}

// Largest header a data section puts in front of an event: it is ours, not part of what the client sent.
const sectionHeaderBytes = 8

export class PartitionPublisher implements Publisher, WaitingWriter {
  readonly hub: string
  readonly publicationBytesMax: number
  readonly #input: PublisherInput
  readonly #hub: OpenHub
  readonly #fixed: Partition | null
  readonly #rights: { stop(): void }
  #checkedTurn = -1
  #reason: EhubError | null = null
  #isClosed = false
  #onDetached: ((reason: EhubError) => void) | null = null
  #waiting: (() => void)[] = []

  constructor(input: PublisherInput) {
    this.#input = input
    this.#hub = input.hub
    this.#fixed = input.partition
    this.hub = input.hub.name
    this.publicationBytesMax = input.publicationBytesMax
    this.#rights = input.caller.whenRightsLapse(() => this.#checkRight())
  }

  publish({ payload, count, partitionKey }: Publication): Receipt {
    if (this.#reason !== null) throw this.#reason
    const turn = this.#input.turns.number
    if (turn !== this.#checkedTurn) {
      this.#checkTurn()
      this.#checkedTurn = turn
    }
    const bytes = count === 1 ? payload.length - sectionHeaderBytes : payload.length
    if (bytes > this.publicationBytesMax) throw this.#tooLarge(bytes, count)
    if (count < 1) throw new EhubError('argument-error', 'a publication without events')
    return this.#partitionFor(bytes, count, partitionKey, turn).appender.append(payload, count)
  }

  get isWritable(): boolean {
    if (!this.#input.inFlight.isBelowMark) return false
    return this.#fixed === null ? this.#hub.isWritable : this.#fixed.appender.isWritable
  }

  whenWritable(run: () => void): void {
    if (this.#reason !== null || this.#isClosed) return
    if (this.isWritable) return queueMicrotask(run)
    this.#waiting.push(run)
    this.#input.inFlight.wait(this)
  }

  becameWritable(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const run of waiting) run()
  }

  onDetached(run: (reason: EhubError) => void): void {
    this.#onDetached = run
    const reason = this.#reason
    if (reason !== null && !this.#isClosed) queueMicrotask(() => run(reason))
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#reason ??= new EhubError('cancelled', `the publisher of hub "${this.hub}" is closed`)
    this.#leave()
  }

  /** Ends it from the broker's side; what was published before keeps its fate. */
  detach(reason: EhubError): void {
    if (this.#reason !== null) return
    this.#reason = reason
    this.#leave()
    this.#onDetached?.(reason)
  }

  #leave(): void {
    this.#rights.stop()
    this.#waiting = []
    this.#input.inFlight.cancel(this)
    this.#input.onGone(this)
  }

  #checkTurn(): void {
    const refusal = this.#input.refusal()
    if (refusal !== null) throw refusal
    this.#checkRight()
    if (this.#reason !== null) throw this.#reason
  }

  #checkRight(): void {
    const { caller, path } = this.#input
    if (!caller.can('send', path)) this.detach(unauthorized('send', caller.namespace, path))
  }

  #partitionFor(bytes: number, count: number, key: string | null, turn: number): Partition {
    if (key !== null && key.length > partitionKeyLengthMax) {
      throw new EhubError(
        'argument-error',
        `partition key of ${grouped(key.length)} characters exceeds ${partitionKeyLengthMax}`,
      )
    }
    // With a partition named, the key is stored and does not route.
    if (this.#fixed !== null) return this.#fixed
    const { partitions } = this.#hub
    return this.#hub.partition(
      key === null ? this.#hub.choose(turn, bytes, count) : partitionOfKey(key, partitions.length),
    )
  }

  #tooLarge(bytes: number, count: number): EhubError {
    const what = count === 1 ? 'event' : `batch of ${grouped(count)} events`
    return new EhubError(
      'event-too-large',
      `${what} of ${grouped(bytes)} bytes exceeds ${grouped(this.publicationBytesMax)} of hub "${this.hub}"`,
    )
  }
}
