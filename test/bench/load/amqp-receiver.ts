// Reads one partition as fast as it comes, for `seconds` or until `eventsMax` events have arrived.

import { AmqpConnection, type Endpoint } from './amqp-connection.ts'
import { AmqpReader } from './amqp-reader.ts'
import { type LoadResult, Window, work } from './job.ts'

export interface ReceiverJob extends Endpoint {
  readonly address: string
  readonly credit: number
  readonly seconds: number
  readonly eventsMax: number
}

work<ReceiverJob>(async (job, runner) => {
  const connection = await AmqpConnection.open(job)
  const reader = new AmqpReader(connection, job.credit, null)
  await reader.attach(job.address, null)
  runner.ready({})
  await runner.go()
  const window = new Window()
  window.begin()
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, job.seconds * 1000)
    reader.onDelivery = () => {
      if (reader.deliveries < job.eventsMax) return
      clearTimeout(timer)
      resolve()
    }
    reader.start()
  })
  const { seconds, cpuShare } = window.end()
  const { deliveries, bytes } = reader
  connection.destroy()
  runner.result({
    events: deliveries,
    bytes,
    seconds,
    eventsPerSecond: deliveries / seconds,
    cpuShare,
    eventsInAll: deliveries,
  } satisfies LoadResult)
})
