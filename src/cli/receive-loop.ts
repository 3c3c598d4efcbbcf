// Reads partitions until nothing more is wanted and writes what was asked for. Back-pressure: an event counts against its
// partition's prefetch until stdout has taken it, so a slow reader of stdout stops the credit and then the service.
//
//   network ─► PartitionReader ─► render ─► one buffer a read ─► stdout ─► written: release credit, mark checkpoints

import type { Clock, Timer } from '../base/clock.ts'
import { ByteWriter } from '../base/byte-writer.ts'
import type { HubClient } from '../client/hub-client.ts'
import type { Checkpointer, EventMark } from './checkpointer.ts'
import { isTaken, PartitionReader, type PartitionReaderOptions } from './partition-reader.ts'
import type { EventRenderer } from './receive-output.ts'
import type { PartitionPlan } from './receive-plan.ts'
import type { StdoutWriter } from './stdout-writer.ts'
import { TimeMerge } from './time-merge.ts'

export type ReceiveEnd = 'complete' | 'idle' | 'timeout' | 'interrupted' | 'closed'
/** `arrival`: as they come; `partition`: one partition after the other; `time`: merged by enqueued time. */
export type ReceiveOrder = 'arrival' | 'partition' | 'time'

export interface ReceiveLoopOptions {
  readonly clock: Clock
  readonly client: HubClient
  /** Empty when partitions come and go, see `sharing`. */
  readonly plans: readonly PartitionPlan[]
  /** Decides which partitions are read, with `add` and `drop`; null: those of `plans`. */
  readonly sharing: Sharing | null
  readonly order: ReceiveOrder
  readonly render: EventRenderer
  readonly stdout: StdoutWriter
  /** null: no checkpoints are kept. */
  readonly checkpointer: Checkpointer | null
  /** Stop after so many events in all; null: no limit. */
  readonly countMax: number | null
  readonly idleMs: number | null
  readonly timeoutMs: number | null
  /** Time in the future at which bounded reading ends; null: none. */
  readonly endsAtMs: number | null
  readonly signal: AbortSignal
  readonly reader: Omit<
    PartitionReaderOptions,
    'clock' | 'plan' | 'client' | 'onEvent' | 'onReadEnd' | 'onDone' | 'onFailed' | 'retry'
  >
  readonly makeRetry: () => PartitionReaderOptions['retry']
}

/** Partitions that are shared with other processors of the group. */
export interface Sharing {
  /** Begins to add partitions. @throws EhubError. */
  start(): Promise<void>
  /** The partition went to another reader. */
  readingEnded(partition: number): void
  /** Everything written is out and kept: gives the partitions back. Never throws. */
  stop(): Promise<void>
}

export interface ReceiveAccount {
  events: number
  bytes: number
}

// Output gathered in one read of the network beyond which reading pauses until stdout has taken it: events may be large.
const pauseBytes = 8 * 1024 * 1024
// A bounded read of events that are trimmed meanwhile would wait for ever: look again when nothing came for so long.
const recheckMs = 5000

interface Unwritten {
  count: number
  mark: EventMark | null
}

export class ReceiveLoop {
  readonly account: ReceiveAccount = { events: 0, bytes: 0 }
  readonly #options: ReceiveLoopOptions
  readonly #writer = new ByteWriter(64 * 1024)
  readonly #merge: TimeMerge | null
  readonly #timers: Timer[] = []
  #readers: PartitionReader[] = []
  #waiting: PartitionPlan[]
  #unwritten = new Map<PartitionReader, Unwritten>()
  #isPaused = false
  /** Given up while what they had handed over may still be on its way to stdout. */
  readonly #dropped = new WeakSet<PartitionReader>()
  #lastEventMs: number
  #finish: (end: ReceiveEnd) => void = () => undefined
  #fail: (error: unknown) => void = () => undefined
  #isEnded = false

  constructor(options: ReceiveLoopOptions) {
    this.#options = options
    this.#waiting = [...options.plans]
    this.#merge = options.order === 'time' ? new TimeMerge(options.plans.map(({ partition }) => partition)) : null
    this.#lastEventMs = options.clock.monotonicMs()
  }

  /** Resolves when reading has ended and everything written is out, with its checkpoints kept. @throws EhubError. */
  async run(): Promise<ReceiveEnd> {
    const { stdout, checkpointer, sharing } = this.#options
    try {
      const end = await new Promise<ReceiveEnd>((resolve, reject) => {
        this.#finish = resolve
        this.#fail = reject
        this.#watch()
        this.#start().catch(reject)
      })
      this.#end()
      this.#flush()
      await stdout.drained()
      await checkpointer?.finish()
      await sharing?.stop()
      return stdout.isClosed ? 'closed' : end
    } catch (error) {
      this.#end()
      this.#flush()
      await stdout.drained()
      // What was written stays written; the first error is the one to tell.
      await checkpointer?.finish().catch(() => undefined)
      await sharing?.stop()
      throw error
    }
  }

  /** Ends the reading with an error that came from elsewhere. */
  fail(error: unknown): void {
    this.#fail(error)
  }

  /** Reads one more partition. @throws EhubError when it cannot be opened. */
  async add(plan: PartitionPlan): Promise<void> {
    if (!this.#isEnded) await this.#open(plan)
  }

  /** Reads the partition no more; what was not kept of it is not ours to keep. */
  drop(partition: string): void {
    for (const reader of this.#readers.filter((known) => known.partition === partition)) {
      this.#dropped.add(reader)
      reader.close()
    }
    this.#readers = this.#readers.filter((known) => known.partition !== partition)
    this.#options.checkpointer?.forget(partition)
  }

  async #start(): Promise<void> {
    const { sharing } = this.#options
    if (sharing !== null) return sharing.start()
    if (this.#waiting.length === 0) return this.#finish('complete')
    const first = this.#options.order === 'partition' ? this.#waiting.splice(0, 1) : this.#waiting.splice(0)
    await Promise.all(first.map((plan) => this.#open(plan)))
  }

  async #open(plan: PartitionPlan): Promise<void> {
    const { reader: shared, clock, client, makeRetry } = this.#options
    const reader = new PartitionReader({
      ...shared,
      clock,
      client,
      plan,
      retry: makeRetry(),
      onEvent: (from) => this.#event(from),
      onReadEnd: () => this.#flush(),
      onDone: (from) => this.#done(from),
      onFailed: (error) => this.#readerFailed(reader, error),
    })
    this.#readers.push(reader)
    try {
      await reader.open()
    } catch (error) {
      this.#readers = this.#readers.filter((known) => known !== reader)
      throw error
    }
  }

  #readerFailed(reader: PartitionReader, error: unknown): void {
    const { sharing } = this.#options
    if (sharing === null || !isTaken(error)) return this.#fail(error)
    this.drop(reader.partition)
    sharing.readingEnded(Number(reader.partition))
  }

  #event(reader: PartitionReader): void {
    if (this.#isEnded || this.#dropped.has(reader)) return
    const { countMax, render } = this.#options
    if (this.#merge !== null) {
      const bytes = new ByteWriter(256)
      render(reader.event, bytes)
      this.#merge.push({
        reader,
        timeMs: reader.event.enqueuedTimeMs ?? 0,
        bytes: bytes.taken(),
        bodyBytes: reader.event.dataBody()?.length ?? 0,
        mark: markOf(reader),
      })
      return this.#takeMerged()
    }
    if (countMax !== null && this.account.events >= countMax) return
    render(reader.event, this.#writer)
    this.#account(
      reader,
      reader.event.dataBody()?.length ?? 0,
      this.#options.checkpointer === null ? null : markOf(reader),
    )
    if (this.#writer.position > pauseBytes) this.#flush()
  }

  #account(reader: PartitionReader, bodyBytes: number, mark: EventMark | null): void {
    this.account.events += 1
    this.account.bytes += bodyBytes
    const unwritten = this.#unwritten.get(reader)
    if (unwritten === undefined) this.#unwritten.set(reader, { count: 1, mark })
    else {
      unwritten.count += 1
      if (mark !== null) unwritten.mark = mark
    }
    const { countMax } = this.#options
    if (countMax !== null && this.account.events >= countMax) this.#finish('complete')
  }

  #takeMerged(): void {
    const { countMax } = this.#options
    for (let entry = this.#merge?.take(); entry !== undefined; entry = this.#merge?.take()) {
      if (countMax !== null && this.account.events >= countMax) return
      this.#writer.bytes(entry.bytes)
      this.#account(entry.reader, entry.bodyBytes, entry.mark)
    }
  }

  /** Hands what was gathered to stdout; what follows from its completion happens then. */
  #flush(): void {
    if (this.#unwritten.size === 0) return
    const { clock, stdout, checkpointer } = this.#options
    this.#lastEventMs = clock.monotonicMs()
    const unwritten = this.#unwritten
    this.#unwritten = new Map()
    const onWritten = () => {
      const marks: EventMark[] = []
      let count = 0
      for (const [reader, { count: events, mark }] of unwritten) {
        reader.release(events)
        count += events
        if (mark !== null && !this.#dropped.has(reader)) marks.push(mark)
      }
      if (marks.length > 0) checkpointer?.written(marks, count)
      if (this.#isPaused && stdout.pendingBytes < pauseBytes) this.#pause(false)
    }
    if (this.#writer.position === 0) return onWritten()
    stdout.write(this.#writer.takeCopy(), onWritten)
    if (stdout.pendingBytes >= pauseBytes) this.#pause(true)
  }

  #pause(isPaused: boolean): void {
    if (this.#isPaused === isPaused) return
    this.#isPaused = isPaused
    if (isPaused) this.#options.client.pause()
    else this.#options.client.resume()
  }

  #done(reader: PartitionReader): void {
    this.#merge?.close(reader.partition)
    this.#takeMerged()
    const next = this.#waiting.shift()
    if (next !== undefined) this.#open(next).catch((error: unknown) => this.#fail(error))
    else if (this.#readers.every(({ isDone }) => isDone)) this.#finish('complete')
  }

  #watch(): void {
    const { clock, signal, stdout, idleMs, timeoutMs, endsAtMs } = this.#options
    const later = (ms: number, run: () => void) => void this.#timers.push(clock.schedule(ms, run))
    if (signal.aborted) return this.#finish('interrupted')
    signal.addEventListener('abort', () => this.#finish('interrupted'), { once: true })
    stdout.closedSignal.addEventListener('abort', () => this.#finish('closed'), { once: true })
    if (timeoutMs !== null) later(timeoutMs, () => this.#finish('timeout'))
    if (endsAtMs !== null) later(endsAtMs - clock.now(), () => this.#stopAtEnds())
    const isQuietFor = (ms: number) => clock.monotonicMs() - this.#lastEventMs >= ms
    const watchIdle = (ms: number) => {
      const leftMs = ms - (clock.monotonicMs() - this.#lastEventMs)
      // Not idle when it is stdout's reader that lets us wait.
      if (leftMs <= 0 && stdout.pendingBytes === 0) this.#finish('idle')
      else later(Math.max(10, leftMs), () => watchIdle(ms))
    }
    if (idleMs !== null) later(idleMs, () => watchIdle(idleMs))
    const recheck = () => {
      if (isQuietFor(recheckMs)) this.#finishTrimmed()
      later(recheckMs, recheck)
    }
    if (this.#options.plans.some(({ stop }) => stop.sequence !== null)) later(recheckMs, recheck)
  }

  /** The time `--to` names has come: nothing enqueued from now on is wanted. */
  #stopAtEnds(): void {
    const { client } = this.#options
    const readers = this.#readers.filter(({ isDone }) => !isDone)
    Promise.all(
      readers.map(async (reader) => {
        const { endSequence } = await client.partitionEnds(reader.partition)
        reader.stopBefore(endSequence)
        if (reader.nextSequence === null && endSequence === 0) reader.finish()
      }),
    )
      .then(() => this.#finishTrimmed())
      .catch((error: unknown) => this.#fail(error))
  }

  /** Partitions whose wanted events are all gone, or never were, have nothing more to wait for. */
  #finishTrimmed(): void {
    const { client } = this.#options
    for (const reader of this.#readers) {
      const { sequence } = reader.stop
      if (reader.isDone || sequence === null) continue
      client.partitionEnds(reader.partition).then(
        ({ beginSequence }) => {
          if (beginSequence >= sequence) reader.finish()
        },
        // Only a look: the link itself tells when the partition cannot be read.
        () => undefined,
      )
    }
  }

  #end(): void {
    this.#isEnded = true
    for (const timer of this.#timers) timer.cancel()
    for (const reader of this.#readers) reader.close()
  }
}

function markOf(reader: PartitionReader): EventMark | null {
  const { sequence, offset } = reader.event
  return sequence === null ? null : { partition: reader.partition, sequence, offset }
}
