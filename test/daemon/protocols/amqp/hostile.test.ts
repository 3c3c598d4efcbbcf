// Peers that break the rules, one at a time: each ends what it broke (connection, session or link) with the condition the
// specification names, nobody else notices, and nothing is kept for them.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/daemon/protocols/amqp/limits.ts'
import type { PerformativeInput } from '../../../../src/wire/amqp/performatives.ts'
import {
  attachSender,
  begin,
  credit,
  frameOf,
  headers,
  message,
  type RawPeer,
  receiverAttach,
  senderAttach,
  settled,
  startRawServer,
  transfer,
} from './raw-peer.ts'

async function closedWith(peer: RawPeer, condition: string, text: RegExp): Promise<void> {
  const { error } = await peer.skipTo('close')
  assert.equal(error?.condition, condition)
  assert.match(error?.description ?? '', text)
  await peer.ended()
}

async function endedWith(peer: RawPeer, condition: string, text: RegExp): Promise<void> {
  const { error } = await peer.skipTo('end')
  assert.equal(error?.condition, condition)
  assert.match(error?.description ?? '', text)
}

async function detachedWith(peer: RawPeer, condition: string, text: RegExp): Promise<void> {
  const { error, closed } = await peer.skipTo('detach')
  assert.ok(closed)
  assert.equal(error?.condition, condition)
  assert.match(error?.description ?? '', text)
}

test('what does not speak AMQP is answered with a header and closed', async (t) => {
  const server = await startRawServer(t)
  const others = [
    'GET / HTTP/1.1\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01',
    'AMQP\x00\x00\x09\x01',
    '\xff'.repeat(64),
  ]
  for (const text of others) {
    const peer = server.connect()
    peer.write(Buffer.from(text, 'latin1'))
    assert.deepEqual(await peer.header(), headers.sasl, JSON.stringify(text))
    await peer.ended()
  }
  const upgrade = server.connect()
  upgrade.write(headers.tls)
  assert.deepEqual(await upgrade.header(), headers.sasl)
  await upgrade.ended()
  server.clock.advance(defaultLimits.closeMs)
  await settled()
  assert.equal(server.amqp.connectionCount, 0)
})

test('a wrong password gets outcome 1 and the door', async (t) => {
  const server = await startRawServer(t)
  const wrong = ['\0RootManageSharedAccessKey\0wrong', '\0nobody\0x', 'x', '\0\0', '\0a\0b\0c']
  for (const response of wrong) {
    const peer = server.connect()
    peer.write(headers.sasl)
    await peer.header()
    await peer.saslFrame('sasl-mechanisms')
    peer.sasl({ kind: 'sasl-init', mechanism: 'PLAIN', initialResponse: Buffer.from(response) })
    assert.equal((await peer.saslFrame('sasl-outcome')).frame.code, 1)
    await peer.ended()
  }
})

test('PLAIN without a first response is asked for one; unknown mechanisms are refused', async (t) => {
  const server = await startRawServer(t)
  const peer = server.connect()
  peer.write(headers.sasl)
  await peer.header()
  await peer.saslFrame('sasl-mechanisms')
  peer.sasl({ kind: 'sasl-init', mechanism: 'PLAIN' })
  await peer.saslFrame('sasl-challenge')
  peer.sasl({ kind: 'sasl-response', response: Buffer.from(`\0RootManageSharedAccessKey\0${server.key}`) })
  assert.equal((await peer.saslFrame('sasl-outcome')).frame.code, 0)
  const other = server.connect()
  other.write(headers.sasl)
  await other.header()
  await other.saslFrame('sasl-mechanisms')
  other.sasl({ kind: 'sasl-init', mechanism: 'GSSAPI' })
  assert.equal((await other.saslFrame('sasl-outcome')).frame.code, 1)
})

test('without SASL and without a token nothing can be attached', async (t) => {
  const server = await startRawServer(t)
  const peer = server.connect()
  peer.write(headers.amqp)
  await peer.header()
  peer.send(0, { kind: 'open', containerId: 'c' })
  await peer.expect('open')
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, senderAttach('orders'))
  assert.equal((await peer.expect('attach')).target, null)
  await detachedWith(
    peer,
    'amqp:unauthorized-access',
    /'Send' claim\(s\) are required .+ Resource: 'sb:\/\/local\/orders'/,
  )
  peer.send(0, receiverAttach('orders/ConsumerGroups/$Default/Partitions/1', 1))
  assert.equal((await peer.expect('attach')).source, null)
  await detachedWith(
    peer,
    'amqp:unauthorized-access',
    /'Listen' claim\(s\) are required .+ 'sb:\/\/local\/orders\/consumergroups\/\$default\/partitions\/1'/,
  )
})

test('frames above the limit are refused from their header', async (t) => {
  const server = await startRawServer(t)
  const announced = Buffer.from('7fffffff02000000', 'hex')
  const before = server.connect()
  before.write(headers.sasl)
  await before.header()
  await before.saslFrame('sasl-mechanisms')
  // Larger than anything SASL needs, although the connection may send it later.
  before.write(Buffer.from('0000200002010000', 'hex'))
  await before.ended()
  const after = await server.open()
  after.write(announced)
  await closedWith(after, 'amqp:connection:framing-error', /frame of 2147483647 bytes exceeds/)
})

test('frames that are none', async (t) => {
  const server = await startRawServer(t)
  const cases: [string, string, RegExp][] = [
    ['shorter than its header', '0000000402000000', /shorter than its header/],
    ['body before its header ends', '0000000801000000', /body at 4/],
    ['body behind its end', '0000000803000000', /body at 12/],
    ['unknown type', '0000000802070000', /frame type 7/],
    ['no performative', '0000000c0200000040404040', /described/],
    ['unknown performative', '0000000e02000000005399c00101', /./],
    ['a list longer than the frame', '0000000e02000000005317c0ff01', /./],
    ['SASL frame', '0000001002010000005344c003015000', /AMQP frame was expected/],
  ]
  for (const [name, hex, text] of cases) {
    const peer = await server.open()
    peer.write(Buffer.from(hex, 'hex'))
    const { error } = await peer.skipTo('close')
    assert.match(error?.condition ?? '', /^amqp:(decode-error|connection:framing-error)$/, name)
    assert.match(error?.description ?? '', text, name)
    await peer.ended()
  }
  assert.deepEqual(server.bugs, [])
})

test('performatives out of place end the connection', async (t) => {
  const server = await startRawServer(t)
  const cases: [string, number, PerformativeInput][] = [
    ['a second open', 0, { kind: 'open', containerId: 'again' }],
    ['attach without session', 9, senderAttach('orders')],
    ['transfer without session', 9, transfer(0, message('x'))],
    ['channel above the limit', 5000, begin],
    ['a session twice', 0, begin],
    ['handle above the limit', 0, senderAttach('orders', 256)],
  ]
  for (const [name, channel, performative] of cases) {
    const peer = await server.open()
    peer.send(0, begin)
    await peer.expect('begin')
    peer.send(channel, performative)
    await closedWith(peer, 'amqp:connection:framing-error', /TrackingId/).catch((error: unknown) => {
      throw new Error(name, { cause: error })
    })
  }
})

test('what breaks a session ends the session and leaves the connection', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  const cases: [string, PerformativeInput, RegExp][] = [
    ['amqp:session:unattached-handle', transfer(0, message('x'), false, 7), /no link on handle 7/],
    ['amqp:session:unattached-handle', { kind: 'detach', handle: 7, closed: true }, /no link on handle 7/],
    ['amqp:session:unattached-handle', credit(1, { handle: 7 }), /no link on handle 7/],
    ['amqp:session:handle-in-use', senderAttach('orders', 0), /handle 0 has a link/],
  ]
  for (const [channel, [condition, performative, text]] of cases.entries()) {
    peer.send(channel, begin)
    await peer.expect('begin')
    peer.send(channel, senderAttach('orders', 0))
    await peer.skipTo('flow')
    peer.send(channel, performative)
    await endedWith(peer, condition, text)
    // What was on its way is dropped.
    peer.send(channel, transfer(1, message('late')))
    peer.send(channel, { kind: 'end' })
  }
  peer.send(4, begin)
  await peer.expect('begin')
})

test('the incoming window is kept to', async (t) => {
  const server = await startRawServer(t, { limits: { incomingWindow: 8, senderCredit: 1 } })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  const frames = Array.from({ length: 9 }, () => frameOf(0, transfer(0, message('part'), true)))
  peer.write(Buffer.concat(frames))
  await endedWith(peer, 'amqp:session:window-violation', /incoming window/)
})

test('more deliveries than credit detach the link', async (t) => {
  const server = await startRawServer(t, { limits: { senderCredit: 4 } })
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  const frames = Array.from({ length: 6 }, (_, id) => frameOf(0, transfer(id, message('x'))))
  peer.write(Buffer.concat(frames))
  await detachedWith(peer, 'amqp:link:transfer-limit-exceeded', /exceeds the credit/)
  // What was accepted has its outcome; nothing else follows for a link that is gone.
  assert.deepEqual((await peer.expect('disposition')).last, 3)
  assert.equal((await peer.rest()).length, 0)
  assert.equal(server.broker.describePartition(server.owner, 'orders', '0').lastSequence, 3)
})

test('a delivery without end is dropped at the limit and the link detached', async (t) => {
  const server = await startRawServer(t, { tier: 'basic' })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  const part = frameOf(0, transfer(0, Buffer.alloc(60_000), true))
  const before = process.memoryUsage().arrayBuffers
  let detached: unknown
  const answer = peer.skipTo('detach').then((detach) => (detached = detach))
  for (let sent = 0; detached === undefined && sent < 1000; sent += 1) {
    peer.write(part)
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.equal((await answer).error?.condition, 'amqp:link:message-size-exceeded')
  assert.ok(process.memoryUsage().arrayBuffers - before < 64 * 1024 * 1024)
})

test('a delivery above the limit is refused with its size, and the link goes on', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  const parts = 30
  for (let part = 0; part < parts; part += 1) {
    peer.send(0, transfer(0, Buffer.alloc(60_000), part < parts - 1))
  }
  const { state } = await peer.skipTo('disposition')
  assert.ok(state?.kind === 'rejected')
  assert.equal(state.error?.condition, 'amqp:link:message-size-exceeded')
  assert.match(
    state.error.description ?? '',
    /^The received message \(delivery-id:0, size:1800000 bytes\) exceeds the limit \(1048576 bytes\) currently allowed on the link\. TrackingId:/,
  )
  peer.send(0, transfer(1, message('small')))
  assert.equal((await peer.skipTo('disposition')).state?.kind, 'accepted')
})

test('an aborted delivery is forgotten', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  peer.send(0, transfer(0, message('half').subarray(0, 5), true))
  peer.send(0, { ...transfer(0, Buffer.alloc(0)), aborted: true } as PerformativeInput)
  peer.send(0, transfer(1, message('whole')))
  const { first, last } = await peer.skipTo('disposition')
  assert.deepEqual([first, last ?? first], [1, 1])
  assert.equal(server.broker.describePartition(server.owner, 'orders', '0').lastSequence, 0)
})

test('payloads that are no messages are refused one by one', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders')
  const payloads = ['', '00', '005375a0ff00', '005399a00100', '005375c00101', 'ffffffff', '005375a00100005370c00101']
  for (const [id, hex] of payloads.entries()) {
    peer.send(0, transfer(id, Buffer.from(hex, 'hex')))
    const { state, first } = await peer.skipTo('disposition')
    assert.equal(first, id)
    assert.ok(state?.kind === 'rejected', hex)
    assert.equal(state.error?.condition, 'com.microsoft:argument-error', hex)
  }
  assert.deepEqual(server.bugs, [])
})

test('unknown message formats are refused', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders')
  peer.send(0, { ...transfer(0, message('x')), messageFormat: 4711 } as PerformativeInput)
  const { state } = await peer.skipTo('disposition')
  assert.ok(state?.kind === 'rejected')
  assert.equal(state.error?.condition, 'amqp:not-implemented')
})

test('one byte at a time is the same conversation', async (t) => {
  const server = await startRawServer(t)
  const peer = server.connect()
  const everything = Buffer.concat([
    headers.amqp,
    frameOf(0, { kind: 'open', containerId: 'drip', hostname: 'localhost' }),
    frameOf(0, begin),
    frameOf(0, senderAttach('orders')),
  ])
  for (const byte of everything) {
    peer.write(Buffer.from([byte]))
    await new Promise((resolve) => setImmediate(resolve))
  }
  assert.deepEqual(await peer.header(), headers.amqp)
  await peer.expect('open')
  await peer.expect('begin')
  await peer.expect('attach')
  await detachedWith(peer, 'amqp:unauthorized-access', /Send/)
})

test('everything at once, without waiting for an answer, works', async (t) => {
  const server = await startRawServer(t)
  const peer = server.connect()
  peer.write(headers.sasl)
  peer.sasl({
    kind: 'sasl-init',
    mechanism: 'PLAIN',
    initialResponse: Buffer.from(`\0RootManageSharedAccessKey\0${server.key}`),
  })
  peer.write(
    Buffer.concat([
      headers.amqp,
      frameOf(0, { kind: 'open', containerId: 'eager' }),
      frameOf(0, begin),
      frameOf(0, senderAttach('orders/Partitions/1')),
    ]),
  )
  await peer.header()
  await peer.saslFrame('sasl-mechanisms')
  await peer.saslFrame('sasl-outcome')
  await peer.header()
  for (const kind of ['open', 'begin', 'attach', 'flow'] as const) await peer.expect(kind)
})

test('a peer that goes in the middle of a frame leaves nothing behind', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders')
  peer.send(0, { ...receiverAttach('orders/ConsumerGroups/$Default/Partitions/0', 1) })
  await peer.skipTo('attach')
  assert.equal(server.broker.listReceivers(server.owner, null).length, 1)
  peer.write(frameOf(0, transfer(0, Buffer.alloc(1000))).subarray(0, 500))
  peer.stream.destroy()
  await settled()
  assert.equal(server.amqp.connectionCount, 0)
  assert.deepEqual(server.broker.listReceivers(server.owner, null), [])
})

test('connections that do not open are bounded, by address and in all', async (t) => {
  const server = await startRawServer(t, { limits: { unopenedPerAddressMax: 2, unopenedMax: 3 } })
  const [a, b] = [server.connect('10.0.0.1'), server.connect('10.0.0.1')]
  await server.connect('10.0.0.1').ended()
  const c = server.connect('10.0.0.2')
  await server.connect('10.0.0.3').ended()
  assert.equal(server.amqp.connectionCount, 3)
  for (const peer of [a, b, c]) {
    peer.write(headers.amqp)
    peer.send(0, { kind: 'open', containerId: 'c' })
    await peer.header()
    await peer.expect('open')
  }
  const d = server.connect('10.0.0.1')
  d.write(headers.amqp)
  await d.header()
})

test('an idle timeout nobody can keep and a frame size below the minimum are refused after open', async (t) => {
  const server = await startRawServer(t)
  for (const open of [{ idleTimeOut: 10 }, { maxFrameSize: 100 }]) {
    const peer = server.connect()
    peer.write(headers.amqp)
    peer.send(0, { kind: 'open', containerId: 'c', ...open })
    await peer.header()
    await peer.expect('open')
    assert.ok((await peer.expect('close')).error)
    await peer.ended()
  }
})

test('who has shown no token gets few sessions and few links', async (t) => {
  const server = await startRawServer(t, { limits: { unauthorizedMax: 3 } })
  const peer = server.connect()
  peer.write(headers.amqp)
  await peer.header()
  peer.send(0, { kind: 'open', containerId: 'c' })
  await peer.expect('open')
  peer.send(0, begin)
  await peer.expect('begin')
  for (let handle = 0; handle < 3; handle += 1) {
    peer.send(0, receiverAttach('$cbs', handle))
    assert.notEqual((await peer.expect('attach')).source, null)
  }
  peer.send(0, receiverAttach('$cbs', 3))
  await detachedWith(peer, 'amqp:resource-limit-exceeded', /has 3 links, which is the limit/)
  for (let channel = 1; channel < 3; channel += 1) {
    peer.send(channel, begin)
    await peer.expect('begin')
  }
  peer.send(3, begin)
  await closedWith(peer, 'amqp:resource-limit-exceeded', /3 sessions are open/)
})

test('a name as long as a frame makes no sentence as long', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  peer.send(0, begin)
  await peer.expect('begin')
  for (const address of ['x'.repeat(2000), 'y'.repeat(20_000), `orders/Partitions/${'9'.repeat(1000)}`]) {
    peer.send(0, senderAttach(address))
    await peer.expect('attach')
    const { error } = await peer.expect('detach')
    assert.ok((error?.description ?? '').length < 4000)
    peer.send(0, { kind: 'detach', handle: 0, closed: true })
  }
})
