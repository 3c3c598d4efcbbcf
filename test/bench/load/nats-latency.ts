// Publish-to-receive latency over JetStream: a push consumer without acknowledgement delivers what this same process
// publishes with a timestamp in its body, so one clock measures both ends.

import { inbox, jetStreamRequest, NatsConnection, publishMessage } from './nats-connection.ts'
import { type LatencyJob, measureLatency } from './latency.ts'
import { work } from './job.ts'

export interface NatsLatencyJob extends LatencyJob {
  readonly stream: string
}

work<NatsLatencyJob>(async (job, runner) => {
  const delivery = `${inbox}.push${process.pid}`
  await measureLatency(job, runner, async (onBody) => {
    const reader = await NatsConnection.open(job.port, (chunk, start) => onBody(chunk, start))
    reader.socket.write(`SUB ${delivery} 1\r\n`)
    await jetStreamRequest(job.port, `$JS.API.CONSUMER.CREATE.${job.stream}`, {
      stream_name: job.stream,
      config: { deliver_subject: delivery, deliver_policy: 'new', ack_policy: 'none' },
    })
    const body = Buffer.alloc(job.bodyBytes, 0x61)
    const message = publishMessage(job.stream, body)
    const bodyAt = message.length - 2 - body.length
    const writer = await NatsConnection.open(job.port, () => undefined)
    writer.socket.write(`SUB ${inbox}.ack 1\r\n`)
    return {
      publish: (stamp) => {
        const copy = Buffer.from(message)
        stamp(copy, bodyAt)
        writer.socket.write(copy)
      },
      close: () => {
        writer.close()
        reader.close()
      },
    }
  })
})
