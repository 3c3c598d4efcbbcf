// Commit times: one burst of `burstEvents` singles spread over the links, wait until every one is accepted, again. The time
// of a burst is one trip plus one group commit; how it changes with the number of links is the cost of dirty partitions.

import { AmqpConnection, type Endpoint } from './amqp-connection.ts'
import { dataMessage, deliveryTemplate } from './amqp-frames.ts'
import { AmqpSender, ChunkPool } from './amqp-sender.ts'
import { work } from './job.ts'
import { type Latencies, latencies } from '../frame/statistics.ts'

export interface BurstJob extends Endpoint {
  readonly addresses: readonly string[]
  readonly burstEvents: number
  readonly bodyBytes: number
  readonly warmUpBursts: number
  readonly bursts: number
}

work<BurstJob>(async (job, runner) => {
  const connection = await AmqpConnection.open(job)
  const message = dataMessage(Buffer.alloc(job.bodyBytes, 0x61))
  const pool = new ChunkPool(deliveryTemplate(message, 0, connection.frameBytesMax))
  const sender = new AmqpSender(connection, pool, job.burstEvents)
  sender.budget = 0
  await sender.attach(job.addresses)
  sender.start()
  runner.ready({})
  await runner.go()
  const took: number[] = []
  for (let burst = 0; burst < job.warmUpBursts + job.bursts; burst++) {
    const goal = sender.settled + job.burstEvents
    const beganMs = performance.now()
    sender.budget = job.burstEvents
    await new Promise<void>((resolve) => {
      sender.onSettled = () => {
        if (sender.settled === goal) resolve()
      }
      sender.pump()
    })
    if (burst >= job.warmUpBursts) took.push(performance.now() - beganMs)
  }
  await connection.close()
  runner.result(latencies(took) satisfies Latencies)
})
