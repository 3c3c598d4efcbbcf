import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import { LagSampler } from '../../../src/daemon/observe/lag-sampler.ts'
import { openTestBroker, publishStored, readAll, receiving, single, type TestBroker } from '../broker/builders.ts'

interface Watching extends TestBroker {
  readonly sampler: LagSampler
  /** Advances a second and looks. */
  look(): Promise<void>
  row(partition?: number, group?: string): ReturnType<LagSampler['snapshot']['partitions']['slice']>[number]
}

async function watch(t: TestContext): Promise<Watching> {
  const opened = await openTestBroker(t, {}, { partitionCount: 2 })
  const { broker, owner, clock } = opened
  const sampler = new LagSampler({ broker, caller: owner, clock, log: quietLog, sampleMs: 1000 })
  t.after(() => sampler.stop())
  await sampler.sample()
  return {
    ...opened,
    sampler,
    look: async () => {
      clock.advance(999)
      await sampler.sample()
      clock.advance(1)
    },
    row: (partition = 0, group = '$Default') => {
      const found = sampler.snapshot.partitions.find((r) => r.partition === partition && r.group === group)
      assert.ok(found !== undefined)
      return found
    },
  }
}

const events = (count: number) => ({
  payload: Buffer.concat(Array.from({ length: count }, () => single('x').payload)),
  count,
  partitionKey: null,
})

test('a fresh group shows no lag however much is stored', async (t) => {
  const w = await watch(t)
  await publishStored(w, events(500))
  await w.look()
  assert.equal(w.row().status, 'UNUSED')
  assert.equal(w.row().ageMs, null)
})

test('lag counts from the checkpoint, in events, bytes and time', async (t) => {
  const w = await watch(t)
  await publishStored(w, events(10))
  w.clock.advance(5000)
  await publishStored(w, events(5))
  const checkpoint = await w.broker.setCheckpoint(w.owner, 'orders', '$Default', 0, { sequence: 9 })
  w.clock.advance(2000)
  // The pass that came due on the way is joined; the next one sees the present time.
  await w.sampler.sample()
  await w.sampler.sample()
  const row = w.row()
  assert.deepEqual([row.lag, row.checkpoint, row.last], [5, 9, 14])
  assert.equal(row.ageMs, 2000)
  assert.equal(row.isAgeEstimated, false)
  assert.equal(row.lagBytes, w.broker.describePartition(w.owner, 'orders', '0').lastOffset - checkpoint.offset)
  assert.equal(w.row(1).lag, 0)
})

test('rates are events stored and handled a second', async (t) => {
  const w = await watch(t)
  for (let second = 0; second < 6; second++) {
    await publishStored(w, events(20))
    await w.broker.setCheckpoint(w.owner, 'orders', '$Default', 0, { sequence: second * 5 })
    await w.look()
  }
  assert.equal(Math.round(w.row().inRate), 20)
  assert.equal(Math.round(w.row().outRate), 5)
  assert.equal(w.row().status, 'WARN')
  const hub = w.sampler.snapshot.hubs[0]
  assert.equal(Math.round(hub?.inEvents ?? 0), 20)
  assert.ok((hub?.inBytes ?? 0) > 20)
})

test('a reader makes its group used, names the owner and its level, and is counted out', async (t) => {
  const w = await watch(t)
  await publishStored(w, events(40))
  const receiver = w.broker.openReceiver(w.owner, receiving({ name: 'worker', ownerLevel: 3 }))
  await readAll(receiver)
  receiver.report(0, 40)
  await w.look()
  receiver.report(0, 80)
  await w.look()
  const row = w.row()
  assert.deepEqual([row.status, row.owner, row.ownerLevel, row.readers], ['NOCKPT', 'worker', 3, 1])
  assert.ok((w.sampler.snapshot.hubs[0]?.outEvents ?? 0) > 0)
  receiver.close()
  await w.look()
  assert.equal(w.row().status, 'NOCKPT', 'a group that was read stays used')
})

test('a look at events makes no group a used one', async (t) => {
  const w = await watch(t)
  await publishStored(w, events(5))
  w.broker.openReceiver(w.owner, receiving({ name: 'ehub peek' }))
  await w.look()
  assert.equal(w.row().status, 'UNUSED')
})

test('moving a checkpoint back on purpose is a warning, by accident an error', async (t) => {
  const w = await watch(t)
  await publishStored(w, events(40))
  for (const sequence of [39, 5]) {
    await w.broker.setCheckpoint(w.owner, 'orders', '$Default', 0, { sequence })
    await w.look()
  }
  assert.deepEqual([w.row().status, w.row().level], ['REWIND', 'ERR'])
  w.sampler.noteDeliberateMove('orders', '$Default', 0)
  await w.look()
  assert.deepEqual([w.row().status, w.row().level], ['REWIND', 'WARN'])
})

test('hubs and groups that go are forgotten, new ones appear', async (t) => {
  const w = await watch(t)
  await w.broker.createGroup(w.owner, 'orders', 'billing', false)
  await w.look()
  assert.deepEqual([...new Set(w.sampler.snapshot.partitions.map((row) => row.group))].toSorted(), [
    '$Default',
    'billing',
  ])
  await w.broker.deleteHub(w.owner, 'orders')
  await w.look()
  assert.deepEqual(w.sampler.snapshot.partitions, [])
  assert.deepEqual(w.sampler.snapshot.hubs, [])
})

test('the next look comes by itself after the interval, and not after stop', async (t) => {
  const w = await watch(t)
  const first = w.sampler.snapshot
  w.clock.advance(1000)
  await w.sampler.stop()
  assert.notEqual(w.sampler.snapshot, first)
  const last = w.sampler.snapshot
  w.clock.advance(10_000)
  assert.equal(w.sampler.snapshot, last)
})
