// Asynchronous JetStream publishing: up to `inFlight` messages without their acknowledgement, each with a reply inbox.

import { inbox, NatsConnection, publishMessage } from './nats-connection.ts'
import { type LoadResult, Window, work } from './job.ts'

export interface NatsPublisherJob {
  readonly port: number
  readonly stream: string
  readonly bodyBytes: number
  readonly inFlight: number
  readonly warmUpMs: number
  readonly seconds: number
}

work<NatsPublisherJob>(async (job, runner) => {
  const message = publishMessage(job.stream, Buffer.alloc(job.bodyBytes, 0x61))
  const burst = Buffer.alloc(message.length * job.inFlight)
  for (let index = 0; index < job.inFlight; index++) message.copy(burst, index * message.length)
  let inFlight = 0
  let acked = 0
  let isSending = true
  let onIdle: () => void = () => undefined
  const connection = await NatsConnection.open(job.port, (chunk, start) => {
    // `{"stream":…` or `{"error":…`: the first letter tells.
    if (chunk[start + 2] !== 0x73) throw new Error(`publish refused: ${chunk.toString('utf8', start, start + 200)}`)
    acked++
    inFlight--
    if (inFlight <= job.inFlight >> 1) fill()
    if (inFlight === 0) onIdle()
  })
  const fill = () => {
    if (!isSending || inFlight === job.inFlight) return
    const count = job.inFlight - inFlight
    inFlight += count
    connection.socket.write(burst.subarray(0, count * message.length))
  }
  connection.socket.write(`SUB ${inbox}.ack 1\r\n`)
  runner.ready({})
  await runner.go()
  fill()
  await new Promise((resolve) => setTimeout(resolve, job.warmUpMs))
  const window = new Window()
  const before = acked
  window.begin()
  await new Promise((resolve) => setTimeout(resolve, job.seconds * 1000))
  const { seconds, cpuShare } = window.end()
  const events = acked - before
  isSending = false
  if (inFlight > 0) {
    await new Promise<void>((resolve) => {
      onIdle = resolve
    })
  }
  connection.close()
  runner.result({
    events,
    bytes: events * job.bodyBytes,
    seconds,
    eventsPerSecond: events / seconds,
    cpuShare,
    eventsInAll: acked,
  } satisfies LoadResult)
})
