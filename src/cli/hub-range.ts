// Reads a range of a hub that has an end, for commands that copy: a few partitions at a time, each in order, with as much asked
// for ahead as the consumer has given back. Over AMQP with our own reader of deliveries, so the same for a daemon and for a
// namespace elsewhere (docs/decisions/0012).

import type { Clock, Timer } from '../base/clock.ts'
import type { EhubError } from '../base/error.ts'
import type { HubClient } from '../client/hub-client.ts'
import type { RetryPolicy } from '../client/retry.ts'
import { type PositionSpec, positionOf } from '../wire/events/position.ts'
import { PartitionReader } from './partition-reader.ts'
import { choosePartitions } from './receive-command.ts'
import { type PartitionPlan, planPartition } from './receive-plan.ts'

export interface RangeRequest {
  readonly from: PositionSpec | null
  readonly to: PositionSpec | null
  /** `0,2,4-7`; undefined: all. */
  readonly partitions: string | undefined
  /** Next sequence number by partition, of a run that is resumed. */
  readonly nextSequences: ReadonlyMap<number, number>
  readonly nowMs: number
}

export interface RangePlan extends PartitionPlan {
  /** Events between the first that may come and the end, at most. */
  readonly eventsMax: number
}

/** @throws EhubError `hub-not-found`, `partition-not-found`, `usage`, … */
export async function planRange(client: HubClient, request: RangeRequest): Promise<readonly RangePlan[]> {
  const { from, to, nowMs, nextSequences } = request
  const partitions = choosePartitions(await client.partitionIds(), request.partitions, client.hub)
  const plans = partitions.map(async (partition): Promise<RangePlan | null> => {
    const number = Number(partition)
    const next = nextSequences.get(number)
    const start = from === null ? ({ kind: 'beginning' } as const) : positionOf(from, number)
    if (start === null) return null
    const ends = await client.partitionEnds(partition)
    const plan = planPartition({
      partition,
      ends,
      from: next === undefined ? start : { kind: 'sequence', sequence: next, isInclusive: true },
      to: to === null ? null : positionOf(to, number),
      exitsAtEnd: true,
      checkpoint: null,
      fallback: { kind: 'beginning' },
      nowMs,
    })
    const first = Math.max(ends.beginSequence, next ?? (start.kind === 'sequence' ? start.sequence : 0))
    return { ...plan, eventsMax: Math.max(0, (plan.stop.sequence ?? ends.endSequence) - first) }
  })
  return (await Promise.all(plans)).filter((plan) => plan !== null).filter((plan) => !plan.isEmpty)
}

export interface RangeOptions {
  readonly clock: Clock
  readonly client: HubClient
  readonly plans: readonly RangePlan[]
  readonly group: string
  /** Partitions read at a time. */
  readonly concurrency: number
  readonly makeRetry: () => RetryPolicy
  readonly signal: AbortSignal
  /** An event, in `reader.event`, valid during the call; given back with `reader.release(1)` when it is dealt with. */
  readonly onEvent: (reader: PartitionReader) => void
  /** All of a partition's events were handed over. */
  readonly onPartitionEnd: (partition: string) => void
  /** All events of one read of the network were handed over. */
  readonly onReadEnd: () => void
  readonly onRetry: (error: EhubError) => void
}

// Bytes asked for ahead of all partitions together.
const prefetchBytes = 8 * 1024 * 1024
// A range whose events are trimmed meanwhile would be waited for: looked at when nothing came for so long.
const recheckMs = 5000

/** Resolves when every partition is at its end, or the signal came. @throws EhubError. */
export class HubRange {
  readonly #options: RangeOptions
  readonly #readers = new Set<PartitionReader>()
  #waiting: RangePlan[]
  #lastEventMs = 0
  #timer: Timer | null = null
  #finish: () => void = () => undefined
  #fail: (error: unknown) => void = () => undefined

  constructor(options: RangeOptions) {
    this.#options = options
    this.#waiting = [...options.plans]
  }

  async run(): Promise<void> {
    const { signal, concurrency, plans, clock } = this.#options
    if (plans.length === 0 || signal.aborted) return
    const stop = () => this.#finish()
    try {
      await new Promise<void>((resolve, reject) => {
        this.#finish = resolve
        this.#fail = reject
        signal.addEventListener('abort', stop, { once: true })
        this.#lastEventMs = clock.monotonicMs()
        this.#timer = clock.schedule(recheckMs, () => this.#recheck())
        for (let i = 0; i < concurrency; i += 1) this.#next()
      })
    } finally {
      signal.removeEventListener('abort', stop)
      this.#timer?.cancel()
      for (const reader of this.#readers) reader.close()
    }
  }

  /** Ends it with an error of the consumer's. */
  fail(error: unknown): void {
    this.#fail(error)
  }

  #next(): void {
    const plan = this.#waiting.shift()
    if (plan === undefined) {
      if (this.#readers.size === 0) this.#finish()
      return
    }
    const { clock, client, group, makeRetry, concurrency, onEvent, onPartitionEnd, onReadEnd, onRetry } = this.#options
    const reader = new PartitionReader({
      clock,
      client,
      plan,
      group,
      ownerLevel: null,
      name: 'ehub-export',
      prefetch: null,
      prefetchBytes: Math.floor(prefetchBytes / Math.min(concurrency, this.#options.plans.length)),
      countMax: null,
      retry: makeRetry(),
      onEvent: (from) => {
        this.#lastEventMs = clock.monotonicMs()
        onEvent(from)
      },
      onReadEnd,
      onDone: (from) => {
        this.#readers.delete(from)
        try {
          onPartitionEnd(from.partition)
        } catch (error) {
          return this.#fail(error)
        }
        this.#next()
      },
      onFailed: (error) => this.#fail(error),
      onRetry,
    })
    this.#readers.add(reader)
    reader.open().catch((error: unknown) => this.#fail(error))
  }

  #recheck(): void {
    const { clock, client } = this.#options
    if (clock.monotonicMs() - this.#lastEventMs >= recheckMs) {
      for (const reader of this.#readers) {
        const { sequence } = reader.stop
        if (sequence === null) continue
        client.partitionEnds(reader.partition).then(
          ({ beginSequence }) => {
            if (beginSequence >= sequence) reader.finish()
          },
          // Only a look: the link itself tells when the partition cannot be read.
          () => undefined,
        )
      }
    }
    this.#timer = clock.schedule(recheckMs, () => this.#recheck())
  }
}
