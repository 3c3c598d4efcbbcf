// Publishes as fast as the server grants: singles or batches, over one or many connections, to one or many addresses. Ends
// after `seconds` of measuring, or after `eventsMax` events when it only fills a hub.

import { AmqpConnection, type Endpoint } from './amqp-connection.ts'
import { batchFormat, batchMessage, dataMessage, deliveryTemplate } from './amqp-frames.ts'
import { AmqpSender, ChunkPool } from './amqp-sender.ts'
import { type LoadResult, Window, work } from './job.ts'

export interface PublisherJob extends Endpoint {
  /** One link each, on every connection. */
  readonly addresses: readonly string[]
  readonly connections: number
  readonly bodyBytes: number
  /** 1: singles; more: events a batch. */
  readonly batchEvents: number
  /** Deliveries without their disposition, per connection. */
  readonly inFlight: number
  readonly warmUpMs: number
  readonly seconds: number
  readonly eventsMax?: number
}

work<PublisherJob>(async (job, runner) => {
  const connections: AmqpConnection[] = []
  for (let index = 0; index < job.connections; index++) connections.push(await AmqpConnection.open(job))
  const event = dataMessage(Buffer.alloc(job.bodyBytes, 0x61))
  const message = job.batchEvents === 1 ? event : batchMessage(event, job.batchEvents)
  const format = job.batchEvents === 1 ? 0 : batchFormat
  const frameBytesMax = connections[0]?.frameBytesMax ?? 0
  const pool = new ChunkPool(deliveryTemplate(message, format, frameBytesMax))
  const senders = connections.map((connection) => new AmqpSender(connection, pool, job.inFlight))
  for (const sender of senders) await sender.attach(job.addresses)
  const deliveriesMax = job.eventsMax === undefined ? null : Math.ceil(job.eventsMax / job.batchEvents / senders.length)
  if (deliveriesMax !== null) for (const sender of senders) sender.budget = deliveriesMax
  const settled = () => senders.reduce((sum, sender) => sum + sender.settled, 0)
  const idle = () =>
    new Promise<void>((resolve) => {
      const check = () => {
        if (senders.every((sender) => sender.inFlight === 0 && sender.budget === 0)) resolve()
      }
      for (const sender of senders) sender.onSettled = check
      check()
    })
  runner.ready({})
  await runner.go()
  const window = new Window()
  let before = 0
  if (deliveriesMax !== null) window.begin()
  for (const sender of senders) sender.start()
  if (deliveriesMax === null) {
    await new Promise((resolve) => setTimeout(resolve, job.warmUpMs))
    before = settled()
    window.begin()
    await new Promise((resolve) => setTimeout(resolve, job.seconds * 1000))
  } else {
    await idle()
  }
  const { seconds, cpuShare } = window.end()
  const events = (settled() - before) * job.batchEvents
  for (const sender of senders) sender.budget = 0
  await idle()
  await Promise.all(connections.map((connection) => connection.close()))
  runner.result({
    events,
    bytes: events * job.bodyBytes,
    seconds,
    eventsPerSecond: events / seconds,
    cpuShare,
    eventsInAll: settled() * job.batchEvents,
  } satisfies LoadResult)
})
