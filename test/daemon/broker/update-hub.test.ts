import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { partitionOfKey } from '../../../src/wire/partition-key.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { openTestBroker, publishStored, single } from './builders.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

test('what is changed is told and survives a restart, the rest stays', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner, clock } = test
  const before = broker.describeHub(owner, 'orders')
  const changed = await broker.updateHub(owner, 'ORDERS', { retentionMs: 5000, minCompactionLagMs: 3 })
  assert.deepEqual(changed, { ...before, retentionMs: 5000, minCompactionLagMs: 3 })
  await broker.updateHub(owner, 'orders', { cleanup: 'delete-or-compact' })
  await broker.close()
  const again = await openBroker({ engine: test.engine, clock, random: new SimRandom(2), log: quietLog })
  t.after(() => again.close())
  assert.deepEqual(again.describeHub(owner, 'orders'), { ...changed, cleanup: 'delete-or-compact' })
})

test('changing a hub needs the right to manage it, and the hub', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  await assert.rejects(broker.updateHub(broker.anonymousCaller(''), 'orders', {}), code('unauthorized'))
  await assert.rejects(broker.updateHub(owner, 'orbers', { retentionMs: 5000 }), code('hub-not-found'))
})

test('added partitions can be used at once, by name, by key and in turn', async (t) => {
  const test = await openTestBroker(t, {}, { partitionCount: 2 })
  const { broker, owner } = test
  const rotating = broker.openPublisher(owner, 'orders', null)
  assert.throws(() => broker.openPublisher(owner, 'orders', '2'), code('partition-not-found'))
  const { partitionCount } = await broker.updateHub(owner, 'orders', { partitionCount: 5 })
  assert.equal(partitionCount, 5)
  assert.equal(broker.describePartition(owner, 'orders', '4').isEmpty, true)
  await publishStored(test, single('x'), '4')
  const chosen = new Set<number>()
  for (let turn = 0; turn < 5; turn++) {
    chosen.add(rotating.publish(single('y')).group.partition)
    broker.flush()
    await settleMicrotasks()
  }
  assert.deepEqual(
    [...chosen].sort((one, other) => one - other),
    [0, 1, 2, 3, 4],
  )
  const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
  for (const key of keys) {
    assert.equal(rotating.publish(single('z', key)).group.partition, partitionOfKey(key, 5))
  }
})

test('partitions cannot be taken away, nor be more than 1,024', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  await assert.rejects(broker.updateHub(owner, 'orders', { partitionCount: 3 }), code('not-allowed'))
  await assert.rejects(broker.updateHub(owner, 'orders', { partitionCount: 1025 }), code('argument-out-of-range'))
  assert.equal(broker.describeHub(owner, 'orders').partitionCount, 4)
})

test('two growths at a time come one after the other', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const results = await Promise.allSettled([
    broker.updateHub(owner, 'orders', { partitionCount: 9 }),
    broker.updateHub(owner, 'orders', { partitionCount: 6 }),
  ])
  assert.equal(results[0].status, 'fulfilled')
  assert.ok(results[1].status === 'rejected' && isEhubError(results[1].reason, 'not-allowed'))
  assert.equal(broker.describeHub(owner, 'orders').partitionCount, 9)
})

test('no partition is counted before its log is open and its number durable', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  engine.holdsOpening = true
  const growing = broker.updateHub(owner, 'orders', { partitionCount: 2 })
  await settleMicrotasks()
  assert.equal(broker.describeHub(owner, 'orders').partitionCount, 1)
  engine.holds = ({ group }) => group === '$state'
  engine.letOpen()
  await settleMicrotasks()
  assert.equal(broker.describeHub(owner, 'orders').partitionCount, 1)
  await engine.release(1)
  engine.holds = () => false
  await growing
  assert.equal(broker.describeHub(owner, 'orders').partitionCount, 2)
})

test('when the number cannot be made durable nothing has changed and it can be tried again', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  engine.holds = ({ group }) => group === '$state'
  const growing = broker.updateHub(owner, 'orders', { partitionCount: 2 })
  await settleMicrotasks()
  engine.fail(new Error('the disk is gone'))
  await assert.rejects(growing, /the disk is gone/)
  assert.equal(broker.describeHub(owner, 'orders').partitionCount, 1)
  engine.holds = () => false
  assert.equal((await broker.updateHub(owner, 'orders', { partitionCount: 2 })).partitionCount, 2)
})

test('a hub deleted while it grows is gone with everything made for it', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  engine.holdsOpening = true
  const growing = broker.updateHub(owner, 'orders', { partitionCount: 3 })
  await settleMicrotasks()
  const deleting = broker.deleteHub(owner, 'orders')
  await settleMicrotasks()
  engine.letOpen()
  await assert.rejects(growing, code('hub-not-found'))
  await deleting
  assert.deepEqual(
    (await engine.listLogs()).map(({ group }) => group),
    ['$state'],
  )
})

test('partitions whose logs were made but not counted are taken up by the next growth', async (t) => {
  const engine = new MemoryEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  const { id } = broker.describeHub(owner, 'orders')
  await (await engine.openLog({ group: id, partition: 1 }, { durability: 'sync', segmentBytes: 1 << 20 })).close()
  assert.equal((await broker.updateHub(owner, 'orders', { partitionCount: 2 })).partitionCount, 2)
})
