// The hubs whose logs are open: follows the durable state. Opening is done before a hub can be used, so that finding a partition
// never waits; removing a deleted hub's logs is finished at the next start when it was cut short.

import { EhubError } from '../../base/error.ts'
import type { Log } from '../../base/log.ts'
import type { StorageEngine } from '../storage/storage-engine.ts'
import { Congestion } from './in-flight.ts'
import { OpenHub } from './open-hub.ts'
import { openPartition, type Partition } from './partition.ts'
import type { AppenderContext } from './partition-appender.ts'
import type { HubState } from './state.ts'

/** Logs opened at the same time: enough to keep a disk busy, few enough for the open-files limit. */
const openingMax = 32

export interface OpenHubsInput {
  readonly engine: StorageEngine
  readonly context: AppenderContext
  readonly lines: Log
  readonly segmentBytes: number
  /** Unix milliseconds: what a hub has from before is older than its retention period. */
  readonly cutoff: (hub: Readonly<HubState>) => number
}

export class OpenHubs {
  readonly #input: OpenHubsInput
  readonly #hubs = new Map<number, OpenHub>()
  readonly #opening = new Map<number, Promise<OpenHub>>()
  /** By the hub's number: the growth asked for last. */
  readonly #growing = new Map<number, Promise<void>>()

  constructor(input: OpenHubsInput) {
    this.#input = input
  }

  /** @throws EhubError `server-busy` while its logs are being opened or when they could not be. */
  get(hub: HubState): OpenHub {
    const open = this.#hubs.get(hub.number)
    if (open !== undefined) return open
    throw new EhubError('server-busy', `hub "${hub.name}" is not open yet`, { retryAfterMs: 1000 })
  }

  isOpen(hub: HubState): boolean {
    return this.#hubs.has(hub.number)
  }

  all(): readonly OpenHub[] {
    return [...this.#hubs.values()]
  }

  /** Opens the hub's logs; shares the work with whoever is at it already. Rejects with storage's errors. */
  open(hub: HubState): Promise<OpenHub> {
    const open = this.#hubs.get(hub.number)
    if (open !== undefined) return Promise.resolve(open)
    const underWay = this.#opening.get(hub.number)
    if (underWay !== undefined) return underWay
    const opening = this.#openLogs(hub).finally(() => this.#opening.delete(hub.number))
    this.#opening.set(hub.number, opening)
    return opening
  }

  /**
   * Adds partitions so that the hub has `count`: opens their logs, runs `commit`, then has them used. Nothing changes when either
   * fails; logs made by then stay empty on the disk and are taken up by the next growth. One growth of a hub at a time.
   * @param commit Makes the new number durable.
   */
  grow(hub: HubState, count: number, commit: () => Promise<unknown>): Promise<void> {
    const before = this.#growing.get(hub.number) ?? Promise.resolve()
    const growth = before.then(() => this.#grow(hub, count, commit))
    const settled = growth.catch(() => undefined)
    this.#growing.set(hub.number, settled)
    void settled.then(() => {
      if (this.#growing.get(hub.number) === settled) this.#growing.delete(hub.number)
    })
    return growth
  }

  async #grow(hub: HubState, count: number, commit: () => Promise<unknown>): Promise<void> {
    const open = this.get(hub)
    const present = open.partitions.length
    const added = await openAll(count - present, (index) => this.#openOne(hub, present + index, open.congestion))
    try {
      await commit()
    } catch (error) {
      for (const { log } of added) await log.close()
      throw error
    }
    open.grow(added)
  }

  /** Takes the hub out of use; waits for an opening or growth under way, so that its logs can be removed afterwards. */
  async forget(number: number): Promise<OpenHub | null> {
    // Whether opening went well is for those who asked for it.
    await this.#opening.get(number)?.catch(() => undefined)
    await this.#growing.get(number)
    const hub = this.#hubs.get(number) ?? null
    this.#hubs.delete(number)
    return hub
  }

  async close(): Promise<void> {
    for (const hub of this.all()) {
      this.#hubs.delete(hub.number)
      await Promise.all(hub.partitions.map(({ log }) => log.close()))
    }
  }

  async #openLogs(hub: HubState): Promise<OpenHub> {
    const { number, partitionCount } = hub
    const congestion = new Congestion()
    const partitions = await openAll(partitionCount, (index) => this.#openOne(hub, index, congestion))
    const open = new OpenHub(hub, partitions, congestion)
    this.#hubs.set(number, open)
    return open
  }

  #openOne(hub: HubState, index: number, congestion: Congestion): Promise<Partition> {
    const { engine, context, lines, segmentBytes } = this.#input
    const { folder, name, durability } = hub
    const config = { durability, segmentBytes }
    const cutoff = () => this.#input.cutoff(hub)
    return openPartition({ engine, folder, index, hub: name, config, context, congestion, lines, cutoff })
  }
}

/** When one cannot be opened, the others are closed again, so that opening can be tried anew. */
async function openAll(count: number, openOne: (index: number) => Promise<Partition>): Promise<readonly Partition[]> {
  const opened: Partition[] = []
  let failure: { readonly reason: unknown } | null = null
  for (let first = 0; first < count && failure === null; first += openingMax) {
    const indexes = Array.from({ length: Math.min(openingMax, count - first) }, (_, index) => first + index)
    for (const result of await Promise.allSettled(indexes.map(openOne))) {
      if (result.status === 'fulfilled') opened.push(result.value)
      else failure ??= { reason: result.reason }
    }
  }
  if (failure === null) return opened
  for (const { log } of opened) await log.close()
  throw failure.reason
}
