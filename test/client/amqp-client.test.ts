// The partner is a stock rhea server in this process: an independent implementation of the other side.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import rhea from 'rhea'
import { SystemClock } from '../../src/base/clock.ts'
import { isEhubError } from '../../src/base/error.ts'
import { AmqpClient, type ReceiverLink } from '../../src/client/amqp-client.ts'
import { dial } from '../../src/client/amqp-dial.ts'
import type { AmqpEndpoint } from '../../src/client/amqp-endpoint.ts'
import { messageFormats } from '../../src/wire/amqp/names.ts'

const clock = new SystemClock()

interface Partner {
  readonly container: rhea.Container
  readonly endpoint: AmqpEndpoint
}

async function startPartner(t: TestContext, refusal?: rhea.AmqpError): Promise<Partner> {
  const container = rhea.create_container({
    id: 'partner',
    receiver_options: { credit_window: 100, autoaccept: false },
  } as rhea.ContainerOptions)
  for (const event of ['error', 'disconnected', 'connection_error']) container.on(event, () => undefined)
  container.on('receiver_open', ({ receiver }: rhea.EventContext) => {
    if (refusal !== undefined) receiver?.close(refusal)
    else receiver?.set_target({ address: receiver.target.address ?? '' })
  })
  container.on('sender_open', ({ sender }: rhea.EventContext) => {
    sender?.set_source({ address: sender.source.address })
  })
  const server = container.listen({
    port: 0,
    host: '127.0.0.1',
    max_frame_size: 4096,
    noDelay: true,
  } as rhea.ServerConnectionOptions & { port: number })
  await once(server, 'listening')
  t.after(() => void server.close())
  const { port } = server.address() as AddressInfo
  return {
    container,
    endpoint: {
      host: '127.0.0.1',
      port,
      transport: 'amqp',
      isTls: false,
      certificateAuthority: null,
      credentials: { kind: 'none' },
      label: `amqp://127.0.0.1:${port}`,
    },
  }
}

async function openClient(t: TestContext, { endpoint }: Partner): Promise<AmqpClient> {
  const stream = await dial(endpoint, { clock, timeoutMs: 5000 })
  const client = await AmqpClient.open(stream, {
    clock,
    hostname: 'localhost',
    containerId: 'test',
    version: '0',
    timeoutMs: 5000,
  })
  t.after(() => client.close())
  return client
}

const sent = (send: (onSettled: (error: Error | null) => void) => void) =>
  new Promise<void>((resolve, reject) => send((error) => (error === null ? resolve() : reject(error))))

test('a message goes out byte for byte, over several frames, and settles with the outcome', async (t) => {
  const partner = await startPartner(t)
  const received: { message: unknown; format: unknown }[] = []
  partner.container.on('message', ({ message, format, delivery }: rhea.EventContext & { format: number }) => {
    received.push({ message, format })
    delivery?.accept()
  })
  const client = await openClient(t, partner)
  const sender = await client.openSender('orders')
  const bytes = Buffer.alloc(20_000, 7)
  await sent((onSettled) => sender.send(bytes, messageFormats.batch, onSettled))
  assert.equal(received.length, 1)
  assert.deepEqual(received[0]?.message, bytes)
  assert.equal(received[0]?.format, messageFormats.batch)
})

test('a rejected message is an error with the code of its condition', async (t) => {
  const partner = await startPartner(t)
  partner.container.on('message', ({ delivery }: rhea.EventContext) => {
    delivery?.reject({ condition: 'com.microsoft:server-busy', description: 'wait a little' })
  })
  const client = await openClient(t, partner)
  const sender = await client.openSender('orders')
  const sending = sent((onSettled) =>
    sender.send(Buffer.from([0, 0x53, 0x75, 0xa0, 0]), messageFormats.batch, onSettled),
  )
  await assert.rejects(sending, (error) => isEhubError(error, 'server-busy') && /wait a little/.test(error.message))
})

test('a refused link is an error with the peer’s reason', async (t) => {
  const partner = await startPartner(t, {
    condition: 'amqp:not-found',
    description: "The messaging entity 'x' could not be found.",
  })
  const client = await openClient(t, partner)
  await assert.rejects(client.openSender('x'), (error) => isEhubError(error, 'hub-not-found'))
})

test('messages that were not settled when the connection goes are settled with an error', async (t) => {
  const partner = await startPartner(t)
  partner.container.on('message', ({ connection }: rhea.EventContext) => {
    // No detach, no close: what a killed server looks like.
    ;(connection as unknown as { socket: { end(): void } }).socket.end()
  })
  const client = await openClient(t, partner)
  const sender = await client.openSender('orders')
  const lost = new Promise<Error>((resolve) => client.onLost(resolve))
  const sending = sent((onSettled) =>
    sender.send(Buffer.from([0, 0x53, 0x75, 0xa0, 0]), messageFormats.batch, onSettled),
  )
  await assert.rejects(sending, (error) => isEhubError(error, 'connect-failed'))
  assert.ok(isEhubError(await lost, 'connect-failed'))
})

test('messages are received byte for byte, as credit allows, settled or not', async (t) => {
  const partner = await startPartner(t)
  const messages = Array.from({ length: 250 }, (_, index) => Buffer.alloc(index === 3 ? 100_000 : 30, index))
  let settledCount = 0
  const allSettled = new Promise<void>((resolve) => {
    partner.container.on('settled', () => {
      settledCount += 1
      if (settledCount === messages.length) resolve()
    })
  })
  let next = 0
  partner.container.on('sendable', ({ sender }: rhea.EventContext) => {
    // rhea's credit counts down when frames are written, so what is queued now must be counted here.
    for (let credit = (sender as unknown as { credit: number }).credit; credit > 0; credit -= 1) {
      const message = messages[next++]
      if (message === undefined) return
      sender?.send(message, undefined, 0)
    }
  })
  const client = await openClient(t, partner)
  const got: Buffer[] = []
  let receiver: ReceiverLink | undefined
  await new Promise<void>((resolve, reject) => {
    client
      .openReceiver({
        address: 'orders/ConsumerGroups/$Default/Partitions/0',
        selector: "amqp.annotation.x-opt-offset > '-1'",
        ownerLevel: null,
        name: 'test',
        onMessage: (buffer, start, end) => void got.push(Buffer.from(buffer.subarray(start, end))),
        onReadEnd: () => {
          if (got.length === messages.length) resolve()
          else if (receiver?.credit === 0) receiver.addCredit(100)
        },
      })
      .then((link) => {
        receiver = link
        link.addCredit(100)
      }, reject)
  })
  assert.deepEqual(got, messages)
  await allSettled
})

test('a request gets the reply with its correlation id, or an error for its status', async (t) => {
  const partner = await startPartner(t)
  const senders = new Map<string, rhea.Sender>()
  partner.container.on('sender_open', ({ sender }: rhea.EventContext) => {
    if (sender !== undefined) senders.set(sender.target.address ?? '', sender)
  })
  partner.container.on('message', ({ message, delivery }: rhea.EventContext) => {
    delivery?.accept()
    const isGood = message?.application_properties?.['name'] === 'orders'
    senders.get(message?.reply_to ?? '')?.send({
      correlation_id: message?.message_id as string,
      application_properties: isGood
        ? { 'status-code': 200 }
        : { 'status-code': 404, 'status-description': 'could not be found', 'error-condition': 'amqp:not-found' },
      body: { name: 'orders' },
    })
  })
  const client = await openClient(t, partner)
  const reply = await client.request('$management', null, { name: 'orders' }, 'hub "orders"')
  assert.deepEqual(reply, { status: 200, body: { name: 'orders' } })
  const refused = client.request('$management', null, { name: 'nope' }, 'hub "nope"')
  await assert.rejects(refused, (error) => isEhubError(error, 'hub-not-found'))
})

test('nobody listening is an error that says so', async () => {
  const endpoint: AmqpEndpoint = {
    host: '127.0.0.1',
    port: 1,
    transport: 'amqp',
    isTls: false,
    certificateAuthority: null,
    credentials: { kind: 'none' },
    label: 'amqp://127.0.0.1:1',
  }
  await assert.rejects(dial(endpoint, { clock, timeoutMs: 5000 }), (error) => isEhubError(error, 'connect-failed'))
})

test('a link the peer takes away is detached before its session ends, and the connection goes on', async (t) => {
  const partner = await startPartner(t)
  const seen: string[] = []
  const taken = new Promise<void>((resolve) => {
    partner.container.on('sender_close', () => void seen.push('detach'))
    partner.container.on('session_close', () => {
      seen.push('end')
      resolve()
    })
  })
  partner.container.on('sender_open', ({ sender }: rhea.EventContext) => {
    sender?.close({ condition: 'amqp:link:stolen', description: 'another receiver' })
  })
  const client = await openClient(t, partner)
  const opening = client.openReceiver({
    ...{ address: 'orders', selector: '', ownerLevel: 0, name: 'r' },
    ...{ onMessage: () => undefined, onReadEnd: () => undefined },
  })
  const link = await opening.catch((error: unknown) => error)
  if (!isEhubError(link)) await new Promise((resolve) => (link as ReceiverLink).onDetached(resolve))
  await taken
  assert.deepEqual(seen, ['detach', 'end'])
  await client.openSender('orders')
})
