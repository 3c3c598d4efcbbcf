// An application as people write it: the SDK's consumer with its blob checkpoint store, or with ours. What it does goes to standard output, one
// JSON object a line. It ends when it is killed, or, properly, when its standard input does.

import { createInterface } from 'node:readline'
import { EventHubConsumerClient } from '@azure/event-hubs'
import { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob'
import { ContainerClient } from '@azure/storage-blob'

const { HUB_STRING, BLOB_STRING, CONTAINER, HUB, GROUP, INTERVAL_MS, EXPIRY_MS, STRATEGY, STORE } = process.env
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

async function blobStore() {
  const container = new ContainerClient(BLOB_STRING, CONTAINER)
  await container.createIfNotExists()
  return new BlobCheckpointStore(container)
}

const store = STORE === 'ehub' ? new (await import('ehub/checkpoint-store')).EhubCheckpointStore() : await blobStore()
const client = new EventHubConsumerClient(GROUP, HUB_STRING, HUB, store, {
  loadBalancingOptions: {
    strategy: STRATEGY,
    updateIntervalInMs: Number(INTERVAL_MS),
    partitionOwnershipExpirationIntervalInMs: Number(EXPIRY_MS),
  },
})
const subscription = client.subscribe(
  {
    processInitialize: async ({ partitionId }) => say({ did: 'begin', partition: partitionId }),
    processClose: async (reason, { partitionId }) => say({ did: 'end', partition: partitionId, reason }),
    processEvents: async (events, context) => {
      const last = events.at(-1)
      if (last === undefined) return
      await context.updateCheckpoint(last)
      const { partitionId } = context
      for (const { sequenceNumber } of events) say({ did: 'event', partition: partitionId, sequence: sequenceNumber })
    },
    processError: async (error) => say({ did: 'error', message: error.message }),
  },
  { startPosition: { sequenceNumber: -1, isInclusive: false }, maxWaitTimeInSeconds: 1 },
)

for await (const _ of createInterface({ input: process.stdin })) {
  // Nothing is asked; the end is.
}
await subscription.close()
await client.close()
