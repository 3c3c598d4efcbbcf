// A stock rhea server as a process of its own: stores nothing, accepts whatever comes, and delivers one event over and
// over to whoever attaches a receiver, in either of two ways: as messages with the three annotations an Event Hubs server
// has to give each event (`messages`), or as bytes encoded once (`encoded`), kinder than any broker could be.

import type { AddressInfo } from 'node:net'
import rhea from 'rhea'
import { work } from '../load/job.ts'

interface Job {
  readonly bodyBytes: number
  readonly deliver: 'messages' | 'encoded'
}

// What `listen` takes, of the two its typing offers.
type ListenOptions = Parameters<rhea.Container['listen']>[0] & { tcp_no_delay: boolean }

work<Job>(async (job, runner) => {
  const container = rhea.create_container({ id: 'rhea-partner' })
  container.sasl_server_mechanisms.enable_plain(() => true)
  container.sasl_server_mechanisms.enable_anonymous()
  const body = rhea.message.data_section(Buffer.alloc(job.bodyBytes, 0x61))
  const encoded = rhea.message.encode({ body })
  const tag = Buffer.from('t')
  let sequence = 0
  const deliver = (sender: rhea.Sender) => {
    if (job.deliver === 'encoded') return sender.send(encoded, tag, 0)
    sequence++
    const annotations = {
      'x-opt-sequence-number': rhea.types.wrap_long(sequence),
      'x-opt-offset': String(sequence * 1100),
      'x-opt-enqueued-time': rhea.types.wrap_timestamp(Date.now()),
    }
    return sender.send({ message_annotations: annotations, body })
  }
  // Autoaccept and the default credit window of 1,000 answer incoming events; nothing is done with them.
  container.on('message', () => undefined)
  container.on('sendable', (context: { sender?: rhea.Sender }) => {
    const sender = context.sender
    while (sender?.sendable()) deliver(sender)
  })
  // Replies with the address it was asked for, as a server does; by itself the reply has null termini.
  container.on('sender_open', (context: { sender?: rhea.Sender }) => context.sender?.set_source(context.sender.source))
  container.on('receiver_open', (context: { receiver?: rhea.Receiver }) =>
    context.receiver?.set_target(context.receiver.target),
  )
  container.on('connection_error', () => undefined)
  container.on('disconnected', () => undefined)
  container.on('error', () => undefined)
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    tcp_no_delay: true,
    // Delivers settled, as Event Hubs does.
    sender_options: { snd_settle_mode: 1 },
  } as ListenOptions)
  await new Promise<void>((resolve) => server.once('listening', resolve))
  runner.ready({ port: (server.address() as AddressInfo).port })
})
