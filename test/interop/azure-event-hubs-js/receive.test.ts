// Receiving with the unmodified SDK: every kind of position, runtime properties, owner levels, the limit of readers.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { earliestEventPosition, latestEventPosition, type EventPosition } from '@azure/event-hubs'
import { loudLog, startServer } from '../server.ts'
import { consumerFor, failureOf, producerFor, read } from './clients.ts'

test('every kind of position begins where it says', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  const producer = producerFor(t, server, 'orders')
  const consumer = consumerFor(t, server, 'orders')
  for (let n = 0; n < 10; n += 1) await producer.sendBatch([{ body: n }])
  const all = await read(consumer, '0', earliestEventPosition, 10)
  const third = all[3]!
  const cases: [string, EventPosition, number][] = [
    ['earliest', earliestEventPosition, 0],
    ['offset -1', { offset: '-1' }, 0],
    ['offset', { offset: third.offset }, 4],
    ['offset inclusive', { offset: third.offset, isInclusive: true }, 3],
    ['sequence number', { sequenceNumber: 3 }, 4],
    ['sequence number inclusive', { sequenceNumber: 3, isInclusive: true }, 3],
    ['time before everything', { enqueuedOn: new Date(0) }, 0],
    ['time just before', { enqueuedOn: new Date(all[0]!.enqueuedTimeUtc.getTime() - 1) }, 0],
  ]
  for (const [name, position, first] of cases) {
    const [event] = await read(consumer, '0', position, 1, { maxBatchSize: 1 })
    assert.equal(event?.body, first, name)
  }
})

test('one event of a batch can be begun at', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  const consumer = consumerFor(t, server, 'orders')
  await producerFor(t, server, 'orders').sendBatch(Array.from({ length: 20 }, (_, body) => ({ body })))
  const all = await read(consumer, '0', earliestEventPosition, 20)
  const bodies = async (position: EventPosition, count: number): Promise<unknown[]> =>
    (await read(consumer, '0', position, count)).map(({ body }) => body as unknown)
  assert.deepEqual(await bodies({ offset: all[16]!.offset }, 3), [17, 18, 19])
  assert.deepEqual(await bodies({ offset: all[16]!.offset, isInclusive: true }, 4), [16, 17, 18, 19])
  assert.deepEqual(await bodies({ sequenceNumber: 17 }, 2), [18, 19])
})

test('latest gives only what comes afterwards, and so does the time of the last event', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  const producer = producerFor(t, server, 'orders')
  const consumer = consumerFor(t, server, 'orders')
  await producer.sendBatch([{ body: 'old' }])
  const { lastEnqueuedOnUtc } = await producer.getPartitionProperties('0')
  const group = server.broker.listReceivers.bind(server.broker, server.owner, 'orders')
  for (const position of [latestEventPosition, { enqueuedOn: lastEnqueuedOnUtc }]) {
    const present = group().length
    const reading = read(consumer, '0', position, 1)
    while (group().length === present) await new Promise(setImmediate)
    await producer.sendBatch([{ body: 'new' }])
    const [event] = await reading
    assert.equal(event?.body, 'new')
  }
})

test('a position beyond the end is refused', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  await producerFor(t, server, 'orders').sendBatch([{ body: 1 }])
  const consumer = consumerFor(t, server, 'orders')
  await assert.rejects(read(consumer, '0', { sequenceNumber: 488 }, 1), {
    code: 'ArgumentError',
    message: /The supplied sequence number '488' is invalid. The last sequence number in the system is '0'/,
  })
  await assert.rejects(read(consumer, '0', { offset: '999999' }, 1), {
    code: 'ArgumentError',
    message: /The supplied offset '999999' is invalid. The last offset in the system is '0'/,
  })
})

test('hub and partition properties', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  const hub = await server.createHub('Orders', 3)
  const producer = producerFor(t, server, 'orders')
  assert.deepEqual(await producer.getEventHubProperties(), {
    name: 'Orders',
    createdOn: new Date(hub.createdAtMs),
    partitionIds: ['0', '1', '2'],
    isGeoDrEnabled: false,
  })
  assert.deepEqual(await producer.getPartitionProperties('1'), {
    eventHubName: 'Orders',
    partitionId: '1',
    beginningSequenceNumber: 0,
    lastEnqueuedSequenceNumber: -1,
    lastEnqueuedOffset: '-1',
    lastEnqueuedOnUtc: new Date(-62_135_596_800_000),
    isEmpty: true,
  })
  await producer.sendBatch([{ body: 1 }, { body: 2 }], { partitionId: '1' })
  const filled = await producer.getPartitionProperties('1')
  assert.equal(filled.lastEnqueuedSequenceNumber, 1)
  assert.equal(filled.isEmpty, false)
  const [, last] = await read(consumerFor(t, server, 'orders'), '1', earliestEventPosition, 2)
  assert.equal(last?.offset, filled.lastEnqueuedOffset)
  assert.deepEqual(last?.enqueuedTimeUtc, filled.lastEnqueuedOnUtc)
  await assert.rejects(producer.getPartitionProperties('7'), { code: 'ArgumentOutOfRangeError' })
})

test('the runtime metric comes with the events', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  const producer = producerFor(t, server, 'orders')
  await producer.sendBatch(Array.from({ length: 5 }, (_, body) => ({ body })))
  const consumer = consumerFor(t, server, 'orders')
  const seen = Promise.withResolvers<unknown>()
  const subscription = consumer.subscribe(
    '0',
    {
      processEvents: (events, context) => {
        if (events.length > 0) seen.resolve(context.lastEnqueuedEventProperties)
        return Promise.resolve()
      },
      processError: (error) => {
        seen.reject(error)
        return Promise.resolve()
      },
    },
    { startPosition: earliestEventPosition, trackLastEnqueuedEventProperties: true, maxWaitTimeInSeconds: 1 },
  )
  const metric = (await seen.promise) as { sequenceNumber: number; offset: string; enqueuedOn: Date; retrievedOn: Date }
  await subscription.close()
  const properties = await producer.getPartitionProperties('0')
  assert.equal(metric.sequenceNumber, 4)
  assert.equal(metric.offset, properties.lastEnqueuedOffset)
  assert.deepEqual(metric.enqueuedOn, properties.lastEnqueuedOnUtc)
  assert.ok(metric.retrievedOn.getTime() >= metric.enqueuedOn.getTime())
})

test('an owner level displaces readers without and with an equal or lower one, and refuses lower ones', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  await producerFor(t, server, 'orders').sendBatch([{ body: 1 }])
  const open = (ownerLevel?: number) =>
    failureOf(consumerFor(t, server, 'orders'), '0', {
      startPosition: earliestEventPosition,
      ...(ownerLevel === undefined ? {} : { ownerLevel }),
    })
  // The SDK tries a lost partition again after a while: each reader is closed once it has lost.
  const ended = async (reader: ReturnType<typeof open>): Promise<Error & { code?: string }> => {
    const error = await reader.failed
    await reader.close()
    return error
  }
  const shared = open()
  await shared.receiving
  // Not 0: the SDK takes that for none.
  const one = open(1)
  assert.equal((await ended(shared)).code, 'ReceiverDisconnectedError')
  await one.receiving
  const equal = open(1)
  assert.match(
    (await ended(one)).message,
    /New receiver '.+' with higher epoch of '1' is created hence current receiver/,
  )
  await equal.receiving
  const higher = open(5)
  assert.equal((await ended(equal)).code, 'ReceiverDisconnectedError')
  await higher.receiving
  assert.match((await ended(open(4))).message, /Receiver '.+' with a higher epoch '5' already exists/)
  assert.match((await ended(open())).message, /At least one receiver for the endpoint is created with epoch of '5'/)
  await higher.close()
})

test('the sixth reader of a partition in a group is refused', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 1)
  await producerFor(t, server, 'orders').sendBatch([{ body: 1 }])
  const open = () => failureOf(consumerFor(t, server, 'orders'), '0', { startPosition: earliestEventPosition })
  const five = Array.from({ length: 5 }, open)
  await Promise.all(five.map(({ receiving }) => receiving))
  const sixth = open()
  const error = await sixth.failed
  assert.equal(error.code, 'QuotaExceededError')
  assert.match(
    error.message,
    /Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5/,
  )
  await Promise.all([...five, sixth].map((reader) => reader.close()))
})

test('groups read apart, and readers of many partitions at once', async (t) => {
  const server = await startServer(t, process.env['LOUD'] ? { log: loudLog } : {})
  await server.createHub('orders', 4, ['audit'])
  const producer = producerFor(t, server, 'orders')
  for (let n = 0; n < 40; n += 1) await producer.sendBatch([{ body: n }])
  for (const group of ['$default', 'audit']) {
    const consumer = consumerFor(t, server, 'orders', { group })
    const bodies = new Set<unknown>()
    const all = Promise.withResolvers<void>()
    const subscription = consumer.subscribe(
      {
        processEvents: (events) => {
          for (const { body } of events) bodies.add(body)
          if (bodies.size === 40) all.resolve()
          return Promise.resolve()
        },
        processError: (error) => {
          all.reject(error)
          return Promise.resolve()
        },
      },
      { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
    )
    await all.promise
    await subscription.close()
  }
})
