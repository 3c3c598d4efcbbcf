import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { batchOf, openTestBroker, publishStored } from './builders.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

async function openWithContainer(t: TestContext) {
  const test = await openTestBroker(t, {}, { partitionCount: 2 })
  for (const partition of ['0', '1']) await publishStored(test, batchOf(['a', 'b', 'c']), partition)
  const { blobs } = test.broker
  await blobs.createContainer('app', {})
  const put = (name: string, metadata: Record<string, string>) =>
    blobs.putBlob('app', name, { metadata, contentType: null, content: Buffer.alloc(0) }, {})
  const shown = (store?: string) =>
    test.broker
      .checkpoints(test.owner, 'orders', '$Default', store)
      .map(({ partition, sequence, store: where }) => [where, partition, sequence])
  return { ...test, blobs, put, shown }
}

test("a processor's checkpoints are the group's as soon as it writes one", async (t) => {
  const { broker, owner, put, shown, clock } = await openWithContainer(t)
  await broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: 0 })
  assert.deepEqual(shown(), [['$daemon', 0, 0]])
  const { etag } = await put('h/orders/$default/checkpoint/1', { sequencenumber: '2', offset: '12' })
  await put('h/orders/$default/ownership/1', { ownerid: 'me' })
  assert.deepEqual(broker.checkpoints(owner, 'Orders', '$default'), [
    {
      hub: 'orders',
      group: '$Default',
      partition: 1,
      store: 'app',
      sequence: 2,
      offset: 12,
      enqueuedTimeMs: null,
      owner: 'me',
      updatedAtMs: clock.now(),
      etag,
    },
  ])
  assert.deepEqual(shown('$daemon'), [['$daemon', 0, 0]])
  await broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: 1, store: '$daemon' })
  assert.deepEqual(shown(), [['$daemon', 0, 1]])
  assert.deepEqual(shown('app'), [['app', 1, 2]])
})

test('setting and clearing goes to where the processor will look, under its names', async (t) => {
  const { broker, owner, put, shown, blobs } = await openWithContainer(t)
  await put('ns:5672/orders/$default/checkpoint/0', { sequencenumber: '0', offset: '0', clientidentifier: 'net' })
  const set = await broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: 2 })
  assert.equal(set.owner, 'net')
  await broker.setCheckpoint(owner, 'orders', '$Default', 1, { sequence: 1 })
  assert.deepEqual(
    blobs.listBlobs('app', '', '', 10).blobs.map(({ name, metadata }) => [name, metadata]),
    [
      [
        'ns:5672/orders/$default/checkpoint/0',
        { clientidentifier: 'net', sequencenumber: '2', offset: String(set.offset) },
      ],
      ['ns:5672/orders/$default/checkpoint/1', { sequencenumber: '1', offset: '6' }],
    ],
  )
  const again = { sequence: 0, ifMatch: set.etag }
  const { etag } = await broker.setCheckpoint(owner, 'orders', '$Default', 0, again)
  await assert.rejects(broker.setCheckpoint(owner, 'orders', '$Default', 0, again), code('checkpoint-conflict'))
  assert.equal(blobs.blob('app', 'ns:5672/orders/$default/checkpoint/0').etag, etag)
  await broker.clearCheckpoint(owner, 'orders', '$Default', 0)
  assert.deepEqual(shown(), [['app', 1, 1]])
  await assert.rejects(broker.clearCheckpoint(owner, 'orders', '$Default', 0, 'app'), code('checkpoint-not-found'))
  await assert.rejects(
    broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: 0, store: 'nope' }),
    code('container-not-found'),
  )
})

test('what is no checkpoint of this hub and group is left out', async (t) => {
  const { broker, owner, put, shown, clock } = await openWithContainer(t)
  await put('h/orders/$default/checkpoint/2', { sequencenumber: '1', offset: '0' })
  await put('h/orders/$default/checkpoint/1', { offset: '0' })
  await put('h/orders/other/checkpoint/0', { sequencenumber: '1', offset: '0' })
  assert.deepEqual(shown('app'), [])
  await put('h/orders/$default/checkpoint/0', { sequencenumber: '1', offset: '0' })
  assert.deepEqual(shown('app'), [['app', 0, 1]])
  // A hub of the same name made later does not begin where the old one was left.
  await broker.deleteHub(owner, 'orders')
  clock.advance(1)
  await broker.createHub(owner, { name: 'orders', partitionCount: 2 })
  assert.deepEqual(shown('app'), [])
  assert.deepEqual(shown(), [])
})

test('owners are shown of every store, with those who gave back', async (t) => {
  const { broker, owner, put, blobs, clock } = await openWithContainer(t)
  await put('h/orders/$default/ownership/1', { ownerid: '' })
  await put('h/orders/$default/ownership/0', { ownerid: 'me' })
  const owners = broker.owners(owner, 'orders', '$Default')
  assert.deepEqual(
    owners.map(({ partition, store, owner: name }) => [partition, store, name]),
    [
      [0, 'app', 'me'],
      [1, 'app', null],
    ],
  )
  assert.deepEqual(
    [owners[0]?.updatedAtMs, owners[0]?.etag],
    [clock.now(), blobs.blob('app', 'h/orders/$default/ownership/0').etag],
  )
  assert.deepEqual(broker.owners(owner, 'orders', '$Default', '$daemon'), [])
  assert.throws(() => broker.owners(owner, 'orders', '$Default', 'nope'), code('container-not-found'))
})

test('a partition is claimed by who knows the last claim, in the own store as in a container', async (t) => {
  const { broker, owner, put } = await openWithContainer(t)
  for (const store of ['$daemon', 'app']) {
    const claim = (who: string | null, ifMatch?: string | null) =>
      broker.claimOwnership(owner, 'orders', '$Default', 1, {
        owner: who,
        store,
        ...(ifMatch === undefined ? {} : { ifMatch }),
      })
    const first = await claim('me', null)
    assert.deepEqual([first.owner, first.partition, first.store], ['me', 1, store])
    await assert.rejects(claim('you', null), code('ownership-conflict'))
    const renewed = await claim('me', first.etag)
    await assert.rejects(claim('you', first.etag), code('ownership-conflict'))
    await claim(null, renewed.etag)
    const shown = broker.owners(owner, 'orders', '$Default', store)
    assert.deepEqual(
      shown.map((row) => [row.store, row.partition, row.owner]),
      [[store, 1, null]],
    )
  }
  // A blob an SDK wrote is the one that is claimed: no second one beside it.
  await put('ns/orders/$default/ownership/0', { ownerid: 'sdk' })
  const theirs = broker.owners(owner, 'orders', '$Default', 'app').find(({ partition }) => partition === 0)
  await broker.claimOwnership(owner, 'orders', '$Default', 0, {
    owner: 'me',
    ifMatch: theirs?.etag ?? '',
    store: 'app',
  })
  assert.equal(broker.blobs.blob('app', 'ns/orders/$default/ownership/0').metadata.ownerid, 'me')
  await assert.rejects(
    broker.claimOwnership(owner, 'orders', '$Default', 2, { owner: 'me' }),
    code('partition-not-found'),
  )
  await assert.rejects(
    broker.claimOwnership(owner, 'orders', '$Default', 0, { owner: 'x'.repeat(257) }),
    code('argument-error'),
  )
})

test('what was claimed or checkpointed in a hub that is gone is not there for a compare-and-set', async (t) => {
  const { broker, owner, put, clock } = await openWithContainer(t)
  await put('h/orders/$default/ownership/0', { ownerid: 'old' })
  await put('h/orders/$default/checkpoint/0', { sequencenumber: '1', offset: '0' })
  await broker.deleteHub(owner, 'orders')
  clock.advance(1)
  await broker.createHub(owner, { name: 'orders', partitionCount: 1 })
  assert.deepEqual(broker.owners(owner, 'orders', '$Default', 'app'), [])
  const first = { ifMatch: null, store: 'app' }
  assert.equal((await broker.claimOwnership(owner, 'orders', '$Default', 0, { owner: 'me', ...first })).owner, 'me')
  const set = await broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence: -1, ...first })
  assert.equal(set.sequence, -1)
})
