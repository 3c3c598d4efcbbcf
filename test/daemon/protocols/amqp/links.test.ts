// What links do with credit, windows, drains and large messages, seen from the wire.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Transfer } from '../../../../src/wire/amqp/performatives.ts'
import {
  attachSender,
  begin,
  credit,
  frameOf,
  message,
  type RawPeer,
  type RawServer,
  receiverAttach,
  senderAttach,
  settled,
  startRawServer,
  transfer,
} from './raw-peer.ts'

const consumer = (partition: number): string => `orders/ConsumerGroups/$Default/Partitions/${partition}`

/** Stores events with these texts in one partition. */
async function store(server: RawServer, partition: number, texts: readonly (string | Buffer)[]): Promise<void> {
  const peer = await server.open()
  await attachSender(peer, `orders/Partitions/${partition}`)
  for (const [id, text] of texts.entries()) {
    const payload = message(text.toString())
    for (let at = 0; at < payload.length; at += 60_000) {
      peer.send(0, transfer(id, payload.subarray(at, at + 60_000), at + 60_000 < payload.length))
    }
  }
  const lastSequence = (): number =>
    server.broker.describePartition(server.owner, 'orders', String(partition)).lastSequence
  const wanted = lastSequence() + texts.length
  while (lastSequence() < wanted) await settled()
  peer.send(0, { kind: 'close' })
  await peer.skipTo('close')
}

async function attachReceiver(peer: RawPeer, address: string, handle = 0, channel = 0): Promise<void> {
  peer.send(channel, receiverAttach(address, handle))
  assert.notEqual((await peer.expect('attach')).source, null)
}

async function openReceiver(server: RawServer, partition = 0, maxFrameSize = 65536): Promise<RawPeer> {
  const peer = await server.open({ maxFrameSize })
  peer.send(0, begin)
  await peer.expect('begin')
  await attachReceiver(peer, consumer(partition))
  return peer
}

/** The text behind the annotations. */
function textOf({ payload }: Transfer): string {
  const at = payload.indexOf(Buffer.from('005375', 'hex'))
  return payload.subarray(at + (payload[at + 3] === 0xa0 ? 5 : 8)).toString()
}

test('no event is sent beyond the credit', async (t) => {
  const server = await startRawServer(t)
  await store(server, 0, ['a', 'b', 'c', 'd', 'e'])
  const peer = await openReceiver(server)
  assert.equal((await peer.rest()).length, 0)
  peer.send(0, credit(2))
  assert.equal(textOf(await peer.expect('transfer')), 'a')
  assert.equal(textOf(await peer.expect('transfer')), 'b')
  assert.equal((await peer.rest()).length, 0)
  // The credit counts from the peer's delivery count: one of the two is accounted for already.
  peer.send(0, credit(2, { deliveryCount: 1 }))
  assert.equal(textOf(await peer.expect('transfer')), 'c')
  assert.equal((await peer.rest()).length, 0)
  peer.send(0, credit(10, { deliveryCount: 3 }))
  assert.equal(textOf(await peer.expect('transfer')), 'd')
  assert.equal(textOf(await peer.expect('transfer')), 'e')
  assert.equal((await peer.rest()).length, 0)
})

test('credit waits for events', async (t) => {
  const server = await startRawServer(t)
  const peer = await openReceiver(server)
  peer.send(0, credit(5))
  assert.equal((await peer.rest()).length, 0)
  await store(server, 0, ['late'])
  assert.equal(textOf(await peer.expect('transfer')), 'late')
})

test('credit taken back is not used', async (t) => {
  const server = await startRawServer(t)
  const peer = await openReceiver(server)
  peer.send(0, credit(5))
  peer.send(0, credit(0))
  await settled()
  await store(server, 0, ['late'])
  assert.equal((await peer.rest()).length, 0)
})

test('a drain gives what there is and the rest of the credit back', async (t) => {
  const server = await startRawServer(t)
  await store(server, 0, ['a', 'b'])
  const peer = await openReceiver(server)
  peer.send(0, credit(10, { drain: true }))
  assert.equal(textOf(await peer.expect('transfer')), 'a')
  assert.equal(textOf(await peer.expect('transfer')), 'b')
  const { linkCredit, deliveryCount, drain, handle } = await peer.expect('flow')
  assert.deepEqual(
    { linkCredit, deliveryCount, drain, handle },
    { linkCredit: 0, deliveryCount: 10, drain: true, handle: 0 },
  )
  await store(server, 0, ['late'])
  assert.equal((await peer.rest()).length, 0)
  peer.send(0, credit(1, { deliveryCount: 10, nextIncomingId: 3 }))
  assert.equal(textOf(await peer.expect('transfer')), 'late')
})

test('a drain of a link that waits, of one without credit, and of one whose credit is used up is answered', async (t) => {
  const server = await startRawServer(t)
  const peer = await openReceiver(server)
  peer.send(0, credit(3))
  await settled()
  peer.send(0, credit(3, { drain: true }))
  assert.equal((await peer.expect('flow')).deliveryCount, 3)
  peer.send(0, credit(0, { drain: true, deliveryCount: 3 }))
  const none = await peer.expect('flow')
  assert.deepEqual([none.linkCredit, none.drain], [0, true])
  await store(server, 0, ['a', 'b'])
  peer.send(0, credit(1, { drain: true, deliveryCount: 3 }))
  await peer.expect('transfer')
  const used = await peer.expect('flow')
  assert.deepEqual([used.deliveryCount, used.linkCredit], [4, 0])
})

test('an echo is answered, of the link and of the session', async (t) => {
  const server = await startRawServer(t)
  const peer = await openReceiver(server)
  peer.send(0, credit(7, { echo: true }))
  const ofLink = await peer.expect('flow')
  assert.deepEqual([ofLink.handle, ofLink.linkCredit], [0, 7])
  peer.send(0, { ...credit(0), handle: null, deliveryCount: null, linkCredit: null, echo: true } as never)
  assert.equal((await peer.expect('flow')).handle, null)
})

test('nothing is sent beyond the window of the session', async (t) => {
  const server = await startRawServer(t)
  await store(server, 0, ['a', 'b', 'c'])
  const peer = await server.open()
  peer.send(0, { ...begin, incomingWindow: 0 })
  await peer.expect('begin')
  await attachReceiver(peer, consumer(0))
  peer.send(0, credit(10, { incomingWindow: 0 }))
  assert.equal((await peer.rest()).length, 0)
  peer.send(0, credit(10, { incomingWindow: 2 }))
  await peer.expect('transfer')
  await peer.expect('transfer')
  assert.equal((await peer.rest()).length, 0)
  peer.send(0, credit(10, { incomingWindow: 2, nextIncomingId: 3 }))
  assert.equal(textOf(await peer.expect('transfer')), 'c')
})

test('an event larger than a frame goes in pieces, as many as the window takes', async (t) => {
  const server = await startRawServer(t)
  const text = 'ehub '.repeat(1000)
  await store(server, 0, [text])
  const peer = await server.open({ maxFrameSize: 512 })
  peer.send(0, { ...begin, incomingWindow: 4 })
  await peer.expect('begin')
  await attachReceiver(peer, consumer(0))
  peer.send(0, credit(1, { incomingWindow: 4 }))
  const pieces: Buffer[] = []
  let received = 0
  for (let isDone = false; !isDone; ) {
    for (let frame = 0; frame < 4 && !isDone; frame += 1) {
      const { bytes, performative } = await peer.frame()
      assert.ok(bytes.length <= 512)
      assert.ok(performative?.kind === 'transfer')
      assert.deepEqual([performative.deliveryId, performative.messageFormat, performative.settled], [0, 0, true])
      pieces.push(performative.payload)
      received += 1
      isDone = !performative.more
    }
    if (isDone) break
    assert.equal((await peer.rest()).length, 0)
    peer.send(0, credit(1, { incomingWindow: 4, nextIncomingId: 1 + received }))
  }
  assert.equal(textOf({ payload: Buffer.concat(pieces) } as Transfer), text)
})

test('a link without credit holds up no other of its session', async (t) => {
  const server = await startRawServer(t)
  await store(server, 0, ['zero'])
  await store(server, 1, ['one'])
  const peer = await openReceiver(server, 0)
  await attachReceiver(peer, consumer(1), 1)
  peer.send(0, credit(1, { handle: 1 }))
  const event = await peer.expect('transfer')
  assert.deepEqual([event.handle, textOf(event)], [1, 'one'])
})

test('links take turns', async (t) => {
  const server = await startRawServer(t, { limits: { turnBytes: 4000 } })
  const texts = Array.from({ length: 50 }, () => 'x'.repeat(1000))
  await store(server, 0, texts)
  await store(server, 1, texts)
  const peer = await openReceiver(server, 0)
  await attachReceiver(peer, consumer(1), 1)
  peer.write(Buffer.concat([frameOf(0, credit(50)), frameOf(0, credit(50, { handle: 1 }))]))
  const order: number[] = []
  for (let event = 0; event < 100; event += 1) order.push((await peer.expect('transfer')).handle)
  const firstOfSecond = order.indexOf(1)
  assert.ok(firstOfSecond <= 5, `the second link waits for ${firstOfSecond} events of the first`)
  assert.ok(order.lastIndexOf(0) > 80)
})

test('delivery-ids rise over all links of a session', async (t) => {
  const server = await startRawServer(t)
  await store(server, 0, ['a', 'b'])
  await store(server, 1, ['c', 'd'])
  const peer = await openReceiver(server, 0)
  await attachReceiver(peer, consumer(1), 1)
  peer.send(0, credit(2))
  peer.send(0, credit(2, { handle: 1 }))
  const ids = []
  for (let event = 0; event < 4; event += 1) ids.push((await peer.expect('transfer')).deliveryId)
  assert.deepEqual(ids, [0, 1, 2, 3])
})

test('a displaced receiver gets nothing after the new one is answered', async (t) => {
  const server = await startRawServer(t)
  const old = await openReceiver(server)
  old.send(0, credit(100))
  const other = await server.open()
  other.send(0, begin)
  await other.expect('begin')
  const epoch = [
    [
      { type: 'symbol', value: 'com.microsoft:epoch' },
      { type: 'long', value: 0n },
    ],
  ] as const
  other.send(0, { ...receiverAttach(consumer(0)), properties: epoch } as never)
  await other.expect('attach')
  const { error } = await old.expect('detach')
  assert.equal(error?.condition, 'amqp:link:stolen')
  assert.match(
    error?.description ?? '',
    /New receiver 'nil' with higher epoch of '0' is created hence current receiver 'nil'/,
  )
  await store(server, 0, ['new'])
  assert.equal((await old.rest()).length, 0)
  other.send(0, credit(1))
  assert.equal(textOf(await other.expect('transfer')), 'new')
})

test('an owner level that is no number is refused, not ignored', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  peer.send(0, begin)
  await peer.expect('begin')
  const epoch = [
    [
      { type: 'symbol', value: 'com.microsoft:epoch' },
      { type: 'string', value: '0' },
    ],
  ] as const
  peer.send(0, { ...receiverAttach(consumer(0)), properties: epoch } as never)
  assert.equal((await peer.expect('attach')).source, null)
  assert.equal((await peer.expect('detach')).error?.condition, 'com.microsoft:argument-error')
})

test('credit of a sender is topped up when half is used', async (t) => {
  const server = await startRawServer(t, { limits: { senderCredit: 4 } })
  const peer = await server.open()
  assert.equal((await attachSender(peer, 'orders/Partitions/0')).linkCredit, 4)
  peer.send(0, transfer(0, message('a')))
  await peer.expect('disposition')
  peer.send(0, transfer(1, message('b')))
  const flows = [await peer.frame(), await peer.frame()].map(({ performative }) => performative)
  const flow = flows.find((performative) => performative?.kind === 'flow')
  assert.deepEqual([flow?.linkCredit, flow?.deliveryCount], [4, 2])
})

test('a settled delivery is stored and not answered', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  peer.send(0, { ...transfer(0, message('quiet')), settled: true } as never)
  assert.equal((await peer.rest()).length, 0)
  assert.equal(server.broker.describePartition(server.owner, 'orders', '0').lastSequence, 0)
})

test('a settled delivery that is refused detaches the link: nobody would hear of it otherwise', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  peer.send(0, { ...transfer(0, Buffer.from('none')), settled: true } as never)
  assert.equal((await peer.expect('detach')).error?.condition, 'com.microsoft:argument-error')
})

test('the smaller of the client limit and the tier limit is announced and kept to', async (t) => {
  const server = await startRawServer(t, { tier: 'basic' })
  const cases: [bigint | null, bigint][] = [
    [null, 262_144n],
    [0n, 262_144n],
    [1000n, 1000n],
    [2n ** 64n - 1n, 262_144n],
  ]
  for (const [asked, announced] of cases) {
    const peer = await server.open()
    peer.send(0, begin)
    await peer.expect('begin')
    peer.send(0, { ...senderAttach('orders'), maxMessageSize: asked } as never)
    assert.equal((await peer.expect('attach')).maxMessageSize, announced)
  }
})

test('a hub that is deleted detaches its links', async (t) => {
  const server = await startRawServer(t)
  const peer = await openReceiver(server)
  peer.send(0, senderAttach('orders', 1))
  await peer.skipTo('flow')
  await server.broker.deleteHub(server.owner, 'orders')
  for (let link = 0; link < 2; link += 1) {
    const { error } = await peer.expect('detach')
    assert.equal(error?.condition, 'amqp:not-found')
    assert.match(error?.description ?? '', /The messaging entity 'sb:\/\/localhost\/orders' could not be found/)
  }
})

test('windows and credits as wide as their numbers are not taken for none', async (t) => {
  const server = await startRawServer(t)
  await store(server, 0, ['a', 'b', 'c'])
  const widest = 2 ** 32 - 1
  const peer = await server.open()
  peer.send(0, { ...begin, incomingWindow: widest })
  await peer.expect('begin')
  await attachReceiver(peer, consumer(0))
  peer.send(0, credit(widest, { incomingWindow: widest }))
  for (const text of ['a', 'b', 'c']) assert.equal(textOf(await peer.expect('transfer')), text)
  await store(server, 0, ['d'])
  // Nothing more to give: all but what was used comes back, modulo 2^32.
  assert.equal(textOf(await peer.expect('transfer')), 'd')
  peer.send(0, credit(widest, { incomingWindow: widest, drain: true }))
  assert.equal((await peer.expect('flow')).deliveryCount, widest)
})
