// Reads one partition: keeps a link open, as much credit as the consumer allows, and the place to go on from when the link
// is lost. Every event from the first wanted to the last wanted is handed over once and in order.

import type { Clock } from '../base/clock.ts'
import { type EhubError, isEhubError } from '../base/error.ts'
import type { ReceiverLink } from '../client/amqp-client.ts'
import type { HubClient } from '../client/hub-client.ts'
import { isRetryable, type RetryPolicy } from '../client/retry.ts'
import { EventReader } from '../wire/events/event.ts'
import { offsetNumber, type PartitionPlan, selectorAfter, type StopBound } from './receive-plan.ts'

export interface PartitionReaderOptions {
  readonly clock: Clock
  readonly client: HubClient
  readonly plan: PartitionPlan
  readonly group: string
  readonly ownerLevel: number | null
  readonly name: string
  /** Events asked for and not released by the consumer yet, at most; null: 300, and more when they are small. */
  readonly prefetch: number | null
  /** What is asked for ahead when `prefetch` is null, in bytes of events as large as those before. */
  readonly prefetchBytes?: number
  /** Never asks for more events than this in all; null: no limit. */
  readonly countMax: number | null
  readonly retry: RetryPolicy
  /** An event, in `reader.event`, valid during the call. */
  readonly onEvent: (reader: PartitionReader) => void
  /** All events of one read of the network were handed over. */
  readonly onReadEnd: () => void
  readonly onDone: (reader: PartitionReader) => void
  readonly onFailed: (error: unknown) => void
  readonly onRetry: (error: EhubError) => void
}

// What is asked for ahead: enough to keep the network busy without a frame of credit for every few small events.
const prefetchMin = 300
const prefetchMax = 4000
const prefetchBytes = 512 * 1024
// A link that held so long was a success, also where no event came: the next loss begins a new chain of attempts.
const settledLinkMs = 10_000

/** Whether another reader has the partition: one of the same owner level came later, or one of a higher level is there. */
export function isTaken(error: unknown): error is EhubError {
  return isEhubError(error) && (error.code === 'receiver-stolen' || error.code === 'owner-level-lower')
}

export class PartitionReader {
  readonly partition: string
  readonly event: EventReader
  /** Last event wanted was handed over, or is known not to come. */
  isDone = false
  readonly #options: PartitionReaderOptions
  #stop: StopBound
  #link: ReceiverLink | null = null
  #isOpening = false
  #isClosed = false
  /** Sequence number of the next event; null before the first. */
  #next: number | null = null
  /** Handed over and not released. */
  #held = 0
  #averageBytes = prefetchBytes

  constructor(options: PartitionReaderOptions) {
    this.#options = options
    this.partition = options.plan.partition
    this.#stop = options.plan.stop
    this.event = new EventReader(options.client.hub, this.partition)
  }

  get stop(): StopBound {
    return this.#stop
  }

  /** Where the reading is: the sequence number that comes next, null before the first event. */
  get nextSequence(): number | null {
    return this.#next
  }

  /** Opens the link; the first time without trying again, so that a wrong name is told at once. @throws EhubError. */
  async open(): Promise<void> {
    await this.#attach()
  }

  /** The consumer is through with `count` events: that many more may be asked for. */
  release(count: number): void {
    this.#held -= count
    this.#grant()
  }

  /** A bound found out later: nothing from `sequence` on is wanted. */
  stopBefore(sequence: number): void {
    if (this.#stop.sequence !== null && this.#stop.sequence <= sequence) return
    this.#stop = { ...this.#stop, sequence }
    if (this.#next !== null && this.#next >= sequence) this.#finish()
  }

  /** Nothing more will come. */
  finish(): void {
    this.#finish()
  }

  close(): void {
    this.#isClosed = true
    this.#link?.close()
    this.#link = null
  }

  async #attach(): Promise<void> {
    const { client, plan, group, ownerLevel, name } = this.#options
    this.#isOpening = true
    try {
      const link = await client.openReceiver({
        group,
        partition: this.partition,
        selector: this.#next === null ? plan.selector : selectorAfter(this.#next - 1),
        ownerLevel,
        name,
        onMessage: (buffer, start, end) => this.#message(buffer, start, end),
        onReadEnd: () => {
          this.#options.onReadEnd()
          this.#grant()
        },
      })
      if (this.#isClosed) return link.close()
      this.#link = link
      const { clock, retry } = this.#options
      const openedAtMs = clock.monotonicMs()
      link.onDetached((error) => {
        if (this.#link !== link) return
        this.#link = null
        if (clock.monotonicMs() - openedAtMs > settledLinkMs) retry.succeeded()
        this.#reattach(error)
      })
    } finally {
      this.#isOpening = false
    }
    this.#grant()
  }

  #message(buffer: Buffer, start: number, end: number): void {
    if (this.isDone || this.#isClosed) return
    const event = this.event
    event.read(buffer, start, end)
    this.#averageBytes += (end - start - this.#averageBytes) / 64
    const { sequence } = event
    if (sequence !== null) {
      // Before the first wanted, or handed over already over the link before.
      if (sequence < this.#options.plan.skipBelow || (this.#next !== null && sequence < this.#next)) return
      if (this.#isBeyond(sequence)) return this.#finish()
      this.#next = sequence + 1
    }
    this.#options.retry.succeeded()
    this.#held += 1
    this.#options.onEvent(this)
    if (this.#stop.sequence !== null && this.#next !== null && this.#next >= this.#stop.sequence) this.#finish()
    else if (this.#stop.offset !== null && offsetNumber(event.offset ?? '-1') >= this.#stop.offset) this.#finish()
  }

  #isBeyond(sequence: number): boolean {
    const { sequence: last, timeMs, offset } = this.#stop
    if (last !== null && sequence >= last) return true
    if (timeMs !== null && (this.event.enqueuedTimeMs ?? 0) >= timeMs) return true
    return offset !== null && offsetNumber(this.event.offset ?? '-1') > offset
  }

  #finish(): void {
    if (this.isDone) return
    this.isDone = true
    this.close()
    this.#options.onDone(this)
  }

  /** Half at a time, so that not every event costs a frame. */
  #grant(): void {
    const link = this.#link
    if (link === null || this.isDone) return
    const { countMax } = this.#options
    const fitting = Math.round((this.#options.prefetchBytes ?? prefetchBytes) / this.#averageBytes)
    const wanted = this.#options.prefetch ?? Math.max(prefetchMin, Math.min(prefetchMax, fitting))
    const prefetch = Math.min(wanted, countMax ?? wanted)
    const missing = prefetch - link.credit - this.#held
    if (missing > 0 && missing >= prefetch / 2) link.addCredit(missing)
  }

  #reattach(error: EhubError): void {
    if (this.#isClosed || this.isDone || this.#isOpening) return
    this.#recover(error).catch((failure: unknown) => {
      if (!this.#isClosed) this.#options.onFailed(failure)
    })
  }

  async #recover(first: unknown): Promise<void> {
    let error = first
    for (;;) {
      if (isRetryable(error)) this.#options.onRetry(error)
      await this.#options.retry.failed(error)
      if (this.#isClosed) return
      try {
        return await this.#attach()
      } catch (thrown) {
        error = thrown
      }
    }
  }
}
