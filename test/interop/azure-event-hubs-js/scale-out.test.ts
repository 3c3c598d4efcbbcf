// Partitions are added while producers and a processor of the official SDK are at work: everybody learns of it without being
// started anew, and nothing is lost on the way.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { earliestEventPosition, EventHubConsumerClient, EventHubProducerClient } from '@azure/event-hubs'
import { partitionOfKey } from '../../../src/wire/partition-key.ts'
import { startServer } from '../server.ts'
import { noRetries } from './clients.ts'

test('live producers and processors take up partitions that are added', { timeout: 30_000 }, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  const producer = new EventHubProducerClient(server.connectionString, 'orders', noRetries)
  const consumer = new EventHubConsumerClient('$Default', server.connectionString, 'orders', {
    ...noRetries,
    loadBalancingOptions: { updateIntervalInMs: 200 },
  })
  const seen = new Map<string, string[]>()
  let check = () => {}
  const subscription = consumer.subscribe(
    {
      processEvents: async (events, { partitionId }) => {
        seen.set(partitionId, [...(seen.get(partitionId) ?? []), ...events.map(({ body }) => String(body))])
        check()
      },
      processError: async (error) => {
        throw error
      },
    },
    { startPosition: earliestEventPosition, maxWaitTimeInSeconds: 1 },
  )
  t.after(async () => {
    await subscription.close()
    await consumer.close()
    await producer.close()
  })
  const until = (holds: () => boolean) =>
    new Promise<void>((resolve) => {
      check = () => holds() && resolve()
      check()
    })
  const count = () => [...seen.values()].reduce((sum, bodies) => sum + bodies.length, 0)

  // Both links are open, and the processor has every partition there is.
  for (let index = 0; index < 4; index++) await producer.sendBatch([{ body: `before ${index}` }])
  await until(() => seen.size === 2 && count() === 4)
  assert.deepEqual(await producer.getPartitionIds(), ['0', '1'])

  await server.broker.updateHub(server.owner, 'orders', { partitionCount: 5 })
  assert.deepEqual(await producer.getPartitionIds(), ['0', '1', '2', '3', '4'])
  assert.equal((await consumer.getPartitionProperties('4')).isEmpty, true)
  for (let index = 0; index < 10; index++) {
    // Two each: batches go strictly in turn.
    await producer.sendBatch([{ body: `turn ${index}` }, { body: `turn ${index}` }])
  }
  const keys = Array.from({ length: 20 }, (_, index) => `key-${index}`)
  for (const key of keys) await producer.sendBatch([{ body: key }], { partitionKey: key })
  await producer.sendBatch([{ body: 'named' }], { partitionId: '4' })

  await until(() => count() === 4 + 20 + 20 + 1)
  for (const partition of ['0', '1', '2', '3', '4']) {
    assert.equal(seen.get(partition)?.filter((body) => body.startsWith('turn')).length, 4)
  }
  for (const key of keys) assert.ok(seen.get(String(partitionOfKey(key, 5)))?.includes(key), key)
  assert.ok(seen.get('4')?.includes('named'))
})
