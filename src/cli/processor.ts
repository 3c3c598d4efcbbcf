// One processor among the others of a consumer group: claims its fair share of the partitions, renews its claims, lets go of
// what others took, takes over what nobody renews. The store is the daemon's; who reads is told over two callbacks.
//
//   every cycle:   list claims ─► let go ─► renew ours ─► claim what is missing ─► begin what is ours and not read
//
// One cycle at a time. A claim is a compare-and-set: of two processors that want the same partition one loses and looks again.

import type { Clock, Timer } from '../base/clock.ts'
import { type EhubError, isEhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import type { ControlClient } from '../client/control-client.ts'
import { isRetryable } from '../client/retry.ts'
import type { OwnershipReply } from '../wire/control/contract.ts'
import { type BalanceStrategy, isHeld, partitionsToClaim } from '../wire/load-balancer.ts'
import { isTaken } from './partition-reader.ts'

export interface ProcessorOptions {
  readonly clock: Clock
  readonly random: Random
  readonly control: ControlClient
  readonly hub: string
  readonly group: string
  /** `$daemon` or a container. */
  readonly store: string
  /** Who claims; no other processor has this name. */
  readonly owner: string
  readonly strategy: BalanceStrategy
  readonly cycleMs: number
  /** A claim not renewed for so long is anybody's. More than a cycle. */
  readonly expiresMs: number
  /** Asked in each cycle: a hub may get more. */
  readonly partitions: () => Promise<readonly number[]>
  /** The partition is ours: read it. A rejection that may pass is tried again in the next cycle. */
  readonly onClaimed: (partition: number) => Promise<void>
  /** The partition is not ours any more: stop, and keep no checkpoint of it. */
  readonly onLost: (partition: number) => void
  /** A cycle failed and the next one may do. */
  readonly onTrouble: (error: EhubError) => void
  /** No cycle will do. */
  readonly onFailed: (error: unknown) => void
}

// A claim of what nobody had is soon followed by the next look, so that a processor on its own need not wait a cycle for each
// partition; what has an owner still changes hands once a cycle.
const hurriedPart = 40

export class Processor {
  readonly #options: ProcessorOptions
  readonly #held = new Set<number>()
  readonly #reading = new Set<number>()
  #timer: Timer | null = null
  #running: Promise<void> | null = null
  #lastGoodMs: number
  #isStopped = false

  constructor(options: ProcessorOptions) {
    this.#options = options
    this.#lastGoodMs = options.clock.monotonicMs()
  }

  /** Partitions that are ours as far as we know, in no order. */
  get held(): ReadonlySet<number> {
    return this.#held
  }

  /** Takes the first cycle and goes on until `stop`. @throws EhubError of the first cycle. */
  async start(): Promise<void> {
    const first = this.#cycle()
    this.#running = first.then(
      () => undefined,
      () => undefined,
    )
    this.#schedule(await first)
  }

  /** The reading of a partition ended by itself: whether it is still ours shows in the next cycle. */
  readingEnded(partition: number): void {
    this.#reading.delete(partition)
  }

  /** Gives every claim back, so that others need not wait for it to lapse. Never throws. */
  async stop(): Promise<void> {
    this.#isStopped = true
    this.#timer?.cancel()
    await this.#running
    const { control, hub, group, store } = this.#options
    try {
      const { owners } = await control.call('listOwners', { hub, group, store })
      const ours = owners.filter((row) => row.owner === this.#options.owner)
      await Promise.all(ours.map(({ partition, etag }) => this.#claim({ partition, owner: null, ifMatch: etag })))
    } catch (error) {
      // They lapse by themselves.
      if (!isEhubError(error)) throw error
      this.#options.onTrouble(error)
    }
    this.#held.clear()
  }

  #schedule(isHurried: boolean): void {
    if (this.#isStopped) return
    const { clock, cycleMs } = this.#options
    this.#timer = clock.schedule(isHurried ? cycleMs / hurriedPart : cycleMs, () => {
      this.#running = this.#cycle()
        .then((again) => {
          this.#lastGoodMs = clock.monotonicMs()
          this.#schedule(again)
        })
        .catch((error: unknown) => this.#cycleFailed(error))
        .finally(() => {
          this.#running = null
        })
    })
  }

  #cycleFailed(error: unknown): void {
    const { clock, expiresMs, onTrouble, onFailed } = this.#options
    // Others have long taken over by then.
    const isOver = clock.monotonicMs() - this.#lastGoodMs > Math.max(60_000, 2 * expiresMs)
    if (!isRetryable(error) || isOver) return onFailed(error)
    onTrouble(error)
    this.#schedule(false)
  }

  /** @returns Whether to look again soon. */
  async #cycle(): Promise<boolean> {
    const { control, hub, group, store, owner, strategy, random, expiresMs, cycleMs } = this.#options
    const [partitions, { owners, nowMs }] = await Promise.all([
      this.#options.partitions(),
      control.call('listOwners', { hub, group, store }),
    ])
    const claims = newestOf(owners)
    for (const partition of this.#held) {
      const claim = claims.get(partition)
      if (claim?.owner !== owner) this.#lose(partition)
    }
    const renewals = [...claims.values()].filter((claim) => claim.owner === owner)
    for (const { partition } of renewals) this.#held.add(partition)
    const dueMs = nowMs - cycleMs / 2
    await Promise.all(
      renewals
        .filter(({ updatedAtMs }) => updatedAtMs <= dueMs)
        .map(async ({ partition, etag }) => {
          if (!(await this.#claim({ partition, owner, ifMatch: etag }))) this.#lose(partition)
        }),
    )
    const wanted = partitionsToClaim({
      ...{ owner, partitions, claims: [...claims.values()], nowMs, expiresMs, strategy, random },
    })
    let isHurried = false
    await Promise.all(
      wanted.map(async (partition) => {
        const claim = claims.get(partition)
        const isOurs = await this.#claim({ partition, owner, ifMatch: claim?.etag ?? null })
        if (isOurs) this.#held.add(partition)
        // Also when another one was faster: there was something to have.
        if (claim === undefined || !isHeld(claim, nowMs, expiresMs)) isHurried = true
      }),
    )
    await Promise.all([...this.#held].map((partition) => this.#read(partition)))
    return isHurried
  }

  async #read(partition: number): Promise<void> {
    if (this.#reading.has(partition) || this.#isStopped) return
    this.#reading.add(partition)
    try {
      await this.#options.onClaimed(partition)
    } catch (error) {
      this.#reading.delete(partition)
      if (!isRetryable(error) && !isTaken(error)) throw error
      this.#options.onTrouble(error)
    }
  }

  #lose(partition: number): void {
    this.#held.delete(partition)
    if (this.#reading.delete(partition)) this.#options.onLost(partition)
  }

  /** @returns Whether it was carried out; false: another one was faster. */
  async #claim(claim: {
    readonly partition: number
    readonly owner: string | null
    readonly ifMatch: string | null
  }): Promise<boolean> {
    const { control, hub, group, store } = this.#options
    try {
      await control.call('claimOwnership', { hub, group, store, ...claim })
      return true
    } catch (error) {
      if (isEhubError(error) && error.code === 'ownership-conflict') return false
      throw error
    }
  }
}

/** In a container a partition may have been claimed under two names of the host: the last word counts. */
function newestOf(owners: readonly OwnershipReply[]): ReadonlyMap<number, OwnershipReply> {
  const newest = new Map<number, OwnershipReply>()
  for (const row of owners) {
    const known = newest.get(row.partition)
    if (known === undefined || known.updatedAtMs < row.updatedAtMs) newest.set(row.partition, row)
  }
  return newest
}
