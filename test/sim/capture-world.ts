// The Capture writer on a whole broker on a simulated disk. The destination is a folder of the same disk, behind outages that
// come before, in the middle of, or after what was asked.

import { EhubError } from '../../src/base/error.ts'
import { quietLog } from '../../src/base/log.ts'
import type { Broker } from '../../src/daemon/broker/broker-api.ts'
import type { CaptureSettings } from '../../src/daemon/broker/capture-settings.ts'
import { CaptureService } from '../../src/daemon/protocols/capture/capture-service.ts'
import type { Destination, FileFacts, TargetFile } from '../../src/daemon/protocols/capture/destination.ts'
import { DirDestination } from '../../src/daemon/protocols/capture/dir-destination.ts'
import type { StorageEngine } from '../../src/daemon/storage/storage-engine.ts'
import type { OpenBroker } from './broker-world.ts'
import { checkBody, coverage, type FileContent, readFiles } from './capture-files.ts'
import { publicationPayload } from './event-body.ts'
import { quiesce, settle } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { type CrashOutcome, SimDisk } from './sim-disk.ts'
import type { SimRandom } from './sim-random.ts'
import type { OpenEngine } from './storage-world.ts'

const folder = 'captured'
export const hubName = 'h'
const nameFormat = '{Namespace}/{EventHub}/{PartitionId}/{Year}_{Month}_{Day}_{Hour}_{Minute}_{Second}'

interface PartitionModel {
  /** By sequence: what was acknowledged. */
  readonly events: Map<number, { producer: number; number: number }>
  /** First sequence after Capture was switched on. */
  from: number
}

export interface CaptureConfig {
  readonly partitions: number
  readonly intervalMs: number
  readonly sizeBytes: number
  readonly chunkBytes: number
  readonly isSkippingEmpty: boolean
  readonly encoding: 'avro'
  readonly padding: number
  readonly steps: number
  /** How often the destination fails, in percent of its calls, while there is an outage. */
  readonly outagePercent: number
}

export class CaptureWorld {
  readonly clock = new SimClock()
  readonly config: CaptureConfig
  readonly partitions: PartitionModel[]
  disk: SimDisk
  broker: Broker | null = null
  service: CaptureService | null = null
  isOut = false
  restarts = 0
  eventCount = 0
  readonly #random: SimRandom
  readonly #openEngine: OpenEngine
  readonly #openBroker: OpenBroker
  readonly #chance: SimRandom
  #engine: StorageEngine | null = null
  #numbers = 0
  #bug: Error | null = null
  /** Digest of every file ever seen. */
  readonly #seen = new Map<string, string>()

  constructor(random: SimRandom, config: CaptureConfig, openEngine: OpenEngine, openBroker: OpenBroker) {
    this.#random = random
    this.#chance = random.split('outages')
    this.#openEngine = openEngine
    this.#openBroker = openBroker
    this.config = config
    this.partitions = Array.from({ length: config.partitions }, () => ({ events: new Map(), from: 0 }))
    this.disk = new SimDisk({ clock: this.clock, random: random.split('disk') })
  }

  async open(): Promise<void> {
    const { disk, clock } = this
    const engine = await this.settle(this.#openEngine({ disk, clock, random: this.#random.split('engine') }))
    this.#engine = engine
    const random = this.#random.split('broker')
    this.broker = await this.settle(this.#openBroker({ engine, clock, random, log: quietLog }))
    this.service = new CaptureService({
      captures: this.broker.captures,
      openDestination: () => this.#destination(),
      clock,
      machineClock: clock,
      log: quietLog,
      onBug: (error) => {
        this.#bug ??= error instanceof Error ? error : new Error(String(error))
      },
    })
    this.service.start()
  }

  async create(): Promise<void> {
    const { partitions } = this.config
    const owner = this.broker!.ownerCaller('')
    await this.settle(this.broker!.createHub(owner, { name: hubName, partitionCount: partitions }))
  }

  async enable(change: Partial<CaptureSettings> = {}): Promise<void> {
    const { intervalMs, sizeBytes, isSkippingEmpty, encoding } = this.config
    const place = { nameFormat, destination: 'dir:captured', credentials: 'none' }
    const settings = { intervalMs, sizeBytes, isSkippingEmpty, encoding, ...place, ...change }
    await this.settle(this.service!.enable('local', hubName, settings))
  }

  /** Publishes to a partition and waits for the answer. */
  async publish(partition: number, count: number): Promise<void> {
    const owner = this.broker!.ownerCaller('')
    const publisher = this.broker!.openPublisher(owner, hubName, String(partition))
    const firstNumber = this.#numbers
    this.#numbers += count
    const payload = publicationPayload(partition, firstNumber, count, this.config.padding)
    const { group, sequence } = publisher.publish({ payload, count, partitionKey: null })
    this.broker!.flush()
    const outcome = await this.settle(new Promise((resolve) => group.whenSettled(resolve)))
    publisher.close()
    if (outcome !== 'stored') throw outcome
    for (let i = 0; i < count; i += 1) {
      this.partitions[partition]!.events.set(sequence + i, { producer: partition, number: firstNumber + i })
    }
    this.eventCount += count
  }

  /** Lets time pass in small steps, so that timers and disk take turns. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 250) {
      this.clock.advance(Math.min(250, left))
      await quiesce(this.disk.scheduler)
      this.throwBug()
    }
  }

  async crash(outcome: CrashOutcome | 'kill'): Promise<void> {
    const options = { clock: this.clock }
    this.disk =
      outcome === 'kill' ? this.disk.kill(options) : this.disk.crash(outcome, options, this.#random.below(100) / 100)
    this.restarts += 1
    await this.open()
  }

  async stop(): Promise<void> {
    await this.settle(this.service!.stop())
    await this.settle(this.broker!.close())
    await this.settle(this.#engine!.close())
  }

  /** Everything in the files is right; the log is right about them. */
  async check(isWhole: boolean): Promise<void> {
    this.throwBug()
    const hub = this.broker!.captures.find('local', hubName)
    // Taken at one moment: the writer goes on while the files are read.
    const visible = this.#visible()
    const noted = this.partitions.map((_, partition) => hub && this.broker!.captures.progress(hub, partition))
    const files = await readFiles(visible, nameFormat, (partition, sequence, body) => {
      checkBody(this.partitions[partition]!, partition, sequence, body)
    })
    this.#checkUnchanged(files)
    for (const [partition, { from, events }] of this.partitions.entries()) {
      const progress = noted[partition]
      if (!progress) return
      const { nextSequence, lostEvents, cutSequence } = progress
      const covered = coverage(files, partition) ?? { from, to: from }
      const upTo = Math.max(nextSequence, cutSequence ?? 0)
      if (lostEvents !== 0) throw new Error(`partition ${partition}: ${lostEvents} events are said to be lost`)
      if (covered.from !== from)
        throw new Error(`partition ${partition}: files begin at ${covered.from}, not at ${from}`)
      if (covered.to < nextSequence) {
        throw new Error(`partition ${partition}: files end at ${covered.to}, the log says ${nextSequence}`)
      }
      // A file that was just finished may be seen before that is noted.
      if (covered.to > upTo) throw new Error(`partition ${partition}: files end at ${covered.to}, decided was ${upTo}`)
      const last = Math.max(from - 1, ...events.keys())
      if (isWhole && covered.to <= last) {
        throw new Error(`partition ${partition}: files end at ${covered.to}, event ${last} was acknowledged`)
      }
    }
  }

  throwBug(): void {
    if (this.#bug !== null) throw this.#bug
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return settle(promise, this.disk.scheduler, this.clock)
  }

  #checkUnchanged(files: readonly FileContent[]): void {
    for (const { name, digest } of files) {
      const before = this.#seen.get(name)
      if (before !== undefined && before !== digest) throw new Error(`"${name}" changed after it was seen`)
      this.#seen.set(name, digest)
    }
  }

  #visible(): ReadonlyMap<string, Buffer> {
    const files = new Map<string, Buffer>()
    for (const [path, bytes] of this.disk.files()) {
      if (path.startsWith(`${folder}/`) && !path.endsWith('.part')) files.set(path.slice(folder.length + 1), bytes)
    }
    return files
  }

  #destination(): Destination {
    const inner = new DirDestination(this.disk, folder, folder)
    return new ShakyDestination(inner, this.config.chunkBytes, () => {
      if (!this.isOut || this.#chance.below(100) >= this.config.outagePercent) return 'well'
      return this.#chance.pick(['before', 'after'] as const)
    })
  }
}

/** Fails as a network does: before anything happened, or after all of it. */
class ShakyDestination implements Destination {
  readonly chunkBytes: number
  readonly label = 'shaky'
  readonly #inner: Destination
  readonly #fate: () => 'well' | 'before' | 'after'

  constructor(inner: Destination, chunkBytes: number, fate: () => 'well' | 'before' | 'after') {
    this.#inner = inner
    this.chunkBytes = chunkBytes
    this.#fate = fate
  }

  create(name: string): TargetFile {
    const file = this.#inner.create(name)
    return {
      append: (chunks) => this.#shake(() => file.append(chunks)),
      finish: (chunks: readonly Uint8Array[], facts: FileFacts) => this.#shake(() => file.finish(chunks, facts)),
      abandon: () => file.abandon(),
    }
  }

  sizeOf(name: string): Promise<number | null> {
    return this.#shake(() => this.#inner.sizeOf(name))
  }

  list(prefix: string): ReturnType<Destination['list']> {
    return this.#inner.list(prefix)
  }

  readFacts(name: string, bytes: number): ReturnType<Destination['readFacts']> {
    return this.#inner.readFacts(name, bytes)
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  async #shake<T>(work: () => Promise<T>): Promise<T> {
    const fate = this.#fate()
    if (fate === 'before') throw new EhubError('connect-failed', 'the destination is out')
    const result = await work()
    if (fate === 'after') throw new EhubError('timeout', 'the answer of the destination was lost')
    return result
  }
}
