// What becomes of Capture when storage takes events from under it: a disk without space, a purge, compaction. Everything on a
// simulated disk; the destination is a folder of it that fails when it is told to.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { EhubError } from '../../../../src/base/error.ts'
import { type Log, type LogFields, quietLog } from '../../../../src/base/log.ts'
import { openBroker } from '../../../../src/daemon/broker/broker.ts'
import type { Broker, CreateHub } from '../../../../src/daemon/broker/broker-api.ts'
import { captureDefaults } from '../../../../src/daemon/broker/capture-settings.ts'
import { captureFindings } from '../../../../src/daemon/diagnose-capture.ts'
import { CaptureService } from '../../../../src/daemon/protocols/capture/capture-service.ts'
import { captureReply } from '../../../../src/daemon/protocols/capture/control-operations.ts'
import type { Destination, TargetFile } from '../../../../src/daemon/protocols/capture/destination.ts'
import { DirDestination } from '../../../../src/daemon/protocols/capture/dir-destination.ts'
import { openEmbeddedEngine } from '../../../../src/daemon/storage/embedded-engine.ts'
import { quiesce, settle } from '../../../sim/scheduler.ts'
import { SimClock } from '../../../sim/sim-clock.ts'
import { SimDisk } from '../../../sim/sim-disk.ts'
import { SimRandom } from '../../../sim/sim-random.ts'
import { annotationsSection, dataSection } from '../../broker/builders.ts'
import { recordsOf } from './world.ts'

const hub = 'orders'
const folder = 'captured'
const capacityBytes = 1_500_000
const lowWaterBytes = 200_000
/** `before`: nothing happened. `after`: it was done, and the answer was lost. */
type Fate = 'well' | 'before' | 'after'

interface Options extends Partial<CreateHub> {
  readonly sizeBytes?: number
  readonly chunkBytes?: number
}

class World {
  readonly clock = new SimClock()
  readonly disk = new SimDisk({ clock: this.clock, capacityBytes })
  readonly said: (readonly [string, LogFields])[] = []
  fate: Fate = 'well'
  #parts: { readonly broker: Broker; readonly service: CaptureService; readonly close: () => Promise<void> } | null =
    null

  static async open(t: TestContext, { sizeBytes = 1_000_000, chunkBytes = 100_000, ...more }: Options = {}) {
    const world = new World()
    await world.#start(chunkBytes)
    t.after(() => world.#parts?.close())
    const { broker, service } = world
    const owner = broker.ownerCaller('')
    await world.settle(broker.createHub(owner, { name: hub, partitionCount: 1, retentionMs: 60_000, ...more }))
    const place = { destination: `dir:${folder}`, credentials: 'none' }
    const settings = { ...captureDefaults, ...place, intervalMs: 10_000, sizeBytes, isSkippingEmpty: true }
    await world.settle(service.enable('local', hub, settings))
    return world
  }

  get broker(): Broker {
    assert(this.#parts !== null)
    return this.#parts.broker
  }

  get service(): CaptureService {
    assert(this.#parts !== null)
    return this.#parts.service
  }

  async restart(): Promise<void> {
    await this.#parts?.close()
    await this.#start(100_000)
  }

  async #start(chunkBytes: number): Promise<void> {
    const { clock, disk } = this
    const options = { lowWaterBytes, reserveBytes: 0, journalFileBytes: 100_000 }
    const random = new SimRandom(1)
    const engine = await this.settle(openEmbeddedEngine({ disk, clock, random, log: quietLog, options }))
    const broker = await this.settle(
      openBroker({
        engine,
        clock,
        random,
        log: quietLog,
        options: { segmentBytes: 100_000, compaction: { dirtyBytesMin: 1 } },
      }),
    )
    const bugs: unknown[] = []
    const log: Log = { ...quietLog, error: (message, fields = {}) => this.said.push([message, fields]) }
    const service = new CaptureService({
      captures: broker.captures,
      openDestination: () => failing(new DirDestination(disk, folder, folder), chunkBytes, () => this.fate),
      clock,
      machineClock: clock,
      log,
      onBug: (error) => bugs.push(error),
    })
    service.start()
    const close = async () => {
      await this.settle(service.stop())
      await this.settle(broker.close())
      await this.settle(engine.close())
      assert.deepEqual(bugs, [])
    }
    this.#parts = { broker, service, close }
  }

  settle<T>(promise: Promise<T>): Promise<T> {
    return settle(promise, this.disk.scheduler, this.clock)
  }

  /** @returns What became of it. */
  async publish(...bodies: readonly string[]): Promise<unknown> {
    return this.publishPayload(Buffer.concat(bodies.map((body) => dataSection(dataSection(body)))), bodies.length)
  }

  async publishPayload(payload: Buffer, count: number): Promise<unknown> {
    const publisher = this.broker.openPublisher(this.broker.ownerCaller(''), hub, '0')
    try {
      const { group } = publisher.publish({ payload, count, partitionKey: null })
      this.broker.flush()
      return await this.settle(new Promise((resolve) => group.whenSettled(resolve)))
    } catch (error) {
      return error
    } finally {
      publisher.close()
    }
  }

  expire() {
    return this.settle(this.broker.retention.expire(this.broker.ownerCaller(''), hub, false))
  }

  /** A full disk, and somebody who takes what lies before a sequence meanwhile. */
  async purgeWhileFull(sequence: number, last: string): Promise<void> {
    await this.fill()
    assert.equal(await this.publish(last), 'stored')
    assert.ok((await this.publish('refused')) instanceof EhubError)
    const report = await this.settle(this.broker.retention.purge(this.broker.ownerCaller(''), hub, 0, sequence))
    assert.equal(report.events, sequence)
    await this.settle(this.disk.remove('ballast'))
  }

  async pass(ms: number): Promise<void> {
    const stepMs = Math.max(250, ms / 50)
    for (let left = ms; left > 0; left -= stepMs) {
      this.clock.advance(Math.min(stepMs, left))
      await quiesce(this.disk.scheduler)
    }
  }

  /** Takes the disk's space, but for less than the low-water mark: seen when the next event has been written. */
  async fill(): Promise<void> {
    await this.pass(1000)
    const { freeBytes } = await this.settle(this.disk.space())
    const file = await this.settle(this.disk.open('ballast', 'create'))
    await this.settle(file.write([Buffer.alloc(freeBytes - lowWaterBytes / 2)], 0))
    await this.settle(file.close())
  }

  /** Sequences and bodies of all files, one file after the other. */
  async captured(): Promise<readonly (readonly (readonly [number, string])[])[]> {
    const files = [...this.disk.files()].filter(([path]) => path.startsWith(`${folder}/`) && path.endsWith('.avro'))
    const contents = await Promise.all(files.map(([, bytes]) => recordsOf(bytes)))
    return contents.toSorted((one, other) => (one[0]?.[0] ?? 0) - (other[0]?.[0] ?? 0))
  }

  get status() {
    const found = this.service.find('local', hub)
    assert(found !== null)
    const [partition] = found.partitions
    assert(partition !== undefined)
    const findings = captureFindings([captureReply(found)], this.clock.now())
    return { ...partition, doctor: findings.map(({ level, detail }) => `${level} ${detail}`) }
  }

  get begin(): number {
    return this.broker.captures.source(this.#captured(), 0).start.sequence
  }

  #captured() {
    const found = this.broker.captures.find('local', hub)
    assert(found !== null)
    return found
  }
}

function failing(inner: Destination, chunkBytes: number, fate: () => Fate): Destination {
  const attempt = async <T>(work: () => Promise<T>): Promise<T> => {
    const how = fate()
    if (how === 'before') throw new EhubError('connect-failed', 'the destination is out')
    const result = await work()
    if (how === 'after') throw new EhubError('timeout', 'the answer was lost')
    return result
  }
  return {
    chunkBytes,
    label: inner.label,
    create: (name): TargetFile => {
      const file = inner.create(name)
      return {
        append: (chunks) => attempt(() => file.append(chunks)),
        finish: (chunks, facts) => attempt(() => file.finish(chunks, facts)),
        abandon: () => file.abandon(),
      }
    },
    sizeOf: (name) => attempt(() => inner.sizeOf(name)),
    list: (prefix) => inner.list(prefix),
    readFacts: (name, bytes) => inner.readFacts(name, bytes),
    close: () => inner.close(),
  }
}

const isLost = ([message]: readonly [string, LogFields]) => message.startsWith('events were removed')

test('retention waits for Capture until the disk is full; what then goes is counted and named', async (t) => {
  const world = await World.open(t)
  assert.equal(await world.publish('a', 'b', 'c'), 'stored')
  await world.pass(11_000)
  assert.equal((await world.captured()).length, 1)
  world.fate = 'before'
  assert.equal(await world.publish('d', 'e', 'f'), 'stored')
  await world.pass(200_000)
  // Long expired, and held: the three that are in a file may go, the others not.
  const [report] = await world.expire()
  assert.deepEqual([report?.events, report?.heldFrom, world.begin], [3, 3, 3])
  assert.deepEqual([world.status.lostEvents, world.status.lagEvents], [0, 3])
  assert.match(world.status.doctor.join('\n'), /^error .*the destination is out/)

  await world.fill()
  assert.equal(await world.publish('g'), 'stored')
  assert.match(String(await world.publish('refused')), /disk|busy|space/i)
  await world.pass(80_000)
  assert.equal(world.begin, 7, 'retention gave way')
  await world.settle(world.disk.remove('ballast'))
  world.fate = 'well'
  await world.pass(70_000)
  assert.equal(await world.publish('h'), 'stored')
  await world.pass(11_000)
  assert.deepEqual(await world.captured(), [
    [
      [0, 'a'],
      [1, 'b'],
      [2, 'c'],
    ],
    [[7, 'h']],
  ])
  // The file that was decided first, then what came behind it.
  assert.deepEqual(
    world.said.filter(isLost).map(([, fields]) => fields),
    [
      { hub, partition: 0, from: 3, to: 6 },
      { hub, partition: 0, from: 6, to: 7 },
    ],
  )
  const counted = () => [world.status.lostEvents, world.status.events, world.status.nextSequence]
  assert.deepEqual(counted(), [4, 4, 8])
  assert.match(
    world.status.doctor.join('\n'),
    /^warning hub "orders": 4 events were removed before they were in a file$/,
  )
  await world.restart()
  assert.deepEqual(counted(), [4, 4, 8])
})

test('of a decided file that is not there, what was taken is lost and the rest is written', async (t) => {
  const world = await World.open(t)
  await world.publish('a', 'b', 'c')
  world.fate = 'before'
  await world.pass(11_000)
  await world.purgeWhileFull(2, 'd')
  world.fate = 'well'
  await world.pass(70_000)
  assert.deepEqual(await world.captured(), [[[2, 'c']], [[3, 'd']]])
  assert.deepEqual([world.status.lostEvents, world.status.events, world.status.nextSequence], [2, 2, 4])
  assert.deepEqual(world.said.filter(isLost)[0]?.[1], { hub, partition: 0, from: 0, to: 2 })
})

test('of a decided file that is there, whatever was answered, nothing is lost', async (t) => {
  const world = await World.open(t)
  await world.publish('a', 'b', 'c')
  world.fate = 'after'
  await world.pass(11_000)
  await world.purgeWhileFull(2, 'd')
  world.fate = 'well'
  await world.pass(70_000)
  await world.publish('e')
  await world.pass(11_000)
  const bodies = (await world.captured()).map((file) => file.map(([, body]) => body).join(''))
  assert.deepEqual(bodies, ['abc', 'd', 'e'])
  assert.deepEqual([world.status.lostEvents, world.status.events, world.status.nextSequence], [0, 5, 5])
  assert.deepEqual(world.said.filter(isLost), [])
})

/** With a key of its own. */
function keyed(key: string, body: string): Buffer {
  return dataSection(Buffer.concat([annotationsSection(key), dataSection(body)]))
}

test('a purge leaves what is in no file', async (t) => {
  const world = await World.open(t)
  await world.publish('a', 'b', 'c')
  await world.pass(11_000)
  await world.publish('d', 'e')
  const report = await world.settle(world.broker.retention.purge(world.broker.ownerCaller(''), hub, 0, 5))
  assert.deepEqual([report.events, report.heldFrom], [3, 3])
  await world.pass(11_000)
  const bodies = (await world.captured()).flatMap((file) => file.map(([, body]) => body))
  assert.deepEqual([bodies.join(''), world.status.lostEvents], ['abcde', 0])
})

test('a captured compact hub: every event is in a file once, however often it is compacted meanwhile', async (t) => {
  const world = await World.open(t, { cleanup: 'compact', retentionMs: null, sizeBytes: 4096, chunkBytes: 2000 })
  const { broker } = world
  const text = (index: number) => `${index}`.padEnd(500, '.')
  const compact = async () => {
    const step = await world.settle(broker.compaction.run(broker.ownerCaller(''), hub, 0))
    assert.ok(step.isDone)
    return step.eventsRemoved
  }
  // Twenty events of two keys in one batch; files of 4 KiB end in the middle of it.
  const payload = Buffer.concat(Array.from({ length: 20 }, (_, index) => keyed(`k${index % 2}`, text(index))))
  assert.equal(await world.publishPayload(payload, 20), 'stored')
  await world.pass(250)
  world.fate = 'before'
  let nextSequence = 0
  let removed = 0
  for (let turn = 0; turn < 60; turn += 1) {
    // Lets through little at a time, and compacts between.
    world.fate = turn % 3 === 0 ? 'well' : 'before'
    await world.pass(1000)
    ;({ nextSequence } = world.status)
    removed += await compact()
  }
  assert.equal(nextSequence, 20)
  assert.equal(removed, 18)
  const files = await world.captured()
  assert.ok(files.length > 1, `${files.length} files`)
  assert.deepEqual(
    files.flat(),
    Array.from({ length: 20 }, (_, index) => [index, text(index)]),
  )
})
