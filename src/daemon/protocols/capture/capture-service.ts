// Capture of all hubs: looks at every captured partition at a steady pace and lets those run for which something is due, a few at
// a time. A destination that fails is left alone for a while, longer each time; the events wait in the hub meanwhile.

import type { Clock, Timer } from '../../../base/clock.ts'
import { EhubError, isEhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import { parseNameFormat } from '../../../wire/capture/file-name.ts'
import type { CaptureSettings } from '../../broker/capture-settings.ts'
import type { CapturedHub, Captures } from '../../broker/captures-api.ts'
import { type Destination, DestinationFailure, type FileFacts, type ListedFile } from './destination.ts'
import { BlockPool } from './event-blocks.ts'
import { PartitionCapture } from './partition-capture.ts'

/** Partitions written at a time: each has one chunk buffer. */
const runningMax = 4
/** Between two looks; the shorter one while events keep coming, so that they are still in memory when they are read. */
const lookMs = 250
const busyLookMs = 20
const retryMsMin = 1000
const retryMsMax = 60_000

export interface CaptureServiceOptions {
  readonly captures: Captures
  /** @throws EhubError `argument-error` for settings that name no destination. */
  readonly openDestination: (settings: CaptureSettings) => Destination
  /** What windows go by. */
  readonly clock: Clock
  /** What everything else goes by: looks, retries, yielding. */
  readonly machineClock: Clock
  readonly log: Log
  readonly onBug: (error: unknown) => void
}

/** How a partition is doing. */
export interface PartitionStatus {
  readonly partition: number
  readonly nextSequence: number
  readonly windowStartMs: number
  readonly files: number
  readonly events: number
  readonly bytes: number
  readonly lostEvents: number
  /** Events stored and in no file yet, and how long the oldest window they belong to has been open. */
  readonly lagEvents: number
  readonly lagMs: number
  /** Of the destination, in a row; 0: it works. */
  readonly failures: number
  /** Since the daemon started. */
  readonly failuresTotal: number
  readonly error: string | null
  readonly failingSinceMs: number | null
}

export interface HubStatus {
  readonly hub: CapturedHub
  readonly destination: string
  readonly partitions: readonly PartitionStatus[]
}

export interface CapturedFile extends FileFacts {
  readonly partition: number
  readonly windowStartMs: number
  readonly name: string
}

interface Entry {
  readonly partition: number
  readonly work: PartitionCapture
  running: Promise<void> | null
  failures: number
  failuresTotal: number
  error: EhubError | null
  failingSinceMs: number | null
  retryAtMs: number
}

interface OpenCapture {
  readonly hub: CapturedHub
  /** Of the settings: they changed when it does. */
  readonly key: string
  readonly destination: Destination
  readonly entries: Entry[]
  hasBegun: boolean
  isStale: boolean
  /** Until its half files are gone. */
  leaving: Promise<void> | null
}

export class CaptureService {
  readonly #options: CaptureServiceOptions
  readonly #pool = new BlockPool()
  readonly #open = new Map<number, OpenCapture>()
  #timer: Timer | null = null
  #running = 0
  #isStopped = false
  #turn = 0

  constructor(options: CaptureServiceOptions) {
    this.#options = options
  }

  start(): void {
    this.look()
  }

  /** Begins nothing new, waits for what is under way. What was not finished is written again after the next start. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    const open = [...this.#open.values()]
    // Ends what waits for the network.
    await Promise.all(open.map(({ destination }) => destination.close()))
    for (const { entries, leaving } of open) {
      for (const { running } of entries) await running
      await leaving
    }
  }

  /** @throws EhubError `argument-error` for a destination or name format that is none, and as `Captures.enable`. */
  async enable(namespace: string, name: string, settings: CaptureSettings): Promise<HubStatus> {
    parseNameFormat(settings.nameFormat)
    await this.#options.openDestination(settings).close()
    const hub = await this.#options.captures.enable(namespace, name, settings)
    this.look()
    return this.statusOf(hub)
  }

  async disable(namespace: string, name: string): Promise<void> {
    await this.#options.captures.disable(namespace, name)
    this.look()
  }

  /** null: it was never on. */
  find(namespace: string, name: string): HubStatus | null {
    const hub = this.#options.captures.find(namespace, name)
    return hub === null ? null : this.statusOf(hub)
  }

  statusOf(hub: CapturedHub): HubStatus {
    const { captures, clock } = this.#options
    const open = this.#open.get(hub.id)
    const partitions = Array.from({ length: hub.partitionCount }, (_, partition): PartitionStatus => {
      const entry = open?.entries[partition]
      const { nextSequence, windowStartMs, files, events, bytes, lostEvents } = captures.progress(hub, partition)
      const lagEvents = hub.isEnabled ? Math.max(0, captures.source(hub, partition).end.sequence - nextSequence) : 0
      const startMs = entry?.work.windowStartMs ?? windowStartMs
      return {
        partition,
        nextSequence,
        windowStartMs: startMs,
        files,
        events,
        bytes,
        lostEvents,
        lagEvents,
        lagMs: lagEvents === 0 ? 0 : Math.max(0, clock.now() - startMs),
        failures: entry?.failures ?? 0,
        failuresTotal: entry?.failuresTotal ?? 0,
        error: entry?.error?.message ?? null,
        failingSinceMs: entry?.failingSinceMs ?? null,
      }
    })
    return { hub, destination: open?.destination.label ?? hub.destination, partitions }
  }

  /** Every hub whose Capture is on. */
  all(): readonly HubStatus[] {
    return this.#options.captures.list().map((hub) => this.statusOf(hub))
  }

  /**
   * Closes the open windows of a hub: everything stored when it was called is in files when it resolves.
   * @returns Files written meanwhile. Rejects with the destination's error, `not-allowed` when Capture is off.
   */
  async flush(hub: CapturedHub): Promise<number> {
    const before = this.#filesOf(hub)
    while (!this.#isStopped && !(await this.#flushOpen(await this.#settled(hub.id))));
    return this.#filesOf(hub) - before
  }

  /**
   * Files of a hub at its destination, by partition and window: the newest `limit` of each. Rejects with the destination's error.
   * @param only Of one partition; null: of all.
   */
  async *files(hub: CapturedHub, only: number | null, limit: number): AsyncGenerator<CapturedFile> {
    const destination = this.#options.openDestination(hub)
    try {
      for (let partition = 0; partition < hub.partitionCount; partition += 1) {
        if (only === null || only === partition) yield* newestFiles(destination, hub, partition, limit)
      }
    } finally {
      await destination.close()
    }
  }

  /** What is open for a hub once nobody writes for its settings before. */
  async #settled(id: number): Promise<OpenCapture> {
    for (;;) {
      this.look()
      const open = this.#open.get(id)
      if (open === undefined) throw new EhubError('cancelled', 'Capture was switched off or its hub deleted')
      if (!open.isStale) return open
      for (const { running } of open.entries) await running
      await open.leaving
    }
  }

  /** @returns Whether it was not changed meanwhile. */
  async #flushOpen(open: OpenCapture): Promise<boolean> {
    for (const entry of open.entries) {
      entry.retryAtMs = 0
      entry.work.flush()
    }
    for (const entry of open.entries) {
      while (entry.work.isFlushing && !open.isStale && !this.#isStopped) {
        await (entry.running ?? this.#run(open, entry))
        if (entry.error !== null) throw entry.error
      }
    }
    return !open.isStale
  }

  /** Looks at everything now, and again after a while as long as something is captured. */
  look(): void {
    this.#timer?.cancel()
    this.#timer = null
    if (this.#isStopped) return
    this.#follow()
    const nowMs = this.#options.clock.now()
    const machineMs = this.#options.machineClock.monotonicMs()
    const all = [...this.#open.values()].flatMap((open) => open.entries.map((entry) => ({ open, entry })))
    // Each look begins behind the one that was let run last, so that all get their turn.
    const first = this.#turn
    for (let i = 0; i < all.length && this.#running < runningMax; i += 1) {
      const at = (first + i) % all.length
      const candidate = all[at]
      if (candidate === undefined) break
      const { open, entry } = candidate
      if (entry.running !== null || machineMs < entry.retryAtMs || open.isStale || !entry.work.isDue(nowMs)) continue
      this.#turn = at + 1
      void this.#run(open, entry)
    }
    if (this.#open.size === 0) return
    this.#timer = this.#options.machineClock.schedule(this.#running > 0 ? busyLookMs : lookMs, () => this.look())
  }

  /** Opens what is to be captured, and lets go what is not any more. */
  #follow(): void {
    const wanted = new Map(this.#options.captures.list().map((hub) => [hub.id, hub]))
    for (const [id, open] of this.#open) {
      const hub = wanted.get(id)
      if (hub !== undefined && keyOf(hub) === open.key && !open.isStale) {
        this.#addPartitions(open, hub.partitionCount)
        continue
      }
      open.isStale = true
      // One that still writes is let go when it has ended: two never write for one partition.
      if (open.leaving === null && open.entries.every(({ running }) => running === null)) this.#leave(id, open)
    }
    for (const hub of wanted.values()) if (!this.#open.has(hub.id)) this.#openHub(hub)
  }

  #leave(id: number, open: OpenCapture): void {
    const leave = async () => {
      for (const { work } of open.entries) await work.abandon()
      await open.destination.close()
      this.#open.delete(id)
    }
    open.leaving = leave().catch(this.#options.onBug)
  }

  #openHub(hub: CapturedHub): void {
    const destination = this.#options.openDestination(hub)
    const key = keyOf(hub)
    const open: OpenCapture = { hub, key, destination, entries: [], hasBegun: false, isStale: false, leaving: null }
    this.#open.set(hub.id, open)
    this.#addPartitions(open, hub.partitionCount)
  }

  #addPartitions(open: OpenCapture, count: number): void {
    const { captures, clock, machineClock, log } = this.#options
    const { hub, destination, entries } = open
    for (let partition = entries.length; partition < count; partition += 1) {
      const source = captures.source(hub, partition)
      const hasBegun = () => this.#hasBegun(open)
      const shared = { captures, pool: this.#pool, clock, machineClock, log }
      const input = { hub, partition, source, destination, hasBegun, ...shared }
      entries.push({
        partition,
        work: new PartitionCapture(input),
        running: null,
        failures: 0,
        failuresTotal: 0,
        error: null,
        failingSinceMs: null,
        retryAtMs: 0,
      })
    }
  }

  #hasBegun(open: OpenCapture): boolean {
    const { captures } = this.#options
    open.hasBegun ||= open.entries.some(({ partition }) => {
      const { events, nextSequence } = captures.progress(open.hub, partition)
      return events > 0 || captures.source(open.hub, partition).end.sequence > nextSequence
    })
    return open.hasBegun
  }

  #run(open: OpenCapture, entry: Entry): Promise<void> {
    this.#running += 1
    entry.running = this.#runOnce(open, entry).finally(() => {
      this.#running -= 1
      entry.running = null
    })
    return entry.running
  }

  async #runOnce(open: OpenCapture, entry: Entry): Promise<void> {
    try {
      await entry.work.run()
      if (entry.failures > 0) this.#sayWell(open, entry)
      entry.failures = 0
      entry.error = null
      entry.failingSinceMs = null
    } catch (error) {
      this.#failed(open, entry, error)
    }
  }

  #failed(open: OpenCapture, entry: Entry, error: unknown): void {
    const { clock, machineClock, log, onBug } = this.#options
    const cause = error instanceof DestinationFailure ? error.cause : error
    if (!isEhubError(cause)) return onBug(error)
    // The hub or its Capture went, or the daemon goes: the next look sees it.
    if (this.#isStopped || cause.code === 'cancelled' || cause.code === 'hub-not-found') return
    entry.failures += 1
    entry.failuresTotal += 1
    entry.error = cause
    entry.failingSinceMs ??= clock.now()
    entry.retryAtMs =
      machineClock.monotonicMs() + Math.min(retryMsMax, retryMsMin * 2 ** Math.min(entry.failures - 1, 10))
    // Said once; the state, the metric and `doctor` show it for as long as it lasts.
    if (entry.failures > 1) return
    const { hub } = open.hub
    const { code, message } = cause
    log.error('Capture waits for its destination', { hub, partition: entry.partition, code, reason: message })
  }

  #sayWell(open: OpenCapture, { partition, failures }: Entry): void {
    this.#options.log.info('Capture goes on', { hub: open.hub.hub, partition, failures })
  }

  #filesOf(hub: CapturedHub): number {
    let files = 0
    for (let partition = 0; partition < hub.partitionCount; partition += 1) {
      files += this.#options.captures.progress(hub, partition).files
    }
    return files
  }
}

function keyOf(hub: CapturedHub): string {
  const { partitionCount: _, ...rest } = hub
  return JSON.stringify(rest)
}

async function* newestFiles(
  destination: Destination,
  { namespace, hub, nameFormat }: CapturedHub,
  partition: number,
  limit: number,
): AsyncGenerator<CapturedFile> {
  const format = parseNameFormat(nameFormat)
  const found: { readonly file: ListedFile; readonly startMs: number }[] = []
  const newest = () => found.sort((one, other) => one.startMs - other.startMs).splice(0, found.length - limit)
  for await (const file of destination.list(format.prefix({ namespace, hub, partition }))) {
    const place = format.parse(file.name, { namespace, hub })
    if (place === null || place.partition !== partition) continue
    found.push({ file, startMs: place.startMs })
    // Only the newest are kept, however many there are.
    if (found.length >= 2 * limit) newest()
  }
  newest()
  for (const { file, startMs } of found) {
    yield { ...(await factsOf(destination, file)), partition, windowStartMs: startMs, name: file.name }
  }
}

async function factsOf(destination: Destination, { name, bytes, facts }: ListedFile): Promise<FileFacts> {
  const known = facts ?? (await destination.readFacts(name, bytes))
  return { bytes, ...(known ?? { events: 0, firstSequence: -1, lastSequence: -1 }) }
}
