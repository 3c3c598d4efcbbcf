// Frames byte for byte, with the meaning of each field beside it. SDKs read some of them by position, so trailing nulls, the
// width of a number and the form of a list are part of the contract.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  attachSender,
  begin,
  credit,
  frameOf,
  headers,
  message,
  receiverAttach,
  senderAttach,
  startRawServer,
  transfer,
} from './raw-peer.ts'

type Fields = readonly (readonly [hex: string, meaning: string])[]

const ascii = (text: string): string => Buffer.from(text).toString('hex')

/** The head of a list of `count` values, list8 or list32 as its bytes need, and then the values. */
function list(count: number, fields: Fields): Fields {
  const bytes = fields.reduce((sum, [hex]) => sum + hex.replaceAll(' ', '').length / 2, 0)
  const isShort = bytes + 1 <= 0xff
  const digits = (value: number): string => value.toString(16).padStart(isShort ? 2 : 8, '0')
  const head = `${isShort ? 'c0' : 'd0'}${digits(bytes + (isShort ? 1 : 4))}${digits(count)}`
  return [[head, `list of ${count}`], ...fields]
}

/** Compares field by field, so that a difference names the field. */
function assertFrame(bytes: Buffer, channel: string, fields: Fields): void {
  const body = fields.map(([hex]) => hex.replaceAll(' ', '')).join('')
  const size = (body.length / 2 + 8).toString(16).padStart(8, '0')
  let at = 0
  for (const [hex, meaning] of [
    [size, 'frame size'],
    ['0200', 'doff, AMQP'],
    [channel, 'channel'],
    ...fields,
  ] as Fields) {
    const expected = hex.replaceAll(' ', '')
    assert.equal(bytes.toString('hex', at, at + expected.length / 2), expected, meaning)
    at += expected.length / 2
  }
  assert.equal(bytes.length, at, 'nothing follows')
}

test('SASL: mechanisms in the order of the service, then ok', async (t) => {
  const peer = (await startRawServer(t)).connect()
  peer.write(headers.sasl)
  assert.deepEqual(await peer.header(), headers.sasl)
  const { bytes } = await peer.saslFrame('sasl-mechanisms')
  const symbols = ['MSSBCBS', 'PLAIN', 'ANONYMOUS', 'EXTERNAL']
  const body = symbols.map((name) => name.length.toString(16).padStart(2, '0') + ascii(name)).join('')
  const array = `e0${(body.length / 2 + 2).toString(16)}04a3${body}`
  const list = `c0${(array.length / 2 + 1).toString(16)}01${array}`
  assert.equal(bytes.subarray(4, 8).toString('hex'), '02010000')
  assert.equal(bytes.subarray(8).toString('hex'), `005340${list}`)
  peer.sasl({ kind: 'sasl-init', mechanism: 'ANONYMOUS', initialResponse: Buffer.from('\0name') })
  const outcome = await peer.saslFrame('sasl-outcome')
  assert.equal(outcome.bytes.subarray(8).toString('hex'), '005344c00402500040')
})

test('open has ten fields', async (t) => {
  const peer = (await startRawServer(t)).connect()
  peer.write(headers.amqp)
  assert.deepEqual(await peer.header(), headers.amqp)
  peer.send(0, { kind: 'open', containerId: 'c' })
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 10', 'open'],
    ...list(10, [
      [`a1 23 ${ascii('0'.repeat(32))} ${ascii('_G1')}`, 'container id of 32 hex digits and the gateway'],
      ['40', 'hostname'],
      ['70 00010000', 'max-frame-size 65536'],
      ['60 1387', 'channel-max 4999'],
      ['70 0003a980', 'idle-time-out 240000'],
      ['40 40 40 40 40', 'locales, capabilities, properties'],
    ]),
  ])
})

test('begin has eight fields', async (t) => {
  const peer = await (await startRawServer(t)).open()
  peer.send(3, begin)
  assertFrame((await peer.frame()).bytes, '0003', [
    ['00 53 11', 'begin'],
    ...list(8, [
      ['60 0003', 'remote channel'],
      ['52 01', 'next-outgoing-id 1'],
      ['70 00001388', 'incoming window 5000'],
      ['70 00001388', 'outgoing window 5000'],
      ['52 ff', 'handle-max 255'],
      ['40 40 40', 'capabilities, properties'],
    ]),
  ])
})

test('the answer to a sender has fourteen fields and both termini', async (t) => {
  const peer = await (await startRawServer(t)).open()
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, { ...senderAttach('/Orders/Partitions/1', 2), name: 'L', properties: [] } as never)
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 12', 'attach'],
    ...list(14, [
      ['a1 01 4c', 'name'],
      ['52 02', 'handle'],
      ['41', 'role: receiver'],
      ['50 02', 'snd-settle-mode as asked: mixed'],
      ['50 00', 'rcv-settle-mode as asked: first'],
      ['00 53 28', 'source'],
      ...list(11, [
        [`a1 02 ${ascii('me')}`, 'address'],
        ['43', 'durable'],
        [`a3 0b ${ascii('session-end')}`, 'expiry policy'],
        ['43', 'timeout'],
        ['42', 'dynamic'],
        ['40 40 40 40 40 40', 'the rest of the source'],
      ]),
      ['00 53 29', 'target'],
      ...list(7, [
        [`a1 14 ${ascii('/Orders/Partitions/1')}`, 'address exactly as it came'],
        ['43', 'durable'],
        [`a3 0b ${ascii('session-end')}`, 'expiry policy'],
        ['43', 'timeout'],
        ['42', 'dynamic'],
        ['40 40', 'the rest of the target'],
      ]),
      ['40', 'unsettled'],
      ['40', 'incomplete-unsettled'],
      ['40', 'initial delivery count: the sender has it'],
      ['80 0000000000100000', 'max-message-size 1 MiB'],
      ['40 40', 'capabilities'],
      ['c1 01 00', 'properties, since the client sent some'],
    ]),
  ])
})

test('a refusal is an attach without termini, then a closing detach with all fields of the error', async (t) => {
  const peer = await (await startRawServer(t)).open()
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, { ...senderAttach('nobody'), name: 'L' } as never)
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 12', 'attach'],
    ...list(14, [
      ['a1 01 4c', 'name'],
      ['43', 'handle'],
      ['41', 'role: receiver'],
      ['40 40', 'settle modes'],
      ['40', 'source'],
      ['40', 'target'],
      ['40 40 40 40 40 40 40', 'the rest'],
    ]),
  ])
  const description =
    "The messaging entity 'sb://localhost/nobody' could not be found. To know more visit " +
    'https://aka.ms/sbResourceMgrExceptions. TrackingId:00000000-0000-4000-8000-000000000000_B1, ' +
    'SystemTracker:local:eventhub:nobody~32766, Timestamp:2024-03-01T12:00:00'
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 16', 'detach'],
    ...list(3, [
      ['43', 'handle'],
      ['41', 'closed'],
      ['00 53 1d', 'error'],
      ...list(3, [
        [`a3 0e ${ascii('amqp:not-found')}`, 'condition, a symbol'],
        [`a1 ${description.length.toString(16)} ${ascii(description)}`, 'description, a string'],
        ['40', 'info'],
      ]),
    ]),
  ])
})

test('credit is granted at once, outcomes come settled and as a range', async (t) => {
  const server = await startRawServer(t)
  const peer = await server.open()
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, senderAttach('orders/Partitions/0', 1))
  await peer.expect('attach')
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 13', 'flow'],
    ...list(11, [
      ['70 00000001', 'next-incoming-id'],
      ['70 00001388', 'incoming window'],
      ['70 00000001', 'next-outgoing-id'],
      ['70 00001388', 'outgoing window'],
      ['70 00000001', 'handle'],
      ['70 00000000', 'delivery count'],
      ['70 000003e8', 'link credit 1000'],
      ['40', 'available'],
      ['42 42', 'drain, echo'],
      ['40', 'properties'],
    ]),
  ])
  peer.write(Buffer.concat([0, 1, 2].map((id) => frameOf(0, transfer(id, message(`m${id}`), false, 1)))))
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 15', 'disposition'],
    ...list(6, [
      ['41', 'role: receiver'],
      ['70 00000000', 'first'],
      ['70 00000002', 'last'],
      ['41', 'settled'],
      ['00 53 24 45', 'accepted'],
      ['40', 'batchable'],
    ]),
  ])
})

test('an event: one transfer with eleven fields, settled, tagged, the broker annotations in front', async (t) => {
  const server = await startRawServer(t)
  const sender = await server.open()
  await attachSender(sender, 'orders/Partitions/0')
  sender.send(0, transfer(0, message('hello')))
  await sender.expect('disposition')
  const peer = await server.open()
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, {
    ...receiverAttach('orders/ConsumerGroups/$Default/Partitions/0', 5),
    sndSettleMode: 0,
    rcvSettleMode: 1,
  } as never)
  const attach = await peer.expect('attach')
  assert.equal(attach.sndSettleMode, 1, 'settled, whatever was asked')
  assert.equal(attach.rcvSettleMode, 0)
  assert.equal(attach.initialDeliveryCount, 0)
  peer.send(0, credit(1, { handle: 5 }))
  const time = BigInt(Date.UTC(2024, 2, 1, 12))
    .toString(16)
    .padStart(16, '0')
  assertFrame((await peer.frame()).bytes, '0000', [
    ['00 53 14', 'transfer'],
    ...list(11, [
      ['70 00000005', 'handle'],
      ['70 00000000', 'delivery-id'],
      ['a0 04 00000000', 'delivery-tag'],
      ['70 00000000', 'message-format 0'],
      ['41', 'settled'],
      ['42', 'more'],
      ['40 40 40 40 40', 'rcv-settle-mode, state, resume, aborted, batchable'],
    ]),
    ['00 53 72', 'message annotations'],
    ['c1 50 06', 'three entries'],
    [`a3 13 ${ascii('x-opt-enqueued-time')} 83 ${time}`, 'timestamp'],
    [`a3 15 ${ascii('x-opt-sequence-number')} 81 0000000000000000`, 'long'],
    [`a3 0c ${ascii('x-opt-offset')} a1 01 30`, 'string'],
    [`00 53 75 a0 05 ${ascii('hello')}`, 'the message as it came'],
  ])
})

test('end and close without error are lists of one null', async (t) => {
  const peer = await (await startRawServer(t)).open()
  peer.send(0, begin)
  await peer.expect('begin')
  peer.send(0, { kind: 'end' })
  assertFrame((await peer.frame()).bytes, '0000', [['00 53 17 c0 02 01 40', 'end']])
  peer.send(0, { kind: 'close' })
  assertFrame((await peer.frame()).bytes, '0000', [['00 53 18 c0 02 01 40', 'close']])
  await peer.ended()
})

test('a detach is answered with a closing one', async (t) => {
  const peer = await (await startRawServer(t)).open()
  await attachSender(peer, 'orders')
  peer.send(0, { kind: 'detach', handle: 0, closed: false })
  assertFrame((await peer.frame()).bytes, '0000', [['00 53 16 c0 04 03 43 41 40', 'detach']])
})
