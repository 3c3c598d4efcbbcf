import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type EhubError, isEhubError } from '../../../src/base/error.ts'
import type { Receiver } from '../../../src/daemon/broker/broker-api.ts'
import { openTestBroker, publishStored, receiving, single } from './builders.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

/** The code a receiver was detached with, `attached` while it is. */
function watch(receiver: Receiver): () => string {
  let seen: EhubError | null = null
  receiver.onDetached((reason) => {
    assert.equal(seen, null, 'told once')
    seen = reason
  })
  return () => seen?.code ?? 'attached'
}

test('five share a partition in a group; the sixth is refused until one has gone', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const five = ['a', 'b', 'c', 'd', 'e'].map((name) => broker.openReceiver(owner, receiving({ name })))
  assert.throws(() => broker.openReceiver(owner, receiving()), /connected receivers - a, b, c, d, e$/)
  // Another partition and another group are places of their own.
  await broker.createGroup(owner, 'orders', 'g1', false)
  broker.openReceiver(owner, receiving({ partition: '1' }))
  broker.openReceiver(owner, receiving({ group: 'g1' }))
  // The same group in other letters is not.
  assert.throws(() => broker.openReceiver(owner, receiving({ group: '$default' })), code('receiver-limit'))
  five[2]?.close()
  broker.openReceiver(owner, receiving({ group: '$DEFAULT' }))
})

test('an owner level displaces all who share before the attach is answered, and keeps others out while it lasts', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const shared = [1, 2].map(() => watch(broker.openReceiver(owner, receiving())))
  const first = broker.openReceiver(owner, receiving({ ownerLevel: 1, name: 'first' }))
  const firstSeen = watch(first)
  assert.deepEqual(
    shared.map((seen) => seen()),
    ['receiver-stolen', 'receiver-stolen'],
  )
  assert.throws(() => broker.openReceiver(owner, receiving({ ownerLevel: 0 })), code('owner-level-lower'))
  assert.throws(() => broker.openReceiver(owner, receiving()), code('owner-level-required'))
  assert.equal(firstSeen(), 'attached')
  const second = broker.openReceiver(owner, receiving({ ownerLevel: 1 }))
  assert.equal(firstSeen(), 'receiver-stolen')
  const third = broker.openReceiver(owner, receiving({ ownerLevel: 7 }))
  assert.throws(() => second.next(1), code('receiver-stolen'))
  // A level counts as long as its receiver lives.
  third.close()
  broker.openReceiver(owner, receiving())
})

test('a receiver refused for its position displaces nobody', async (t) => {
  const test = await openTestBroker(t)
  await publishStored(test, single('a'))
  const holder = watch(test.broker.openReceiver(test.owner, receiving({ ownerLevel: 0 })))
  const beyond = { kind: 'sequence', sequence: 5, isInclusive: true } as const
  assert.throws(
    () => test.broker.openReceiver(test.owner, receiving({ ownerLevel: 9, position: beyond })),
    code('position-out-of-range'),
  )
  assert.equal(holder(), 'attached')
})

test('an owner level that is none is refused', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  for (const ownerLevel of [-1, 0.5, 2 ** 53]) {
    assert.throws(() => broker.openReceiver(owner, receiving({ ownerLevel })), code('argument-out-of-range'))
  }
})

test('the list shows who reads what and how far, and a kicked one is told', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner, clock } = test
  await publishStored(test, single('a'))
  const receiver = broker.openReceiver(owner, receiving({ name: 'reader', origin: '127.0.0.1:5', ownerLevel: 3 }))
  const seen = watch(receiver)
  await receiver.next(100)
  receiver.report(9, 1)
  const [described, ...others] = broker.listReceivers(owner, null)
  assert.deepEqual(others, [])
  assert.deepEqual(described, {
    id: described?.id,
    hub: 'orders',
    group: '$Default',
    partition: 0,
    name: 'reader',
    origin: '127.0.0.1:5',
    ownerLevel: 3,
    credit: 9,
    deliveredCount: 1,
    nextSequence: 1,
    openedAtMs: clock.now(),
  })
  assert.equal(broker.listReceivers(owner, 'ORDERS').length, 1)
  broker.kickReceiver(owner, described?.id ?? -1)
  assert.equal(seen(), 'cancelled')
  assert.deepEqual(broker.listReceivers(owner, null), [])
  assert.throws(() => broker.kickReceiver(owner, described?.id ?? -1), /no receiver 1/)
})

test('deleting a group detaches its receivers and no others; deleting the hub detaches all', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  await broker.createHub(owner, { name: 'other', partitionCount: 1 })
  await broker.createGroup(owner, 'orders', 'g1', false)
  const inGroup = watch(broker.openReceiver(owner, receiving({ group: 'G1' })))
  const inDefault = watch(broker.openReceiver(owner, receiving()))
  const inOther = watch(broker.openReceiver(owner, receiving({ hub: 'other' })))
  await broker.deleteGroup(owner, 'orders', 'g1')
  assert.deepEqual([inGroup(), inDefault(), inOther()], ['group-not-found', 'attached', 'attached'])
  await broker.deleteHub(owner, 'orders')
  assert.deepEqual([inDefault(), inOther()], ['hub-not-found', 'attached'])
})

test('who listens late for its end is told all the same', async (t) => {
  const { broker, owner } = await openTestBroker(t)
  const receiver = broker.openReceiver(owner, receiving({ ownerLevel: 0 }))
  broker.openReceiver(owner, receiving({ ownerLevel: 0 }))
  const reason = await new Promise<EhubError>((resolve) => receiver.onDetached(resolve))
  assert.equal(reason.code, 'receiver-stolen')
})
