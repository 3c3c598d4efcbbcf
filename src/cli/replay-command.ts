// `ehub replay HUB --into HUB`: a range of one hub published again into another, at its own pace or as fast as it goes.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { HubClient } from '../client/hub-client.ts'
import { RetryPolicy } from '../client/retry.ts'
import type { Event } from '../wire/events/event.ts'
import { parsePositionSpec } from '../wire/events/position.ts'
import { formatCount, formatElapsed, formatSize, parseRate } from '../wire/events/units.ts'
import { EventSender, parseSpeed } from './event-sender.ts'
import type { HubTarget } from './hub-target.ts'
import { HubRange, planRange } from './hub-range.ts'
import { copyBatchBytes, timeShiftOf } from './import-command.ts'
import type { Interrupts } from './interrupts.ts'
import type { Output } from './output.ts'
import type { PartitionReader } from './partition-reader.ts'
import { Progress } from './progress.ts'
import { groupOf } from './receive-command.ts'
import { RetryNotice } from './retry-notice.ts'
import { SendPipeline } from './send-pipeline.ts'
import { RejectList } from './send-report.ts'

export interface ReplayFlags {
  readonly from?: string | undefined
  readonly to?: string | undefined
  readonly partition?: string | undefined
  readonly group: string
  readonly speed: string
  readonly rate?: string | undefined
  readonly 'preserve-time': boolean
  readonly 'shift-time'?: string | undefined
  readonly 'keep-partition': boolean
  readonly 'keep-key': boolean
  readonly 'skip-errors': boolean
  readonly json: boolean
  readonly 'no-progress': boolean
}

export interface ReplayOptions {
  readonly flags: ReplayFlags
  readonly source: HubTarget
  readonly into: HubTarget
  readonly clock: Clock
  readonly random: Random
  readonly output: Output
  readonly interrupts: Interrupts
  readonly retryDeadlineMs: number
  readonly connect: (target: HubTarget) => Promise<HubClient>
}

// Partitions read at a time when their order among each other does not matter.
const concurrencyUnpaced = 16
const lingerMs = 10

/** @throws EhubError; sets the exit code when it was interrupted. */
export async function replayCommand(options: ReplayOptions): Promise<void> {
  const { flags, source, into, clock, random, output, interrupts, retryDeadlineMs } = options
  const speed = parseSpeed(flags.speed)
  const rate = flags.rate === undefined ? null : parseRate(flags.rate)
  const timeShift = timeShiftOf(flags)
  const nowMs = clock.now()
  const from = flags.from === undefined ? null : parsePositionSpec(flags.from, nowMs)
  const to = flags.to === undefined ? null : parsePositionSpec(flags.to, nowMs)
  const group = groupOf(flags.group)
  const startedAt = clock.monotonicMs()
  const [reading, writing] = await Promise.all([options.connect(source), options.connect(into)])
  const rejects = new RejectList(output)
  const notice = new RetryNotice(clock, output)
  let progress: Progress | null = null
  let account = { events: 0, bytes: 0, batches: 0, rejected: 0 }
  try {
    const partitionIds = await interrupts.during(writing.partitionIds())
    const plans = await interrupts.during(
      planRange(reading, { from, to, partitions: flags.partition, nextSequences: new Map(), nowMs }),
    )
    const total = plans.reduce((sum, { eventsMax }) => sum + eventsMax, 0)
    const sender = new EventSender(
      {
        clock,
        partitionIds,
        keepsPartition: flags['keep-partition'],
        keepsKey: flags['keep-key'],
        timeShift,
        rate,
        speed,
        skipsErrors: flags['skip-errors'],
        signal: interrupts.signal,
        onRejected: (place, error) => rejects.add(place, error.message),
        onSettled: () => undefined,
      },
      0,
    )
    account = sender.account
    progress = new Progress({
      clock,
      output,
      verb: 'replayed',
      isOff: flags['no-progress'],
      state: () => ({ ...sender.account, done: sender.account.events, total }),
    })
    const pipeline = await interrupts.during(
      SendPipeline.open({
        clock,
        random,
        openSender: (partition) => writing.openSender(partition),
        partition: null,
        key: null,
        partitionIds,
        limits: { batchBytes: copyBatchBytes, batchCount: Number.MAX_SAFE_INTEGER },
        lingerMs,
        deadlineMs: retryDeadlineMs,
        keepsNumbers: true,
        onAccepted: (batch) => sender.accepted(batch),
        onRefused: (batch, error) => sender.refused(batch, error),
        onRetry: (error) => notice.tell(error),
      }),
    )
    sender.use(pipeline)
    const queue = new ReplayQueue(speed === null ? null : plans.map(({ partition }) => partition))
    const range = new HubRange({
      clock,
      client: reading,
      plans,
      group,
      // In order of time every partition has to be heard.
      concurrency: speed === null ? concurrencyUnpaced : Math.max(1, plans.length),
      makeRetry: () => new RetryPolicy({ clock, random, deadlineMs: retryDeadlineMs }),
      signal: interrupts.signal,
      onEvent: (reader) => queue.push(reader),
      onReadEnd: () => queue.wake(),
      onPartitionEnd: (partition) => queue.end(partition),
      onRetry: (error) => notice.tell(error),
    })
    const pump = async () => {
      let number = 0
      for (;;) {
        const entry = await queue.take()
        if (entry === null || interrupts.signal.aborted) return
        number += 1
        const { partition, sequence } = entry.event
        await sender.send(entry.event, number, `event ${sequence ?? ''} of partition ${partition ?? ''}`)
        entry.reader.release(1)
      }
    }
    const pumping = pump()
    pumping.catch((error: unknown) => range.fail(error))
    try {
      await range.run()
      queue.finish()
      await pumping
    } catch (error) {
      queue.finish()
      await pipeline.finish().catch(() => undefined)
      throw error
    }
    await pipeline.finish()
    pipeline.close()
  } finally {
    progress?.stop()
    await Promise.all([reading.close(), writing.close()])
  }
  const elapsedMs = clock.monotonicMs() - startedAt
  const { events, bytes, rejected } = account
  if (flags.json) {
    output.json({ hub: source.hub, into: into.hub, ...account, elapsedMs: Math.round(elapsedMs) })
  } else {
    const count = `${formatCount(events)} ${events === 1 ? 'event' : 'events'}`
    output.note(
      `replayed ${count} (${formatSize(bytes)}) of ${source.hub} into ${into.hub} in ${formatElapsed(elapsedMs)}`,
    )
  }
  if (interrupts.first !== null) process.exitCode = interrupts.exitCode
  else if (rejected > 0) {
    throw new EhubError('partial', `${formatCount(rejected)} events were left out, ${formatCount(events)} replayed`)
  }
}

interface ReplayEntry {
  readonly event: Event
  readonly reader: PartitionReader
}

/** Between reader and sender; bounded by what the reader may ask for ahead. In order of arrival, or of time over all partitions. */
class ReplayQueue {
  readonly #byPartition: Map<string, ReplayEntry[]> | null
  #entries: ReplayEntry[] = []
  #at = 0
  #isOver = false
  /** Of partitions that are at their end: what they left. */
  readonly #ended: ReplayEntry[][] = []
  #wake: () => void = () => undefined

  /** @param partitions Those to be merged by time; null: none. */
  constructor(partitions: readonly string[] | null) {
    this.#byPartition = partitions === null ? null : new Map(partitions.map((partition) => [partition, []]))
  }

  push(reader: PartitionReader): void {
    // The bytes are the connection's again after this call.
    const entry = { event: detached(reader.event.event()), reader }
    if (this.#byPartition === null) this.#entries.push(entry)
    else this.#byPartition.get(reader.partition)?.push(entry)
  }

  wake(): void {
    this.#wake()
  }

  /** Nothing more comes from this partition. */
  end(partition: string): void {
    const left = this.#byPartition?.get(partition)
    if (left !== undefined) {
      // What is left of it is as ordered as before.
      this.#ended.push(left)
      this.#byPartition?.delete(partition)
    }
    this.#wake()
  }

  finish(): void {
    this.#isOver = true
    this.#wake()
  }

  /** The next entry; null when there is none and will be none. */
  async take(): Promise<ReplayEntry | null> {
    for (;;) {
      const entry = this.#next()
      if (entry !== null) return entry
      if (this.#isOver) return null
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  #next(): ReplayEntry | null {
    if (this.#byPartition === null) {
      const entry = this.#entries[this.#at]
      if (entry === undefined) return null
      this.#at += 1
      if (this.#at === this.#entries.length) {
        this.#entries = []
        this.#at = 0
      }
      return entry
    }
    let best: ReplayEntry[] | null = null
    for (const queue of this.#byPartition.values()) {
      if (queue[0] === undefined) {
        // Its next one may be the earliest.
        if (!this.#isOver) return null
        continue
      }
      if (best === null || timeOf(queue[0]) < timeOf(best[0])) best = queue
    }
    for (const queue of this.#ended) {
      if (queue[0] !== undefined && (best === null || timeOf(queue[0]) < timeOf(best[0]))) best = queue
    }
    return best?.shift() ?? null
  }
}

function timeOf(entry: ReplayEntry | undefined): number {
  return entry?.event.enqueuedTimeMs ?? 0
}

/** The event with its body in memory of its own: one of several sections was decoded, which is that already. */
function detached(event: Event): Event {
  const { body } = event
  const [section, ...more] = body.kind === 'data' ? body.sections : []
  if (section === undefined || more.length > 0) return event
  return { ...event, body: { kind: 'data', sections: [Buffer.from(section)] } }
}
