// Lag of a namespace that has no control API, Azure's or any other: what partitions hold is asked of `$management`, what groups
// have handled is read from the container their processors keep it in. The same rules and rows as the daemon's own; ages are
// interpolated, receivers and stored bytes are not to be seen from outside.

import type { Clock } from '../base/clock.ts'
import { isEhubError } from '../base/error.ts'
import { AgeTable } from '../wire/lag/age.ts'
import { type Lag, type LagFacts, measureLag } from '../wire/lag/lag.ts'
import { Rate } from '../wire/lag/rates.ts'
import { groupKey, type HubRates, type LagSnapshot, type PartitionLag } from '../wire/lag/snapshot.ts'
import { LagTracker } from '../wire/lag/status.ts'
import { entityKey } from '../wire/entity-names.ts'
import type { BlobCheckpoints, StoredGroup } from './blob-checkpoints.ts'
import type { HubClient, PartitionEnds } from './hub-client.ts'

export interface RemoteLagOptions {
  readonly clock: Clock
  readonly store: BlobCheckpoints
  /** Hubs to look at; null: those the store knows. */
  readonly hubs: readonly string[] | null
  /** Groups to show also where the store knows nothing of them. */
  readonly groups: readonly string[]
  /** Asked once a hub; the client is kept and closed by `close`. */
  readonly openHub: (hub: string) => Promise<HubClient>
  /** Milliseconds between looks, as the caller means to take them. */
  readonly sampleMs: number
}

interface WatchedPartition {
  readonly inEvents: Rate
  readonly inBytes: Rate
  readonly ages: AgeTable
}

interface WatchedGroup {
  readonly tracker: LagTracker
  readonly outRate: Rate
  readonly history: { readonly atMs: number; readonly lag: number }[]
}

interface HubLook {
  readonly hub: string
  readonly ends: ReadonlyMap<number, PartitionEnds>
}

/** Looks kept for graphs: an hour of seconds. */
const historyMax = 3600

export class RemoteLag {
  readonly #options: RemoteLagOptions
  readonly #clients = new Map<string, Promise<HubClient>>()
  readonly #partitions = new Map<string, WatchedPartition>()
  readonly #groups = new Map<string, WatchedGroup>()
  #stored: readonly StoredGroup[] | null = null

  constructor(options: RemoteLagOptions) {
    this.#options = options
  }

  /**
   * One look.
   * @throws EhubError when a hub cannot be asked, or the store could not be read even once; a store that fails later is told by
   *   the rows.
   */
  async sample(): Promise<LagSnapshot> {
    const { clock, store, sampleMs } = this.#options
    const isReadable = await this.#readStore()
    const stored = this.#stored ?? []
    const hubs = this.#options.hubs ?? [...new Set(stored.map(({ hub }) => hub))]
    const looks = await Promise.all(hubs.map((hub) => this.#look(hub)))
    const atMs = clock.now()
    const partitions: PartitionLag[] = []
    const rates: HubRates[] = []
    for (const look of looks) {
      this.#watchPartitions(look, atMs)
      const rows = this.#groupsOf(look.hub, stored).flatMap((group) => this.#rows(look, group, isReadable, atMs))
      partitions.push(...rows)
      rates.push(this.#rates(look, rows))
    }
    return { atMs, sampleMs, store: `blob:${store.label}`, hubs: rates, partitions }
  }

  /** What the lag was at each look since `fromMs`, oldest first. */
  history(hub: string, group: string, partition: number, fromMs: number): readonly { atMs: number; lag: number }[] {
    const watched = this.#groups.get(watchKey(hub, group, partition))
    return watched?.history.filter(({ atMs }) => atMs >= fromMs) ?? []
  }

  /** As of the last look. */
  storedGroup(hub: string, group: string): StoredGroup | null {
    const isWanted = (row: StoredGroup) =>
      entityKey(row.hub) === entityKey(hub) && entityKey(row.group) === entityKey(group)
    return this.#stored?.find(isWanted) ?? null
  }

  /** The client of a hub, for more than lag. */
  client(hub: string): Promise<HubClient> {
    const known = this.#clients.get(hub)
    if (known !== undefined) return known
    const opening = this.#options.openHub(hub)
    this.#clients.set(hub, opening)
    opening.catch(() => this.#clients.delete(hub))
    return opening
  }

  async close(): Promise<void> {
    for (const opening of await Promise.allSettled(this.#clients.values())) {
      if (opening.status === 'fulfilled') await opening.value.close()
    }
  }

  async #readStore(): Promise<boolean> {
    try {
      this.#stored = await this.#options.store.read(this.#options.hubs)
      return true
    } catch (error) {
      if (this.#stored === null || !isEhubError(error)) throw error
      return false
    }
  }

  async #look(hub: string): Promise<HubLook> {
    const client = await this.client(hub)
    const ids = await client.partitionIds()
    const ends = await Promise.all(ids.map(async (id) => [Number(id), await client.partitionEnds(id)] as const))
    return { hub, ends: new Map(ends) }
  }

  #watchPartitions({ hub, ends }: HubLook, atMs: number): void {
    for (const [partition, { endSequence, lastOffset, lastEnqueuedTimeMs }] of ends) {
      const watched = getOrMake(this.#partitions, watchKey(hub, '', partition), () => ({
        inEvents: new Rate(),
        inBytes: new Rate(),
        ages: new AgeTable(),
      }))
      watched.inEvents.push(endSequence, atMs)
      const bytes = offsetOf(lastOffset)
      if (bytes !== null) watched.inBytes.push(bytes, atMs)
      // Better than the time of the look: the service says when the last event came.
      if (endSequence > 0 && lastEnqueuedTimeMs > 0) watched.ages.push(endSequence - 1, lastEnqueuedTimeMs)
    }
  }

  /** In order of name; those asked for are there whatever the store knows. */
  #groupsOf(hub: string, stored: readonly StoredGroup[]): readonly StoredGroup[] {
    const found = stored.filter((row) => entityKey(row.hub) === entityKey(hub))
    const missing = this.#options.groups.filter((name) =>
      found.every(({ group }) => entityKey(group) !== entityKey(name)),
    )
    const empty = missing.map((group) => ({ hub, group, checkpoints: new Map(), owners: new Map() }))
    return [...found, ...empty].toSorted((one, other) => (one.group < other.group ? -1 : 1))
  }

  #rows(look: HubLook, stored: StoredGroup, isReadable: boolean, atMs: number): readonly PartitionLag[] {
    const { hub } = look
    const { group, checkpoints, owners } = stored
    const isGroupUsed = checkpoints.size > 0 || owners.size > 0
    return [...look.ends].map(([partition, ends]) => {
      const watched = getOrMake(this.#groups, watchKey(hub, group, partition), () => ({
        tracker: new LagTracker(),
        outRate: new Rate(),
        history: [],
      }))
      const checkpoint = checkpoints.get(partition) ?? null
      const owner = owners.get(partition) ?? checkpoint?.owner ?? null
      const facts: LagFacts = {
        atMs,
        firstSequence: ends.beginSequence,
        lastSequence: ends.endSequence - 1,
        checkpoint:
          checkpoint === null
            ? null
            : { sequence: checkpoint.sequence, updatedAtMs: checkpoint.updatedAtMs, owner: checkpoint.owner },
        isReadable,
      }
      watched.tracker.push(facts)
      if (checkpoint !== null) watched.outRate.push(checkpoint.sequence + 1, atMs)
      const lag = measureLag(facts)
      watched.history.push({ atMs, lag: lag.events })
      if (watched.history.length > historyMax) watched.history.shift()
      const lastOffset = offsetOf(ends.lastOffset)
      const offset = checkpoint?.offset ?? null
      const from = this.#partitions.get(watchKey(hub, '', partition))
      return {
        ...{ hub, group, partition, first: ends.beginSequence, last: ends.endSequence - 1 },
        checkpoint: checkpoint?.sequence ?? null,
        checkpointAtMs: checkpoint?.updatedAtMs ?? null,
        lag: lag.events,
        lagBytes: offset === null || lastOffset === null ? null : Math.max(0, lastOffset - offset),
        lost: lag.lost,
        ...ageOf(from?.ages, lag, ends, atMs),
        inRate: from?.inEvents.perSecond ?? 0,
        outRate: watched.outRate.perSecond,
        ...{ owner, ownerLevel: null, readers: 0 },
        ...watched.tracker.verdict({ allowedEvents: 0, isGroupUsed }),
      }
    })
  }

  #rates({ hub, ends }: HubLook, rows: readonly PartitionLag[]): HubRates {
    let inEvents = 0
    let inBytes = 0
    for (const partition of ends.keys()) {
      const watched = this.#partitions.get(watchKey(hub, '', partition))
      inEvents += watched?.inEvents.perSecond ?? 0
      inBytes += watched?.inBytes.perSecond ?? 0
    }
    // What groups have handled stands for what they were sent: receivers are not to be seen from outside.
    const outEvents = rows.reduce((sum, row) => sum + row.outRate, 0)
    const outBytes = inEvents > 0 ? (outEvents * inBytes) / inEvents : 0
    return { hub, partitionCount: ends.size, storedBytes: 0, inEvents, inBytes, outEvents, outBytes }
  }
}

/** The service knows the time of the last event; of one before it the table makes an estimate. */
function ageOf(
  ages: AgeTable | undefined,
  { events, next }: Lag,
  { endSequence, lastEnqueuedTimeMs }: PartitionEnds,
  atMs: number,
): { readonly ageMs: number | null; readonly isAgeEstimated: boolean } {
  if (events === 0) return { ageMs: null, isAgeEstimated: false }
  if (next === endSequence - 1) return { ageMs: Math.max(0, atMs - lastEnqueuedTimeMs), isAgeEstimated: false }
  return { ageMs: ages?.ageMs(next, atMs) ?? null, isAgeEstimated: true }
}

/** Of a geo-replicated namespace it is no number. */
function offsetOf(text: string): number | null {
  const offset = Number(text)
  return /^-?\d+$/.test(text) && Number.isSafeInteger(offset) ? offset : null
}

function watchKey(hub: string, group: string, partition: number): string {
  return `${groupKey(hub, group)}\n${partition}`
}

function getOrMake<V>(map: Map<string, V>, key: string, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
