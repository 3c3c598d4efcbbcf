import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EhubError, isEhubError } from '../../../src/base/error.ts'
import { sasTokenKind } from '../../../src/daemon/broker/tokens.ts'
import { partitionOfKey } from '../../../src/wire/partition-key.ts'
import { makeSasToken } from '../../../src/wire/sas.ts'
import { batchOf, openTestBroker, publishStored, readAll, receiving, single } from './builders.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'

const mib = 1024 * 1024

test('a key decides the partition by the hash of the service, in every turn', async (t) => {
  const { broker, owner } = await openTestBroker(t, {}, { partitionCount: 8 })
  const publisher = broker.openPublisher(owner, 'orders', null)
  for (const key of ['alphabet', '7', 'FWfAT', '']) {
    const { group } = publisher.publish(single('x', key))
    assert.equal(group.partition, partitionOfKey(key, 8), key)
    broker.flush()
  }
})

test('on a partition named, a key is stored and does not route', async (t) => {
  const { broker, owner } = await openTestBroker(t, {}, { partitionCount: 8 })
  const publisher = broker.openPublisher(owner, 'orders', '3')
  assert.equal(publisher.publish(single('x', 'alphabet')).group.partition, 3)
})

test('a publication above the limit is refused with both numbers and the hub', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const publisher = broker.openPublisher(owner, 'orders', null)
  assert.equal(publisher.publicationBytesMax, mib)
  publisher.publish(single(Buffer.alloc(mib)))
  assert.throws(
    () => publisher.publish(single(Buffer.alloc(1_048_900))),
    (error) =>
      isEhubError(error, 'event-too-large') &&
      error.message === 'event of 1,048,900 bytes exceeds 1,048,576 of hub "orders"',
  )
  const half = 'x'.repeat(600_000)
  assert.throws(
    () => publisher.publish(batchOf([half, half])),
    /^EhubError: batch of 2 events of 1,200,016 bytes exceeds 1,048,576 of hub "orders"$/,
  )
})

test('the basic tier takes 256 KiB', async (t) => {
  const { broker, owner } = await openTestBroker(t, { tier: 'basic' })
  const publisher = broker.openPublisher(owner, 'orders', '0')
  publisher.publish(single(Buffer.alloc(256 * 1024)))
  assert.throws(() => publisher.publish(single(Buffer.alloc(256 * 1024 + 1))), /262,145 bytes exceeds 262,144/)
})

test('a key of more than 128 characters and a publication of nothing are refused', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const publisher = broker.openPublisher(owner, 'orders', null)
  publisher.publish(single('x', 'k'.repeat(128)))
  assert.throws(() => publisher.publish(single('x', 'k'.repeat(129))), /129 characters exceeds 128/)
  assert.throws(
    () => publisher.publish({ payload: Buffer.alloc(0), count: 0, partitionKey: null }),
    (error) => isEhubError(error, 'argument-error'),
  )
})

test('a partition and a hub that are not there are refused, with what there is', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  for (const partition of ['4', '-1', '00', '0x1', '1.0', '', ' 1', '99999']) {
    assert.throws(
      () => broker.openPublisher(owner, 'orders', partition),
      (error) => isEhubError(error, 'partition-not-found') && error.message.endsWith('it has 4, from 0 to 3'),
      partition,
    )
  }
  assert.throws(
    () => broker.openPublisher(owner, 'order', null),
    (error) => isEhubError(error, 'hub-not-found') && error.hint === 'did you mean "orders"?',
  )
})

test('while too much is in flight a publisher is not writable; when it has landed, those who wait are told', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, { partitionInFlightBytesMax: 10_000 }, { engine })
  engine.holds = ({ group }) => group !== '$state'
  const fixed = broker.openPublisher(owner, 'orders', '0')
  const other = broker.openPublisher(owner, 'orders', '1')
  const any = broker.openPublisher(owner, 'orders', null)
  fixed.publish(single(Buffer.alloc(12_000)))
  broker.flush()
  assert.deepEqual([fixed.isWritable, other.isWritable, any.isWritable], [false, true, false])
  const told: string[] = []
  fixed.whenWritable(() => told.push('fixed'))
  any.whenWritable(() => told.push('any'))
  other.whenWritable(() => told.push('other'))
  await settleMicrotasks()
  assert.deepEqual(told, ['other'])
  await engine.release()
  await settleMicrotasks()
  assert.deepEqual(told, ['other', 'fixed', 'any'])
  assert.deepEqual([fixed.isWritable, any.isWritable], [true, true])
})

test('the mark of all partitions together pauses every publisher, twice the mark refuses', async (t) => {
  const engine = new HeldEngine()
  const { broker, owner } = await openTestBroker(t, { inFlightBytesMax: 10_000 }, { engine })
  engine.holds = ({ group }) => group !== '$state'
  const publishers = ['0', '1', '2'].map((partition) => broker.openPublisher(owner, 'orders', partition))
  for (const publisher of publishers) publisher.publish(single(Buffer.alloc(9000)))
  assert.deepEqual(
    publishers.map(({ isWritable }) => isWritable),
    [false, false, false],
  )
  assert.throws(
    () => publishers[0]?.publish(single('x')),
    (error) => isEhubError(error, 'server-busy'),
  )
  const told: number[] = []
  for (const [index, publisher] of publishers.entries()) publisher.whenWritable(() => told.push(index))
  broker.flush()
  await engine.release()
  await settleMicrotasks()
  assert.deepEqual(told, [0, 1, 2])
})

test('a publisher whose hub is deleted is told, and publishes nothing any more', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  const publisher = broker.openPublisher(owner, 'orders', '0')
  const reasons: EhubError[] = []
  publisher.onDetached((reason) => reasons.push(reason))
  await broker.deleteHub(owner, 'orders')
  assert.deepEqual(
    reasons.map(({ code, message }) => [code, message]),
    [['hub-not-found', 'hub "orders" in namespace "local" was deleted']],
  )
  assert.throws(
    () => publisher.publish(single('x')),
    (error) => error === reasons[0],
  )
  // A hub of the same name made afterwards is another one, empty.
  await broker.createHub(owner, { name: 'orders', partitionCount: 1 })
  assert.throws(() => publisher.publish(single('x')), /was deleted/)
  assert.equal(await publishStored(test, single('y')), 0)
})

test('what is in flight when the hub is deleted gets an outcome', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const publisher = broker.openPublisher(owner, 'orders', '0')
  const deleting = broker.deleteHub(owner, 'orders')
  const { group } = publisher.publish(single('x'))
  const outcome = await new Promise((resolve) => group.whenSettled(resolve))
  await deleting
  assert.ok(outcome === 'stored' || isEhubError(outcome))
})

test('a token that lapses ends publishing and receiving, and other tokens go on', async (t) => {
  const { broker, owner, clock } = await openTestBroker(t)
  await broker.createHub(owner, { name: 'copy' })
  const [rule] = broker.listRules(owner)
  const caller = broker.anonymousCaller('')
  const put = (hub: string, seconds: number) =>
    caller.putToken(
      `sb://localhost/${hub}`,
      sasTokenKind,
      makeSasToken({
        resource: `sb://localhost/${hub}`,
        ruleName: rule?.name ?? '',
        key: rule?.primaryKey ?? '',
        expiresAtSeconds: Math.floor(clock.now() / 1000) + seconds,
      }),
    )
  put('orders', 60)
  put('copy', 600)
  const detached: string[] = []
  const publisher = broker.openPublisher(caller, 'orders', null)
  publisher.onDetached(({ code, message }) => detached.push(`${code} ${message}`))
  const receiver = broker.openReceiver(caller, receiving())
  receiver.onDetached(({ code }) => detached.push(code))
  const copying = broker.openPublisher(caller, 'copy', null)
  copying.onDetached(() => detached.push('copy'))

  clock.jumpWall(60_000)
  assert.throws(
    () => publisher.publish(single('x')),
    (error) => isEhubError(error, 'unauthorized'),
  )
  assert.throws(
    () => receiver.next(1000),
    (error) => isEhubError(error, 'unauthorized'),
  )
  copying.publish(single('x'))
  clock.advance(60_000)
  assert.deepEqual(detached, [
    "unauthorized Unauthorized access. 'Send' claim(s) are required to perform this operation. Resource: 'sb://local/orders'",
    'unauthorized',
  ])
})

test('a closed publisher publishes nothing and is told nothing', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const publisher = broker.openPublisher(owner, 'orders', null)
  let told = 0
  publisher.onDetached(() => told++)
  publisher.whenWritable(() => told++)
  publisher.close()
  publisher.close()
  assert.throws(
    () => publisher.publish(single('x')),
    (error) => isEhubError(error, 'cancelled'),
  )
  await broker.deleteHub(owner, 'orders')
  assert.equal(told, 1, 'only the microtask that was asked for while it was open')
})

test('everything published without a key is found again, on all partitions', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const publisher = broker.openPublisher(owner, 'orders', null)
  const receipts = Array.from({ length: 1000 }, (_, index) => {
    if (index % 100 === 0) broker.flush()
    return publisher.publish(single(`event ${index}`))
  })
  broker.flush()
  await new Promise((resolve) => receipts.at(-1)?.group.whenSettled(resolve))
  const perPartition: number[] = []
  const seen = new Set<string>()
  for (const partition of ['0', '1', '2', '3']) {
    const events = await readAll(broker.openReceiver(owner, receiving({ partition })))
    perPartition.push(events.length)
    for (const { content } of events) seen.add(content)
  }
  assert.equal(seen.size, 1000)
  assert.ok(Math.max(...perPartition) - Math.min(...perPartition) <= 128, perPartition.join(' '))
})
