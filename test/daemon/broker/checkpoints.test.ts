import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { batchOf, openTestBroker, publishStored, readAll, receiving } from './builders.ts'
import { HeldEngine } from './held-engine.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

test('a checkpoint is given its offset and time from the log, and a reader goes on right behind it', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner, clock } = test
  await publishStored(test, batchOf(['a', 'b', 'c']))
  const events = await readAll(broker.openReceiver(owner, receiving()))
  clock.advance(50)
  const set = await broker.setCheckpoint(owner, 'ORDERS', '$default', 0, { sequence: 1, owner: 'me' })
  assert.deepEqual(set, {
    hub: 'orders',
    group: '$Default',
    partition: 0,
    store: '$daemon',
    sequence: 1,
    offset: events[1]?.offset,
    enqueuedTimeMs: events[1]?.timeMs,
    owner: 'me',
    updatedAtMs: clock.now(),
    etag: '1',
  })
  assert.deepEqual(broker.checkpoints(owner, 'orders', '$Default'), [set])
  const position = { kind: 'offset', offset: set.offset, isInclusive: false } as const
  assert.equal((await readAll(broker.openReceiver(owner, receiving({ position }))))[0]?.content, 'c')
})

test('checkpoints are listed by partition, and cleared one by one', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  for (const partition of ['2', '0', '1']) {
    await publishStored(test, batchOf(['a']), partition)
    await broker.setCheckpoint(owner, 'orders', '$Default', Number(partition), { sequence: 0 })
  }
  const partitions = () => broker.checkpoints(owner, 'orders', '$Default').map(({ partition }) => partition)
  assert.deepEqual(partitions(), [0, 1, 2])
  await broker.clearCheckpoint(owner, 'orders', '$Default', 1)
  assert.deepEqual(partitions(), [0, 2])
  await assert.rejects(broker.clearCheckpoint(owner, 'orders', '$Default', 1), code('checkpoint-not-found'))
})

test('of two who write over the same etag one wins', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  await publishStored(test, batchOf(['a', 'b', 'c']))
  const set = (sequence: number, ifMatch: string | null) =>
    broker.setCheckpoint(owner, 'orders', '$Default', 0, { sequence, ifMatch })
  const { etag } = await set(0, null)
  const results = await Promise.allSettled([set(1, etag), set(2, etag)])
  assert.deepEqual(
    results.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  assert.equal(broker.checkpoints(owner, 'orders', '$Default')[0]?.sequence, 1)
})

test('before everything, behind what was trimmed and at the last event a checkpoint can stand', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  const { broker, owner } = test
  for (let index = 0; index < 4; index++) await publishStored(test, batchOf(['a']))
  await engine.trim('ns1/h2', 0, 2)
  const set = async (sequence: number, offset?: number) => {
    const write = offset === undefined ? { sequence } : { sequence, offset }
    return (await broker.setCheckpoint(owner, 'orders', '$Default', 0, write)).offset
  }
  assert.equal(await set(-1), -1)
  // A reader behind the byte before the start begins at the start.
  assert.equal(await set(1), 11)
  assert.equal(await set(3), 18)
  assert.equal(await set(2, 12), 12)
})

test('a checkpoint of what does not exist is refused', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  await publishStored(test, batchOf(['a']))
  const set = (
    partition: number,
    write: Parameters<typeof broker.setCheckpoint>[4],
    hub = 'orders',
    group = '$Default',
  ) => broker.setCheckpoint(owner, hub, group, partition, write)
  await assert.rejects(set(0, { sequence: 1 }), /sequence number '1' is invalid\. The last .* is '0'/)
  await assert.rejects(set(4, { sequence: 0 }), code('partition-not-found'))
  await assert.rejects(set(0.5, { sequence: 0 }), code('partition-not-found'))
  await assert.rejects(set(0, { sequence: 0.5 }), code('argument-error'))
  await assert.rejects(set(0, { sequence: -2 }), code('argument-error'))
  await assert.rejects(set(0, { sequence: 0, offset: Number.NaN }), code('argument-error'))
  await assert.rejects(set(0, { sequence: 0, owner: 'x'.repeat(257) }), /at most 256 characters, not 257/)
  await assert.rejects(set(0, { sequence: 0 }, 'order'), code('hub-not-found'))
  await assert.rejects(set(0, { sequence: 0 }, 'orders', 'nope'), code('group-not-found'))
  assert.throws(() => broker.checkpoints(owner, 'orders', 'nope'), code('group-not-found'))
})
