// What the unmodified SDK makes of our refusals.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EventHubBufferedProducerClient, type EventHubBufferedProducerClientOptions } from '@azure/event-hubs'
import { startServer } from '../server.ts'
import { consumerFor, noRetries, producerFor, read } from './clients.ts'

test('unknown hub, group and partition', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  const notFound = { code: 'MessagingEntityNotFoundError', message: /The messaging entity '.+' could not be found/ }
  await assert.rejects(producerFor(t, server, 'ordes').sendBatch([{ body: 1 }]), notFound)
  await assert.rejects(producerFor(t, server, 'ordes').getEventHubProperties(), notFound)
  await assert.rejects(read(consumerFor(t, server, 'orders', { group: 'nobody' }), '0', { offset: '-1' }, 1), notFound)
  const outOfRange = { code: 'ArgumentOutOfRangeError', message: /It should be between 0 and 1\./ }
  await assert.rejects(producerFor(t, server, 'orders').sendBatch([{ body: 1 }], { partitionId: '2' }), outOfRange)
  await assert.rejects(read(consumerFor(t, server, 'orders'), '2', { offset: '-1' }, 1), outOfRange)
})

test('a wrong key, an unknown rule', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const wrongKey = server.connectionString.replace(server.key, Buffer.alloc(32).toString('base64'))
  const wrongRule = server.connectionString.replace('RootManage', 'Nobodys')
  for (const connectionString of [wrongKey, wrongRule]) {
    await assert.rejects(producerFor(t, { connectionString }, 'orders').sendBatch([{ body: 1 }]), {
      code: 'UnauthorizedError',
    })
  }
})

test('an idempotent producer is told that it is not supported', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const failed = Promise.withResolvers<Error>()
  const buffered = new EventHubBufferedProducerClient(server.connectionString, 'orders', {
    ...noRetries,
    enableIdempotentRetries: true,
    maxWaitTimeInMs: 50,
    onSendEventsErrorHandler: ({ error }) => failed.resolve(error),
  } as EventHubBufferedProducerClientOptions)
  await buffered.enqueueEvent({ body: 1 })
  assert.match((await failed.promise).message, /Idempotent publishing is not supported/)
  // It would try for ever to flush what it could not send.
  await buffered.close({ flush: false })
})
