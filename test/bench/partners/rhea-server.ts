// A stock rhea server as a process of its own: stores nothing, accepts whatever comes, and delivers one event over and
// over to whoever attaches a receiver. Kinder to rhea than a broker could be: what it delivers is encoded once.

import type { AddressInfo } from 'node:net'
import rhea from 'rhea'
import { work } from '../load/job.ts'

interface Job {
  readonly bodyBytes: number
}

work<Job>(async (job, runner) => {
  const container = rhea.create_container({ id: 'rhea-partner' })
  container.sasl_server_mechanisms.enable_plain(() => true)
  container.sasl_server_mechanisms.enable_anonymous()
  const encoded = rhea.message.encode({ body: rhea.message.data_section(Buffer.alloc(job.bodyBytes, 0x61)) })
  const tag = Buffer.from('t')
  // Autoaccept and the default credit window of 1,000 answer incoming events; nothing is done with them.
  container.on('message', () => undefined)
  container.on('sendable', (context: { sender?: rhea.Sender }) => {
    const sender = context.sender
    while (sender?.sendable()) sender.send(encoded as unknown as rhea.Message, tag, 0)
  })
  container.on('connection_error', () => undefined)
  container.on('disconnected', () => undefined)
  container.on('error', () => undefined)
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    tcp_no_delay: true,
  } as unknown as rhea.ConnectionOptions)
  await new Promise<void>((resolve) => server.once('listening', resolve))
  runner.ready({ port: (server.address() as AddressInfo).port })
})
