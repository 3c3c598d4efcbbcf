// A whole broker over an engine on a simulated disk. What its clients do and see goes into the history checker; which
// hubs and groups must exist is kept here.

import { type EhubErrorCode, isEhubError } from '../../src/base/error.ts'
import { quietLog } from '../../src/base/log.ts'
import type { Random } from '../../src/base/random.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { Broker, Caller, HubDescription } from '../../src/daemon/broker/broker-api.ts'
import type { Log } from '../../src/base/log.ts'
import type { StorageEngine } from '../../src/daemon/storage/storage-engine.ts'
import { eventsOf } from './event-body.ts'
import type { HistoryEntry, RegisterAction, RegisterResult } from './history.ts'
import { HistoryChecker } from './history-checker.ts'
import { quiesce, settle } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { type CrashOutcome, SimDisk } from './sim-disk.ts'
import type { SimRandom } from './sim-random.ts'
import { ModelViolation, type OpenEngine, type Outcome } from './storage-world.ts'

export type OpenBroker = (parts: {
  readonly engine: StorageEngine
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
}) => Promise<Broker>

const faultCodes: readonly EhubErrorCode[] = [
  'storage-failed',
  'storage-closed',
  'disk-full',
  'server-busy',
  'data-folder-unusable',
]

/** `maybe`: an answer never came. */
export type Presence = 'present' | 'absent' | 'maybe'

export interface WorldHub {
  readonly name: string
  presence: Presence
  description: HubDescription | null
  readonly groups: Map<string, Presence>
  /** Counts how often each group was made, to tell its checkpoints from those of its predecessor. */
  readonly groupMade: Map<string, number>
}

export class BrokerWorld {
  readonly clock = new SimClock()
  readonly checker = new HistoryChecker()
  readonly hubs = new Map<string, WorldHub>()
  readonly random: SimRandom
  disk: SimDisk
  engine: StorageEngine | null = null
  broker: Broker | null = null
  generation = 0
  traceHash = 0
  #openEngine: OpenEngine
  #openBroker: OpenBroker
  #pendingSends = new Map<string, { producer: number; firstNumber: number }>()
  #pendingRegisters = new Set<number>()
  #openReaders = new Set<number>()
  #registerNext = 0
  #failure: Error | null = null

  /** Whether operations may fail: injected faults or a full disk. */
  mayFail = false
  /** Of the disk after the next restart. */
  capacityBytes: number

  constructor(openEngine: OpenEngine, openBroker: OpenBroker, random: SimRandom, capacityBytes = Infinity) {
    this.#openEngine = openEngine
    this.#openBroker = openBroker
    this.random = random
    this.capacityBytes = capacityBytes
    this.disk = new SimDisk({ clock: this.clock, random: random.split('disk'), capacityBytes })
  }

  get caller(): Caller {
    return this.broker!.ownerCaller('')
  }

  /** Called before an observation is judged. */
  onRecord: () => void = () => undefined

  record(entry: HistoryEntry): void {
    if (entry.type === 'read' || entry.type === 'stored-log') this.onRecord()
    if ('sequence' in entry) this.disk.trace(entry.type.length, entry.sequence ?? 0)
    this.checker.record(entry)
    const violation = this.checker.violations[0]
    if (violation !== undefined) throw new ModelViolation(`rule ${violation.rule}: ${violation.what}`)
  }

  async attempt<T>(promise: Promise<T>, allowed: readonly EhubErrorCode[] = []): Promise<Outcome<T>> {
    try {
      const value = await settle(promise, this.disk.scheduler, this.clock)
      if (this.#failure !== null) throw this.#failure
      return { kind: 'done', value }
    } catch (error) {
      if (this.#failure !== null) throw this.#failure
      if (error instanceof ModelViolation) throw error
      if (this.disk.isStopped) return { kind: 'stopped' }
      if (isEhubError(error) && (allowed.includes(error.code) || this.isFault(error))) return { kind: 'failed', error }
      throw error
    }
  }

  /** An error that may come while faults are on. */
  isFault(error: unknown): boolean {
    return this.mayFail && faultCodes.some((code) => isEhubError(error, code))
  }

  get pendingSends(): number {
    return this.#pendingSends.size
  }

  async quiesce(): Promise<void> {
    await quiesce(this.disk.scheduler)
    if (this.#failure !== null) throw this.#failure
  }

  /** Something went wrong in a callback: the next step of the run fails with it. */
  fail(error: unknown): void {
    this.#failure ??= error instanceof Error ? error : new Error(String(error))
  }

  /** Runs a callback's effect unless the process it belongs to is gone. */
  ifAlive(generation: number, run: () => void): void {
    if (generation !== this.generation || this.disk.isStopped) return
    try {
      run()
    } catch (error) {
      this.fail(error)
    }
  }

  async open(): Promise<Outcome<void>> {
    const { disk, clock } = this
    const engine = await this.attempt(this.#openEngine({ disk, clock, random: this.random.split('engine') }))
    if (engine.kind !== 'done') return engine
    this.engine = engine.value
    const random = this.random.split('broker')
    const broker = await this.attempt(this.#openBroker({ engine: engine.value, clock, random, log: quietLog }))
    if (broker.kind !== 'done') return broker
    this.broker = broker.value
    this.#checkEntities()
    return { kind: 'done', value: undefined }
  }

  /** Broker and engine say goodbye; what was in flight is answered. */
  async close(): Promise<Outcome<void>> {
    const drained = await this.attempt(this.broker!.drain())
    if (drained.kind !== 'done') return drained
    const closed = await this.attempt(this.broker!.close())
    if (closed.kind !== 'done') return closed
    return this.attempt(this.engine!.close())
  }

  restart(outcome: CrashOutcome | 'kill'): void {
    this.generation++
    this.traceHash = Math.imul(this.traceHash ^ this.disk.traceHash, 0x01000193) >>> 0
    const options = { clock: this.clock, capacityBytes: this.capacityBytes }
    this.disk =
      outcome === 'kill' ? this.disk.kill(options) : this.disk.crash(outcome, options, this.random.uint32() / 2 ** 32)
    this.clock.dropTimers()
    this.engine = null
    this.broker = null
    for (const send of this.#pendingSends.values()) this.record({ type: 'send-completed', ...send, outcome: 'unknown' })
    this.#pendingSends.clear()
    for (const operation of this.#pendingRegisters) {
      this.record({ type: 'register-completed', operation, result: { kind: 'unknown' } })
    }
    this.#pendingRegisters.clear()
    for (const reader of this.#openReaders) this.record({ type: 'reader-closed', reader })
    this.#openReaders.clear()
  }

  // ------------------------------------------------------------ entities

  hub(name: string): WorldHub {
    let hub = this.hubs.get(name)
    if (hub === undefined) {
      hub = { name, presence: 'absent', description: null, groups: new Map(), groupMade: new Map() }
      this.hubs.set(name, hub)
    }
    return hub
  }

  logName(hub: WorldHub, partition: number): string {
    return `${hub.description!.id}/${partition}`
  }

  /** What must exist exists with the same id, what must not does not; what was unknown is known now. */
  #checkEntities(): void {
    const present = new Map(this.broker!.listHubs(this.caller).map((hub) => [hub.name, hub]))
    for (const name of present.keys()) {
      if (!this.hubs.has(name)) throw new ModelViolation(`hub ${name} exists, nobody made it`)
    }
    for (const hub of this.hubs.values()) {
      const found = present.get(hub.name)
      if (hub.presence === 'present' && found === undefined) throw new ModelViolation(`hub ${hub.name} is gone`)
      if (hub.presence === 'absent' && found !== undefined) throw new ModelViolation(`hub ${hub.name} came back`)
      const isSame = hub.description === null || found === undefined || found.id === hub.description.id
      if (!isSame) throw new ModelViolation(`hub ${hub.name} has another id`)
      hub.presence = found === undefined ? 'absent' : 'present'
      hub.description = found ?? null
      if (found === undefined) hub.groups.clear()
      else this.#checkGroups(hub, found)
    }
  }

  #checkGroups(hub: WorldHub, found: HubDescription): void {
    for (const [group, presence] of hub.groups) {
      const isFound = found.groups.includes(group)
      if (presence === 'present' && !isFound) throw new ModelViolation(`group ${hub.name}/${group} is gone`)
      if (presence === 'absent' && isFound) throw new ModelViolation(`group ${hub.name}/${group} came back`)
      hub.groups.set(group, isFound ? 'present' : 'absent')
    }
  }

  // ------------------------------------------------------------ what clients do

  sendInvoked(log: string, producer: number, firstNumber: number, count: number): void {
    this.#pendingSends.set(`${producer}/${firstNumber}`, { producer, firstNumber })
    this.record({ type: 'send-invoked', log, producer, firstNumber, count })
  }

  sendCompleted(producer: number, firstNumber: number, outcome: 'ok' | 'failed' | 'unknown', sequence: number): void {
    this.#pendingSends.delete(`${producer}/${firstNumber}`)
    const answer = { type: 'send-completed', producer, firstNumber, outcome } as const
    this.record(outcome === 'ok' ? { ...answer, sequence } : answer)
  }

  readerOpened(entry: Extract<HistoryEntry, { type: 'reader-opened' }>): void {
    this.#openReaders.add(entry.reader)
    this.record(entry)
  }

  readerClosed(reader: number): void {
    if (this.#openReaders.delete(reader)) this.record({ type: 'reader-closed', reader })
  }

  registerInvoked(key: string, action: RegisterAction): number {
    const operation = this.#registerNext++
    this.#pendingRegisters.add(operation)
    this.record({ type: 'register-invoked', operation, key, action })
    return operation
  }

  registerCompleted(operation: number, result: RegisterResult): void {
    this.#pendingRegisters.delete(operation)
    this.record({ type: 'register-completed', operation, result })
  }

  /** Reads everything back from the log's start and lets the checker finish. */
  async readBack(): Promise<void> {
    for (const hub of this.hubs.values()) {
      if (hub.presence !== 'present') continue
      for (let partition = 0; partition < hub.description!.partitionCount; partition++)
        await this.#readBackLog(hub, partition)
    }
    const [violation] = this.checker.finish()
    if (violation !== undefined) throw new ModelViolation(`rule ${violation.rule}: ${violation.what}`)
  }

  async #readBackLog(hub: WorldHub, partition: number): Promise<void> {
    const log = this.logName(hub, partition)
    await this.attempt(this.broker!.retention.look(this.caller, hub.name, `${partition}`))
    const { beginSequence: start, lastSequence } = this.broker!.describePartition(this.caller, hub.name, `${partition}`)
    const end = lastSequence < 0 ? 0 : lastSequence + 1
    this.record({ type: 'stored-log', log, start, end })
    const receiver = this.broker!.openReceiver(this.caller, {
      hub: hub.name,
      group: '$Default',
      partition: `${partition}`,
      position: { kind: 'beginning' },
      ownerLevel: null,
      name: null,
      origin: 'read-back',
    })
    for (;;) {
      const from = receiver.nextSequence
      const outcome = await this.attempt(Promise.resolve(receiver.next(10_000)))
      if (outcome.kind !== 'done') throw new ModelViolation(`the read-back of ${log} failed`)
      if (outcome.value.length === 0) break
      for (const batch of outcome.value) {
        for (const [i, event] of eventsOf(batch.payload).entries()) {
          const sequence = batch.baseSequence + i
          if (sequence < from) continue
          this.record({ type: 'stored', log, sequence, enqueuedTimeMs: batch.enqueuedTimeMs, ...event })
        }
      }
    }
    receiver.close()
  }
}
