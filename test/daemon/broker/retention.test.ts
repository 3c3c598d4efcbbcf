import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import type { StartPosition } from '../../../src/daemon/broker/broker-api.ts'
import { captureDefaults } from '../../../src/daemon/broker/capture-settings.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { openTestBroker, publishStored, readAll, receiving, single, type TestBroker } from './builders.ts'
import { settleMicrotasks } from './held-engine.ts'

const hourMs = 3_600_000
const yearMs = 8760 * hourMs

/** One partition that keeps events for a minute, with one event at 0, 10, 20, … seconds; the clock stands at the last. */
async function openWith(t: TestContext, { retentionMs = 60_000 as number | null, events = 5 } = {}) {
  const test = await openTestBroker(t, {}, { partitionCount: 1 })
  await test.broker.updateHub(test.owner, 'orders', { retentionMs })
  for (let index = 0; index < events; index++) {
    if (index > 0) test.clock.advance(10_000)
    await publishStored(test, single(`e${index}`))
  }
  return test
}

async function readFrom({ broker, owner }: TestBroker, position: StartPosition = { kind: 'beginning' }) {
  const receiver = broker.openReceiver(owner, receiving({ position }))
  const seen = await readAll(receiver)
  receiver.close()
  return seen.map(({ sequence }) => sequence)
}

/** Lets the janitor come by. */
async function pass(clock: SimClock, ms: number) {
  clock.advance(ms)
  await settleMicrotasks()
}

test('an event is read until it is older than the period, to the millisecond, and then never', async (t) => {
  const test = await openWith(t)
  test.clock.advance(20_000)
  assert.deepEqual(await readFrom(test), [0, 1, 2, 3, 4])
  test.clock.advance(1)
  assert.deepEqual(await readFrom(test), [1, 2, 3, 4])
  test.clock.advance(20_000)
  assert.deepEqual(await readFrom(test), [3, 4])
})

test('a reader that waits in front of what expires goes on with what is left', async (t) => {
  const test = await openWith(t)
  const { broker, owner, clock } = test
  const receiver = broker.openReceiver(owner, receiving())
  const first = await receiver.next(1)
  assert.equal(first[0]?.baseSequence, 0)
  clock.advance(40_001)
  assert.deepEqual(
    (await readAll(receiver)).map(({ sequence }) => sequence),
    [3, 4],
  )
  clock.advance(hourMs)
  await publishStored(test, single('new'))
  assert.deepEqual(
    (await readAll(receiver)).map(({ sequence }) => sequence),
    [5],
  )
})

test('positions before the start begin at the start, whether the rest is deleted or not', async (t) => {
  const test = await openWith(t)
  test.clock.advance(30_001)
  const positions: readonly (readonly [StartPosition, readonly number[]])[] = [
    [{ kind: 'beginning' }, [2, 3, 4]],
    [{ kind: 'sequence', sequence: 0, isInclusive: true }, [2, 3, 4]],
    [{ kind: 'sequence', sequence: 3, isInclusive: false }, [4]],
    [{ kind: 'offset', offset: 0, isInclusive: true }, [2, 3, 4]],
    [{ kind: 'time', timeMs: 0, isInclusive: true }, [2, 3, 4]],
    [{ kind: 'end', isInclusive: true }, [4]],
  ]
  for (const [position, expected] of positions) assert.deepEqual(await readFrom(test, position), expected)
  await test.broker.retention.expire(test.owner, 'orders', false)
  for (const [position, expected] of positions) assert.deepEqual(await readFrom(test, position), expected)
})

test('the last event expires, too: nothing is left to begin with, and numbers go on', async (t) => {
  const test = await openWith(t)
  test.clock.advance(hourMs)
  const { broker, owner } = test
  assert.deepEqual(await readFrom(test, { kind: 'end', isInclusive: true }), [])
  await broker.retention.look(owner, 'orders', null)
  const described = broker.describePartition(owner, 'orders', '0')
  assert.deepEqual([described.beginSequence, described.lastSequence, described.isEmpty], [5, 4, true])
  assert.equal(await publishStored(test, single('new')), 5)
  assert.deepEqual(await readFrom(test), [5])
})

test('after a look the beginning is exact', async (t) => {
  const { broker, owner, clock } = await openWith(t)
  clock.advance(40_001)
  await broker.retention.look(owner, null, null)
  assert.equal(broker.describePartition(owner, 'orders', '0').beginSequence, 3)
  assert.equal(await broker.resolvePosition(owner, 'orders', 0, { kind: 'beginning' }), 3)
  assert.equal(await broker.enqueuedTimeOf(owner, 'orders', 0, 0), clock.now() - 50_001)
})

test('a shorter period counts for what is stored, a longer one brings nothing back, also after a restart', async (t) => {
  const test = await openWith(t)
  const { broker, owner, clock, engine } = test
  await broker.updateHub(owner, 'orders', { retentionMs: 15_000 })
  assert.deepEqual(await readFrom(test), [3, 4])
  await broker.updateHub(owner, 'orders', { retentionMs: null })
  assert.deepEqual(await readFrom(test), [3, 4])
  await broker.close()
  const again = await openBroker({ engine, clock, random: new SimRandom(2), log: quietLog })
  t.after(() => again.close())
  assert.deepEqual(await readFrom({ ...test, broker: again }), [3, 4])
})

test('a hub that keeps events for ever keeps them', async (t) => {
  const test = await openWith(t, { retentionMs: null })
  for (let step = 0; step < 20; step++) await pass(test.clock, yearMs)
  assert.deepEqual(await readFrom(test), [0, 1, 2, 3, 4])
})

test('a hub at rest becomes empty by itself', async (t) => {
  const { broker, owner, clock } = await openWith(t)
  for (let step = 0; step < 90; step++) await pass(clock, 1000)
  const { storedBytes, isEmpty } = broker.describePartition(owner, 'orders', '0')
  assert.deepEqual([storedBytes, isEmpty], [0, true])
  const status = broker.retention.status(owner)
  assert.deepEqual([status.failures, status.doubt, status.hubs[0]?.trimmedEvents], [0, null, 5])
  assert.equal(status.lastLapAtMs, clock.now())
})

test('a clock that jumps ahead hides and deletes nothing', async (t) => {
  const test = await openWith(t)
  const { broker, owner, clock } = test
  clock.jumpWall(yearMs)
  for (let step = 0; step < 9; step++) {
    await pass(clock, 1000)
    assert.deepEqual(await readFrom(test), [0, 1, 2, 3, 4])
  }
  assert.equal(broker.retention.status(owner).doubt?.aheadMs, yearMs)
  assert.deepEqual(await broker.retention.expire(owner, 'orders', false), [
    { partition: 0, events: 0, bytes: 0, heldFrom: null },
  ])
  clock.jumpWall(-yearMs)
  assert.equal(broker.retention.status(owner).doubt, null)
  await pass(clock, 2001 + 10_000)
  assert.deepEqual(await readFrom(test), [1, 2, 3, 4])
})

test('a clock that jumped ahead expires events when a person says that it is right', async (t) => {
  const test = await openWith(t)
  const { broker, owner, clock } = test
  clock.jumpWall(yearMs)
  assert.deepEqual(await readFrom(test), [0, 1, 2, 3, 4])
  const [report] = await broker.retention.expire(owner, 'orders', true)
  assert.equal(report?.events, 5)
  assert.deepEqual(await readFrom(test), [])
})

test('a start with a clock far ahead of what was stored waits, one soon after does not', async (t) => {
  for (const [awayMs, expected] of [
    [yearMs, [0, 1, 2, 3, 4]],
    [60_000, [4]],
  ] as const) {
    const test = await openWith(t)
    const { broker, clock, engine, owner } = test
    await broker.close()
    clock.advance(awayMs)
    const again = await openBroker({ engine, clock, random: new SimRandom(2), log: quietLog })
    t.after(() => again.close())
    await pass(clock, 1000)
    assert.deepEqual(await readFrom({ ...test, broker: again }), expected.slice(awayMs === 60_000 ? 1 : 0))
    assert.equal(again.retention.status(owner).doubt === null, awayMs === 60_000)
    for (let step = 0; step < 11; step++) await pass(clock, 60_000)
    assert.deepEqual(await readFrom({ ...test, broker: again }), [])
  }
})

test('a clock that jumped is still doubted after a restart, whatever was stored by it', async (t) => {
  const test = await openWith(t)
  const { broker, owner, clock, engine } = test
  await pass(clock, 1000)
  clock.jumpWall(yearMs)
  await publishStored(test, single('by the wrong clock'))
  await broker.close()
  const again = await openBroker({ engine, clock, random: new SimRandom(2), log: quietLog })
  t.after(() => again.close())
  await pass(clock, 2000)
  assert.deepEqual(await readFrom({ ...test, broker: again }), [0, 1, 2, 3, 4, 5])
  assert.notEqual(again.retention.status(owner).doubt, null)
})

test('a clock that goes back keeps events longer and new ones readable', async (t) => {
  const test = await openWith(t)
  test.clock.jumpWall(-yearMs)
  assert.deepEqual(await readFrom(test), [0, 1, 2, 3, 4])
  await publishStored(test, single('new'))
  for (let step = 0; step < 120; step++) await pass(test.clock, 1000)
  assert.deepEqual(await readFrom(test), [0, 1, 2, 3, 4, 5])
})

test('what Capture has not written yet is hidden, not deleted', async (t) => {
  const test = await openWith(t, { events: 2 })
  const { broker, owner, clock } = test
  await broker.captures.enable('local', 'orders', { ...captureDefaults, destination: 'dir:x', credentials: 'none' })
  clock.advance(1000)
  await publishStored(test, single('held'))
  clock.advance(hourMs)
  assert.deepEqual(await broker.retention.expire(owner, 'orders', false), [
    { partition: 0, events: 2, bytes: 14, heldFrom: 2 },
  ])
  assert.deepEqual(await readFrom(test), [])
})

test('a purge removes what lies before a position, whatever its age', async (t) => {
  const test = await openWith(t)
  const { broker, owner } = test
  const purged = await broker.retention.purge(owner, 'orders', 0, 3)
  assert.deepEqual(purged, { partition: 0, events: 3, bytes: 21, heldFrom: null })
  assert.deepEqual(await readFrom(test), [3, 4])
  await broker.retention.purge(owner, 'orders', 0, 5)
  assert.deepEqual(await readFrom(test), [])
  assert.throws(
    () => broker.retention.purge(broker.anonymousCaller(''), 'orders', 0, 0),
    (error) => isEhubError(error, 'unauthorized'),
  )
  assert.throws(
    () => broker.retention.purge(owner, 'orders', 0, 6),
    (error) => isEhubError(error, 'position-out-of-range'),
  )
})

test('a trickle of events gives its space back: a segment that never fills is sealed', async (t) => {
  const disk = new SimDisk()
  const clock = new SimClock()
  const engine = await openEmbeddedEngine({
    disk,
    clock,
    random: new SimRandom(1),
    log: quietLog,
    options: { lowWaterBytes: 0, reserveBytes: 0 },
  })
  const test = await openTestBroker(t, {}, { engine, clock, partitionCount: 1 })
  const { broker, owner } = test
  await broker.updateHub(owner, 'orders', { retentionMs: hourMs })
  let storedMax = 0
  for (let hour = 0; hour < 12; hour++) {
    for (let minute = 0; minute < 60; minute += 5) {
      await publishStored(test, single('x'.repeat(1000)))
      for (let step = 0; step < 5; step++) {
        clock.advance(60_000)
        await settleMicrotasks()
        await settleMicrotasks()
      }
    }
    if (hour > 3) storedMax = Math.max(storedMax, broker.describePartition(owner, 'orders', '0').storedBytes)
  }
  // Twelve events an hour of a thousand bytes each: three hours' worth at most are kept for one hour of retention.
  assert.ok(storedMax < 3 * 12 * 1010, `${storedMax} bytes`)
  assert.equal((await readFrom(test)).length, 12)
})
