// Time: deadlines on the way to open, heartbeats, connections nobody uses, links nobody uses, leaving.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultLimits } from '../../../../src/daemon/protocols/amqp/limits.ts'
import { attachSender, begin, headers, message, senderAttach, settled, startRawServer, transfer } from './raw-peer.ts'

test('who sends no header is cut after 5 s, who does not open after 20 s', async (t) => {
  const server = await startRawServer(t)
  const silent = server.connect()
  const slow = server.connect()
  slow.write(headers.sasl)
  await slow.header()
  server.clock.advance(4999)
  await settled()
  assert.equal(server.amqp.connectionCount, 2)
  server.clock.advance(1)
  await silent.ended()
  slow.sasl({ kind: 'sasl-init', mechanism: 'ANONYMOUS' })
  await settled()
  server.clock.advance(14_999)
  await settled()
  assert.equal(server.amqp.connectionCount, 1)
  server.clock.advance(1)
  await slow.ended()
  assert.equal(server.amqp.connectionCount, 0)
})

test('a peer with an idle timeout gets a frame at least every half of it', async (t) => {
  const server = await startRawServer(t, { limits: { noLinkMs: null } })
  const peer = await server.open({ idleTimeOut: 60_000 })
  for (let beat = 0; beat < 3; beat += 1) {
    server.clock.advance(30_000)
    const { performative } = await peer.frame()
    assert.equal(performative, null)
    await peer.rest()
    while ((await peer.rest()).length > 0) await peer.frame()
    peer.heartbeat()
    await settled()
  }
})

test('no heartbeat goes to a peer that gets frames anyway, and none to one without idle timeout', async (t) => {
  const server = await startRawServer(t, { limits: { noLinkMs: null } })
  const peer = await server.open({ idleTimeOut: 60_000 })
  for (let round = 0; round < 4; round += 1) {
    peer.send(round, begin)
    await peer.expect('begin')
    server.clock.advance(15_000)
    assert.equal((await peer.rest()).length, 0)
  }
  const calm = await server.open()
  server.clock.advance(50_000)
  assert.equal((await calm.rest()).length, 0)
})

test('silence of twice our idle timeout ends the connection; a heartbeat is no silence', async (t) => {
  const server = await startRawServer(t, { limits: { noLinkMs: null, linksGoneMs: null } })
  const peer = await server.open()
  const other = await server.open()
  server.clock.advance(2 * defaultLimits.idleTimeoutMs - 1)
  other.heartbeat()
  await settled()
  server.clock.advance(1)
  const { error } = await peer.expect('close')
  assert.equal(error?.condition, 'amqp:connection:forced')
  assert.match(error?.description ?? '', /inactive for more than the allowed 480000 milliseconds/)
  assert.equal((await other.rest()).length, 0)
})

test('a connection without links is closed after a minute, after its last link in five', async (t) => {
  const server = await startRawServer(t)
  const never = await server.open()
  const used = await server.open()
  await attachSender(used, 'orders')
  server.clock.advance(60_000)
  const { error } = await never.expect('close')
  assert.equal(error?.condition, 'amqp:connection:forced')
  assert.match(
    error?.description ?? '',
    /^The connection was inactive for more than the allowed 60000 milliseconds and is closed by container 'LinkTracker'\. TrackingId:0{32}_G1, SystemTracker:gateway1, Timestamp:2024-03-01T12:01:00$/,
  )
  used.send(0, { kind: 'detach', handle: 0, closed: true })
  await used.expect('detach')
  server.clock.advance(299_999)
  assert.equal((await used.rest()).length, 0)
  server.clock.advance(1)
  assert.match((await used.expect('close')).error?.description ?? '', /allowed 300000 milliseconds/)
})

test('a link without transfers is detached only when that is asked for', async (t) => {
  const server = await startRawServer(t, { limits: { linkIdleMs: 100_000 } })
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0', 0)
  peer.send(0, senderAttach('orders/Partitions/1', 1))
  await peer.skipTo('flow')
  for (let quarter = 0; quarter < 5; quarter += 1) {
    server.clock.advance(25_000)
    peer.send(0, transfer(quarter, message('busy'), false, 1))
    await settled()
  }
  const { handle, error } = await peer.skipTo('detach')
  assert.equal(handle, 0)
  assert.equal(error?.condition, 'amqp:link:detach-forced')
})

test('closing tells everybody and cuts who does not leave', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  const unopened = server.connect()
  const closing = server.amqp.close()
  const { error } = await peer.expect('close')
  assert.equal(error?.condition, 'amqp:connection:forced')
  server.clock.advance(defaultLimits.closeMs)
  await closing
  await unopened.ended()
  assert.equal(server.amqp.connectionCount, 0)
  await server.connect().ended()
})

test('draining answers what was taken in and reads nothing more', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  peer.send(0, transfer(0, message('before')))
  await settled()
  let isDrained = false
  const draining = server.amqp.drain(5000).then(() => (isDrained = true))
  await settled()
  peer.send(0, transfer(1, message('after')))
  await settled()
  if (!isDrained) server.clock.advance(10)
  await draining
  assert.deepEqual((await peer.expect('disposition')).first, 0)
  assert.equal((await peer.rest()).length, 0)
  assert.equal(server.broker.describePartition(server.owner, 'orders', '0').lastSequence, 0)
})
