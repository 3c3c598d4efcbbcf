// Reads every partition of a hub from its start to its end over AMQP and gives what is there to the checker.

import { once } from 'node:events'
import rhea from 'rhea'
import { readEventBody } from '../event-body.ts'
import { afterSequence } from './filter.mjs'

export async function readBack({ port, key, hub, partitions, logName, checker }) {
  const container = rhea.create_container()
  const connection = container.connect({
    host: '127.0.0.1',
    port,
    hostname: 'localhost',
    username: 'RootManageSharedAccessKey',
    password: key,
    reconnect: false,
  })
  await once(connection, 'connection_open')
  for (let partition = 0; partition < partitions; partition++) {
    const { begin, last } = await partitionEnds(connection, hub, partition)
    const log = logName(partition)
    checker.record({ type: 'stored-log', log, start: begin, end: last + 1 })
    if (last < begin) continue
    const link = connection.open_receiver({
      source: {
        address: `${hub}/ConsumerGroups/$Default/Partitions/${partition}`,
        filter: afterSequence(-1),
      },
      credit_window: 500,
    })
    await new Promise((resolve, reject) => {
      link.on('receiver_error', () => reject(new Error(`read-back: ${link.error?.description ?? 'the link failed'}`)))
      connection.once('disconnected', () => reject(new Error('read-back: disconnected')))
      link.on('message', ({ message }) => {
        const sequence = Number(message.message_annotations['x-opt-sequence-number'])
        const event = readEventBody(message.body.content)
        checker.record({
          type: 'stored',
          log,
          sequence,
          producer: event?.producer ?? -1,
          number: event?.number ?? -1,
          enqueuedTimeMs: Number(message.message_annotations['x-opt-enqueued-time']),
          isIntact: event?.isIntact === true,
        })
        if (sequence >= last) resolve()
      })
    })
    link.close()
  }
  connection.removeAllListeners('disconnected')
  connection.close()
}

async function partitionEnds(connection, hub, partition) {
  const receiver = connection.open_receiver({ source: { address: '$management' }, target: { address: 'answers' } })
  const sender = connection.open_sender({ target: { address: '$management' } })
  await once(sender, 'sendable')
  sender.send({
    message_id: `p${partition}`,
    reply_to: 'answers',
    application_properties: {
      operation: 'READ',
      name: hub,
      type: 'com.microsoft:partition',
      partition: String(partition),
    },
    body: '',
  })
  const [{ message }] = await once(receiver, 'message')
  const status = message.application_properties?.['status-code']
  if (status !== undefined && status !== 200) {
    throw new Error(`$management: ${status} ${message.application_properties['status-description']}`)
  }
  const { body } = message
  receiver.close()
  sender.close()
  const isEmpty = body.is_partition_empty === true
  const last = Number(body.last_enqueued_sequence_number)
  return { begin: isEmpty ? last + 1 : Number(body.begin_sequence_number), last }
}
