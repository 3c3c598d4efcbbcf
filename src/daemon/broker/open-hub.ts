// One hub at run time: its open partitions, the round robin over them, and who publishes to it.

import { assert } from '../../base/assert.ts'
import type { EhubError } from '../../base/error.ts'
import { partitionNotFound } from './error-texts.ts'
import type { Congestion } from './in-flight.ts'
import type { Partition } from './partition.ts'
import { PartitionChooser } from './partition-chooser.ts'
import type { HubState } from './state.ts'

/** Who has to be told when the hub goes. */
interface Detachable {
  detach(reason: EhubError): void
}

export class OpenHub {
  /** As it is in the durable state: its settings change. */
  readonly state: Readonly<HubState>
  readonly congestion: Congestion
  readonly #partitions: Partition[]
  readonly #chooser: PartitionChooser
  readonly #publishers = new Set<Detachable>()
  readonly #isUsable = (index: number): boolean => this.partition(index).appender.isWritable

  constructor(state: HubState, partitions: readonly Partition[], congestion: Congestion) {
    this.state = state
    this.#partitions = [...partitions]
    this.congestion = congestion
    this.#chooser = new PartitionChooser(partitions.length)
  }

  get number(): number {
    return this.state.number
  }

  get name(): string {
    return this.state.name
  }

  /** By index; more may come, none goes. */
  get partitions(): readonly Partition[] {
    return this.#partitions
  }

  /** New partitions, in order behind the present ones: from now on they are chosen, found and counted. */
  grow(partitions: readonly Partition[]): void {
    this.#partitions.push(...partitions)
    this.#chooser.grow(this.#partitions.length)
  }

  /** Every partition takes publications: who has no partition of its own may have to write to any. */
  get isWritable(): boolean {
    return this.congestion.partitions === 0
  }

  /** By its index, which must exist. */
  partition(index: number): Partition {
    const partition = this.#partitions[index]
    assert(partition !== undefined, 'a chosen partition exists')
    return partition
  }

  /**
   * By its id as a client writes it: `0`, `1`, … without leading zeros.
   * @throws EhubError `partition-not-found`.
   */
  partitionOfText(text: string): Partition {
    const partition = /^(?:0|[1-9][0-9]{0,3})$/.test(text) ? this.#partitions[Number(text)] : undefined
    if (partition === undefined) throw partitionNotFound(this.name, text, this.partitions.length)
    return partition
  }

  choose(turn: number, bytes: number, count: number): number {
    return this.#chooser.choose(turn, bytes, count, this.#isUsable)
  }

  addPublisher(publisher: Detachable): void {
    this.#publishers.add(publisher)
  }

  removePublisher(publisher: Detachable): void {
    this.#publishers.delete(publisher)
  }

  detachPublishers(reason: EhubError): void {
    for (const publisher of [...this.#publishers]) publisher.detach(reason)
  }
}
