// What happens to a broker in one seed: its clients publish, read and keep checkpoints, its hubs and groups come and go,
// its process and its machine end.

import { isEhubError } from '../../src/base/error.ts'
import type { Publisher, Receiver, StartPosition } from '../../src/daemon/broker/broker-api.ts'
import { BrokerCheckpoints } from './broker-checkpoints.ts'
import { BrokerRetention } from './broker-retention.ts'
import { BrokerWorld, type OpenBroker, type WorldHub } from './broker-world.ts'
import { eventsOf, publicationPayload } from './event-body.ts'
import { type Fault, failRandomly, noFaults } from './faults.ts'
import { runTurns } from './scheduler.ts'
import { crashOutcomes } from './sim-disk.ts'
import type { SimRandom } from './sim-random.ts'
import type { OpenEngine } from './storage-world.ts'

export interface BrokerConfig {
  readonly hubs: number
  readonly partitions: number
  readonly steps: number
  readonly padding: number
  readonly crashes: 'none' | 'some' | 'many'
  readonly faults: 'none' | 'rare' | 'sync' | 'full'
  readonly capacityBytes: number
  /** Settings of hubs change and much time passes. */
  readonly hasRetention: boolean
}

const crashSteps = { none: 0, some: 3, many: 10 }

interface Reader {
  readonly id: number
  readonly receiver: Receiver
  readonly generation: number
  isReading: boolean
  isGone: boolean
}

export class BrokerLife {
  readonly world: BrokerWorld
  readonly steps: string[] = []
  restarts = 0
  readonly #random: SimRandom
  readonly #config: BrokerConfig
  readonly #checkpoints: BrokerCheckpoints
  readonly #retention: BrokerRetention
  #isHealed = false
  #publishers = new Map<string, Publisher>()
  #readers: Reader[] = []
  #readerNext = 0
  /** By producer: the number of its next event. Every producer sends to one hub's partition or hub, in order. */
  #numbers = new Map<number, number>()

  constructor(random: SimRandom, config: BrokerConfig, openEngine: OpenEngine, openBroker: OpenBroker) {
    this.#random = random
    this.#config = config
    this.world = new BrokerWorld(openEngine, openBroker, random.split('world'), config.capacityBytes)
    this.#checkpoints = new BrokerCheckpoints(this.world, random.split('checkpoints'))
    this.#retention = new BrokerRetention(this.world, random.split('retention'), config.faults === 'none')
  }

  async run(): Promise<void> {
    await this.#reopen('kill')
    for (let step = 0; step < this.#config.steps; step++) await this.#step()
    this.steps.push('heal')
    this.#isHealed = true
    this.world.capacityBytes = Infinity
    // A lying cache is only gone with the machine.
    await this.#restart(this.#config.faults === 'none' ? 'kill' : 'all-kept')
    await this.#expectProgress()
    await this.world.readBack()
  }

  async #step(): Promise<void> {
    const random = this.#random
    // Sometimes the next thing happens while the last one is under way.
    await runTurns(random.pick([0, 0, 1, 5, 20, 60]))
    if (this.world.broker === null || this.world.disk.isStopped) return this.#restart(this.#randomOutcome())
    const hub = this.world.hub(`hub${random.below(this.#config.hubs)}`)
    if (hub.presence === 'maybe' || [...hub.groups.values()].includes('maybe')) return this.#restart('kill')
    if (hub.presence === 'absent') return this.#createHub(hub)
    if (this.#config.hasRetention && random.chance(0.25)) return this.#retain(hub)
    const draw = random.below(100 + crashSteps[this.#config.crashes] * 3)
    if (draw < 38) return this.#publish(hub)
    if (draw < 58) return this.#read()
    if (draw < 68) return this.#openReader(hub)
    if (draw < 72) return this.#closeReader()
    if (draw < 84) return this.#checkpoint(hub)
    if (draw < 88) return this.#settle()
    if (draw < 92) return this.#group(hub)
    if (draw < 94) return this.#deleteHub(hub)
    if (draw < 97) return this.#advance()
    if (draw < 100) return this.#cleanRestart()
    const crash = random.below(3)
    if (crash === 0) return this.#restart('kill')
    if (crash === 1) return this.#restart(this.#randomOutcome())
    this.world.disk.stopAfter = this.world.disk.operationCount + random.between(1, 15)
    this.steps.push(`power goes at operation ${this.world.disk.stopAfter}`)
  }

  async #retain(hub: WorldHub): Promise<void> {
    const draw = this.#random.below(10)
    if (draw < 3) {
      await this.#settle()
      if (this.world.disk.isStopped) return
      this.steps.push(await this.#retention.change(hub))
    } else if (draw < 6) {
      this.steps.push(`look at ${hub.name}`)
      await this.#retention.look(hub)
    } else {
      this.steps.push('time passes')
      this.world.clock.advance(this.#random.pick([10_000, 60_000, 120_000, 120_001]))
      await this.world.quiesce()
    }
  }

  // ------------------------------------------------------------ entities

  async #createHub(hub: WorldHub): Promise<void> {
    this.steps.push(`create ${hub.name}`)
    hub.presence = 'maybe'
    const command = { name: hub.name, partitionCount: this.#random.between(1, this.#config.partitions) }
    const outcome = await this.world.attempt(this.world.broker!.createHub(this.world.caller, command))
    if (outcome.kind !== 'done') return
    hub.presence = 'present'
    hub.description = outcome.value
    this.#retention.made(outcome.value)
    hub.groups.clear()
    hub.groups.set('$Default', 'present')
    this.#checkpoints.madeGroup(hub, '$Default')
  }

  async #deleteHub(hub: WorldHub): Promise<void> {
    await this.#settle()
    if (this.world.disk.isStopped) return
    this.steps.push(`delete ${hub.name}`)
    for (let partition = 0; partition < hub.description!.partitionCount; partition++) {
      this.world.record({ type: 'delete-invoked', log: this.world.logName(hub, partition) })
    }
    hub.presence = 'maybe'
    const outcome = await this.world.attempt(this.world.broker!.deleteHub(this.world.caller, hub.name))
    if (outcome.kind !== 'done') return
    hub.presence = 'absent'
    hub.description = null
    hub.groups.clear()
    this.#publishers.delete(hub.name)
  }

  async #group(hub: WorldHub): Promise<void> {
    const group = `group${this.#random.below(2)}`
    const { broker, caller } = this.world
    await this.#settle()
    if (this.world.disk.isStopped || broker === null) return
    if (hub.groups.get(group) === 'present') {
      this.steps.push(`delete group ${hub.name}/${group}`)
      hub.groups.set(group, 'maybe')
      const outcome = await this.world.attempt(broker.deleteGroup(caller, hub.name, group))
      if (outcome.kind === 'done') hub.groups.set(group, 'absent')
    } else {
      this.steps.push(`create group ${hub.name}/${group}`)
      hub.groups.set(group, 'maybe')
      this.#checkpoints.madeGroup(hub, group)
      const outcome = await this.world.attempt(broker.createGroup(caller, hub.name, group, false))
      if (outcome.kind === 'done') hub.groups.set(group, 'present')
    }
  }

  async #checkpoint(hub: WorldHub): Promise<void> {
    const group = this.#presentGroup(hub)
    if (group === null) return
    const partition = this.#random.below(hub.description!.partitionCount)
    this.steps.push(`checkpoint ${hub.name}/${group}/${partition}`)
    this.#checkpoints.act(hub, group, partition)
    if (this.#random.chance(0.3)) await this.#settle()
  }

  // ------------------------------------------------------------ events

  async #publish(hub: WorldHub): Promise<void> {
    const { broker } = this.world
    let publisher = this.#publishers.get(hub.name)
    if (publisher === undefined) {
      publisher = broker!.openPublisher(this.world.caller, hub.name, null)
      this.#publishers.set(hub.name, publisher)
    }
    const bursts = this.#random.between(1, 4)
    for (let i = 0; i < bursts; i++) this.#publishOne(hub, publisher)
    if (this.#random.chance(0.5)) broker!.flush()
    if (this.#random.chance(0.3)) await this.#settle()
  }

  #publishOne(hub: WorldHub, publisher: Publisher): void {
    const random = this.#random
    const count = random.pick([1, 1, 1, 2, 5])
    const producer = random.below(8)
    const firstNumber = this.#numbers.get(producer) ?? 0
    const payload = publicationPayload(producer, firstNumber, count, random.below(this.#config.padding + 1))
    const partitionKey = random.chance(0.3) ? `key${random.below(5)}` : null
    let receipt: ReturnType<Publisher['publish']>
    try {
      receipt = publisher.publish({ payload, count, partitionKey })
    } catch (error) {
      if (!isEhubError(error, 'server-busy') && !this.world.isFault(error)) throw error
      return
    }
    this.#numbers.set(producer, firstNumber + count)
    this.#retention.stored(hub.description!, receipt.group.partition, {
      sequence: receipt.sequence,
      count,
      timeMs: receipt.enqueuedTimeMs,
    })
    const { generation } = this.world
    const { group, sequence } = receipt
    this.steps.push(`publish ${hub.name}/${group.partition} ${producer}/${firstNumber} ×${count} at ${sequence}`)
    this.world.sendInvoked(this.world.logName(hub, group.partition), producer, firstNumber, count)
    group.whenSettled((outcome) =>
      this.world.ifAlive(generation, () => {
        // A broken assertion of the product would only end the thread when the last seed is done.
        if (isEhubError(outcome, 'internal-error')) return this.world.fail(outcome.cause ?? outcome)
        const isRefused = isEhubError(outcome, 'disk-full')
        const told = outcome === 'stored' ? 'ok' : isRefused ? 'failed' : 'unknown'
        this.world.sendCompleted(producer, firstNumber, told, sequence)
      }),
    )
  }

  #openReader(hub: WorldHub): void {
    const group = this.#presentGroup(hub)
    if (group === null || this.#readers.length >= 12) return
    const random = this.#random
    const partition = random.below(hub.description!.partitionCount)
    const { broker, caller } = this.world
    const { beginSequence, lastSequence } = broker!.describePartition(caller, hub.name, `${partition}`)
    const end = lastSequence < 0 ? 0 : lastSequence + 1
    const sequence = random.between(beginSequence, Math.max(beginSequence, end - 1))
    const choices: [position: StartPosition, from: number][] = [
      [{ kind: 'beginning' }, beginSequence],
      [{ kind: 'end', isInclusive: false }, end],
    ]
    if (end > beginSequence) choices.push([{ kind: 'sequence', sequence, isInclusive: true }, sequence])
    const [position, from] = random.pick(choices)
    const level = random.chance(0.5) ? random.below(4) : null
    const id = this.#readerNext++
    this.steps.push(`open reader ${id} ${hub.name}/${group}/${partition} from ${from} level ${level}`)
    let receiver: Receiver
    try {
      receiver = broker!.openReceiver(caller, {
        hub: hub.name,
        group,
        partition: `${partition}`,
        position,
        ownerLevel: level,
        name: `reader${id}`,
        origin: 'sim',
      })
    } catch (error) {
      const codes = ['owner-level-lower', 'owner-level-required', 'receiver-limit'] as const
      if (!codes.some((code) => isEhubError(error, code))) throw error
      this.steps.push(`  refused: ${(error as Error).message.slice(0, 60)}`)
      return
    }
    const reader: Reader = { id, receiver, generation: this.world.generation, isReading: false, isGone: false }
    this.world.readerOpened({
      type: 'reader-opened',
      reader: id,
      log: this.world.logName(hub, partition),
      from,
      group,
      level,
    })
    receiver.onDetached(() =>
      this.world.ifAlive(reader.generation, () => {
        // From here on it may be handed nothing: the checker treats a later event as one handed to a closed reader.
        this.#gone(reader)
      }),
    )
    this.#readers.push(reader)
  }

  /** Takes what there is; sometimes without waiting, so that others act in between. */
  async #read(): Promise<void> {
    const idle = this.#readers.filter((reader) => !reader.isReading && !reader.isGone)
    if (idle.length === 0) return
    const reader = this.#random.pick(idle)
    this.steps.push(`read with ${reader.id} at ${reader.receiver.nextSequence}`)
    const from = reader.receiver.nextSequence
    const hub = this.world.hubs.get(reader.receiver.hub)?.description ?? null
    const oldestMs = hub === null ? -Infinity : this.#retention.oldestReadable(hub)
    let batches: ReturnType<Receiver['next']>
    try {
      batches = reader.receiver.next(this.#random.pick([1, 500, 5000]))
    } catch (error) {
      if (!this.world.isFault(error)) throw error
      return this.#gone(reader)
    }
    const take = (result: Awaited<typeof batches>) => {
      for (const batch of result) {
        for (const [i, event] of eventsOf(batch.payload).entries()) {
          const sequence = batch.baseSequence + i
          if (sequence < from) continue
          this.#retention.judgeRead(reader.receiver.hub, sequence, batch.enqueuedTimeMs, oldestMs)
          this.world.record({
            type: 'read',
            reader: reader.id,
            sequence,
            enqueuedTimeMs: batch.enqueuedTimeMs,
            ...event,
          })
        }
      }
    }
    if (!(batches instanceof Promise)) return take(batches)
    reader.isReading = true
    const pending = batches.then(
      (result) =>
        this.world.ifAlive(reader.generation, () => {
          reader.isReading = false
          take(result)
        }),
      (error: unknown) =>
        this.world.ifAlive(reader.generation, () => {
          const isTold = isEhubError(error, 'receiver-stolen') || isEhubError(error, 'hub-not-found')
          if (!isTold && !this.world.isFault(error) && !reader.isGone) throw error
          this.#gone(reader)
        }),
    )
    if (this.#random.chance(0.6)) await this.world.attempt(pending)
    else void pending
  }

  #closeReader(): void {
    if (this.#readers.length === 0) return
    const reader = this.#random.pick(this.#readers)
    this.steps.push(`close reader ${reader.id}`)
    reader.receiver.close()
    this.#gone(reader)
  }

  #gone(reader: Reader): void {
    reader.isGone = true
    this.#readers = this.#readers.filter((other) => other !== reader)
    this.world.readerClosed(reader.id)
  }

  #presentGroup(hub: WorldHub): string | null {
    const present = [...hub.groups].filter(([, presence]) => presence === 'present').map(([group]) => group)
    return present.length === 0 ? null : this.#random.pick(present)
  }

  // ------------------------------------------------------------ the machine

  async #settle(): Promise<void> {
    this.steps.push('settle')
    this.world.broker?.flush()
    await this.world.quiesce()
  }

  async #advance(): Promise<void> {
    if (this.#random.chance(0.3) && (!this.#config.hasRetention || this.#retention.mayJump)) {
      this.world.clock.jumpWall(this.#random.pick([-3_600_000, -1000, 1000, 3_600_000]))
      this.#retention.jumped()
    }
    this.world.clock.advance(this.#random.pick([1, 100, 5000]))
    this.steps.push('advance')
    await this.world.quiesce()
  }

  async #cleanRestart(): Promise<void> {
    this.steps.push('close')
    const outcome = await this.world.close()
    return this.#restart(outcome.kind === 'done' ? 'all-lost' : this.#randomOutcome())
  }

  #randomOutcome() {
    return this.#random.pick([...crashOutcomes, 'random-sectors', 'random-sectors', 'in-order'] as const)
  }

  async #restart(outcome: Parameters<BrokerWorld['restart']>[0]): Promise<void> {
    this.steps.push(`restart ${outcome}`)
    this.restarts++
    this.#publishers.clear()
    this.#readers = []
    this.world.restart(outcome)
    await this.#reopen(outcome)
  }

  async #reopen(outcome: Parameters<BrokerWorld['restart']>[0]): Promise<void> {
    if (this.restarts > 0 && this.#random.chance(0.1)) {
      this.world.disk.stopAfter = this.world.disk.operationCount + this.#random.between(1, 40)
      this.steps.push(`power goes in recovery at ${this.world.disk.stopAfter}`)
    }
    this.world.disk.faults = noFaults
    this.world.mayFail = this.#config.faults === 'full' && !this.#isHealed
    const opened = await this.world.open()
    if (opened.kind === 'failed') {
      // Too full to start: somebody makes room.
      this.steps.push(`  failed: ${opened.error.message}`)
      this.world.capacityBytes = Infinity
      return this.#restart(outcome)
    }
    if (opened.kind === 'stopped') return this.#restart(outcome === 'kill' ? 'kill' : this.#randomOutcome())
    this.#retention.restarted()
    this.#setFaults()
    this.#checkpoints.readAll()
  }

  #setFaults(): void {
    const { faults } = this.#config
    if (faults === 'none' || this.#isHealed) return
    this.world.mayFail = true
    const random = this.#random.split('faults')
    const eio: Fault = { kind: 'error', code: 'EIO' }
    const rate = random.pick([0.002, 0.02])
    if (faults === 'sync') this.world.disk.faults = failRandomly(random, { sync: 5 * rate }, [eio])
    if (faults !== 'rare') return
    const rates = { write: rate, sync: rate, create: rate, rename: rate, syncDirectory: rate, read: rate, open: rate }
    this.world.disk.faults = failRandomly(random, rates, [eio, { kind: 'partial', code: 'ENOSPC' }])
  }

  /** Liveness: every hub takes an event and hands it out. */
  async #expectProgress(): Promise<void> {
    for (const hub of this.world.hubs.values()) {
      if (hub.presence !== 'present') continue
      const publisher = this.world.broker!.openPublisher(this.world.caller, hub.name, null)
      this.#publishOne(hub, publisher)
      await this.#settle()
    }
    if (this.world.pendingSends > 0) throw new Error('a send is still pending after everything came to rest')
  }
}
