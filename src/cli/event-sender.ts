// What `import` and `replay` share: events with a past on their way into a hub. Keys and partitions kept or not, original times
// kept as a property, a pace by rate or by those times, and an account of what was acknowledged.

import { ByteWriter } from '../base/byte-writer.ts'
import { type Clock, delay } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { type Event, type EventContent, writeEvent } from '../wire/events/event.ts'
import type { EncodedBatch } from './send-batch.ts'
import type { SendPipeline } from './send-pipeline.ts'
import { recordError } from './send-records.ts'
import { TokenBucket } from './token-bucket.ts'

/** Property that holds the time an event had before, a timestamp. */
export const originalTimeName = 'original-enqueued-time'

export interface EventSenderOptions {
  readonly clock: Clock
  /** Ids of the hub's partitions. */
  readonly partitionIds: readonly string[]
  readonly keepsPartition: boolean
  readonly keepsKey: boolean
  /** Original times are kept as a property, moved by so many milliseconds; null: they are not. */
  readonly timeShift: { readonly ms: number } | 'now' | null
  /** Events a second; null: no limit. */
  readonly rate: number | null
  /** How much faster than they came; null: as fast as they are taken. */
  readonly speed: number | null
  readonly skipsErrors: boolean
  readonly signal: AbortSignal
  readonly onRejected: (place: string, error: EhubError) => void
  /** Every event up to this number (counting from 1) is acknowledged or was left out. */
  readonly onSettled: (number: number) => void
}

export interface EventSenderAccount {
  events: number
  bytes: number
  batches: number
  rejected: number
}

export class EventSender {
  readonly account: EventSenderAccount = { events: 0, bytes: 0, batches: 0, rejected: 0 }
  readonly #options: EventSenderOptions
  readonly #bucket: TokenBucket | null
  readonly #writer = new ByteWriter(64 * 1024)
  readonly #settled: SettledNumbers
  #pipeline: SendPipeline | null = null
  #paceFrom: { readonly timeMs: number; readonly atMs: number } | null = null
  #shiftMs: number | null = null

  /** @param skipped Events of the input that a run before has sent. */
  constructor(options: EventSenderOptions, skipped: number) {
    this.#options = options
    this.#bucket = options.rate === null ? null : new TokenBucket(options.clock, options.rate)
    this.#settled = new SettledNumbers(skipped, options.onSettled)
  }

  use(pipeline: SendPipeline): void {
    this.#pipeline = pipeline
  }

  /** For the pipeline, which keeps numbers. */
  accepted(batch: EncodedBatch): void {
    this.account.events += batch.count
    this.account.bytes += batch.bodyBytes
    this.account.batches += 1
    this.#settled.add(batch.numbers ?? [])
  }

  /** For the pipeline. @throws EhubError unless errors are skipped. */
  refused(batch: EncodedBatch, error: EhubError): void {
    const { firstNumber, lastNumber } = batch
    const place = firstNumber === lastNumber ? `event ${firstNumber}` : `events ${firstNumber} to ${lastNumber}`
    if (!this.#options.skipsErrors) throw recordError(error, place, error.hint ?? '')
    this.account.rejected += batch.count
    this.#options.onRejected(place, error)
    this.#settled.add(batch.numbers ?? [])
  }

  /**
   * Sends an event when its time has come and there is room. Does nothing once the signal came.
   * @param number In the input, counting from 1.
   * @throws EhubError for an event that cannot be sent, unless errors are skipped; what made the pipeline fail.
   */
  async send(event: Event, number: number, place: string): Promise<void> {
    const wait = this.#isTime(event)
    if (wait !== null) await wait
    const pipeline = this.#pipeline
    if (pipeline === null || this.#options.signal.aborted) return
    try {
      this.#add(pipeline, event, number)
    } catch (error) {
      this.reject(error, number, place)
    }
    if (!pipeline.isWritable) await pipeline.whenWritable()
  }

  /** A record that is no event, or an event that cannot be sent. @throws EhubError unless errors are skipped. */
  reject(error: unknown, number: number, place: string): void {
    const isOfEvent =
      error instanceof EhubError &&
      ['argument-error', 'event-too-large', 'decode-error', 'partition-not-found'].includes(error.code)
    if (!isOfEvent) throw error
    if (!this.#options.skipsErrors) throw recordError(error, place, '--skip-errors leaves such events out')
    this.account.rejected += 1
    this.#options.onRejected(place, error)
    this.#settled.add([number])
  }

  #add(pipeline: SendPipeline, event: Event, number: number): void {
    const { keepsPartition, keepsKey, partitionIds, timeShift } = this.#options
    const { body, enqueuedTimeMs, partition } = event
    const key = keepsKey ? event.key : null
    let content: EventContent = { ...event, key }
    if (timeShift !== null && enqueuedTimeMs !== null) {
      const value = BigInt(enqueuedTimeMs + this.#shift(enqueuedTimeMs))
      const kept = [
        { type: 'string', value: originalTimeName },
        { type: 'timestamp', value },
      ] as const
      const others = event.applicationProperties.filter(
        ([name]) => name.type !== 'string' || name.value !== originalTimeName,
      )
      content = { ...content, applicationProperties: [...others, kept] }
    }
    this.#writer.clear()
    writeEvent(this.#writer, content)
    const bytes = body.kind === 'data' ? body.sections.reduce((sum, section) => sum + section.length, 0) : 0
    const message = this.#writer.taken()
    if (!keepsPartition || partition === null) return pipeline.addMessage(message, bytes, key, number)
    if (!partitionIds.includes(partition)) {
      throw new EhubError('partition-not-found', `the hub has no partition ${partition}, it has ${partitionIds.length}`)
    }
    pipeline.addMessage(message, bytes, key, number, partition)
  }

  #shift(firstTimeMs: number): number {
    const { timeShift, clock } = this.#options
    this.#shiftMs ??= timeShift === 'now' ? clock.now() - firstTimeMs : (timeShift?.ms ?? 0)
    return this.#shiftMs
  }

  /** Null when the event may go at once. */
  #isTime({ enqueuedTimeMs }: Event): Promise<unknown> | null {
    const { clock, speed, signal } = this.#options
    if (this.#bucket !== null && !this.#bucket.take()) return this.#bucket.taken(signal)
    if (speed === null || enqueuedTimeMs === null) return null
    this.#paceFrom ??= { timeMs: enqueuedTimeMs, atMs: clock.monotonicMs() }
    const { timeMs, atMs } = this.#paceFrom
    const waitMs = atMs + (enqueuedTimeMs - timeMs) / speed - clock.monotonicMs()
    return waitMs < 1 ? null : delay(clock, waitMs, signal).catch(() => undefined)
  }
}

/** Finds up to where, counting from the beginning, all numbers have come; they come almost in order. */
class SettledNumbers {
  #done: number
  readonly #ahead = new Set<number>()
  readonly #onDone: (number: number) => void

  constructor(done: number, onDone: (number: number) => void) {
    this.#done = done
    this.#onDone = onDone
  }

  add(numbers: readonly number[]): void {
    const before = this.#done
    for (const number of numbers) {
      if (number === this.#done + 1) this.#done = number
      else this.#ahead.add(number)
      while (this.#ahead.delete(this.#done + 1)) this.#done += 1
    }
    if (this.#done > before) this.#onDone(this.#done)
  }
}

/** `10x`, `0.5x` or `max`: null. @throws EhubError `usage`. */
export function parseSpeed(text: string): number | null {
  if (text === 'max') return null
  const speed = Number(/^(\d+(?:\.\d+)?)x$/.exec(text)?.[1])
  if (speed > 0 && Number.isFinite(speed)) return speed
  throw new EhubError('usage', `"${text}" is no speed`, { hint: 'write 1x, 10x, 0.5x or max' })
}
