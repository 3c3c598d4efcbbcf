// The first accepted send of a daemon that is starting: tries to connect every few milliseconds, then publishes one event and
// gives the machine's monotonic time of its acceptance. Times of `process.hrtime` are the same clock in every process.

import { once } from 'node:events'
import { connect } from 'node:net'
import { AmqpConnection, type Endpoint } from './amqp-connection.ts'
import { dataMessage, deliveryTemplate } from './amqp-frames.ts'
import { AmqpSender, ChunkPool } from './amqp-sender.ts'
import { work } from './job.ts'

export interface FirstJob extends Endpoint {
  readonly address: string
}

export interface FirstResult {
  /** Nanoseconds of `process.hrtime.bigint()`, as text. */
  readonly connectedAt: string
  readonly acceptedAt: string
}

const retryMs = 3

async function accepts(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  try {
    await once(socket, 'connect')
    return true
  } catch {
    return false
  } finally {
    socket.destroy()
  }
}

work<FirstJob>(async (job, runner) => {
  runner.ready({})
  await runner.go()
  while (!(await accepts(job.port))) await new Promise((resolve) => setTimeout(resolve, retryMs))
  const connectedAt = String(process.hrtime.bigint())
  const connection = await AmqpConnection.open(job)
  const template = deliveryTemplate(dataMessage(Buffer.alloc(1024, 0x62)), 0, connection.frameBytesMax)
  const sender = new AmqpSender(connection, new ChunkPool(template), 1)
  sender.budget = 1
  await sender.attach([job.address])
  const accepted = new Promise<void>((resolve) => {
    sender.onSettled = resolve
  })
  sender.start()
  await accepted
  const acceptedAt = String(process.hrtime.bigint())
  await connection.close()
  runner.result({ connectedAt, acceptedAt } satisfies FirstResult)
})
