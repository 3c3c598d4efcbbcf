// $cbs and $management, message by message: types, correlation, which reply link, one reply a credit.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  type AmqpMessage,
  bodyValue,
  decodeMessage,
  encodeMessage,
  type MessageInput,
} from '../../../../src/wire/amqp/message.ts'
import {
  type AmqpMap,
  type AmqpValue,
  binaryValue,
  mapEntry,
  stringValue,
  symbolValue,
  ulongValue,
} from '../../../../src/wire/amqp/types.ts'
import { makeSasToken } from '../../../../src/wire/sas.ts'
import {
  attachSender,
  begin,
  credit,
  headers,
  type RawPeer,
  type RawServer,
  receiverAttach,
  senderAttach,
  settled,
  startRawServer,
  transfer,
} from './raw-peer.ts'

const text = (entries: Record<string, string>): AmqpMap =>
  Object.entries(entries).map(([key, value]) => [stringValue(key), stringValue(value)])

/** Anonymous, with links to a node: requests on handle 0, replies on handle 1. */
async function openNode(server: RawServer, node: string, replyCredit = 10): Promise<RawPeer> {
  const peer = server.connect()
  peer.write(headers.amqp)
  await peer.header()
  peer.send(0, { kind: 'open', containerId: 'anonymous', hostname: 'localhost' })
  await peer.expect('open')
  peer.send(0, begin)
  await peer.expect('begin')
  await attachNode(peer, node, replyCredit)
  return peer
}

async function attachNode(peer: RawPeer, node: string, replyCredit: number, handle = 0): Promise<void> {
  peer.send(0, senderAttach(node, handle))
  assert.notEqual((await peer.expect('attach')).target, null)
  assert.equal((await peer.expect('flow')).linkCredit, 100)
  peer.send(0, receiverAttach(node, handle + 1))
  assert.notEqual((await peer.expect('attach')).source, null)
  if (replyCredit > 0) peer.send(0, credit(replyCredit, { handle: handle + 1 }))
}

/** Sends a request and takes its outcome and reply. */
async function ask(peer: RawPeer, id: number, request: MessageInput, handle = 0): Promise<AmqpMessage> {
  peer.send(0, transfer(id, encodeMessage(request), false, handle))
  const reply = await peer.skipTo('transfer')
  return decodeMessage(reply.payload)
}

function putToken(server: RawServer, audience: string, more: MessageInput = {}): MessageInput {
  const token = makeSasToken({
    resource: audience,
    ruleName: 'RootManageSharedAccessKey',
    key: server.key,
    expiresAtSeconds: server.clock.now() / 1000 + 3600,
  })
  return {
    properties: { messageId: stringValue('1'), replyTo: 'me' },
    applicationProperties: text({ operation: 'put-token', type: 'servicebus.windows.net:sastoken', name: audience }),
    body: { kind: 'value', value: stringValue(token) },
    ...more,
  }
}

function entry(reply: AmqpMessage, key: string): AmqpValue | undefined {
  return mapEntry(reply.applicationProperties, key)
}

test('a token is taken with 202, and gives its rights', async (t) => {
  const server = await startRawServer(t)
  const peer = await openNode(server, '$cbs')
  const reply = await ask(peer, 0, putToken(server, 'sb://localhost/orders'))
  assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: 202 })
  assert.deepEqual(entry(reply, 'status-description'), { type: 'string', value: 'Accepted' })
  assert.equal(entry(reply, 'error-condition'), undefined)
  peer.send(0, senderAttach('orders', 2))
  assert.notEqual((await peer.skipTo('attach')).target, null)
})

test('the correlation-id is the message-id in its own type', async (t) => {
  const server = await startRawServer(t)
  const peer = await openNode(server, '$cbs')
  const uuid: AmqpValue = { type: 'uuid', value: Buffer.from('00112233445566778899aabbccddeeff', 'hex') }
  for (const [id, messageId] of [stringValue('a'), ulongValue(7), uuid, binaryValue(Buffer.from('b'))].entries()) {
    const reply = await ask(peer, id, putToken(server, 'sb://localhost/orders', { properties: { messageId } }))
    assert.deepEqual(reply.properties?.correlationId, messageId)
  }
})

test('names and tokens may come as binary or symbol, as Python sends them', async (t) => {
  const server = await startRawServer(t)
  const peer = await openNode(server, '$cbs')
  const request = putToken(server, 'sb://localhost/orders')
  const token = bodyValue(decodeMessage(encodeMessage(request)))
  const reply = await ask(peer, 0, {
    ...request,
    applicationProperties: [
      [stringValue('operation'), binaryValue(Buffer.from('put-token'))],
      [stringValue('type'), symbolValue('servicebus.windows.net:sastoken')],
      [stringValue('name'), binaryValue(Buffer.from('sb://localhost/orders'))],
    ],
    body: { kind: 'value', value: binaryValue(Buffer.from(token?.type === 'string' ? token.value : '')) },
  })
  assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: 202 })
})

test('what is wrong with a token is said with the code and condition of the service', async (t) => {
  const server = await startRawServer(t)
  const peer = await openNode(server, '$cbs')
  const audience = 'sb://localhost/orders'
  const good = { resource: audience, ruleName: 'RootManageSharedAccessKey', key: server.key }
  const later = server.clock.now() / 1000 + 3600
  const bodyOf = (token: string): MessageInput => ({ body: { kind: 'value', value: stringValue(token) } })
  const cases: [string, MessageInput, number, string, RegExp][] = [
    [
      'wrong key',
      bodyOf(makeSasToken({ ...good, key: 'x', expiresAtSeconds: later })),
      401,
      'amqp:unauthorized-access',
      /^InvalidSignature: The token has an invalid signature/,
    ],
    [
      'expired',
      bodyOf(makeSasToken({ ...good, expiresAtSeconds: 1 })),
      401,
      'amqp:unauthorized-access',
      /^ExpiredToken: The token is expired\. Expiration time: '/,
    ],
    ['no token', { body: { kind: 'none' } }, 400, 'com.microsoft:argument-error', /put-token needs/],
    [
      'unknown operation',
      { applicationProperties: text({ operation: 'revoke' }) },
      501,
      'amqp:not-implemented',
      /'revoke' is not known/,
    ],
    [
      'unknown kind',
      { applicationProperties: text({ operation: 'put-token', type: 'jwt', name: audience }) },
      501,
      'amqp:not-implemented',
      /jwt/,
    ],
  ]
  for (const [id, [name, more, status, condition, description]] of cases.entries()) {
    const reply = await ask(peer, id, { ...putToken(server, audience), ...more })
    assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: status }, name)
    assert.deepEqual(entry(reply, 'error-condition'), { type: 'symbol', value: condition }, name)
    const said = entry(reply, 'status-description')
    assert.ok(said?.type === 'string' && description.test(said.value), `${name}: ${JSON.stringify(said?.value)}`)
    assert.match(said.value, /TrackingId:/)
  }
})

test('a token that lapses detaches the links that stood on it, and the connection stays', async (t) => {
  const server = await startRawServer(t, { limits: { idleTimeoutMs: 2_000_000_000 } })
  const peer = await openNode(server, '$cbs')
  await ask(peer, 0, putToken(server, 'sb://localhost/orders'))
  peer.send(0, senderAttach('orders', 2))
  await peer.skipTo('flow')
  server.clock.advance(3_600_001)
  const { handle, error } = await peer.skipTo('detach')
  assert.equal(handle, 2)
  assert.equal(error?.condition, 'amqp:unauthorized-access')
  peer.send(1, begin)
  await peer.expect('begin')
})

test('replies wait for credit, one for each', async (t) => {
  const server = await startRawServer(t)
  const peer = await openNode(server, '$cbs', 0)
  for (let id = 0; id < 3; id += 1) {
    peer.send(0, transfer(id, encodeMessage(putToken(server, 'sb://localhost/orders')), false, 0))
  }
  await peer.skipTo('disposition')
  while ((await peer.rest()).length > 0) assert.notEqual((await peer.frame()).performative?.kind, 'transfer')
  for (let given = 1; given <= 3; given += 1) {
    peer.send(0, credit(1, { handle: 1, deliveryCount: given - 1 }))
    await peer.skipTo('transfer')
    assert.equal((await peer.rest()).length, 0)
  }
})

test('replies that nobody takes are bounded', async (t) => {
  const server = await startRawServer(t, { limits: { repliesMax: 2 } })
  const peer = await openNode(server, '$cbs', 0)
  for (let id = 0; id < 3; id += 1) {
    peer.send(0, transfer(id, encodeMessage(putToken(server, 'sb://localhost/orders')), false, 0))
    const { state } = await peer.skipTo('disposition')
    assert.equal(state?.kind, id < 2 ? 'accepted' : 'rejected')
  }
})

test('a request without a link for its reply is refused', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, '$management')
  peer.send(0, transfer(0, encodeMessage({ applicationProperties: text({ operation: 'READ' }) })))
  const { state } = await peer.skipTo('disposition')
  assert.ok(state?.kind === 'rejected')
  assert.equal(state.error?.condition, 'amqp:not-allowed')
})

test('with several reply links the reply-to finds its own', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, '$management')
  const targets = ['first', 'second', 'third']
  for (const [index, address] of targets.entries()) {
    peer.send(0, { ...receiverAttach('$management', index + 1), target: { address }, name: `link-${address}` } as never)
    await peer.expect('attach')
    peer.send(0, credit(10, { handle: index + 1 }))
  }
  const request = { applicationProperties: text({ operation: 'READ', type: 'com.microsoft:eventhub', name: 'orders' }) }
  const cases: [string | null, number][] = [
    ['second', 2],
    ['link-first', 1],
    [null, 3],
  ]
  for (const [id, [replyTo, handle]] of cases.entries()) {
    peer.send(0, transfer(id, encodeMessage({ ...request, properties: { messageId: stringValue('m'), replyTo } })))
    assert.equal((await peer.skipTo('transfer')).handle, handle, String(replyTo))
  }
})

test('a client that wants replies unsettled gets them so, and settled when it asks', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, '$management')
  peer.send(0, { ...receiverAttach('$management', 1), sndSettleMode: 0 } as never)
  assert.equal((await peer.expect('attach')).sndSettleMode, 0)
  peer.send(0, credit(1, { handle: 1 }))
  peer.send(0, transfer(0, encodeMessage({ applicationProperties: text({ operation: 'READ' }) })))
  const { settled: isSettled, deliveryId } = await peer.skipTo('transfer')
  assert.equal(isSettled, false)
  peer.send(0, {
    kind: 'disposition',
    role: 'receiver',
    first: deliveryId ?? 0,
    settled: false,
    state: { kind: 'accepted' },
  })
  const disposition = await peer.skipTo('disposition')
  assert.deepEqual([disposition.role, disposition.first, disposition.settled], ['sender', deliveryId, true])
})

test('the properties of a hub, each in its type', async (t) => {
  const server = await startRawServer(t)
  const created = server.broker.describeHub(server.owner, 'orders').createdAtMs
  for (const node of ['$management', 'orders/$management', 'amqps://localhost:5671/orders/$management']) {
    const peer = await server.open()
    peer.send(0, begin)
    await peer.expect('begin')
    await attachNode(peer, node, 10)
    const reply = await ask(peer, 0, {
      properties: { messageId: stringValue('m') },
      applicationProperties: text({ operation: 'READ', type: 'com.microsoft:eventhub', name: 'Orders' }),
      body: { kind: 'value', value: binaryValue(Buffer.from('[]')) },
    })
    assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: 200 })
    assert.deepEqual(bodyValue(reply), {
      type: 'map',
      value: [
        [stringValue('name'), stringValue('orders')],
        [stringValue('type'), stringValue('com.microsoft:eventhub')],
        [stringValue('created_at'), { type: 'timestamp', value: BigInt(created) }],
        [stringValue('partition_count'), { type: 'int', value: 2 }],
        [
          stringValue('partition_ids'),
          { type: 'array', elementType: 'string', value: [stringValue('0'), stringValue('1')] },
        ],
        [stringValue('georeplication_factor'), { type: 'int', value: 1 }],
      ],
    })
  }
})

test('the properties of a partition, empty and not, each in its type', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  await attachSender(peer, 'orders/Partitions/1')
  await attachNode(peer, '$management', 10, 1)
  const request = {
    properties: { messageId: stringValue('m') },
    applicationProperties: text({ operation: 'READ', type: 'com.microsoft:partition', name: 'orders', partition: '1' }),
  }
  const common = [
    [stringValue('name'), stringValue('orders')],
    [stringValue('type'), stringValue('com.microsoft:partition')],
    [stringValue('partition'), stringValue('1')],
    [stringValue('begin_sequence_number'), { type: 'long', value: 0n }],
    [stringValue('begin_sequence_number_epoch'), { type: 'int', value: 0 }],
  ]
  const empty = await ask(peer, 0, request, 1)
  assert.deepEqual(bodyValue(empty)?.value, [
    ...common,
    [stringValue('last_enqueued_sequence_number'), { type: 'long', value: -1n }],
    [stringValue('last_enqueued_sequence_number_epoch'), { type: 'int', value: 0 }],
    [stringValue('last_enqueued_offset'), stringValue('-1')],
    [stringValue('last_enqueued_time_utc'), { type: 'timestamp', value: -62_135_596_800_000n }],
    [stringValue('is_partition_empty'), { type: 'boolean', value: true }],
  ])
  peer.send(0, transfer(1, encodeMessage({ body: { kind: 'data', sections: [Buffer.from('x')] } })))
  await settled()
  const filled = await ask(peer, 2, request, 1)
  assert.deepEqual(bodyValue(filled)?.value, [
    ...common,
    [stringValue('last_enqueued_sequence_number'), { type: 'long', value: 0n }],
    [stringValue('last_enqueued_sequence_number_epoch'), { type: 'int', value: 0 }],
    [stringValue('last_enqueued_offset'), stringValue('0')],
    [stringValue('last_enqueued_time_utc'), { type: 'timestamp', value: BigInt(server.clock.now()) }],
    [stringValue('is_partition_empty'), { type: 'boolean', value: false }],
  ])
})

test('what cannot be read is said with code and condition', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  peer.send(0, begin)
  await peer.expect('begin')
  await attachNode(peer, '$management', 100)
  const hub = { operation: 'READ', type: 'com.microsoft:eventhub' }
  const partition = { operation: 'READ', type: 'com.microsoft:partition', name: 'orders' }
  const cases: [Record<string, string>, number, string, RegExp][] = [
    [
      { ...hub, name: 'nobody' },
      404,
      'amqp:not-found',
      /The messaging entity 'sb:\/\/localhost\/nobody' could not be found/,
    ],
    [{ ...partition, partition: '2' }, 400, 'com.microsoft:argument-out-of-range', /It should be between 0 and 1\./],
    [partition, 400, 'com.microsoft:argument-error', /needs 'partition'/],
    [hub, 400, 'com.microsoft:argument-error', /needs the event hub's 'name'/],
    [{ ...hub, type: 'com.microsoft:nonsense', name: 'orders' }, 400, 'com.microsoft:argument-error', /cannot be read/],
    [{ ...hub, operation: 'DELETE', name: 'orders' }, 501, 'amqp:not-implemented', /'DELETE' is not known/],
  ]
  for (const [id, [properties, status, condition, description]] of cases.entries()) {
    const reply = await ask(peer, id, { applicationProperties: text(properties) })
    assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: status })
    assert.deepEqual(entry(reply, 'error-condition'), { type: 'symbol', value: condition })
    const said = entry(reply, 'status-description')
    assert.ok(said?.type === 'string' && description.test(said.value), JSON.stringify(said?.value))
  }
})

test('a request that is no message is refused and the link goes on', async (t) => {
  const server = await startRawServer(t)
  const peer = await openNode(server, '$cbs')
  peer.send(0, transfer(0, Buffer.from('nonsense')))
  const { state } = await peer.skipTo('disposition')
  assert.ok(state?.kind === 'rejected')
  const reply = await ask(peer, 1, putToken(server, 'sb://localhost/orders'))
  assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: 202 })
})

test('a request may carry its token itself, as Java does', async (t) => {
  const server = await startRawServer(t)
  const ruleName = 'RootManageSharedAccessKey'
  const expiresAtSeconds = server.clock.now() / 1000 + 3600
  const read = { operation: 'READ', type: 'com.microsoft:eventhub', name: 'orders' }
  const tokenFor = (resource: string, key = server.key): string =>
    makeSasToken({ resource, ruleName, key, expiresAtSeconds })
  const cases: [string, string | null, number][] = [
    ['none', null, 401],
    ['for another hub', tokenFor('amqp://localhost/others'), 401],
    ['signed with another key', tokenFor('amqp://localhost/orders', 'x'), 401],
    ['of another kind', 'eyJ0eXAi.eyJh.c2ln', 501],
    ['for the hub', tokenFor('amqp://localhost/orders'), 200],
    ['for the node', tokenFor('amqp://localhost/orders/$management'), 200],
    ['for the namespace', tokenFor('amqp://localhost/'), 200],
  ]
  for (const [name, token, status] of cases) {
    const peer = await openNode(server, '$management')
    const properties = token === null ? read : { ...read, security_token: token }
    const reply = await ask(peer, 0, { applicationProperties: text(properties) })
    assert.deepEqual(entry(reply, 'status-code'), { type: 'int', value: status }, name)
  }
})

test('a token opens what it names and nothing beside it', async (t) => {
  const server = await startRawServer(t)
  for (const name of ['orders2', 'order']) await server.broker.createHub(server.owner, { name, partitionCount: 2 })
  const send = 'amqp:unauthorized-access Send'
  const listen = 'amqp:unauthorized-access Listen'
  const consumer = (hub: string, partition = 0): string => `${hub}/ConsumerGroups/$Default/Partitions/${partition}`
  const cases: [scope: string, role: 'sender' | 'receiver', address: string, refusal: string | null][] = [
    ['', 'sender', 'orders2', null],
    ['', 'receiver', consumer('orders2'), null],
    ['orders', 'sender', 'orders', null],
    ['orders', 'sender', 'ORDERS/partitions/1', null],
    ['orders', 'receiver', consumer('Orders'), null],
    ['orders', 'sender', 'orders2', send],
    ['orders', 'sender', 'order', send],
    ['orders', 'receiver', consumer('orders2'), listen],
    ['orders/partitions/1', 'sender', 'orders/Partitions/1', null],
    ['orders/partitions/1', 'sender', 'orders/Partitions/0', send],
    ['orders/partitions/1', 'sender', 'orders', send],
    ['orders/partitions/1', 'receiver', consumer('orders', 1), listen],
    ['orders/consumergroups/$default', 'receiver', consumer('orders', 1), null],
    ['orders/consumergroups/$default', 'sender', 'orders', send],
  ]
  for (const [scope, role, address, refusal] of cases) {
    const peer = await openNode(server, '$cbs')
    await ask(peer, 0, putToken(server, `sb://localhost/${scope}`))
    peer.send(0, role === 'sender' ? senderAttach(address, 2) : receiverAttach(address, 2))
    const attach = await peer.skipTo('attach')
    const terminus = role === 'sender' ? attach.target : attach.source
    const name = `${role} of ${address} with a token for '${scope}'`
    assert.equal(terminus === null, refusal !== null, name)
    if (refusal === null) continue
    const { error } = await peer.skipTo('detach')
    const claim = /'(\w+)' claim/.exec(error?.description ?? '')?.[1]
    assert.equal(`${error?.condition} ${claim}`, refusal, name)
  }
})
