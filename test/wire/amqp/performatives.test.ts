import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { isEhubError } from '../../../src/base/error.ts'
import { performativeTables, saslTables } from '../../../src/wire/amqp/composite-tables.ts'
import {
  decodePerformative,
  decodeSaslFrame,
  type PerformativeInput,
  type SaslFrameInput,
  writePerformative,
  writeSaslFrame,
} from '../../../src/wire/amqp/performatives.ts'
import { intValue, longValue, stringValue, symbolValue } from '../../../src/wire/amqp/types.ts'
import { anyBytes } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'

function encode(performative: PerformativeInput): Buffer {
  const writer = new ByteWriter()
  writePerformative(writer, performative)
  return writer.takeCopy()
}

function encodeSasl(frame: SaslFrameInput): Buffer {
  const writer = new ByteWriter()
  writeSaslFrame(writer, frame)
  return writer.takeCopy()
}

// Field by field; all fields are there, trailing nulls included, and never as list0.
const golden: readonly [string, PerformativeInput, Buffer][] = [
  [
    'open as the service sends it',
    { kind: 'open', containerId: 'c_G19', maxFrameSize: 65536, channelMax: 4999, idleTimeOut: 240000 },
    hex(
      '00 53 10 c0 1b 0a', // open, list8 of 10
      'a1 05 635f473139', // container-id "c_G19"
      '40', // hostname
      '70 00010000', // max-frame-size 65536
      '60 1387', // channel-max 4999
      '70 0003a980', // idle-time-out 240000 ms
      '40 40 40 40 40', // locales, capabilities, properties
    ),
  ],
  [
    'begin as the service sends it',
    { kind: 'begin', remoteChannel: 0, nextOutgoingId: 1, incomingWindow: 5000, outgoingWindow: 5000, handleMax: 255 },
    hex(
      '00 53 11 c0 15 08', // begin, list8 of 8
      '60 0000', // remote-channel 0
      '52 01', // next-outgoing-id 1
      '70 00001388', // incoming-window 5000
      '70 00001388', // outgoing-window 5000
      '52 ff', // handle-max 255
      '40 40 40', // capabilities, properties
    ),
  ],
  [
    'attach that answers a producer',
    {
      kind: 'attach',
      name: 'p',
      handle: 0,
      role: 'receiver',
      sndSettleMode: 2,
      rcvSettleMode: 0,
      source: { address: 's' },
      target: { address: 'hub' },
      maxMessageSize: 1_048_576n,
      offeredCapabilities: ['x'],
      properties: [[symbolValue('k'), intValue(7)]],
    },
    hex(
      '00 53 12 c0 49 0e', // attach, list8 of 14
      'a1 01 70', // name "p"
      '43', // handle 0
      '41', // role receiver
      '50 02', // snd-settle-mode mixed
      '50 00', // rcv-settle-mode first
      '00 53 28 c0 0e 0b', // source, list8 of 11
      'a1 01 73 40 40 40 40 40 40 40 40 40 40', // address "s", the others null
      '00 53 29 c0 0c 07', // target, list8 of 7
      'a1 03 687562 40 40 40 40 40 40', // address "hub", the others null
      '40', // unsettled
      '40', // incomplete-unsettled
      '40', // initial-delivery-count
      '80 0000000000100000', // max-message-size 1 MiB
      'e0 04 01 a3 01 78', // offered-capabilities, array8 of sym8 ["x"]
      '40', // desired-capabilities
      'c1 06 02 a3 01 6b 54 07', // properties {k: int 7}
    ),
  ],
  [
    'attach that refuses: neither source nor target',
    { kind: 'attach', name: 'r', handle: 1, role: 'sender', source: null, target: null },
    hex(
      '00 53 12 c0 12 0e', // attach, list8 of 14
      'a1 01 72', // name "r"
      '52 01', // handle 1
      '42', // role sender
      '40 40 40 40 40 40 40 40 40 40 40', // everything else
    ),
  ],
  [
    'flow',
    {
      kind: 'flow',
      nextIncomingId: 0,
      incomingWindow: 5000,
      nextOutgoingId: 1,
      outgoingWindow: 5000,
      handle: 0,
      deliveryCount: 0,
      linkCredit: 1000,
    },
    hex(
      '00 53 13 c0 19 0b', // flow, list8 of 11
      '43', // next-incoming-id 0
      '70 00001388', // incoming-window 5000
      '52 01', // next-outgoing-id 1
      '70 00001388', // outgoing-window 5000
      '43', // handle 0
      '43', // delivery-count 0
      '70 000003e8', // link-credit 1000
      '40 40 40 40', // available, drain, echo, properties
    ),
  ],
  [
    'transfer with its payload behind it',
    {
      kind: 'transfer',
      handle: 0,
      deliveryId: 3,
      deliveryTag: Buffer.from([1]),
      messageFormat: 0x80013700,
      settled: false,
      payload: Buffer.from('abc'),
    },
    hex(
      '00 53 14 c0 13 0b', // transfer, list8 of 11
      '43', // handle 0
      '52 03', // delivery-id 3
      'a0 01 01', // delivery-tag
      '70 80013700', // message-format: batch
      '42', // settled false
      '40 40 40 40 40 40', // more, rcv-settle-mode, state, resume, aborted, batchable
      '61 62 63', // payload
    ),
  ],
  [
    'disposition that accepts a range',
    { kind: 'disposition', role: 'receiver', first: 1, last: 300, settled: true, state: { kind: 'accepted' } },
    hex(
      '00 53 15 c0 0f 06', // disposition, list8 of 6
      '41', // role receiver
      '52 01', // first 1
      '70 0000012c', // last 300
      '41', // settled
      '00 53 24 45', // accepted, which has no fields
      '40', // batchable
    ),
  ],
  [
    'disposition that rejects',
    {
      kind: 'disposition',
      role: 'receiver',
      first: 1,
      last: 1,
      settled: true,
      state: { kind: 'rejected', error: { condition: 'a:b', description: 'no' } },
    },
    hex(
      '00 53 15 c0 1e 06', // disposition, list8 of 6
      '41 52 01 52 01 41', // receiver, first, last, settled
      '00 53 25 c0 11 01', // rejected, list8 of 1
      '00 53 1d c0 0b 03', // error, list8 of 3
      'a3 03 613a62', // condition a:b
      'a1 02 6e6f', // description
      '40', // info
      '40', // batchable
    ),
  ],
  [
    'detach with an error',
    { kind: 'detach', handle: 0, closed: true, error: { condition: 'a:b' } },
    hex(
      '00 53 16 c0 10 03', // detach, list8 of 3
      '43 41', // handle, closed
      '00 53 1d c0 08 03 a3 03 613a62 40 40', // error of 3 fields
    ),
  ],
  ['end', { kind: 'end' }, hex('00 53 17 c0 02 01 40')],
  ['close', { kind: 'close' }, hex('00 53 18 c0 02 01 40')],
]

describe('performatives are written with all their fields', () => {
  for (const [name, performative, bytes] of golden) {
    test(name, () => assert.equal(encode(performative).toString('hex'), bytes.toString('hex')))
  }
})

describe('what was written is read again', () => {
  for (const [name, performative, bytes] of golden) {
    test(name, () => {
      const decoded = decodePerformative(bytes)
      assert.equal(decoded.kind, performative.kind)
      // Writing what was read gives the same fields, defaults now spelled out.
      assert.deepEqual(decodePerformative(encode(decoded as PerformativeInput)), decoded)
    })
  }
})

const saslGolden: readonly [string, SaslFrameInput, Buffer][] = [
  [
    'mechanisms',
    { kind: 'sasl-mechanisms', mechanisms: ['PLAIN', 'ANONYMOUS'] },
    hex('00 53 40 c0 15 01', 'e0 12 02 a3', '05 504c41494e', '09 414e4f4e594d4f5553'),
  ],
  [
    'init',
    { kind: 'sasl-init', mechanism: 'PLAIN', initialResponse: Buffer.from('\0u\0p') },
    hex('00 53 41 c0 0f 03', 'a3 05 504c41494e', 'a0 04 00750070', '40'),
  ],
  ['challenge', { kind: 'sasl-challenge', challenge: Buffer.from([1]) }, hex('00 53 42 c0 04 01 a0 01 01')],
  ['response', { kind: 'sasl-response', response: Buffer.from([1]) }, hex('00 53 43 c0 04 01 a0 01 01')],
  ['outcome', { kind: 'sasl-outcome', code: 0 }, hex('00 53 44 c0 04 02 50 00 40')],
]

describe('SASL frames are written with all their fields and read again', () => {
  for (const [name, frame, bytes] of saslGolden) {
    test(name, () => {
      assert.equal(encodeSasl(frame).toString('hex'), bytes.toString('hex'))
      assert.deepEqual(decodeSaslFrame(bytes), { ...decodeSaslFrame(bytes), ...frame })
    })
  }
})

describe('every legal encoding is read', () => {
  const close = { kind: 'close', error: null }
  test('list0', () => assert.deepEqual(decodePerformative(hex('00 53 18 45')), close))
  test('an empty list8', () => assert.deepEqual(decodePerformative(hex('00 53 18 c0 01 00')), close))
  test('list32', () => assert.deepEqual(decodePerformative(hex('00 53 18 d0 00000005 00000001 40')), close))
  test('a descriptor of eight bytes', () =>
    assert.deepEqual(decodePerformative(hex('00 80 0000000000000018 45')), close))
  test('a symbolic descriptor', () => {
    const name = Buffer.from('amqp:close:list').toString('hex')
    assert.deepEqual(decodePerformative(hex('00 a3 0f', name, '45')), close)
  })
  test('a field more than we know', () => assert.deepEqual(decodePerformative(hex('00 53 18 c0 03 02 40 41')), close))
  test('absent fields have the defaults of the specification', () => {
    const open = decodePerformative(hex('00 53 10 c0 04 01 a1 01 61'))
    assert.equal(open.kind === 'open' && open.maxFrameSize, 0xffffffff)
    assert.equal(open.kind === 'open' && open.channelMax, 0xffff)
    assert.equal(open.kind === 'open' && open.idleTimeOut, null)
  })
  test('a single symbol where several may be', () => {
    const open = decodePerformative(hex('00 53 10 c0 0e 09 a1 01 61 40 40 40 40 40 40 40 a3 01 78'))
    assert.deepEqual(open.kind === 'open' && open.desiredCapabilities, ['x'])
  })
  test('binary where a name is expected, as Python sends it', () => {
    const open = decodePerformative(hex('00 53 10 c0 04 01 a0 01 61'))
    assert.equal(open.kind === 'open' && open.containerId, 'a')
  })
})

test('a receiver’s attach keeps its filter and its properties with their types', () => {
  const filter = [symbolValue('apache.org:selector-filter:string'), stringValue('x')] as const
  const epoch = [symbolValue('com.microsoft:epoch'), longValue(3)] as const
  const bytes = encode({
    kind: 'attach',
    name: 'r',
    handle: 0,
    role: 'receiver',
    source: { address: 'hub/ConsumerGroups/$Default/Partitions/0', filter: [filter] },
    target: { address: 'me' },
    properties: [epoch],
  })
  const attach = decodePerformative(bytes)
  assert.ok(attach.kind === 'attach')
  assert.deepEqual(attach.source?.filter, [filter])
  assert.deepEqual(attach.properties, [epoch])
  assert.equal(attach.source?.expiryPolicy, 'session-end')
})

test('a coordinator in place of a target reads as a target without an address', () => {
  const attach = decodePerformative(hex('00 53 12 c0 0d 07 a1 01 70 43 42 40 40 40', '00 53 30 45'))
  assert.ok(attach.kind === 'attach')
  assert.equal(attach.target?.address, null)
})

test('a delivery state of a kind we do not know is kept as it came', () => {
  const disposition = decodePerformative(hex('00 53 15 c0 0c 05 41 43 40 41', '00 53 34 c0 02 01 40'))
  assert.ok(disposition.kind === 'disposition')
  assert.equal(disposition.state?.kind, 'other')
})

describe('a frame body that is no performative is refused', () => {
  const cases: readonly [string, string][] = [
    ['nothing', ''],
    ['no described type', '40'],
    ['a descriptor of something else', '00 53 70 45'],
    ['a descriptor outside the specification', '00 80 0000468c00000004 45'],
    ['no list', '00 53 18 c1 01 00'],
    ['a list longer than the frame', '00 53 18 c0 09 01 40'],
    ['a list shorter than its fields', '00 53 16 c0 02 03 43 41 40'],
    ['a list longer than its fields', '00 53 18 c0 03 01 40 40'],
    ['a missing mandatory field', '00 53 10 45'],
    ['a null mandatory field', '00 53 10 c0 02 01 40'],
    ['a field of another type', '00 53 10 c0 03 01 52 05'],
    ['a number beyond its field', '00 53 12 c0 09 04 a1 01 70 43 42 60 0102'],
    ['bytes behind it', '00 53 18 45 00'],
    ['an error that is none', '00 53 18 c0 05 01 00 53 24 45'],
    ['2^32-1 fields', '00 53 18 d0 00000005 ffffffff 40'],
    // Thirty-two bytes with the frame's header; a decoder that trusts the count never returns.
    ['an array of 2^32-1 nulls in 32 bytes', '00 53 10 c0 13 02 a1 01 61 f0 00000009 ffffffff 40 40404040'],
  ]
  for (const [name, bytes] of cases) test(name, () => throwsCode(() => decodePerformative(hex(bytes)), 'decode-error'))
  test('a SASL frame', () => throwsCode(() => decodePerformative(hex('00 53 44 c0 03 01 50 00')), 'decode-error'))
  test('a performative where SASL is spoken', () =>
    throwsCode(() => decodeSaslFrame(hex('00 53 18 45')), 'decode-error'))
})

test('a mandatory field that is not given is refused when writing', () => {
  throwsCode(() => encode({ kind: 'open' } as PerformativeInput), 'argument-error')
})

test('no descriptor is used twice', () => {
  const codes = [...Object.values(performativeTables), ...Object.values(saslTables)].map((table) => table.code)
  assert.equal(new Set(codes).size, codes.length)
})

test('any bytes behind any descriptor read or are refused', () => {
  const codes = fc.constantFrom(0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18)
  fc.assert(
    fc.property(codes, fc.constantFrom(0xc0, 0xd0, 0x45), anyBytes, (code, list, bytes) => {
      try {
        decodePerformative(Buffer.concat([Buffer.from([0x00, 0x53, code, list]), bytes]))
      } catch (error) {
        assert.ok(isEhubError(error, 'decode-error'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
