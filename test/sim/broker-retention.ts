// What retention may do in a life of a broker, said without looking at how it does it. Honest time is what the simulation's
// monotonic clock says; the wall clock jumps.
//
// - Nothing younger than the period is missing: an event may be gone only when honest time (or a wall clock that went evenly for
//   ten minutes, and a minute of slack) minus the shortest period in force has passed its enqueued time. The checker is told so
//   as a trim, and holds the broker to it.
// - Nothing older is handed out, to the millisecond, and nothing comes back: judged as long as nothing jumped and nothing failed,
//   since then the time that is believed is the honest one.

import type { HubDescription } from '../../src/daemon/broker/broker-api.ts'
import type { BrokerWorld, WorldHub } from './broker-world.ts'
import type { SimRandom } from './sim-random.ts'
import { ModelViolation } from './storage-world.ts'

const startMs = 1_700_000_000_000
const evenMs = 600_000
const slackMs = 61_000
const periods = [120_000, 300_000, 3_600_000, null] as const

interface Stored {
  readonly sequence: number
  readonly count: number
  readonly timeMs: number
}

interface LogModel {
  readonly stored: Stored[]
  /** Everything before may be gone. */
  trimmedTo: number
  /** The latest beginning that was told. */
  begin: number
}

interface HubModel {
  /** Periods that may be in force; more than one while a change is under way or its answer never came. */
  periods: readonly (number | null)[]
  /** Enqueued times below may be missing. */
  cutoffMs: number
  readonly logs: Map<number, LogModel>
}

export class BrokerRetention {
  readonly #world: BrokerWorld
  readonly #random: SimRandom
  readonly #isSound: boolean
  readonly #hubs = new Map<string, HubModel>()
  #evenSinceMs = 0
  #aheadMs = 0
  #hasJumped = false
  #firstHubAtMs: number | null = null

  /** @param isSound No operation fails in this life. */
  constructor(world: BrokerWorld, random: SimRandom, isSound: boolean) {
    this.#world = world
    this.#random = random
    this.#isSound = isSound
    world.onRecord = () => this.tick()
  }

  /** The believed time is durable soon after the first hub: a jump before that, and a crash, has nothing to be told by. */
  get mayJump(): boolean {
    return this.#isSound && this.#firstHubAtMs !== null && this.#monotonicMs - this.#firstHubAtMs > 5000
  }

  made(hub: HubDescription): void {
    this.#firstHubAtMs ??= this.#monotonicMs
    this.#model(hub)
  }

  jumped(): void {
    this.#hasJumped = true
    this.#evenSinceMs = this.#monotonicMs
  }

  restarted(): void {
    this.#evenSinceMs = this.#monotonicMs
    for (const hub of this.#world.hubs.values()) {
      const { description } = hub
      if (hub.presence !== 'present' || description === null) continue
      this.#model(description).periods = [description.retentionMs]
    }
  }

  stored(hub: HubDescription, partition: number, one: Stored): void {
    const { stored } = this.#log(hub, partition)
    // Numbers of what failed are given again.
    while ((stored.at(-1)?.sequence ?? -1) >= one.sequence) stored.pop()
    stored.push(one)
  }

  /** Changes settings, or adds a partition. */
  async change(hub: WorldHub): Promise<string> {
    const { description } = hub
    const { broker, caller } = this.#world
    if (description === null || broker === null) return 'change nothing'
    const model = this.#model(description)
    const retentionMs = this.#random.pick(periods)
    const grows = this.#random.chance(0.2) && description.partitionCount < 6
    const change = grows ? { partitionCount: description.partitionCount + 1 } : { retentionMs }
    if (!grows) model.periods = [...model.periods, retentionMs]
    this.tick()
    const outcome = await this.#world.attempt(broker.updateHub(caller, hub.name, change))
    if (outcome.kind === 'done') {
      hub.description = outcome.value
      model.periods = [outcome.value.retentionMs]
    }
    return `change ${hub.name} ${JSON.stringify(change)}: ${outcome.kind}`
  }

  /** What a partition's beginning is said to be. */
  async look(hub: WorldHub): Promise<void> {
    const { description } = hub
    const { broker, caller } = this.#world
    if (description === null || broker === null) return
    const partition = this.#random.below(description.partitionCount)
    const oldestMs = this.oldestReadable(description)
    const looked = await this.#world.attempt(broker.retention.look(caller, hub.name, `${partition}`))
    if (looked.kind !== 'done') return
    this.#judgeBegin(description, partition, oldestMs)
  }

  /** Enqueued time below which nothing may be handed out from now on. */
  oldestReadable(hub: HubDescription): number {
    const { periods } = this.#model(hub)
    const longest = periods.reduce<number | null>(
      (sum, one) => (sum === null || one === null ? null : Math.max(sum, one)),
      0,
    )
    if (longest === null || !this.#isExact) return -Infinity
    return Math.floor(startMs + this.#monotonicMs) - longest
  }

  judgeRead(hub: string, sequence: number, timeMs: number, oldestMs: number): void {
    if (timeMs >= oldestMs) return
    throw new ModelViolation(`${hub}: event ${sequence} of ${timeMs} was handed out, ${oldestMs - timeMs} ms too old`)
  }

  /** Tells the checker what may be gone by now. */
  tick(): void {
    if (this.#monotonicMs - this.#evenSinceMs >= evenMs) {
      this.#aheadMs = Math.max(this.#aheadMs, this.#world.clock.now() - startMs - this.#monotonicMs)
    }
    const latestMs = startMs + this.#monotonicMs + this.#aheadMs + slackMs
    for (const [id, model] of this.#hubs) {
      for (const period of model.periods) {
        if (period !== null) model.cutoffMs = Math.max(model.cutoffMs, latestMs - period)
      }
      for (const [partition, log] of model.logs) this.#noteTrim(`${id}/${partition}`, log, model.cutoffMs)
    }
  }

  #noteTrim(name: string, log: LogModel, cutoffMs: number): void {
    let before = log.trimmedTo
    while (log.stored[0] !== undefined && log.stored[0].timeMs < cutoffMs) {
      const { sequence, count } = log.stored.shift() ?? { sequence: 0, count: 0 }
      before = sequence + count
    }
    if (before <= log.trimmedTo) return
    log.trimmedTo = before
    this.#world.checker.record({ type: 'trim-invoked', log: name, before })
  }

  #judgeBegin(hub: HubDescription, partition: number, oldestMs: number): void {
    const { broker, caller } = this.#world
    const log = this.#log(hub, partition)
    const { beginSequence } = broker!.describePartition(caller, hub.name, `${partition}`)
    this.tick()
    const where = `${hub.name}/${partition} begins at ${beginSequence}`
    if (beginSequence > log.trimmedTo) throw new ModelViolation(`${where}, though only ${log.trimmedTo} may be gone`)
    if (this.#isExact && beginSequence < log.begin) throw new ModelViolation(`${where}, after it began at ${log.begin}`)
    log.begin = beginSequence
    const old = log.stored.find(({ sequence, timeMs }) => sequence >= beginSequence && timeMs < oldestMs)
    if (old !== undefined) throw new ModelViolation(`${where}, with ${old.sequence} of ${old.timeMs} too old`)
  }

  get #isExact(): boolean {
    return this.#isSound && !this.#hasJumped
  }

  get #monotonicMs(): number {
    return this.#world.clock.monotonicMs()
  }

  #model({ id, retentionMs }: HubDescription): HubModel {
    const model = this.#hubs.get(id) ?? { periods: [retentionMs], cutoffMs: 0, logs: new Map() }
    this.#hubs.set(id, model)
    return model
  }

  #log(hub: HubDescription, partition: number): LogModel {
    const { logs } = this.#model(hub)
    const log = logs.get(partition) ?? { stored: [], trimmedTo: 0, begin: 0 }
    logs.set(partition, log)
    return log
  }
}
