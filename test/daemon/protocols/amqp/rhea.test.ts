// rhea, another people's client, over real sockets of loopback: links, credit, batches, large messages, many at once.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import rhea, { type Connection, type ConnectionOptions, type EventContext, type Receiver, type Sender } from 'rhea'
import { encodeBatch } from '../../../../src/wire/amqp/batch-envelope.ts'
import { encodeMessage } from '../../../../src/wire/amqp/message.ts'
import { symbolValue, stringValue } from '../../../../src/wire/amqp/types.ts'
import { startServer, type TestServer } from '../../../interop/server.ts'

const batchFormat = 0x80013700

function connect(t: TestContext, server: TestServer, options: Partial<ConnectionOptions> = {}): Connection {
  const connection = rhea.create_container().connect({
    host: '127.0.0.1',
    port: server.port,
    username: 'RootManageSharedAccessKey',
    password: server.key,
    reconnect: false,
    ...options,
  } as ConnectionOptions)
  connection.on('disconnected', () => undefined)
  t.after(() => connection.close())
  return connection
}

function once(
  emitter: { once(name: string, run: (context: EventContext) => void): unknown },
  name: string,
): Promise<EventContext> {
  return new Promise((resolve) => emitter.once(name, resolve))
}

async function openSender(connection: Connection, address: string): Promise<Sender> {
  const sender = connection.open_sender({ target: { address } })
  await once(sender, 'sendable')
  return sender
}

/** Events as rhea decodes them, once so many have come. */
async function receive(
  connection: Connection,
  partition: string,
  count: number,
  credit = count,
): Promise<EventContext[]> {
  const receiver: Receiver = connection.open_receiver({
    source: { address: `orders/ConsumerGroups/$Default/Partitions/${partition}` },
    // rhea keeps what is not accepted in its window, even what came settled.
    credit_window: 0,
    autoaccept: true,
  })
  const contexts: EventContext[] = []
  await new Promise<void>((resolve) => {
    receiver.on('message', (context: EventContext) => {
      contexts.push(context)
      if (contexts.length === count) resolve()
      else if (contexts.length % credit === 0) receiver.add_credit(credit)
    })
    receiver.add_credit(credit)
  })
  return contexts
}

async function accepted(sender: Sender, count: number): Promise<void> {
  let left = count
  await new Promise<void>((resolve, reject) => {
    sender.on('accepted', () => {
      left -= 1
      if (left === 0) resolve()
    })
    sender.on('rejected', (context: EventContext) => reject(new Error(JSON.stringify(context.delivery?.remote_state))))
  })
}

test('ten thousand single events come back in their order, each once', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const sender = await openSender(connect(t, server), 'orders')
  const count = 10_000
  const done = accepted(sender, count)
  let sent = 0
  const send = (): void => {
    while (sent < count && sender.sendable()) {
      sender.send({ body: sent })
      sent += 1
    }
  }
  sender.on('sendable', send)
  send()
  await done
  const contexts = await receive(connect(t, server), '0', count, 100)
  for (const [index, { message }] of contexts.entries()) {
    assert.equal(message?.body, index)
    assert.equal(message?.message_annotations?.['x-opt-sequence-number'], index)
  }
})

test('a batch becomes single events, each with the key of the envelope', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const sender = await openSender(connect(t, server), 'orders')
  const messages = ['a', 'b', 'c'].map((text) => encodeMessage({ body: { kind: 'value', value: stringValue(text) } }))
  const key = [[symbolValue('x-opt-partition-key'), stringValue('alphabet')]] as const
  const done = accepted(sender, 1)
  sender.send(encodeBatch(messages, key), undefined, batchFormat)
  await done
  const contexts = await receive(connect(t, server), '0', 3)
  assert.deepEqual(
    contexts.map(({ message }) => [
      message?.body as string,
      message?.message_annotations?.['x-opt-partition-key'] as string,
    ]),
    [
      ['a', 'alphabet'],
      ['b', 'alphabet'],
      ['c', 'alphabet'],
    ],
  )
})

test('a batch without events is accepted and stores nothing', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const sender = await openSender(connect(t, server), 'orders')
  const done = accepted(sender, 1)
  sender.send(encodeMessage({ properties: {} }), undefined, batchFormat)
  await done
  assert.equal(server.broker.describePartition(server.owner, 'orders', '0').lastSequence, -1)
})

test('large messages pass frames of every size', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const sizes = [511, 512, 4096, 65_000, 65_536, 300_000, 1_000_000]
  const sender = await openSender(connect(t, server), 'orders')
  const done = accepted(sender, sizes.length)
  for (const size of sizes) sender.send({ body: rhea.message.data_section(Buffer.alloc(size, size % 251)) })
  await done
  // Not below 1024: rhea renews its window of 2048 frames only between messages.
  for (const max_frame_size of [1024, 4096, 65_536, 1_000_000]) {
    const contexts = await receive(connect(t, server, { max_frame_size }), '0', sizes.length)
    for (const [index, size] of sizes.entries()) {
      const body = contexts[index]?.message?.body as { content: Buffer }
      assert.ok(body.content.equals(Buffer.alloc(size, size % 251)), `${size} bytes in frames of ${max_frame_size}`)
    }
  }
})

test('a drain ends with credit 0', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const receiver = connect(t, server).open_receiver({
    source: { address: 'orders/ConsumerGroups/$Default/Partitions/0' },
    credit_window: 0,
  })
  await once(receiver, 'receiver_open')
  receiver.add_credit(7)
  receiver.drain = true
  await once(receiver, 'receiver_drained')
  assert.equal((receiver as unknown as { credit: number }).credit, 0)
})

test('a refused link says why in its error', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const connection = connect(t, server)
  const cases: [string, string][] = [
    ['nobody', 'amqp:not-found'],
    ['orders/Partitions/9', 'com.microsoft:argument-out-of-range'],
    ['orders/Publishers/x', 'amqp:not-implemented'],
    ['orders/a/b/c/d', 'amqp:not-allowed'],
  ]
  for (const [address, condition] of cases) {
    const sender = connection.open_sender({ target: { address } })
    const { sender: failed } = await once(sender, 'sender_error')
    assert.equal((failed?.error as { condition?: string } | undefined)?.condition, condition, address)
  }
})

test('fifty connections at once, each with its own events', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 4)
  await Promise.all(
    Array.from({ length: 50 }, async (_, index) => {
      const sender = await openSender(connect(t, server), `orders/Partitions/${index % 4}`)
      const done = accepted(sender, 20)
      for (let n = 0; n < 20; n += 1) sender.send({ body: `${index}/${n}` })
      await done
    }),
  )
  const seen = new Map<string, number>()
  for (const partition of ['0', '1', '2', '3']) {
    const count = server.broker.describePartition(server.owner, 'orders', partition).lastSequence + 1
    for (const { message } of await receive(connect(t, server), partition, count)) {
      const [index = '', n = ''] = String(message?.body).split('/')
      // Each sender's events are in its order.
      assert.equal(Number(n), (seen.get(index) ?? -1) + 1)
      seen.set(index, Number(n))
    }
  }
  assert.equal(seen.size, 50)
  assert.ok([...seen.values()].every((last) => last === 19))
})
