// Sending with the unmodified SDK, over plain TCP.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventHubBufferedProducerClient } from '@azure/event-hubs'
import { partitionOfKey } from '../../../src/wire/partition-key.ts'
import { startServer } from '../server.ts'
import { consumerFor, noRetries, producerFor, read } from './clients.ts'

const beginning = { offset: '-1' }

test('an event comes back as it was sent, with the numbers of the broker', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const before = Date.now()
  await producerFor(t, server, 'orders').sendBatch([
    {
      body: { n: 1, text: 'grüße' },
      contentType: 'application/json',
      correlationId: 'c-1',
      messageId: 'm-1',
      properties: { flag: true, count: 3, name: 'x' },
    },
  ])
  const [event] = await read(consumerFor(t, server, 'orders'), '0', beginning, 1)
  assert.deepEqual(event?.body, { n: 1, text: 'grüße' })
  assert.deepEqual(event?.properties, { flag: true, count: 3, name: 'x' })
  assert.equal(event?.contentType, 'application/json')
  assert.equal(event?.correlationId, 'c-1')
  assert.equal(event?.messageId, 'm-1')
  assert.equal(event?.sequenceNumber, 0)
  assert.equal(typeof event?.offset, 'string')
  assert.equal(event?.partitionKey, undefined)
  assert.ok(event.enqueuedTimeUtc.getTime() >= before)
})

test('bodies of every kind come back', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const bytes = Buffer.from([0, 1, 2, 0xff])
  const producer = producerFor(t, server, 'orders')
  for (const body of ['text', 7, null, [1, 'two'], bytes]) await producer.sendBatch([{ body }])
  await producer.sendBatch([{ body: 'a value', bodyType: 'value' }])
  await producer.sendBatch([{ body: [['a'], ['b', 'c']], bodyType: 'sequence' }])
  const events = await read(consumerFor(t, server, 'orders'), '0', beginning, 7, { skipParsingBodyAsJson: false })
  const bodies = events.map(({ body }) => body as unknown)
  assert.deepEqual(bodies.slice(0, 4), ['text', 7, null, [1, 'two']])
  assert.deepEqual(Buffer.from(bodies[4] as Buffer), bytes)
  assert.deepEqual(bodies[5], 'a value')
  assert.deepEqual(bodies[6], [['a'], ['b', 'c']])
})

test('a batch goes to one partition, in its order', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 4)
  const producer = producerFor(t, server, 'orders')
  const batch = await producer.createBatch()
  let count = 0
  while (count < 500 && batch.tryAdd({ body: count })) count += 1
  await producer.sendBatch(batch)
  const properties = await Promise.all(['0', '1', '2', '3'].map((id) => producer.getPartitionProperties(id)))
  const filled = properties.filter(({ isEmpty }) => !isEmpty)
  assert.equal(filled.length, 1)
  const events = await read(consumerFor(t, server, 'orders'), filled[0]!.partitionId, beginning, count)
  assert.deepEqual(
    events.map(({ body }) => body as number),
    Array.from({ length: count }, (_, n) => n),
  )
  assert.deepEqual(
    events.map(({ sequenceNumber }) => sequenceNumber),
    Array.from({ length: count }, (_, n) => n),
  )
})

test('batches without a key go round the partitions', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 4)
  const producer = producerFor(t, server, 'orders')
  for (let n = 0; n < 8; n += 1) await producer.sendBatch([{ body: n }])
  for (const id of ['0', '1', '2', '3']) {
    assert.equal((await producer.getPartitionProperties(id)).lastEnqueuedSequenceNumber, 1)
  }
})

test('a key decides the partition and comes back', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 8)
  const producer = producerFor(t, server, 'orders')
  const consumer = consumerFor(t, server, 'orders')
  for (const key of ['alphabet', '7', 'FWfAT', '!c*_!I@1^c']) {
    await producer.sendBatch([{ body: key }, { body: key }], { partitionKey: key })
    const partition = String(partitionOfKey(key, 8))
    const { lastEnqueuedSequenceNumber } = await producer.getPartitionProperties(partition)
    const position = { sequenceNumber: lastEnqueuedSequenceNumber - 1, isInclusive: true }
    const events = await read(consumer, partition, position, 2)
    assert.deepEqual(
      events.map(({ body, partitionKey }) => [body as string, partitionKey]),
      [
        [key, key],
        [key, key],
      ],
    )
  }
})

test('a partition can be named', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 4)
  const producer = producerFor(t, server, 'orders')
  await producer.sendBatch([{ body: 'here' }], { partitionId: '2' })
  const [event] = await read(consumerFor(t, server, 'orders'), '2', beginning, 1)
  assert.equal(event?.body, 'here')
})

test('a large event arrives whole, one above the limit is refused', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const producer = producerFor(t, server, 'orders')
  const body = Buffer.alloc(1_000_000, 'ehub')
  await producer.sendBatch([{ body }])
  const [event] = await read(consumerFor(t, server, 'orders'), '0', beginning, 1)
  assert.deepEqual(Buffer.from(event?.body as Buffer), body)
  const batch = await producer.createBatch()
  assert.equal(batch.maxSizeInBytes, 1024 * 1024)
  await assert.rejects(producer.sendBatch([{ body: Buffer.alloc(1_100_000) }]), { code: 'MessageTooLargeError' })
})

test('the buffered producer sends everything, keyed and not', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 4)
  let succeeded = 0
  const failures: Error[] = []
  const buffered = new EventHubBufferedProducerClient(server.connectionString, 'orders', {
    ...noRetries,
    onSendEventsSuccessHandler: ({ events }) => {
      succeeded += events.length
    },
    onSendEventsErrorHandler: ({ error }) => void failures.push(error),
    maxWaitTimeInMs: 50,
  })
  for (let n = 0; n < 1000; n += 1) {
    await buffered.enqueueEvent({ body: n }, n % 2 === 0 ? { partitionKey: `key-${n % 10}` } : {})
  }
  await buffered.close({ flush: true })
  assert.deepEqual(failures, [])
  assert.equal(succeeded, 1000)
  const consumer = consumerFor(t, server, 'orders')
  const bodies: number[] = []
  for (const id of await consumer.getPartitionIds()) {
    const { lastEnqueuedSequenceNumber } = await consumer.getPartitionProperties(id)
    const events = await read(consumer, id, beginning, lastEnqueuedSequenceNumber + 1)
    bodies.push(...events.map(({ body }) => body as number))
    for (const { body, partitionKey } of events) {
      if (typeof partitionKey !== 'string') continue
      assert.equal(String(partitionOfKey(partitionKey, 4)), id)
      assert.equal(partitionKey, `key-${(body as number) % 10}`)
    }
  }
  assert.deepEqual(
    bodies.toSorted((a, b) => a - b),
    Array.from({ length: 1000 }, (_, n) => n),
  )
})
