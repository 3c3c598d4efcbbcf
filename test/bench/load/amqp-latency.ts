// Publish-to-receive latency over AMQP: a receiver at the end of a partition and a sender to it, in one process.

import { AmqpConnection } from './amqp-connection.ts'
import { dataMessage, deliveryTemplate } from './amqp-frames.ts'
import { AmqpReader } from './amqp-reader.ts'
import { AmqpSender, ChunkPool } from './amqp-sender.ts'
import { type LatencyJob, measureLatency } from './latency.ts'
import { work } from './job.ts'

export interface AmqpLatencyJob extends LatencyJob {
  readonly user: string
  readonly key: string
  readonly senderAddress: string
  readonly receiverAddress: string
}

work<AmqpLatencyJob>(async (job, runner) => {
  await measureLatency(job, runner, async (onBody) => {
    const reading = await AmqpConnection.open(job)
    const reader = new AmqpReader(reading, 1000, (buffer, _start, end) => onBody(buffer, end - job.bodyBytes))
    await reader.attach(job.receiverAddress, "amqp.annotation.x-opt-offset > '@latest'")
    reader.start()
    const writing = await AmqpConnection.open(job)
    const template = deliveryTemplate(dataMessage(Buffer.alloc(job.bodyBytes, 0x61)), 0, writing.frameBytesMax)
    const pool = new ChunkPool(template)
    const sender = new AmqpSender(writing, pool, 1_000)
    sender.budget = 0
    await sender.attach([job.senderAddress])
    sender.start()
    return {
      publish: (stamp) => {
        sender.prepare = (chunk, at) => stamp(chunk, at + template.bytes.length - job.bodyBytes)
        sender.budget++
        sender.pump()
      },
      close: () => {
        writing.destroy()
        reading.destroy()
      },
    }
  })
})
