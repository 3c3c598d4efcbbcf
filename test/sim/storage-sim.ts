// One seed: a random life of a storage engine, judged by the models of its logs. The seed decides everything, so that it
// can be run again; its configuration is told with every failure.

import type { Durability } from '../../src/daemon/storage/storage-engine.ts'
import { type Fault, failRandomly } from './faults.ts'
import { levels } from './model.ts'
import { runTurns } from './scheduler.ts'
import { crashOutcomes } from './sim-disk.ts'
import { SimRandom } from './sim-random.ts'
import { type OpenEngine, StorageWorld, type WorldLog } from './storage-world.ts'

export interface StorageConfig {
  readonly logs: number
  readonly groups: number
  readonly segmentBytes: number
  readonly payloadBytesMax: number
  readonly durabilities: readonly Durability[]
  readonly steps: number
  /** Segments large enough to be recycled, and trims to make some free. */
  readonly isLarge: boolean
  /** Compacted again and again. */
  readonly isCompacted: boolean
  readonly faults: 'none' | 'rare' | 'sync' | 'full'
  readonly capacityBytes: number
}

export interface StorageRun {
  readonly seed: number
  readonly config: StorageConfig
  readonly traceHash: number
  readonly operations: number
  readonly restarts: number
  readonly events: number
  readonly failure: Error | null
  /** The last steps before the failure. */
  readonly steps: readonly string[]
}

export function storageConfig(random: SimRandom): StorageConfig {
  const faults = random.pick(['none', 'none', 'none', 'rare', 'sync', 'full'] as const)
  // Most crash bugs need few operations, and a short life costs little; now and then a long one.
  const isLong = random.chance(0.15)
  const isLarge = random.chance(0.01)
  return {
    isLarge,
    isCompacted: random.chance(0.3),
    logs: isLong && !isLarge ? random.between(1, 5) : random.between(1, 2),
    groups: random.between(1, isLong ? 3 : 2),
    segmentBytes: isLarge ? 1_060_000 : random.pick([600, 2000, 6000, 20_000]),
    payloadBytesMax: isLarge ? 120_000 : random.pick([40, 300, 300, 1500]),
    durabilities: random.pick([['sync'], ['sync'], ['sync'], ['sync', 'os'], ['os']] as const),
    steps: isLarge ? random.between(30, 80) : isLong ? random.between(10, 60) : random.between(3, 16),
    faults,
    capacityBytes: faults === 'full' ? random.between(60_000, 200_000) * (isLarge ? 40 : 1) : 2 ** 40,
  }
}

const stepsShown = 90

export async function runStorageSeed(seed: number, openEngine: OpenEngine): Promise<StorageRun> {
  const random = new SimRandom(seed)
  const config = storageConfig(random.split('config'))
  const life = new StorageLife(openEngine, random, config)
  let failure: Error | null = null
  try {
    await life.run()
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  return {
    seed,
    config,
    traceHash: life.world.traceHash,
    operations: life.operations + life.world.disk.operationCount,
    restarts: life.restarts,
    events: life.events,
    failure,
    steps: life.steps.slice(-stepsShown),
  }
}

class StorageLife {
  readonly world: StorageWorld
  readonly steps: string[] = []
  operations = 0
  restarts = 0
  events = 0
  readonly #random: SimRandom
  readonly #config: StorageConfig
  readonly #logs: WorldLog[] = []
  #isHealed = false

  constructor(openEngine: OpenEngine, random: SimRandom, config: StorageConfig) {
    this.#random = random
    this.#config = config
    this.world = new StorageWorld(openEngine, random.split('world'), { capacityBytes: config.capacityBytes })
    for (let i = 0; i < config.logs; i++) {
      const id = { group: `ns/g${i % config.groups}`, partition: Math.floor(i / config.groups) }
      this.#logs.push(
        this.world.log(id, {
          durability: config.durabilities[i % config.durabilities.length]!,
          segmentBytes: config.segmentBytes,
        }),
      )
    }
  }

  async run(): Promise<void> {
    await this.#reopen('kill')
    this.#setFaults()
    for (let step = 0; step < this.#config.steps; step++) await this.#step()
    await this.#heal()
  }

  /** Faults off, everything opened again if need be: all that was certain is there and every log takes events. */
  async #heal(): Promise<void> {
    this.steps.push('heal')
    await this.world.quiesce()
    this.world.capacityBytes = Infinity
    this.#isHealed = true
    // A lying cache is only gone with the machine.
    await this.#restart(this.#config.faults === 'sync' || this.#config.faults === 'rare' ? 'all-kept' : 'kill')
    for (const log of this.#logs) {
      if (log.handle === null) continue
      await this.world.verify(log)
      this.world.append(log, this.world.makeBatches(log, 1, 100))
      await this.world.quiesce()
      await this.world.verify(log)
    }
    const closed = await this.world.attempt(this.world.engine!.close())
    if (closed.kind === 'done' && this.world.disk.openFiles !== 0) {
      throw new Error(`${this.world.disk.openFiles} files are open after close`)
    }
    await this.#reopen('kill')
    for (const log of this.#logs) if (log.handle !== null) await this.world.verify(log)
  }

  #setFaults(): void {
    this.world.setFaults()
    if (this.#isHealed) return
    const { faults } = this.#config
    const random = this.#random.split('faults')
    const errors: Fault[] = [
      { kind: 'error', code: 'EIO' },
      { kind: 'error', code: 'ENOSPC' },
      { kind: 'partial', code: 'ENOSPC' },
      { kind: 'partial', code: 'EIO' },
    ]
    if (faults === 'rare') {
      const rate = random.pick([0.002, 0.01, 0.05])
      const rates = {
        write: rate,
        sync: rate,
        create: rate,
        rename: rate,
        remove: rate,
        syncDirectory: rate,
        read: rate,
      }
      this.world.setFaults(failRandomly(random, { ...rates, truncate: rate, preallocate: rate, open: rate }, errors))
    } else if (faults === 'sync') {
      this.world.setFaults(failRandomly(random, { sync: random.pick([0.02, 0.1]) }, [{ kind: 'error', code: 'EIO' }]))
    } else if (faults === 'full') {
      this.world.mayFail = true
    }
  }

  async #step(): Promise<void> {
    const random = this.#random
    // Sometimes the next thing happens while the last one is under way.
    await runTurns(random.pick([0, 0, 1, 5, 20, 60]))
    const log = random.pick(this.#logs)
    if (this.#config.isLarge && random.chance(0.12)) return this.#trim(log)
    const draw = random.below(100)
    if (this.world.engine === null || this.world.disk.isStopped) return this.#restart(this.#randomOutcome())
    if (draw < 55) return this.#append(log)
    if (draw < 65) return this.#read(log)
    if (draw < 73) return this.#note('settle', () => this.world.quiesce())
    if (draw < 78) return this.#advance()
    if (draw < 81) return this.#trim(log)
    if (draw < 83 || (this.#config.isCompacted && random.chance(0.3))) return this.#compact(log)
    if (draw < 86) return this.#find(log)
    if (draw < 88) return this.#reopenLog(log)
    if (draw < 89) return this.#deleteGroup(log.id.group)
    if (draw < 91) return this.#cleanRestart()
    if (draw < 94) return this.#restart('kill')
    if (draw < 97) return this.#restart(this.#randomOutcome())
    // The power goes in the middle of what comes next.
    this.world.disk.stopAfter = this.world.disk.operationCount + random.between(1, 12)
    this.steps.push(`power goes at operation ${this.world.disk.stopAfter}`)
  }

  async #note(what: string, run: () => Promise<unknown>): Promise<void> {
    this.steps.push(what)
    await run()
  }

  async #append(log: WorldLog): Promise<void> {
    if (log.handle === null || log.isFailed) return this.#reopenLog(log)
    // After a refusal the log goes on at its end: what was in flight has to be answered first.
    if (log.inFlight > 0 && this.#config.faults !== 'none') await this.world.quiesce()
    if (log.isFailed || this.world.disk.isStopped) return
    const calls = this.#random.between(1, 3)
    for (let i = 0; i < calls; i++) {
      const batches = this.world.makeBatches(log, this.#random.between(1, 3), this.#config.payloadBytesMax)
      this.steps.push(`append ${name(log)} ${batches[0]!.baseSequence} ×${batches.length}`)
      this.events += batches.reduce((sum, batch) => sum + batch.count, 0)
      this.world.append(log, batches)
    }
  }

  async #read(log: WorldLog): Promise<void> {
    if (log.handle === null) return
    const { start, end } = log.handle
    const from = this.#random.between(Math.max(0, start.sequence - 1), end.sequence + 1)
    const maxBytes = this.#random.pick([1, 500, 5000])
    await this.#note(`read ${name(log)} ${from}`, () => this.world.read(log, from, maxBytes))
  }

  async #advance(): Promise<void> {
    const ms = this.#random.pick([1, 10, 100, 1000, 60_000])
    if (this.#random.chance(0.2)) this.world.clock.jumpWall(this.#random.pick([-3_600_000, -1000, 1000, 3_600_000]))
    this.steps.push(`advance ${ms}`)
    this.world.clock.advance(ms)
    await this.world.quiesce()
  }

  async #trim(log: WorldLog): Promise<void> {
    if (log.handle === null || log.isFailed) return
    const { start, end } = log.handle
    const from = this.#config.isLarge ? (start.sequence + end.sequence) >> 1 : start.sequence
    const to = this.#random.between(from, end.sequence + 1)
    await this.#note(`trim ${name(log)} ${to}`, () => this.world.trim(log, to))
  }

  async #compact(log: WorldLog): Promise<void> {
    if (log.handle === null || log.isFailed || log.isCompacting) return
    const level = this.#random.between(1, levels)
    const before = this.#random.chance(0.7) ? Infinity : this.#random.between(0, log.handle.end.sequence)
    const compacting = this.world.compact(log, level, before, this.#random.chance(0.6))
    this.steps.push(`compact ${name(log)} level ${level} before ${before}`)
    // Mostly something else happens while it goes on.
    if (this.#random.chance(0.4)) await this.world.attempt(compacting)
  }

  async #find(log: WorldLog): Promise<void> {
    if (log.handle === null || log.inFlight > 0 || log.isDoubtful) return
    const { start, end } = log.handle
    const timeMs = this.world.clock.now() - this.#random.pick([-100, 0, 1, 50, 5000])
    this.steps.push(`find ${name(log)} ${timeMs}`)
    const outcome = await this.world.attempt(log.handle.findByTime(timeMs))
    if (outcome.kind === 'done') log.model.checkFindByTime(timeMs, outcome.value, start.sequence, end.sequence)
  }

  async #reopenLog(log: WorldLog): Promise<void> {
    this.steps.push(`reopen ${name(log)}`)
    if (this.world.engine === null) return
    const closed = await this.world.closeLog(log)
    if (closed.kind === 'stopped') return
    const opened = await this.world.openLog(log)
    if (opened.kind === 'failed') this.steps.push(`  failed: ${opened.error.message}`)
  }

  async #deleteGroup(group: string): Promise<void> {
    if (this.world.engine === null) return
    await this.world.quiesce()
    if (this.world.disk.isStopped) return
    await this.#note(`delete ${group}`, () => this.world.deleteGroup(group))
  }

  async #cleanRestart(): Promise<void> {
    this.steps.push('close')
    const closed = await this.world.attempt(this.world.engine!.close())
    // With faults a close may have given up on a log that is not `sync`.
    const isSure = this.#config.faults === 'none' || this.#config.faults === 'full'
    const isClean = closed.kind === 'done' && isSure && this.#logs.every((log) => !log.isFailed)
    await this.#restart(closed.kind === 'done' ? 'all-lost' : this.#randomOutcome(), isClean)
  }

  #randomOutcome() {
    return this.#random.pick([...crashOutcomes, 'random-sectors', 'random-sectors', 'in-order'] as const)
  }

  /** @param isClean Everything was made durable before. */
  async #restart(outcome: Parameters<StorageWorld['restart']>[0], isClean = false): Promise<void> {
    this.steps.push(`restart ${outcome}`)
    this.operations += this.world.disk.operationCount
    this.restarts++
    this.world.restart(outcome, undefined, isClean)
    await this.#reopen(outcome)
  }

  /** Opens engine and logs; now and then the power goes in the middle of recovery. */
  async #reopen(outcome: Parameters<StorageWorld['restart']>[0]): Promise<void> {
    if (this.restarts > 0 && this.#random.chance(0.15)) {
      this.world.disk.stopAfter = this.world.disk.operationCount + this.#random.between(1, 30)
      this.steps.push(`power goes in recovery at ${this.world.disk.stopAfter}`)
    }
    // Recovery itself runs without faults here; the sweep of every operation covers those. A disk may be too full for it.
    this.world.setFaults()
    this.world.mayFail = this.#config.faults === 'full' && !this.#isHealed
    const opened = await this.world.open()
    if (opened.kind === 'stopped') return this.#restart(outcome === 'kill' ? 'kill' : this.#randomOutcome())
    for (const log of this.#logs) {
      const handle = this.world.engine === null ? null : await this.world.openLog(log)
      if (handle?.kind === 'stopped') return this.#restart(outcome === 'kill' ? 'kill' : this.#randomOutcome())
    }
    this.#setFaults()
  }
}

const name = (log: WorldLog) => `${log.id.group}/${log.id.partition}`
