// Compaction as a hub does it: keys, delete markers, the lag, memory that does not do, progress that is remembered.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import type { Broker, CreateHub } from '../../../src/daemon/broker/broker-api.ts'
import { captureDefaults } from '../../../src/daemon/broker/capture-settings.ts'
import { nothingCaptured } from '../../../src/daemon/broker/capture-commands.ts'
import type { CompactionOptions } from '../../../src/daemon/broker/compaction.ts'
import type { CompactionStep } from '../../../src/daemon/broker/compactions-api.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { eventCount, sequenceOfIndex } from '../../../src/daemon/storage/survivors.ts'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { writeDataSection, writeMessage } from '../../../src/wire/amqp/message.ts'
import { PayloadReader } from '../../../src/wire/amqp/batch-payload.ts'
import { decodeMessage, bodyData } from '../../../src/wire/amqp/message.ts'
import { stringValue, symbolValue, textOf, mapEntry } from '../../../src/wire/amqp/types.ts'
import { settle } from '../../sim/scheduler.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { SimRandom } from '../../sim/sim-random.ts'

const hub = 'prices'
const keyName = 'x-opt-partition-key'

/** An event with a key and a text; null: a delete marker. */
function event(key: string | null, body: string | null): Buffer {
  const message = new ByteWriter(100)
  writeMessage(message, {
    messageAnnotations: key === null ? null : [[symbolValue(keyName), stringValue(key)]],
    body: { kind: 'data', sections: [Buffer.from(body ?? '')] },
  })
  const writer = new ByteWriter(200)
  writeDataSection(writer, message.takeCopy())
  return writer.takeCopy()
}

class World {
  broker: Broker
  readonly clock: SimClock
  readonly #disk: SimDisk
  readonly #options: CompactionOptions
  #close: () => Promise<void>

  constructor(broker: Broker, clock: SimClock, disk: SimDisk, options: CompactionOptions, close: () => Promise<void>) {
    this.broker = broker
    this.clock = clock
    this.#disk = disk
    this.#options = options
    this.#close = close
  }

  static async open(t: TestContext, more: Partial<CreateHub> = {}, options: CompactionOptions = {}): Promise<World> {
    const clock = new SimClock()
    const disk = new SimDisk({ clock })
    const { broker, close } = await opened(disk, clock, options)
    const world = new World(broker, clock, disk, options, close)
    t.after(() => world.#close())
    await broker.createHub(broker.ownerCaller(''), { name: hub, partitionCount: 1, cleanup: 'compact', ...more })
    return world
  }

  async reopen(): Promise<void> {
    await this.#close()
    const { broker, close } = await opened(this.#disk, this.clock, this.#options)
    this.broker = broker
    this.#close = close
  }

  async send(...events: readonly (readonly [string | null, string | null])[]): Promise<void> {
    const publisher = this.broker.openPublisher(this.broker.ownerCaller(''), hub, '0')
    for (let first = 0; first < events.length; first += 50) {
      const receipts = events
        .slice(first, first + 50)
        .map(([key, body]) => publisher.publish({ payload: event(key, body), count: 1, partitionKey: key }))
      this.broker.flush()
      for (const { group } of receipts) await new Promise<void>((resolve) => group.whenSettled(() => resolve()))
    }
    publisher.close()
  }

  /** As one publication. */
  async sendBatch(...events: readonly (readonly [string, string])[]): Promise<void> {
    const publisher = this.broker.openPublisher(this.broker.ownerCaller(''), hub, '0')
    const payload = Buffer.concat(events.map(([key, body]) => event(key, body)))
    const { group } = publisher.publish({ payload, count: events.length, partitionKey: null })
    this.broker.flush()
    await new Promise<void>((resolve) => group.whenSettled(() => resolve()))
    publisher.close()
  }

  async compact(): Promise<CompactionStep> {
    for (;;) {
      const running = this.broker.compaction.run(this.broker.ownerCaller(''), hub, 0)
      const step = await settle(running, this.#disk.scheduler, this.clock)
      if (step.isDone) return step
    }
  }

  /** `sequence key=body` of everything a reader gets. */
  async read(): Promise<readonly string[]> {
    const receiver = this.broker.openReceiver(this.broker.ownerCaller(''), {
      hub,
      group: '$default',
      partition: '0',
      position: { kind: 'beginning' },
      ownerLevel: null,
      name: null,
      origin: 'test',
    })
    const lines: string[] = []
    const reader = new PayloadReader()
    for (;;) {
      const batches = await receiver.next(1000)
      if (batches.length === 0) break
      for (const batch of batches) {
        reader.open(batch.payload)
        for (let index = 0; reader.next(); index++) {
          const message = decodeMessage(batch.payload, reader.messageStart, reader.messageEnd)
          const key = textOf(mapEntry(message.messageAnnotations, keyName)) ?? ''
          lines.push(`${sequenceOfIndex(batch, index)} ${key}=${bodyData(message)?.toString() ?? ''}`)
        }
        assert.equal(reader.index + 1, eventCount(batch))
      }
    }
    receiver.close()
    return lines
  }
}

async function opened(disk: SimDisk, clock: SimClock, compaction: CompactionOptions) {
  const options = { lowWaterBytes: 0, reserveBytes: 0, tailBytesPerLogMax: 0 }
  const engine = await openEmbeddedEngine({ disk, clock, random: new SimRandom(1), log: quietLog, options })
  const broker = await openBroker({
    engine,
    clock,
    random: new SimRandom(2),
    log: quietLog,
    options: { segmentBytes: 2000, compaction: { dirtyBytesMin: 100, ...compaction } },
  })
  const close = async () => {
    await settle(broker.close(), disk.scheduler, clock)
    await engine.close()
  }
  return { broker, close }
}

test('of each key the newest event stays, with its number; events without a key stay', async (t) => {
  const world = await World.open(t)
  await world.send(['a', '1'], ['b', '1'], [null, 'x'], ['a', '2'], ['c', '1'], ['a', '3'], [null, 'y'], ['b', '2'])
  const step = await world.compact()
  assert.deepEqual([step.eventsKept, step.eventsRemoved, step.cleanSequence], [5, 3, 8])
  const expected = ['2 =x', '4 c=1', '5 a=3', '6 =y', '7 b=2']
  assert.deepEqual(await world.read(), expected)
  await world.reopen()
  assert.deepEqual(await world.read(), expected)
  await world.send(['c', '2'])
  assert.equal((await world.compact()).fromSequence, 8, 'what is clean is remembered')
  assert.deepEqual(await world.read(), ['2 =x', '5 a=3', '6 =y', '7 b=2', '8 c=2'])
})

test('a delete marker takes its key and goes when its retention is over, not at once', async (t) => {
  const world = await World.open(t, { tombstoneRetentionMs: 60_000 })
  await world.send(['a', '1'], ['b', '1'], ['a', null])
  world.clock.advance(3_600_000)
  await world.compact()
  assert.deepEqual(await world.read(), ['1 b=1', '2 a='], 'whoever began before has its retention from now on')
  world.clock.advance(50_000)
  await world.compact()
  assert.deepEqual(await world.read(), ['1 b=1', '2 a='])
  await world.reopen()
  world.clock.advance(20_000)
  await world.compact()
  assert.deepEqual(await world.read(), ['1 b=1'])
  await world.send(['a', '2'])
  await world.compact()
  assert.deepEqual(await world.read(), ['1 b=1', '3 a=2'])
})

test('what is younger than the lag is not touched and replaces nothing', async (t) => {
  const world = await World.open(t, { minCompactionLagMs: 60_000 })
  await world.send(['a', '1'], ['a', '2'])
  world.clock.advance(90_000)
  await world.send(['a', '3'])
  await world.compact()
  assert.deepEqual(await world.read(), ['1 a=2', '2 a=3'])
  world.clock.advance(90_000)
  await world.compact()
  assert.deepEqual(await world.read(), ['2 a=3'])
})

test('keys that do not fit the memory are done in several passes', async (t) => {
  const world = await World.open(t, {}, { mapBytes: 4096 })
  const keys = Array.from({ length: 1500 }, (_, index) => `key-${index}`)
  await world.send(
    ...keys.map((key): [string, string] => [key, '1']),
    ...keys.map((key): [string, string] => [key, '2']),
  )
  const step = await world.compact()
  assert.ok(step.passes > 2, `${step.passes} passes`)
  assert.equal(step.eventsRemoved, keys.length)
  assert.deepEqual(
    await world.read(),
    keys.map((key, index) => `${keys.length + index} ${key}=2`),
  )
})

test('a hub is compacted by itself when half of it is dirty, and the figures say so', async (t) => {
  const world = await World.open(t)
  await world.send(...Array.from({ length: 50 }, (): [string, string] => ['a', 'value']))
  for (let second = 0; second < 30; second++) {
    world.clock.advance(1000)
    await new Promise<void>((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(await world.read(), ['49 a=value'])
  const { hubs } = world.broker.compaction.status(world.broker.ownerCaller(''))
  assert.deepEqual([hubs[0]?.hub, hubs[0]?.runs, hubs[0]?.eventsRemoved, hubs[0]?.dirtyBytes], [hub, 1, 49, 0])
})

test('what Capture has in no file yet stays as it is, and so does the batch it is in the middle of', async (t) => {
  const world = await World.open(t)
  await world.send(['a', '1'], ['a', '2'])
  const { captures } = world.broker
  const destination = { destination: 'dir:captured', credentials: 'none' }
  const captured = await captures.enable('local', hub, { ...captureDefaults, ...destination })
  await world.sendBatch(['a', '3'], ['b', '1'], ['b', '2'], ['a', '4'])
  await world.compact()
  assert.deepEqual(await world.read(), ['1 a=2', '2 a=3', '3 b=1', '4 b=2', '5 a=4'])
  const progress = { ...nothingCaptured, windowStartMs: world.clock.now(), nextSequence: 4 }
  await captures.noteProgress(captured, 0, progress)
  await world.compact()
  assert.deepEqual(await world.read(), ['1 a=2', '2 a=3', '3 b=1', '4 b=2', '5 a=4'])
  await world.send(['a', '5'], ['c', '1'])
  await captures.noteProgress(captured, 0, { ...progress, nextSequence: 6 })
  await world.compact()
  assert.deepEqual(await world.read(), ['4 b=2', '5 a=4', '6 a=5', '7 c=1'])
  await captures.disable('local', hub)
  await world.compact()
  assert.deepEqual(await world.read(), ['4 b=2', '6 a=5', '7 c=1'])
})

test('a hub with cleanup "delete" is refused', async (t) => {
  const world = await World.open(t, { cleanup: 'delete' })
  await assert.rejects(world.compact(), { code: 'not-allowed' })
})
