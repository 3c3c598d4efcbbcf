// Sending with the unmodified SDK, over plain TCP.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { EventHubBufferedProducerClient, EventHubConsumerClient, EventHubProducerClient } from '@azure/event-hubs'
import { loudLog, startServer } from '../server.ts'

test('one event', async (t: TestContext) => {
  const server = await startServer(t, process.env.LOUD ? { log: loudLog } : {})
  await server.createHub('orders', 2)
  const producer = new EventHubProducerClient(server.connectionString, 'orders')
  t.after(() => producer.close())
  await producer.sendBatch([{ body: { n: 1 } }])
  console.log(await producer.getEventHubProperties())
  console.log(await producer.getPartitionProperties('0'))
})
