// Clients that keep checkpoints with compare-and-set, several at a time on one register, told to the history checker.

import { isEhubError } from '../../src/base/error.ts'
import type { CheckpointWrite } from '../../src/daemon/broker/broker-api.ts'
import type { BrokerWorld, WorldHub } from './broker-world.ts'
import type { RegisterExpectation } from './history.ts'
import type { SimRandom } from './sim-random.ts'

export class BrokerCheckpoints {
  readonly #world: BrokerWorld
  readonly #random: SimRandom
  /** What each register was last seen to hold; what a client bases its next write on. */
  readonly #seen = new Map<string, { value: string | null; etag: string | null }>()
  #valueNext = 0

  constructor(world: BrokerWorld, random: SimRandom) {
    this.#world = world
    this.#random = random
  }

  /** A group made anew has new registers. */
  madeGroup(hub: WorldHub, group: string): void {
    hub.groupMade.set(group, (hub.groupMade.get(group) ?? 0) + 1)
  }

  /** One client reads, writes or clears, without waiting for the answer. */
  act(hub: WorldHub, group: string, partition: number): void {
    const draw = this.#random.below(10)
    if (draw < 3) this.#read(hub, group, partition)
    else if (draw < 9) this.#write(hub, group, partition)
    else this.#clear(hub, group, partition)
  }

  /** After a restart: every register holds something that the history explains. */
  readAll(): void {
    for (const hub of this.#world.hubs.values()) {
      if (hub.presence !== 'present') continue
      for (const [group, presence] of hub.groups) {
        if (presence !== 'present') continue
        for (let partition = 0; partition < hub.description!.partitionCount; partition++)
          this.#read(hub, group, partition)
      }
    }
  }

  #key(hub: WorldHub, group: string, partition: number): string {
    return `${hub.description!.id}/${group}#${hub.groupMade.get(group) ?? 0}/${partition}`
  }

  #read(hub: WorldHub, group: string, partition: number): void {
    const key = this.#key(hub, group, partition)
    const operation = this.#world.registerInvoked(key, { kind: 'read' })
    const checkpoints = this.#world.broker!.checkpoints(this.#world.caller, hub.name, group)
    const found = checkpoints.find((checkpoint) => checkpoint.partition === partition)
    const value = found?.owner ?? null
    this.#seen.set(key, { value, etag: found?.etag ?? null })
    this.#world.registerCompleted(operation, { kind: 'value', value })
  }

  #write(hub: WorldHub, group: string, partition: number): void {
    const { lastSequence } = this.#world.broker!.describePartition(this.#world.caller, hub.name, `${partition}`)
    if (lastSequence < 0) return
    const key = this.#key(hub, group, partition)
    const seen = this.#seen.get(key)
    const value = `w${this.#valueNext++}`
    const isConditional = seen !== undefined && this.#random.chance(0.7)
    const expected: RegisterExpectation = isConditional ? { kind: 'is', value: seen.value } : { kind: 'any' }
    const write: CheckpointWrite = {
      sequence: this.#random.below(lastSequence + 1),
      owner: value,
      ...(isConditional ? { ifMatch: seen.etag } : {}),
    }
    const operation = this.#world.registerInvoked(key, { kind: 'write', value, expected })
    const { generation } = this.#world
    const { broker, caller } = this.#world
    broker!.setCheckpoint(caller, hub.name, group, partition, write).then(
      (checkpoint) =>
        this.#world.ifAlive(generation, () => {
          this.#seen.set(key, { value, etag: checkpoint.etag })
          this.#world.registerCompleted(operation, { kind: 'done' })
        }),
      (error: unknown) =>
        this.#world.ifAlive(generation, () => {
          if (isEhubError(error, 'checkpoint-conflict')) {
            this.#world.registerCompleted(operation, { kind: 'conflict' })
          } else if (this.#world.isFault(error)) {
            this.#world.registerCompleted(operation, { kind: 'unknown' })
          } else this.#world.fail(error)
        }),
    )
  }

  #clear(hub: WorldHub, group: string, partition: number): void {
    const key = this.#key(hub, group, partition)
    const operation = this.#world.registerInvoked(key, { kind: 'clear' })
    const { generation } = this.#world
    this.#world.broker!.clearCheckpoint(this.#world.caller, hub.name, group, partition).then(
      () => this.#world.ifAlive(generation, () => this.#world.registerCompleted(operation, { kind: 'done' })),
      (error: unknown) =>
        this.#world.ifAlive(generation, () => {
          // Clearing what is not there says so: it took effect on nothing.
          if (isEhubError(error, 'checkpoint-not-found')) {
            this.#world.registerCompleted(operation, { kind: 'done' })
          } else if (this.#world.isFault(error)) {
            this.#world.registerCompleted(operation, { kind: 'unknown' })
          } else this.#world.fail(error)
        }),
    )
  }
}
