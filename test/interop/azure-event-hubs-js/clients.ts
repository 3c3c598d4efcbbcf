// The SDK's clients, closed with the test, and a reader that stops after so many events.

import type { TestContext } from 'node:test'
import {
  EventHubConsumerClient,
  EventHubProducerClient,
  type EventHubClientOptions,
  type EventPosition,
  type ReceivedEventData,
  type SubscribeOptions,
} from '@azure/event-hubs'

/** One try, at once: a test says what happens, not what happens after a minute of retries. */
export const noRetries = { retryOptions: { maxRetries: 0, retryDelayInMs: 1, timeoutInMs: 5_000 } }

export interface HubAddress {
  readonly connectionString: string
}

export function producerFor(
  t: TestContext,
  { connectionString }: HubAddress,
  hub: string,
  options: EventHubClientOptions = {},
): EventHubProducerClient {
  const client = new EventHubProducerClient(connectionString, hub, { ...noRetries, ...options })
  t.after(() => client.close())
  return client
}

export function consumerFor(
  t: TestContext,
  { connectionString }: HubAddress,
  hub: string,
  options: EventHubClientOptions & { readonly group?: string } = {},
): EventHubConsumerClient {
  const { group = '$Default', ...rest } = options
  const client = new EventHubConsumerClient(group, connectionString, hub, { ...noRetries, ...rest })
  t.after(() => client.close())
  return client
}

/** The first `count` events of a partition from a position on; rejects with the first error. */
export async function read(
  client: EventHubConsumerClient,
  partition: string,
  startPosition: EventPosition,
  count: number,
  options: SubscribeOptions = {},
): Promise<ReceivedEventData[]> {
  const events: ReceivedEventData[] = []
  let subscription: { close(): Promise<void> } | undefined
  try {
    await new Promise<void>((resolve, reject) => {
      subscription = client.subscribe(
        partition,
        {
          processEvents: (received) => {
            events.push(...received)
            if (events.length >= count) resolve()
            return Promise.resolve()
          },
          processError: (error) => {
            reject(error)
            return Promise.resolve()
          },
        },
        { startPosition, maxWaitTimeInSeconds: 1, maxBatchSize: count, ...options },
      )
    })
  } finally {
    await subscription?.close()
  }
  return events
}

/** What a receiver ends with; everything it gets until then is dropped. */
export function failureOf(
  client: EventHubConsumerClient,
  partition: string,
  options: SubscribeOptions,
): { readonly failed: Promise<Error & { code?: string }>; readonly receiving: Promise<void>; close(): Promise<void> } {
  const failed = Promise.withResolvers<Error & { code?: string }>()
  const receiving = Promise.withResolvers<void>()
  const subscription = client.subscribe(
    partition,
    {
      processEvents: (events) => {
        if (events.length > 0) receiving.resolve()
        return Promise.resolve()
      },
      processError: (error) => {
        failed.resolve(error)
        return Promise.resolve()
      },
    },
    { maxWaitTimeInSeconds: 1, ...options },
  )
  return { failed: failed.promise, receiving: receiving.promise, close: () => subscription.close() }
}
