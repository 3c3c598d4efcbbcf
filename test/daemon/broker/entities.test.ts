import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'
import { openTestBroker, publishStored, readAll, receiving, single } from './builders.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

test('a hub is described as it was made', async (t) => {
  const { broker, owner, clock } = await openTestBroker(t, { durability: 'os' }, { partitionCount: 0 })
  const made = await broker.createHub(owner, { name: 'Orders', partitionCount: 3, groups: ['g1'] })
  assert.deepEqual(made, {
    name: 'Orders',
    id: 'ns1/h2',
    createdAtMs: clock.now(),
    partitionCount: 3,
    durability: 'os',
    retentionMs: 604_800_000,
    cleanup: 'delete',
    tombstoneRetentionMs: 86_400_000,
    minCompactionLagMs: 0,
    groups: ['$Default', 'g1'],
  })
  assert.deepEqual(broker.describeHub(owner, 'orders'), made)
  await broker.createHub(owner, { name: 'archive', durability: 'memory' })
  assert.deepEqual(
    broker.listHubs(owner).map(({ name, durability, partitionCount }) => [name, durability, partitionCount]),
    [
      ['Orders', 'os', 3],
      ['archive', 'memory', 4],
    ],
  )
})

test('making a hub twice at the same time gives it once', async (t) => {
  const { broker, owner } = await openTestBroker(t, {}, { partitionCount: 0 })
  const create = (ifNotExists: boolean) => broker.createHub(owner, { name: 'orders', ifNotExists })
  const [first, second, third] = await Promise.allSettled([create(false), create(true), create(false)])
  assert.ok(first.status === 'fulfilled' && second.status === 'fulfilled')
  assert.equal(second.value.id, first.value.id)
  assert.ok(third.status === 'rejected' && isEhubError(third.reason, 'hub-exists'))
})

test('a hub can be used only when its logs are open, and is listed from then on', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine, partitionCount: 0 })
  engine.holdsOpening = true
  const creating = broker.createHub(owner, { name: 'orders', partitionCount: 2 })
  await settleMicrotasks()
  assert.deepEqual(broker.listHubs(owner), [])
  assert.throws(() => broker.openPublisher(owner, 'orders', null), code('server-busy'))
  engine.letOpen()
  await creating
  assert.equal(broker.listHubs(owner).length, 1)
  broker.openPublisher(owner, 'orders', null)
})

test('when logs cannot be opened the hub is there and opening it is tried again', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, {}, { engine, partitionCount: 0 })
  engine.holdsOpening = true
  const creating = broker.createHub(owner, { name: 'orders', partitionCount: 2 })
  await settleMicrotasks()
  engine.failOpening(new Error('too many open files'))
  await assert.rejects(creating, /too many open files/)
  await broker.createHub(owner, { name: 'orders', ifNotExists: true })
  broker.openPublisher(owner, 'orders', '1')
})

test('a deleted hub takes its logs with it; a new one of its name has others', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner, engine } = test
  await publishStored(test, single('old'))
  const { id } = broker.describeHub(owner, 'orders')
  await broker.deleteHub(owner, 'ORDERS')
  assert.deepEqual(
    (await engine.listLogs()).filter(({ group }) => group === id),
    [],
  )
  assert.throws(() => broker.describeHub(owner, 'orders'), code('hub-not-found'))
  await assert.rejects(broker.deleteHub(owner, 'orders'), code('hub-not-found'))
  const again = await broker.createHub(owner, { name: 'orders' })
  assert.notEqual(again.id, id)
  assert.deepEqual(await readAll(broker.openReceiver(owner, receiving())), [])
})

test('a removal that was cut short is finished at the next start', async (t) => {
  const engine = new HeldEngine()
  const clock = new SimClock()
  const open = () => openBroker({ engine, clock, random: new SimRandom(1), log: quietLog })
  const broker = await open()
  const owner = broker.ownerCaller('')
  await broker.createHub(owner, { name: 'orders', partitionCount: 2 })
  engine.failDeleting = new Error('disk trouble')
  await broker.deleteHub(owner, 'orders')
  assert.equal((await engine.listLogs()).length, 3)
  await broker.close()

  engine.failDeleting = null
  const again = await open()
  t.after(() => again.close())
  assert.deepEqual(
    (await engine.listLogs()).map(({ group }) => group),
    ['$state'],
  )
  assert.deepEqual(again.listHubs(owner), [])
})

test('folders of nobody are left alone and never given to a new hub', async (t) => {
  const engine = new MemoryEngine()
  await engine.openLog({ group: 'ns1/h7', partition: 0 }, { durability: 'sync', segmentBytes: 1 << 20 })
  const warnings: unknown[] = []
  const log = { ...quietLog, warn: (_: string, fields?: object) => warnings.push(fields) }
  const broker = await openBroker({ engine, clock: new SimClock(), random: new SimRandom(1), log })
  t.after(() => broker.close())
  assert.deepEqual(warnings, [{ folder: 'ns1/h7' }])
  assert.equal((await broker.createHub(broker.ownerCaller(''), { name: 'orders' })).id, 'ns1/h8')
})

test('groups are made, found in any case, and deleted with their checkpoints', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  await publishStored(test, single('a'))
  await broker.createGroup(owner, 'orders', 'Billing', false)
  await broker.createGroup(owner, 'orders', 'billing', true)
  await assert.rejects(broker.createGroup(owner, 'orders', 'billing', false), code('group-exists'))
  assert.deepEqual(broker.describeHub(owner, 'orders').groups, ['$Default', 'Billing'])
  await broker.setCheckpoint(owner, 'orders', 'BILLING', 0, { sequence: 0 })
  await broker.deleteGroup(owner, 'orders', 'BILLING')
  await broker.createGroup(owner, 'orders', 'billing', false)
  assert.deepEqual(broker.checkpoints(owner, 'orders', 'billing'), [])
  await assert.rejects(broker.deleteGroup(owner, 'orders', '$Default'), code('not-allowed'))
})

test('partitions are described from nothing over used to trimmed', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  const { broker, owner, clock } = test
  const described = () => {
    const { storedBytes, ...rest } = broker.describePartition(owner, 'orders', '0')
    assert.ok(storedBytes >= 0)
    return rest
  }
  const same = { hub: 'orders', partition: 0 }
  assert.deepEqual(described(), {
    ...same,
    beginSequence: 0,
    lastSequence: -1,
    lastOffset: -1,
    lastEnqueuedTimeMs: null,
    isEmpty: true,
  })
  await publishStored(test, single('a'))
  await publishStored(test, single('b'))
  const used = { ...same, lastSequence: 1, lastOffset: 6, lastEnqueuedTimeMs: clock.now() }
  assert.deepEqual(described(), { ...used, beginSequence: 0, isEmpty: false })
  await engine.trim('ns1/h2', 0, 2)
  assert.deepEqual(described(), { ...used, beginSequence: 2, isEmpty: true })
  assert.throws(() => broker.describePartition(owner, 'orders', '1'), code('partition-not-found'))
})
