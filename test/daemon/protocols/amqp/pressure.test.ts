// Too much of something, and errors of our own: what is withheld, what waits, what ends.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AssertionFailure } from '../../../../src/base/assert.ts'
import { EhubError } from '../../../../src/base/error.ts'
import { type Log, quietLog } from '../../../../src/base/log.ts'
import type { Broker, Publication, Publisher, Receipt } from '../../../../src/daemon/broker/broker-api.ts'
import { defaultLimits } from '../../../../src/daemon/protocols/amqp/limits.ts'
import { FakeGroup } from './fakes.ts'
import {
  attachSender,
  begin,
  credit,
  frameOf,
  message,
  receiverAttach,
  settled,
  startRawServer,
  transfer,
} from './raw-peer.ts'

/** The broker with another way to publish. */
function publishingWith(publisher: Partial<Publisher>): (broker: Broker) => Broker {
  const usual = {
    hub: 'orders',
    publicationBytesMax: 1024 * 1024,
    isWritable: true,
    whenWritable: () => undefined,
    onDetached: () => undefined,
    close: () => undefined,
  }
  const openPublisher = (): Publisher =>
    new Proxy(publisher, {
      get: (target, key) => (key in target ? target : usual)[key as keyof typeof usual],
    }) as Publisher
  // A class with private fields works on its own object only: what it offers is asked of it, its methods are bound to it.
  return (broker) =>
    new Proxy(broker, {
      get: (target, key) => {
        if (key === 'openPublisher') return openPublisher
        const value: unknown = Reflect.get(target, key, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
}

class SlowPublisher implements Partial<Publisher> {
  isWritable = true
  readonly published: string[] = []
  readonly group = new FakeGroup(0)
  #writable: () => void = () => undefined

  publish = ({ payload }: Publication): Receipt => {
    this.published.push(payload.subarray(5).subarray(5).toString())
    return { group: this.group, sequence: this.published.length - 1, offset: 0, enqueuedTimeMs: 0 }
  }

  whenWritable = (run: () => void): void => {
    this.#writable = run
  }

  becomeWritable(): void {
    this.isWritable = true
    this.#writable()
  }
}

test('while the broker has no room, no credit is given and nothing is read', async (t) => {
  const publisher = new SlowPublisher()
  const server = await startRawServer(t, { limits: { senderCredit: 4 }, wrap: publishingWith(publisher) })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  publisher.isWritable = false
  peer.write(Buffer.concat([0, 1, 2].map((id) => frameOf(0, transfer(id, message(`m${id}`))))))
  await settled()
  assert.equal(publisher.published.length, 3)
  const { performative } = await peer.frame()
  assert.ok(performative?.kind === 'flow')
  assert.equal(performative.linkCredit, 1, 'half is used and nothing is added')
  peer.send(0, transfer(3, message('m3')))
  await settled()
  assert.equal(publisher.published.length, 3)
  publisher.becomeWritable()
  await settled()
  assert.deepEqual(publisher.published, ['m0', 'm1', 'm2', 'm3'])
  assert.equal((await peer.skipTo('flow')).linkCredit, 4)
})

test('too many deliveries without outcome stop the reading until some have theirs', async (t) => {
  const publisher = new SlowPublisher()
  const server = await startRawServer(t, { limits: { unsettledMax: 2 }, wrap: publishingWith(publisher) })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  // Another group each time, so that no two share a run.
  const groups = Array.from({ length: 6 }, () => new FakeGroup(0))
  const { publish } = publisher
  publisher.publish = (publication) => ({ ...publish(publication), group: groups[publisher.published.length - 1]! })
  for (let id = 0; id < 6; id += 1) {
    peer.send(0, transfer(id, message(`m${id}`)))
    await settled()
  }
  assert.equal(publisher.published.length, 3)
  for (const group of groups.slice(0, 3)) group.settle('stored')
  await settled()
  assert.equal(publisher.published.length, 6)
  assert.deepEqual((await peer.expect('disposition')).last, 2)
})

test('what storage refuses is said delivery by delivery', async (t) => {
  const publisher = new SlowPublisher()
  const server = await startRawServer(t, { wrap: publishingWith(publisher) })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  peer.write(Buffer.concat([0, 1].map((id) => frameOf(0, transfer(id, message(`m${id}`))))))
  await settled()
  publisher.group.settle(new EhubError('storage-failed', 'EIO on /secret/place/7.log'))
  for (const id of [0, 1]) {
    const { first, last, state, settled: isSettled } = await peer.expect('disposition')
    assert.deepEqual([first, last, isSettled], [id, id, true])
    assert.ok(state?.kind === 'rejected')
    assert.equal(state.error?.condition, 'amqp:internal-error')
    assert.doesNotMatch(state.error.description ?? '', /secret/)
  }
})

test('busy is said with the sentence and condition SDKs back off at', async (t) => {
  const publish = (): never => {
    throw new EhubError('server-busy', 'partition 0 of hub "orders" has too many bytes in flight')
  }
  const server = await startRawServer(t, { wrap: publishingWith({ publish }) })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  peer.send(0, transfer(0, message('x')))
  const { state } = await peer.expect('disposition')
  assert.ok(state?.kind === 'rejected')
  assert.equal(state.error?.condition, 'com.microsoft:server-busy')
  assert.match(state.error.description ?? '', /Error code : 50002\. Please wait 4 seconds and try again/)
})

test('an error of ours ends its connection with internal-error and a line in the log', async (t) => {
  const lines: unknown[] = []
  const log: Log = { ...quietLog, error: (text, fields) => lines.push([text, fields]), with: () => log }
  const publish = (): never => {
    throw new TypeError('undefined is not a function')
  }
  const server = await startRawServer(t, { log, wrap: publishingWith({ publish }) })
  const bystander = await server.open()
  const peer = await server.open()
  await attachSender(peer, 'orders')
  peer.send(0, transfer(0, message('x')))
  const { error } = await peer.skipTo('close')
  assert.equal(error?.condition, 'amqp:internal-error')
  assert.doesNotMatch(error?.description ?? '', /undefined/)
  await peer.ended()
  assert.equal(lines.length, 1)
  assert.match(JSON.stringify(lines[0]), /undefined is not a function/)
  assert.deepEqual(server.bugs, [])
  bystander.send(0, begin)
  await bystander.expect('begin')
})

test('a failed assertion goes on to the owner of the process', async (t) => {
  const failure = new AssertionFailure('bug: two and two are five')
  const publish = (): never => {
    throw failure
  }
  const server = await startRawServer(t, { wrap: publishingWith({ publish }) })
  const peer = await server.open()
  await attachSender(peer, 'orders')
  peer.send(0, transfer(0, message('x')))
  await peer.ended()
  assert.deepEqual(server.bugs, [failure])
})

test('a peer that does not read gets no more than a bounded amount, and nobody else waits', async (t) => {
  const server = await startRawServer(t)
  const sender = await server.open()
  await attachSender(sender, 'orders/Partitions/0')
  const body = message('x'.repeat(50_000))
  for (let id = 0; id < 200; id += 1) {
    sender.send(0, transfer(id, body))
    if (id % 20 === 19) await settled()
  }
  await settled()
  const slow = await server.open()
  slow.send(0, begin)
  await slow.expect('begin')
  slow.send(0, receiverAttach('orders/ConsumerGroups/$Default/Partitions/0'))
  await slow.expect('attach')
  slow.stream.pause()
  slow.send(0, credit(200))
  await settled()
  const { readableLength } = slow.stream
  const fast = await server.open()
  fast.send(0, begin)
  await fast.expect('begin')
  fast.send(0, receiverAttach('orders/ConsumerGroups/$Default/Partitions/0'))
  await fast.expect('attach')
  fast.send(0, credit(200))
  for (let event = 0; event < 200; event += 1) await fast.expect('transfer')
  assert.ok(readableLength < 2 * 1024 * 1024, `${readableLength} bytes wait for a peer that reads nothing`)
  slow.stream.resume()
  for (let event = 0; event < 200; event += 1) await slow.expect('transfer')
})

test('a peer that sends and does not read its outcomes is not read for ever', async (t) => {
  const server = await startRawServer(t, { limits: { pendingOutputBytesMax: 1000, senderCredit: 5000 } })
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  peer.stream.pause()
  for (let id = 0; id < 2000; id += 1) {
    peer.send(0, transfer(id, Buffer.from('not a message')))
    if (id % 100 === 99) await settled()
  }
  assert.ok(peer.stream.writableLength > 0, 'the server has stopped reading')
  peer.stream.resume()
  let last = -1
  while (last < 1999) last = (await peer.skipTo('disposition')).first
})

test('a peer that reads nothing for as long as an idle timeout is let go', async (t) => {
  const limits = { pendingOutputBytesMax: 1000, senderCredit: 5000, noLinkMs: null }
  const server = await startRawServer(t, { limits })
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/0')
  peer.stream.pause()
  for (let id = 0; id < 2000; id += 1) {
    peer.send(0, transfer(id, Buffer.from('not a message')))
    if (id % 100 === 99) await settled()
  }
  // It still talks, but is not read any more.
  for (let minute = 0; minute < 8; minute += 1) {
    peer.heartbeat()
    server.clock.advance(60_000)
    await settled()
  }
  server.clock.advance(defaultLimits.closeMs)
  await settled()
  assert.equal(server.amqp.connectionCount, 0)
})

test('who closes and comes back at once finds no trace of itself', async (t) => {
  const server = await startRawServer(t)
  for (let round = 0; round < 8; round += 1) {
    const peer = await server.open()
    peer.send(0, begin)
    await peer.expect('begin')
    peer.send(0, receiverAttach('orders/ConsumerGroups/$Default/Partitions/0'))
    assert.notEqual((await peer.expect('attach')).source, null)
    peer.send(0, { kind: 'close' })
    await peer.skipTo('close')
    assert.deepEqual(server.broker.listReceivers(server.owner, null), [])
  }
})
