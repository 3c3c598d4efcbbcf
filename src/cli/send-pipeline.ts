// From events to acknowledged batches: gathers events into batches by destination, closes a batch when it is full or has
// lingered, keeps several on their way, and bounds the memory of all that. Synchronous to feed: the caller checks
// `isWritable` after an event and awaits `whenWritable` when it says no.
//
//   add ─► destination (hub, one partition, or the key's partition) ─► BatchBuilder ─► SendLane ─► acknowledged

import type { Clock, Timer } from '../base/clock.ts'
import type { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { SenderLink } from '../client/amqp-client.ts'
import { RetryPolicy } from '../client/retry.ts'
import { partitionOfKey } from '../wire/partition-key.ts'
import { BatchBuilder, type BatchLimits, type EncodedBatch } from './send-batch.ts'
import { SendLane } from './send-lane.ts'

export interface SendPipelineOptions {
  readonly clock: Clock
  readonly random: Random
  /** Opens a sender to a partition, or to the hub for null. */
  readonly openSender: (partition: string | null) => Promise<SenderLink>
  /** Where events without a key of their own go; null: the hub. */
  readonly partition: string | null
  /** Key of all events without one of their own. */
  readonly key: string | null
  /** Ids of the hub's partitions, when events have keys of their own; null otherwise. */
  readonly partitionIds: readonly string[] | null
  readonly limits: Omit<BatchLimits, 'messageBytesMax'>
  readonly lingerMs: number
  /** From the first failure after a success to giving up. */
  readonly deadlineMs: number
  readonly keepsNumbers: boolean
  readonly onAccepted: (batch: EncodedBatch) => void
  readonly onRefused: (batch: EncodedBatch, error: EhubError) => void
  readonly onRetry: (error: EhubError) => void
}

interface Destination {
  readonly builder: BatchBuilder
  readonly lane: SendLane
}

// Bytes that may be gathered or on their way. With it a process stays far below the memory of its input.
const pendingBytesMax = 6 * 1024 * 1024
const gatheredBytesMax = 4 * 1024 * 1024

export class SendPipeline {
  /** Largest message the peer takes. */
  readonly messageBytesMax: number
  readonly #options: SendPipelineOptions
  readonly #destinations = new Map<string | null, Destination>()
  readonly #firstLink: SenderLink
  #sentBytes = 0
  #sentCount = 0
  #gatheredBytes = 0
  #linger: Timer | null = null
  #failure: { readonly error: unknown } | null = null
  #waiters: { readonly resolve: () => void; readonly reject: (error: unknown) => void }[] = []

  private constructor(options: SendPipelineOptions, link: SenderLink) {
    this.#options = options
    this.#firstLink = link
    this.messageBytesMax = link.messageBytesMax
  }

  /** Opens the way to where events without a key of their own go. @throws EhubError what the peer refuses it with. */
  static async open(options: SendPipelineOptions): Promise<SendPipeline> {
    return new SendPipeline(options, await options.openSender(options.partition))
  }

  get isWritable(): boolean {
    return this.#failure === null && this.#sentBytes < pendingBytesMax
  }

  /** Resolves when there is room. @throws what made the pipeline fail. */
  whenWritable(): Promise<void> {
    return this.#when()
  }

  /** An event of sections in front and a body. @throws EhubError `event-too-large`. */
  add(prefix: Buffer, body: Buffer, start: number, end: number, number: number): void {
    const destination = this.#destination(this.#options.partition)
    const before = destination.builder.bytes
    if (!destination.builder.add(prefix, body, start, end, number)) {
      this.#flush(destination)
      destination.builder.add(prefix, body, start, end, number)
      this.#gathered(destination, 0)
    } else {
      this.#gathered(destination, before)
    }
  }

  /**
   * An encoded message.
   * @param key Of its own; null: none.
   * @param partition Where it goes whatever its key; not given: where the key says.
   * @throws EhubError `event-too-large`.
   */
  addMessage(
    message: Buffer,
    bodyBytes: number,
    key: string | null,
    number: number,
    partition: string | null = this.#partitionFor(key),
  ): void {
    const destination = this.#destination(partition)
    const before = destination.builder.bytes
    if (!destination.builder.addMessage(message, bodyBytes, number)) {
      this.#flush(destination)
      destination.builder.addMessage(message, bodyBytes, number)
      this.#gathered(destination, 0)
    } else {
      this.#gathered(destination, before)
    }
  }

  /** Sends what has been gathered, without waiting for it to fill up. */
  flush(): void {
    this.#linger?.cancel()
    this.#linger = null
    for (const destination of this.#destinations.values()) this.#flush(destination)
  }

  /** Forgets what has been gathered and not sent. @returns Number of the first event forgotten, null when there is none. */
  discard(): number | null {
    let first: number | null = null
    for (const { builder } of this.#destinations.values()) {
      const batch = builder.take()
      if (batch !== null) first = Math.min(first ?? batch.firstNumber, batch.firstNumber)
    }
    this.#gatheredBytes = 0
    return first
  }

  /** Sends what was gathered and resolves when all is acknowledged or refused. @throws what made the pipeline fail. */
  async finish(): Promise<void> {
    this.flush()
    while (this.#sentCount > 0 || this.#failure !== null) await this.#when()
  }

  close(): void {
    this.#linger?.cancel()
    for (const { lane } of this.#destinations.values()) lane.stop()
    this.#firstLink.close()
  }

  #partitionFor(key: string | null): string | null {
    const { partition, partitionIds } = this.#options
    if (partition !== null || key === null || partitionIds === null) return partition
    return partitionIds[partitionOfKey(key, partitionIds.length)] ?? null
  }

  #destination(partition: string | null): Destination {
    const existing = this.#destinations.get(partition)
    if (existing !== undefined) return existing
    const { clock, random, deadlineMs, openSender, limits, key, keepsNumbers, onRetry } = this.#options
    const retry = new RetryPolicy({ clock, random, deadlineMs })
    const isFirst = partition === this.#options.partition
    // The key in front of a batch chooses its partition; on the way to one it has nothing to choose.
    const routingKey = partition === null ? key : null
    const destination: Destination = {
      builder: new BatchBuilder({ ...limits, messageBytesMax: this.messageBytesMax }, routingKey, keepsNumbers),
      lane: new SendLane(isFirst ? this.#firstLink : null, () => openSender(partition), retry, {
        onAccepted: (batch) => this.#settled(batch, null),
        onRefused: (batch, error) => this.#settled(batch, error),
        onFailed: (error) => this.#fail(error),
        onRetry,
      }),
    }
    this.#destinations.set(partition, destination)
    return destination
  }

  #gathered(destination: Destination, before: number): void {
    const { builder } = destination
    this.#gatheredBytes += builder.bytes - before
    if (builder.isFull) this.#flush(destination)
    // Many destinations with a little each: memory counts, not batches.
    else if (this.#gatheredBytes > gatheredBytesMax) this.flush()
    else this.#linger ??= this.#options.clock.schedule(this.#options.lingerMs, () => this.flush())
  }

  #flush({ builder, lane }: Destination): void {
    this.#gatheredBytes -= builder.bytes
    const batch = builder.take()
    if (batch === null) return
    this.#sentBytes += batch.payload.length
    this.#sentCount += 1
    lane.push(batch)
  }

  #settled(batch: EncodedBatch, error: EhubError | null): void {
    this.#sentBytes -= batch.payload.length
    this.#sentCount -= 1
    try {
      if (error === null) this.#options.onAccepted(batch)
      else this.#options.onRefused(batch, error)
    } catch (thrown) {
      return this.#fail(thrown)
    }
    this.#wake()
  }

  #fail(error: unknown): void {
    this.#failure ??= { error }
    this.#wake()
  }

  #when(): Promise<void> {
    if (this.#failure !== null) return Promise.reject(this.#failure.error)
    return new Promise((resolve, reject) => this.#waiters.push({ resolve, reject }))
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const { resolve, reject } of waiters) {
      if (this.#failure === null) resolve()
      else reject(this.#failure.error)
    }
  }
}
