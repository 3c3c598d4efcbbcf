// Senders that wait: so many connections, each with one event in flight, the next one sent when it was accepted. What they
// measure is how long an acknowledgement takes while others wait for theirs as well.

import { latencies, type Latencies } from '../frame/statistics.ts'
import { AmqpConnection, type Endpoint } from './amqp-connection.ts'
import { dataMessage, deliveryTemplate } from './amqp-frames.ts'
import { AmqpSender, ChunkPool } from './amqp-sender.ts'
import { Window, work } from './job.ts'

export interface WaitingJob extends Endpoint {
  readonly address: string
  readonly senders: number
  readonly bodyBytes: number
  readonly warmUpMs: number
  readonly seconds: number
}

export interface WaitingResult extends Latencies {
  readonly eventsPerSecond: number
  /** CPU used by the generator over wall time. */
  readonly cpuShare: number
  /** Everything acknowledged, warm-up included. */
  readonly eventsInAll: number
}

work<WaitingJob>(async (job, runner) => {
  const connections: AmqpConnection[] = []
  for (let index = 0; index < job.senders; index++) connections.push(await AmqpConnection.open(job))
  const message = dataMessage(Buffer.alloc(job.bodyBytes, 0x61))
  const took: number[] = []
  let isMeasuring = false
  let eventsInAll = 0
  const senders: AmqpSender[] = []
  for (const connection of connections) {
    // A pool each: a chunk holds the one delivery that is in flight.
    const pool = new ChunkPool(deliveryTemplate(message, 0, connection.frameBytesMax))
    const sender = new AmqpSender(connection, pool, 1)
    await sender.attach([job.address])
    let sentMs = 0
    sender.prepare = () => {
      sentMs = performance.now()
    }
    sender.onSettled = () => {
      eventsInAll++
      if (isMeasuring) took.push(performance.now() - sentMs)
    }
    senders.push(sender)
  }
  runner.ready({})
  await runner.go()
  for (const sender of senders) sender.start()
  await new Promise((resolve) => setTimeout(resolve, job.warmUpMs))
  isMeasuring = true
  const window = new Window()
  window.begin()
  await new Promise((resolve) => setTimeout(resolve, job.seconds * 1000))
  isMeasuring = false
  const { seconds, cpuShare } = window.end()
  for (const sender of senders) sender.budget = 0
  while (senders.some((sender) => sender.inFlight > 0)) await new Promise((resolve) => setTimeout(resolve, 5))
  await Promise.all(connections.map((connection) => connection.close()))
  const eventsPerSecond = took.length / seconds
  runner.result({ ...latencies(took), eventsPerSecond, cpuShare, eventsInAll } satisfies WaitingResult)
})
