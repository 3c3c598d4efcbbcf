// One seed: a random life of a hub that is compacted by key, with faults, kills and power cuts, judged after every read.

import { isEhubError } from '../../src/base/error.ts'
import { quietLog } from '../../src/base/log.ts'
import type { Broker, Publisher } from '../../src/daemon/broker/broker-api.ts'
import { openBroker } from '../../src/daemon/broker/broker.ts'
import type { StorageEngine } from '../../src/daemon/storage/storage-engine.ts'
import { sequenceOfIndex } from '../../src/daemon/storage/survivors.ts'
import { CompactionModel, type StoredEvent } from './compaction-model.ts'
import { type Fault, failRandomly, noFaults } from './faults.ts'
import { type KeyedEvent, keyedEventsOf, keyedPayload } from './keyed-events.ts'
import { quiesce, runTurns, settle } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { type CrashOutcome, crashOutcomes, SimDisk } from './sim-disk.ts'
import { SimRandom } from './sim-random.ts'
import type { OpenEngine } from './storage-world.ts'

const hub = 'prices'
const faultCodes: ReadonlySet<string> = new Set(['storage-failed', 'disk-full', 'storage-closed', 'server-busy'])

function drawConfig(random: SimRandom) {
  return {
    faults: random.pick(['none', 'none', 'none', 'rare'] as const),
    segmentBytes: random.pick([400, 1000, 4000]),
    mapBytes: random.pick([1, 1024, 65_536]),
    keys: random.pick([2, 5, 30]),
    lagMs: random.pick([0, 0, 30_000]),
    tombstoneMs: random.pick([0, 20_000, 60_000]),
    steps: random.between(10, 60),
    dirtyBytesMin: random.pick([1, 500, 1_000_000]),
  }
}

export async function runCompactionSeed(seed: number, openEngine: OpenEngine) {
  const random = new SimRandom(seed)
  const life = new CompactionLife(random, drawConfig(random.split('config')), openEngine)
  let failure: Error | null = null
  try {
    await life.run()
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  const { config, steps, events, restarts } = life
  return { seed, config, traceHash: life.traceHash, restarts, events, failure, steps: steps.slice(-40) }
}

class CompactionLife {
  readonly config: ReturnType<typeof drawConfig>
  readonly steps: string[] = []
  events = 0
  restarts = 0
  traceHash = 0
  readonly #random: SimRandom
  readonly #openEngine: OpenEngine
  readonly #clock = new SimClock()
  readonly #model: CompactionModel
  #disk: SimDisk
  #engine: StorageEngine | null = null
  #broker: Broker | null = null
  #publisher: Publisher | null = null
  #generation = 0
  #failure: unknown = null
  #isCompacting = false
  #isClosing = false
  #number = 0

  constructor(random: SimRandom, config: ReturnType<typeof drawConfig>, openEngine: OpenEngine) {
    this.#random = random
    this.config = config
    this.#openEngine = openEngine
    this.#model = new CompactionModel(config.lagMs, config.tombstoneMs)
    this.#disk = new SimDisk({ clock: this.#clock, random: random.split('disk') })
  }

  async run(): Promise<void> {
    await this.#open()
    this.#setFaults()
    for (let step = 0; step < this.config.steps; step++) await this.#step()
    this.#disk.faults = noFaults
    await this.#restart('all-kept')
    this.#disk.faults = noFaults
    await this.#read()
    await this.#compactNow()
    await this.#read()
    this.#clock.advance(this.config.lagMs + this.config.tombstoneMs + 1)
    await this.#compactNow()
    await this.#read()
  }

  #setFaults(): void {
    if (this.config.faults !== 'rare') return
    const errors: Fault[] = [{ kind: 'error', code: 'EIO' }]
    const rates = { write: 0.01, sync: 0.01, rename: 0.02, remove: 0.02, syncDirectory: 0.02, create: 0.01 }
    this.#disk.faults = failRandomly(this.#random.split('faults'), rates, errors)
  }

  async #step(): Promise<void> {
    const random = this.#random
    await runTurns(random.pick([0, 0, 1, 5, 30]))
    if (this.#failure !== null) throw this.#failure
    if (this.#broker === null || this.#disk.isStopped) return this.#restart(this.#outcome())
    const draw = random.below(100)
    if (draw < 48) return this.#send()
    if (draw < 62) return this.#compact()
    if (draw < 74) return this.#read()
    if (draw < 84) return this.#advance()
    if (draw < 88) return this.#note('settle', () => quiesce(this.#disk.scheduler))
    if (draw < 91) return this.#restart('clean')
    if (draw < 94) return this.#restart('kill')
    if (draw < 97) return this.#restart(this.#outcome())
    this.#disk.stopAfter = this.#disk.operationCount + random.between(1, 25)
    this.steps.push(`power goes at operation ${this.#disk.stopAfter}`)
  }

  #outcome(): CrashOutcome {
    return this.#random.pick([...crashOutcomes])
  }

  async #note(what: string, run: () => Promise<unknown>): Promise<void> {
    this.steps.push(what)
    await run()
  }

  /** Undefined when the power went or a fault came; anything else is a violation. */
  async #attempt<T>(promise: Promise<T>): Promise<T | undefined> {
    const disk = this.#disk
    try {
      return await settle(promise, disk.scheduler, this.#clock)
    } catch (error) {
      if (disk.isStopped || disk !== this.#disk || this.#isFault(error)) return undefined
      throw error
    }
  }

  #isFault(error: unknown): boolean {
    if (!isEhubError(error)) return false
    // A compaction that is under way when the broker closes ends with one of these.
    if (this.#isClosing && (error.code === 'shutting-down' || error.code === 'storage-closed')) return true
    return faultCodes.has(error.code) && this.config.faults !== 'none'
  }

  async #send(): Promise<void> {
    const count = this.#random.between(1, 8)
    const publisher = this.#publisher
    if (publisher === null) return
    this.steps.push(`send ${count}`)
    const generation = this.#generation
    for (let index = 0; index < count; index++) {
      const event = this.#event()
      try {
        const {
          sequence,
          enqueuedTimeMs: timeMs,
          group,
        } = publisher.publish({
          payload: keyedPayload(event),
          count: 1,
          partitionKey: event.key,
        })
        const sent = { ...event, sequence, timeMs }
        this.#model.sent(sent)
        group.whenSettled((outcome) => {
          if (generation !== this.#generation || this.#disk.isStopped) return
          if (outcome === 'stored') this.#model.stored(sent)
          else if (!this.#isFault(outcome)) this.#failure = outcome
        })
        this.events++
      } catch (error) {
        if (!this.#isFault(error)) throw error
      }
    }
    this.#broker?.flush()
  }

  #event(): KeyedEvent {
    const random = this.#random
    const key = random.chance(0.1) ? null : `key-${random.below(this.config.keys)}`
    const isTombstone = key !== null && random.chance(0.2)
    return { key, body: isTombstone ? '' : `value ${this.#number++} ${'x'.repeat(random.below(80))}` }
  }

  async #advance(): Promise<void> {
    const ms = this.#random.pick([1, 1000, 10_000, 16_000, 60_000])
    this.steps.push(`advance ${ms}`)
    // The janitor may begin a run by itself at any of these.
    for (let left = ms; left > 0; left -= 1000) {
      this.#model.runInvoked(this.#clock.now() + Math.min(1000, left))
      this.#clock.advance(Math.min(1000, left))
      await runTurns(3)
    }
    await quiesce(this.#disk.scheduler)
  }

  /** Mostly something else happens while it goes on. */
  async #compact(): Promise<void> {
    if (this.#isCompacting) return
    this.steps.push('compact')
    const running = this.#compactNow()
    if (this.#random.chance(0.5)) await running
    else running.catch((error: unknown) => (this.#failure = error))
  }

  async #compactNow(): Promise<void> {
    const broker = this.#broker
    if (broker === null) return
    const generation = this.#generation
    this.#isCompacting = true
    try {
      for (;;) {
        this.#model.runInvoked(this.#clock.now())
        const step = await this.#attempt(broker.compaction.run(broker.ownerCaller(''), hub, 0))
        if (generation !== this.#generation || step === undefined) return
        if (!step.isDone) continue
        if (step.segmentsSkipped === 0) this.#model.runCompleted(Math.min(step.cleanSequence, step.toSequence))
        return
      }
    } finally {
      if (generation === this.#generation) this.#isCompacting = false
    }
  }

  /** Everything from the beginning, judged. */
  async #read(): Promise<void> {
    const broker = this.#broker
    if (broker === null) return
    this.steps.push('read')
    await quiesce(this.#disk.scheduler)
    if (this.#disk.isStopped) return
    const caller = broker.ownerCaller('')
    const end = broker.describePartition(caller, hub, '0').lastSequence + 1
    const receiver = broker.openReceiver(caller, {
      ...{ hub, group: '$Default', partition: '0', ownerLevel: null, name: null, origin: 'sim' },
      position: { kind: 'beginning' },
    })
    const found: StoredEvent[] = []
    while (receiver.nextSequence < end) {
      const from = receiver.nextSequence
      const batches = await this.#attempt(Promise.resolve(receiver.next(this.#random.pick([1, 500, 10_000]))))
      if (batches === undefined || batches.length === 0) return receiver.close()
      for (const batch of batches) {
        for (const [index, event] of keyedEventsOf(batch.payload).entries()) {
          const sequence = sequenceOfIndex(batch, index)
          if (sequence >= from && sequence < end) found.push({ ...event, sequence, timeMs: batch.enqueuedTimeMs })
        }
      }
    }
    receiver.close()
    // The clock also moves while something is waited for, and the janitor begins runs by it.
    this.#model.runInvoked(this.#clock.now())
    this.#model.judge(found, Math.max(end, 0))
    this.traceHash = Math.imul(this.traceHash ^ found.length ^ (end << 8), 0x01000193) >>> 0
  }

  async #open(): Promise<void> {
    const { segmentBytes, mapBytes, dirtyBytesMin, lagMs, tombstoneMs } = this.config
    const [clock, disk] = [this.#clock, this.#disk]
    const engine = await this.#attempt(this.#openEngine({ disk, clock, random: this.#random.split('engine') }))
    if (engine === undefined) return
    const options = { segmentBytes, compaction: { mapBytes, dirtyBytesMin } }
    const random = this.#random.split('broker')
    const broker = await this.#attempt(openBroker({ engine, clock, random, log: quietLog, options }))
    if (broker === undefined) return
    const caller = broker.ownerCaller('')
    const made = await this.#attempt(
      broker.createHub(caller, {
        ...{ name: hub, partitionCount: 1, cleanup: 'compact', ifNotExists: true },
        ...{ tombstoneRetentionMs: tombstoneMs, minCompactionLagMs: lagMs },
      }),
    )
    if (made === undefined) return
    this.#engine = engine
    this.#broker = broker
    this.#publisher = broker.openPublisher(caller, hub, '0')
  }

  async #restart(outcome: CrashOutcome | 'kill' | 'clean'): Promise<void> {
    this.steps.push(`restart ${outcome}`)
    this.restarts++
    if (outcome === 'clean' && this.#broker !== null && this.#engine !== null) {
      this.#isClosing = true
      await this.#attempt(this.#broker.close())
      await this.#attempt(this.#engine.close())
    }
    this.#isClosing = false
    this.#generation++
    this.#isCompacting = false
    this.traceHash = Math.imul(this.traceHash ^ this.#disk.traceHash, 0x01000193) >>> 0
    const options = { clock: this.#clock }
    const isKill = outcome === 'kill' || outcome === 'clean'
    this.#disk = isKill ? this.#disk.kill(options) : this.#disk.crash(outcome, options, this.#random.uint32() / 2 ** 32)
    this.#clock.dropTimers()
    this.#engine = null
    this.#broker = null
    this.#publisher = null
    if (this.#random.chance(0.1)) this.#disk.stopAfter = this.#disk.operationCount + this.#random.between(1, 40)
    await this.#open()
    if (this.#broker === null && !this.#disk.isStopped) throw new Error('the broker does not open')
    if (this.#disk.isStopped) return this.#restart(this.#outcome())
    this.#setFaults()
  }
}
