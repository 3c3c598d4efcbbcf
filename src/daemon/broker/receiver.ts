// One reader of one partition: follows the log from its position on. Never goes back by itself, never skips what is there, and
// gives nothing any more once it is detached, also not from a read that was under way.

import { assert } from '../../base/assert.ts'
import { type EhubError, isEhubError } from '../../base/error.ts'
import type { Waiter } from '../../base/gate.ts'
import type { Batch } from '../storage/storage-engine.ts'
import { beginBatchAt } from './batch-begin.ts'
import type { Receiver, ReceiverDescription, ReceiverOptions, RuntimeMetric } from './broker-api.ts'
import type { Delivered } from './figures.ts'
import type { Partition } from './partition.ts'
import { type Placement, searchPlacement } from './positions.ts'

const nothing: readonly Batch[] = Object.freeze([])

export interface ReceiverInput {
  readonly id: number
  readonly hub: string
  readonly group: string
  readonly partition: Partition
  readonly placement: Placement
  readonly options: ReceiverOptions
  readonly openedAtMs: number
  readonly now: () => number
  /** Looked at with every read, since a wall clock that jumps ahead ends a token before its timer runs. */
  /** Counts what was handed over, also when the receiver is gone. */
  readonly delivered: Delivered
  readonly mayListen: () => EhubError | null
  /** Called once, when it is closed or detached. */
  readonly onGone: (receiver: PartitionReceiver) => void
}

export class PartitionReceiver implements Receiver {
  readonly id: number
  readonly hub: string
  readonly group: string
  readonly partition: number
  readonly name: string | null
  readonly ownerLevel: number | null
  readonly #input: ReceiverInput
  readonly #partition: Partition
  #nextSequence: number
  /** What is left to look up before the position is known. */
  #placement: Placement | null
  #rewindMin: number
  #isReading = false
  /**
   * What a read resolved with, maybe still on its way to whoever awaits it: other microtasks may run in between, and one of
   * them may displace this receiver. Emptied then.
   */
  #arriving: Batch[] | null = null
  #waiter: Waiter | null = null
  #detached: EhubError | null = null
  #isClosed = false
  #onDetached: ((reason: EhubError) => void) | null = null
  #credit = 0
  #deliveredCount = 0
  readonly #delivered: Delivered

  constructor(input: ReceiverInput) {
    const { id, hub, group, partition, placement, options, delivered } = input
    this.#input = input
    this.#partition = partition
    this.#delivered = delivered
    this.id = id
    this.hub = hub
    this.group = group
    this.partition = partition.index
    this.name = options.name
    this.ownerLevel = options.ownerLevel
    this.#placement = placement.kind === 'at' ? null : placement
    this.#nextSequence = placement.kind === 'at' ? placement.sequence : partition.retained.start.sequence
    this.#rewindMin = this.#nextSequence
  }

  get nextSequence(): number {
    return this.#nextSequence
  }

  next(maxBytes: number): readonly Batch[] | Promise<readonly Batch[]> {
    this.#checkAttached()
    assert(!this.#isReading, 'one read of a receiver at a time')
    this.#arriving = null
    if (this.#placement !== null) return this.#reading(() => this.#placeAndRead(maxBytes))
    const { log } = this.#partition
    this.#catchUp()
    if (this.#nextSequence >= log.end.sequence) return nothing
    const cached = log.readCached(this.#nextSequence, maxBytes)
    if (cached !== null && this.#isAlive(cached)) return this.#moveBehind(cached)
    return this.#reading(() => this.#read(maxBytes))
  }

  rewind(sequence: number): void {
    assert(sequence >= this.#rewindMin && sequence <= this.#nextSequence, 'a receiver rewinds within its last read')
    this.#nextSequence = sequence
  }

  whenReady(run: () => void): void {
    this.#waiter?.cancel()
    this.#waiter = null
    if (this.#detached !== null || this.#isClosed) return
    // While the position is looked up, the next read does the waiting.
    const above = this.#placement === null ? this.#nextSequence : -1
    this.#waiter = this.#partition.log.gate.whenAbove(above, run)
  }

  metric(): RuntimeMetric {
    const { sequence, offset, timeMs } = this.#partition.appender.lastStored()
    return { lastSequence: sequence, lastOffset: offset, lastEnqueuedTimeMs: timeMs, retrievedAtMs: this.#input.now() }
  }

  onDetached(run: (reason: EhubError) => void): void {
    this.#onDetached = run
    // Detached between opening and listening cannot happen in one turn, but an adapter may listen late.
    const reason = this.#detached
    if (reason !== null) queueMicrotask(() => run(reason))
  }

  report(credit: number, deliveredCount: number): void {
    this.#credit = credit
    this.#delivered.events += deliveredCount - this.#deliveredCount
    this.#deliveredCount = deliveredCount
  }

  close(): void {
    if (this.#isClosed || this.#detached !== null) return
    this.#isClosed = true
    this.#leave()
  }

  /** Ends it from the broker's side: nothing is handed over after this returns. */
  detach(reason: EhubError): void {
    if (this.#isClosed || this.#detached !== null) return
    this.#detached = reason
    this.#leave()
    this.#onDetached?.(reason)
  }

  describe(): ReceiverDescription {
    const { id, hub, group, partition, name, ownerLevel } = this
    const { options, openedAtMs } = this.#input
    return {
      id,
      hub,
      group,
      partition,
      name,
      origin: options.origin,
      ownerLevel,
      credit: this.#credit,
      deliveredCount: this.#deliveredCount,
      nextSequence: this.#nextSequence,
      openedAtMs,
    }
  }

  #leave(): void {
    this.#waiter?.cancel()
    this.#waiter = null
    if (this.#arriving !== null) this.#arriving.length = 0
    this.#input.onGone(this)
  }

  #checkAttached(): void {
    const refusal = this.#detached === null ? this.#input.mayListen() : null
    if (refusal !== null) this.detach(refusal)
    if (this.#detached !== null) throw this.#detached
    assert(!this.#isClosed, 'a closed receiver is not read')
  }

  async #reading(read: () => Promise<readonly Batch[]>): Promise<readonly Batch[]> {
    this.#isReading = true
    try {
      const batches = [...(await read())]
      if (this.#detached !== null) throw this.#detached
      if (this.#isClosed) return nothing
      this.#arriving = batches
      return batches
    } finally {
      this.#isReading = false
    }
  }

  async #placeAndRead(maxBytes: number): Promise<readonly Batch[]> {
    if (this.#placement !== null) {
      this.#nextSequence = await searchPlacement(this.#partition, this.#placement)
      this.#placement = null
    }
    const from = this.#nextSequence
    const batches = await this.#read(maxBytes)
    const [first, ...rest] = batches
    // Who asked could not know where this begins, so what lies before is taken off here.
    return first === undefined ? batches : [beginBatchAt(first, from), ...rest]
  }

  async #read(maxBytes: number): Promise<readonly Batch[]> {
    const { log, retained } = this.#partition
    for (;;) {
      if (!retained.isExact) await retained.look()
      if (this.#isClosed) return nothing
      if (this.#detached !== null) throw this.#detached
      this.#catchUp()
      if (this.#nextSequence >= log.end.sequence) return nothing
      try {
        const cached = log.readCached(this.#nextSequence, maxBytes)
        const batches = cached ?? (await log.read(this.#nextSequence, maxBytes))
        if (this.#isAlive(batches)) return this.#moveBehind(batches)
      } catch (error) {
        // Trimmed while we read: begin anew where the log now starts.
        if (!isEhubError(error, 'sequence-trimmed') || log.start.sequence <= this.#nextSequence) throw error
      }
    }
  }

  /** None of them is older than the retention period: times never decrease, so the first says it for all. */
  #isAlive(batches: readonly Batch[]): boolean {
    const [first] = batches
    return first === undefined || this.#partition.retained.isAlive(first)
  }

  /** What was trimmed or has expired cannot be read any more: the earliest is next. */
  #catchUp(): void {
    const { start } = this.#partition.retained
    if (this.#nextSequence < start.sequence) this.#nextSequence = start.sequence
  }

  #moveBehind(batches: readonly Batch[]): readonly Batch[] {
    const last = batches.at(-1)
    if (last === undefined) return batches
    this.#rewindMin = this.#nextSequence
    this.#nextSequence = last.baseSequence + last.count
    return batches
  }
}
