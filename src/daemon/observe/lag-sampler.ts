// Looks at every partition and every consumer group at a steady pace and says how far behind they are: the numbers behind
// `ehub lag`, `ehub top` and /metrics. It only reads the broker. One pass at a time; a slow pass delays the next one.

import type { Clock, Timer } from '../../base/clock.ts'
import { isEhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import { type Lag, type LagFacts, measureLag, peekReaderName } from '../../wire/lag/lag.ts'
import { groupKey, type HubRates, type LagSnapshot, type PartitionLag } from '../../wire/lag/snapshot.ts'
import { LagTracker } from '../../wire/lag/status.ts'
import type {
  Broker,
  Caller,
  Checkpoint,
  HubDescription,
  PartitionDescription,
  ReceiverDescription,
} from '../broker/broker-api.ts'
import { Rate } from '../../wire/lag/rates.ts'

/** Lookups of an event's time in one pass; beyond it ages stay as they were until their turn comes. */
const ageLookupsMax = 64

interface Watched {
  readonly tracker: LagTracker
  readonly outRate: Rate
  /** Sequence of the event whose time is known, and that time. */
  next: number
  nextTimeMs: number | null
}

interface WatchedPartition {
  readonly inEvents: Rate
  readonly inBytes: Rate
}

interface WatchedHub {
  readonly outEvents: Rate
  delivered: number
  /** Delivered counts of the receivers seen last, by id. */
  readonly byReceiver: Map<number, number>
}

export interface SamplerOptions {
  readonly broker: Broker
  /** With the right to see everything. */
  readonly caller: Caller
  readonly clock: Clock
  readonly log: Log
  /** Milliseconds from the end of a pass to the next. */
  readonly sampleMs: number
  /** Called after each pass. */
  readonly onSample?: (snapshot: LagSnapshot) => void
}

export class LagSampler {
  readonly #options: SamplerOptions
  readonly #groups = new Map<string, Watched>()
  readonly #partitions = new Map<string, WatchedPartition>()
  readonly #hubs = new Map<string, WatchedHub>()
  /** Groups a reader has been seen in: a fresh `$Default` must not show the whole log as lag. */
  readonly #seenReaders = new Set<string>()
  #snapshot: LagSnapshot
  #timer: Timer | null = null
  #running: Promise<void> | null = null
  #isStopped = false

  constructor(options: SamplerOptions) {
    this.#options = options
    this.#snapshot = {
      atMs: options.clock.now(),
      sampleMs: options.sampleMs,
      store: 'daemon',
      hubs: [],
      partitions: [],
    }
  }

  /** As of the last pass. */
  get snapshot(): LagSnapshot {
    return this.#snapshot
  }

  /** Takes the first pass and goes on until `stop`. */
  async start(): Promise<void> {
    await this.sample()
  }

  /** One pass now; joins the one under way. The next follows after the interval. */
  sample(): Promise<void> {
    this.#timer?.cancel()
    this.#running ??= this.#pass().finally(() => {
      this.#running = null
      if (!this.#isStopped) {
        this.#timer = this.#options.clock.schedule(this.#options.sampleMs, () => void this.sample())
      }
    })
    return this.#running
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#running
  }

  /** Somebody moved a group's checkpoint on purpose: moving back is not a fault then. @throws EhubError `hub-not-found`. */
  noteDeliberateMove(hub: string, group: string, partition: number): void {
    const { broker, caller, clock } = this.#options
    const { id } = broker.describeHub(caller, hub)
    this.#groups.get(watchKey(id, group, partition))?.tracker.noteDeliberateMove(clock.now())
  }

  async #pass(): Promise<void> {
    const { broker, caller, clock, log } = this.#options
    try {
      await broker.retention.look(caller, null, null)
      const atMs = clock.now()
      const kept = new Set<string>()
      const hubs: HubRates[] = []
      const rows: (() => PartitionLag)[] = []
      const lookups: (() => Promise<void>)[] = []
      for (const hub of broker.listHubs(caller)) {
        const partitions = Array.from({ length: hub.partitionCount }, (_, index) =>
          broker.describePartition(caller, hub.name, String(index)),
        )
        const receivers = broker.listReceivers(caller, hub.name)
        hubs.push(this.#hubRates(hub, partitions, receivers, atMs, kept))
        for (const group of hub.groups) {
          rows.push(...this.#groupRows({ hub, group, partitions, receivers, atMs, kept, lookups }))
        }
      }
      this.#forget(kept)
      await Promise.all(lookups.slice(0, ageLookupsMax).map((lookup) => lookup()))
      const { sampleMs } = this.#options
      this.#snapshot = { atMs, sampleMs, store: 'daemon', hubs, partitions: rows.map((row) => row()) }
      this.#options.onSample?.(this.#snapshot)
    } catch (error) {
      // A hub deleted between two calls, a daemon on its way down: the next pass sees the rest.
      if (!isEhubError(error)) throw error
      log.debug('a look at the consumer groups failed', { code: error.code, reason: error.message })
    }
  }

  #hubRates(
    hub: HubDescription,
    partitions: readonly PartitionDescription[],
    receivers: readonly ReceiverDescription[],
    atMs: number,
    kept: Set<string>,
  ): HubRates {
    let inEvents = 0
    let inBytes = 0
    for (const partition of partitions) {
      const key = watchKey(hub.id, '', partition.partition)
      kept.add(key)
      const watched = getOrMake(this.#partitions, key, () => ({
        inEvents: new Rate(this.#options.sampleMs / 2),
        inBytes: new Rate(this.#options.sampleMs / 2),
      }))
      watched.inEvents.push(partition.lastSequence + 1, atMs)
      watched.inBytes.push(partition.lastOffset, atMs)
      inEvents += watched.inEvents.perSecond
      inBytes += watched.inBytes.perSecond
    }
    kept.add(hub.id)
    const watched = getOrMake(this.#hubs, hub.id, () => ({
      outEvents: new Rate(this.#options.sampleMs / 2),
      delivered: 0,
      byReceiver: new Map(),
    }))
    countDelivered(watched, receivers)
    watched.outEvents.push(watched.delivered, atMs)
    const outEvents = watched.outEvents.perSecond
    return {
      hub: hub.name,
      partitionCount: hub.partitionCount,
      storedBytes: partitions.reduce((sum, partition) => sum + partition.storedBytes, 0),
      inEvents,
      inBytes,
      outEvents,
      // Events of a hub are alike enough: bytes out follow from events out and the mean size of those coming in.
      outBytes: inEvents > 0 ? (outEvents * inBytes) / inEvents : 0,
    }
  }

  #groupRows(look: {
    readonly hub: HubDescription
    readonly group: string
    readonly partitions: readonly PartitionDescription[]
    readonly receivers: readonly ReceiverDescription[]
    readonly atMs: number
    readonly kept: Set<string>
    readonly lookups: (() => Promise<void>)[]
  }): readonly (() => PartitionLag)[] {
    const { hub, group, partitions, receivers, atMs, kept, lookups } = look
    const { broker, caller } = this.#options
    const checkpoints = new Map(broker.checkpoints(caller, hub.name, group).map((c) => [c.partition, c] as const))
    const readers = receivers.filter((receiver) => receiver.group === group && receiver.name !== peekReaderName)
    const used = groupKey(hub.id, group)
    kept.add(used)
    if (readers.length > 0) this.#seenReaders.add(used)
    const isGroupUsed = checkpoints.size > 0 || this.#seenReaders.has(used)
    return partitions.map((partition) => {
      const key = watchKey(hub.id, group, partition.partition)
      kept.add(key)
      const watched = getOrMake(this.#groups, key, () => ({
        tracker: new LagTracker(this.#options.sampleMs / 2),
        outRate: new Rate(this.#options.sampleMs / 2),
        next: -1,
        nextTimeMs: null,
      }))
      const checkpoint = checkpoints.get(partition.partition) ?? null
      const facts = factsOf(partition, checkpoint, atMs)
      watched.tracker.push(facts)
      if (checkpoint !== null) watched.outRate.push(checkpoint.sequence + 1, atMs)
      const lag = measureLag(facts)
      if (lag.events > 0 && watched.next !== lag.next && isGroupUsed) {
        lookups.push(async () => {
          watched.nextTimeMs = await broker.enqueuedTimeOf(caller, hub.name, partition.partition, lag.next)
          watched.next = lag.next
        })
      }
      const here = readers.filter((receiver) => receiver.partition === partition.partition)
      const verdict = watched.tracker.verdict({ allowedEvents: 0, isGroupUsed })
      const inRate = this.#partitions.get(watchKey(hub.id, '', partition.partition))?.inEvents.perSecond ?? 0
      // Made only once the times asked for are there.
      return () => ({
        hub: hub.name,
        group,
        partition: partition.partition,
        first: partition.beginSequence,
        last: partition.lastSequence,
        checkpoint: checkpoint?.sequence ?? null,
        checkpointAtMs: checkpoint?.updatedAtMs ?? null,
        lag: lag.events,
        lagBytes: checkpoint === null ? null : Math.max(0, partition.lastOffset - checkpoint.offset),
        lost: lag.lost,
        ...ageOf(watched, lag, atMs),
        inRate,
        outRate: watched.outRate.perSecond,
        owner: here[0]?.name ?? checkpoint?.owner ?? null,
        ownerLevel: here[0]?.ownerLevel ?? null,
        readers: here.length,
        ...verdict,
      })
    })
  }

  /** What is no longer there costs nothing any more. */
  #forget(kept: ReadonlySet<string>): void {
    for (const watched of [this.#groups, this.#partitions, this.#hubs]) {
      for (const key of watched.keys()) if (!kept.has(key)) watched.delete(key)
    }
    for (const key of this.#seenReaders) if (!kept.has(key)) this.#seenReaders.delete(key)
  }
}

/** Known exactly, or, when its lookup had no turn, as the age of an event a little before the present next one. */
function ageOf(
  watched: Watched,
  lag: Lag,
  atMs: number,
): { readonly ageMs: number | null; readonly isAgeEstimated: boolean } {
  if (lag.events === 0 || watched.nextTimeMs === null || watched.next > lag.next) {
    return { ageMs: null, isAgeEstimated: false }
  }
  return { ageMs: Math.max(0, atMs - watched.nextTimeMs), isAgeEstimated: watched.next !== lag.next }
}

function factsOf(partition: PartitionDescription, checkpoint: Checkpoint | null, atMs: number): LagFacts {
  return {
    atMs,
    firstSequence: partition.beginSequence,
    lastSequence: partition.lastSequence,
    checkpoint:
      checkpoint === null
        ? null
        : { sequence: checkpoint.sequence, updatedAtMs: checkpoint.updatedAtMs, owner: checkpoint.owner },
    isReadable: true,
  }
}

/** Receivers come and go; what each delivered since the last look is added up, so that the sum never falls. */
function countDelivered(watched: WatchedHub, receivers: readonly ReceiverDescription[]): void {
  const present = new Set<number>()
  for (const { id, deliveredCount } of receivers) {
    present.add(id)
    watched.delivered += Math.max(0, deliveredCount - (watched.byReceiver.get(id) ?? 0))
    watched.byReceiver.set(id, deliveredCount)
  }
  for (const id of watched.byReceiver.keys()) if (!present.has(id)) watched.byReceiver.delete(id)
}

function watchKey(hub: string, group: string, partition: number): string {
  return `${hub}\n${group}\n${partition}`
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
