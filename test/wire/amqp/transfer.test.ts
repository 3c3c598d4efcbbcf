import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { isEhubError } from '../../../src/base/error.ts'
import { FrameReader, writeFrame } from '../../../src/wire/amqp/frame.ts'
import { decodePerformative, type Transfer, writePerformative } from '../../../src/wire/amqp/performatives.ts'
import {
  deliveryBytes,
  dispositionFrameBytes,
  isTransfer,
  TransferFields,
  TransferTemplate,
  transferHeadBytes,
  writeDisposition,
  writeFlow,
} from '../../../src/wire/amqp/transfer.ts'
import { anyBytes } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'

/** What the fast path read, as the general path gives it. */
function fastDecode(bytes: Buffer): Partial<Transfer> {
  const fields = new TransferFields()
  fields.read(bytes, 0, bytes.length)
  const orNull = (value: number) => (value < 0 ? null : value)
  return {
    kind: 'transfer',
    handle: fields.handle,
    deliveryId: orNull(fields.deliveryId),
    deliveryTag: fields.tagStart < 0 ? null : Buffer.from(bytes.subarray(fields.tagStart, fields.tagEnd)),
    messageFormat: orNull(fields.messageFormat),
    settled: fields.settled < 0 ? null : fields.settled === 1,
    more: fields.more,
    rcvSettleMode: orNull(fields.rcvSettleMode),
    resume: fields.resume,
    aborted: fields.aborted,
    payload: bytes.subarray(fields.payloadStart),
  }
}

function generalDecode(bytes: Buffer): Partial<Transfer> {
  const { state: _state, batchable: _batchable, ...transfer } = decodePerformative(bytes) as Transfer
  return transfer
}

const uint = fc.oneof(fc.constant(0), fc.nat(255), fc.nat(0xffffffff))
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const transfer = fc.record({
  kind: fc.constant('transfer' as const),
  handle: uint,
  deliveryId: maybe(uint),
  deliveryTag: maybe(fc.uint8Array({ maxLength: 32 }).map((bytes) => Buffer.from(bytes))),
  messageFormat: maybe(uint),
  settled: maybe(fc.boolean()),
  more: maybe(fc.boolean()),
  rcvSettleMode: maybe(fc.nat(1)),
  state: maybe(fc.constant({ kind: 'accepted' as const })),
  resume: maybe(fc.boolean()),
  aborted: maybe(fc.boolean()),
  batchable: maybe(fc.boolean()),
  payload: fc.uint8Array({ maxLength: 50 }).map((bytes) => Buffer.from(bytes)),
})

test('the fast path reads a transfer as the general one does', () => {
  fc.assert(
    fc.property(transfer, (input) => {
      const writer = new ByteWriter()
      writePerformative(writer, input)
      const bytes = writer.takeCopy()
      assert.ok(isTransfer(bytes, 0, bytes.length))
      assert.deepEqual(fastDecode(bytes), generalDecode(bytes))
    }),
  )
})

describe('every legal encoding of a transfer is read', () => {
  const cases: readonly [string, string][] = [
    ['a short list', '00 53 14 c0 02 01 43 616263'],
    ['list32', '00 53 14 d0 0000000a 00000002 70 00000001 43'],
    ['a descriptor of eight bytes', '00 80 0000000000000014 c0 02 01 43'],
    ['a symbolic descriptor', `00 a3 12 ${Buffer.from('amqp:transfer:list').toString('hex')} c0 02 01 43`],
    ['booleans in a byte each', '00 53 14 c0 0a 06 43 43 a0 00 43 56 01 56 01'],
    ['a tag with a long length', '00 53 14 c0 0a 03 43 43 b0 00000002 0102'],
    ['a field more than we know', '00 53 14 c0 0d 0c 43 40 40 40 40 40 40 40 40 40 40 41'],
    ['a state of a kind we do not know', '00 53 14 c0 0f 08 43 40 40 40 40 40 40 00 53 34 c0 02 01 40'],
  ]
  for (const [name, bytes] of cases) {
    test(name, () => assert.deepEqual(fastDecode(hex(bytes)), generalDecode(hex(bytes))))
  }
})

describe('a transfer that does not fit its bytes is refused', () => {
  const cases: readonly [string, string][] = [
    ['nothing', ''],
    ['a descriptor alone', '00 53 14'],
    ['list0: no handle', '00 53 14 45'],
    ['a null handle', '00 53 14 c0 02 01 40'],
    ['another performative', '00 53 15 c0 02 01 43'],
    ['a list longer than the frame', '00 53 14 c0 20 01 43'],
    ['a list of size 0', '00 53 14 c0 00 01 43'],
    ['more fields than bytes', '00 53 14 c0 02 05 43'],
    ['2^32-1 fields', '00 53 14 d0 00000005 ffffffff 43'],
    ['2^31 bytes', '00 53 14 d0 80000000 00000001 43'],
    ['bytes left in the list', '00 53 14 c0 03 01 43 43'],
    ['a uint cut short', '00 53 14 c0 04 01 70 0000 00'],
    ['a small uint without its byte', '00 53 14 c0 02 01 52'],
    ['a tag over 32 bytes', `00 53 14 c0 26 03 43 43 a0 21 ${'00'.repeat(33)}`],
    ['a tag longer than the list', '00 53 14 c0 06 03 43 43 a0 20 00'],
    ['a tag that is text', '00 53 14 c0 06 03 43 43 a1 01 61'],
    ['a boolean that is neither', '00 53 14 c0 07 05 43 43 40 43 56 02'],
    ['a boolean without its byte', '00 53 14 c0 06 05 43 43 40 43 56'],
    ['a boolean that is a number', '00 53 14 c0 06 05 43 43 40 43 43'],
    ['a settle mode that is a uint', '00 53 14 c0 08 07 43 43 40 43 42 42 43'],
  ]
  for (const [name, bytes] of cases) {
    test(name, () => {
      const buffer = hex(bytes)
      throwsCode(() => new TransferFields().read(buffer, 0, buffer.length), 'decode-error')
    })
  }
})

test('any bytes read as the general path reads them or are refused', () => {
  fc.assert(
    fc.property(anyBytes, fc.constantFrom(0xc0, 0xd0), (bytes, list) => {
      const body = Buffer.concat([Buffer.from([0x00, 0x53, 0x14, list]), bytes])
      const fields = new TransferFields()
      try {
        fields.read(body, 0, body.length)
        assert.ok(fields.payloadStart <= body.length)
      } catch (error) {
        assert.ok(isEhubError(error, 'decode-error'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('the fields of one transfer do not show through in the next', () => {
  const fields = new TransferFields()
  const long = hex('00 53 14 c0 10 0b 43 52 05 a0 01 07 43 41 41 50 01 40 41 41 41')
  fields.read(long, 0, long.length)
  assert.equal(fields.more, true)
  const short = hex('00 53 14 c0 03 01 52 01')
  fields.read(short, 0, short.length)
  assert.deepEqual(
    [fields.handle, fields.deliveryId, fields.tagStart, fields.messageFormat, fields.settled, fields.more],
    [1, -1, -1, -1, -1, false],
  )
  assert.deepEqual([fields.rcvSettleMode, fields.resume, fields.aborted], [-1, false, false])
})

test('a patched transfer frame is golden', () => {
  const template = new TransferTemplate({ channel: 3, handle: 5, messageFormat: 0, isSettled: true })
  const out = Buffer.alloc(100)
  out.write('abc', 10 + transferHeadBytes)
  const end = template.frame(out, 10, 10 + transferHeadBytes + 3, 0xfedcba98, 512)
  assert.equal(
    out.toString('hex', 10, end),
    hex(
      '0000002d 02 00 0003', // size 45, doff, type, channel 3
      '00 53 14 c0 1d 0b', // transfer, list8 of 11
      '70 00000005', // handle 5
      '70 fedcba98', // delivery-id
      'a0 04 fedcba98', // delivery-tag
      '70 00000000', // message-format 0
      '41', // settled
      '42', // more
      '40 40 40 40 40', // rcv-settle-mode, state, resume, aborted, batchable
      '616263', // payload
    ).toString('hex'),
  )
})

test('a message is spread over as many frames as the peer’s limit asks, and comes together again', () => {
  const template = new TransferTemplate({ channel: 0, handle: 0, messageFormat: 0, isSettled: true })
  const sizes = fc.oneof(fc.nat(3000), fc.constantFrom(0, 470, 471, 940, 941))
  fc.assert(
    fc.property(sizes, fc.integer({ min: 512, max: 1500 }), (length, frameBytesMax) => {
      const message = Buffer.from(Array.from({ length }, (_, i) => i & 0xff))
      const out = Buffer.alloc(deliveryBytes(length, frameBytesMax))
      message.copy(out, transferHeadBytes)
      const end = template.frame(out, 0, transferHeadBytes + length, 9, frameBytesMax)
      assert.equal(end, out.length)
      const reader = new FrameReader(frameBytesMax)
      const fields = new TransferFields()
      const pieces: Buffer[] = []
      let isMore = true
      reader.feed(out)
      while (reader.next()) {
        assert.ok(isMore)
        fields.read(reader.buffer, reader.bodyStart, reader.bodyEnd)
        assert.equal(fields.deliveryId, 9)
        isMore = fields.more
        pieces.push(Buffer.from(reader.buffer.subarray(fields.payloadStart, reader.bodyEnd)))
      }
      assert.ok(!isMore)
      assert.deepEqual(Buffer.concat(pieces), message)
    }),
  )
})

test('a patched disposition says the same as a written one', () => {
  const out = Buffer.alloc(dispositionFrameBytes)
  assert.equal(writeDisposition(out, 0, 0x8001, 'receiver', 7, 0xfffffffe, 0x24), out.length)
  assert.equal(
    out.toString('hex'),
    hex(
      '0000001f 02 00 8001', // size 31, doff, type, channel
      '00 53 15 c0 12 06', // disposition, list8 of 6
      '41', // role receiver
      '70 00000007', // first
      '70 fffffffe', // last
      '41', // settled
      '00 53 24 45', // accepted
      '40', // batchable
    ).toString('hex'),
  )
  const decoded = decodePerformative(out, 8)
  assert.ok(decoded.kind === 'disposition')
  assert.deepEqual(
    [decoded.role, decoded.first, decoded.last, decoded.state?.kind],
    ['receiver', 7, 0xfffffffe, 'accepted'],
  )
})

test('a patched flow says the same as a written one', () => {
  const numbers = { incomingWindow: 5000, nextOutgoingId: 1, outgoingWindow: 2 ** 32 - 1, drain: true, echo: false }
  const out = Buffer.alloc(60)
  const end = writeFlow(out, 0, 7, {
    ...numbers,
    nextIncomingId: -1,
    handle: 4,
    deliveryCount: 3,
    linkCredit: 1000,
    available: -1,
  })
  assert.equal(out.readUInt32BE(0), end)
  const ofLink = decodePerformative(out, 8, end)
  const writer = new ByteWriter()
  writeFrame(writer, 7, { kind: 'flow', ...numbers, handle: 4, deliveryCount: 3, linkCredit: 1000 })
  assert.deepEqual(ofLink, decodePerformative(writer.buffer, 8, writer.position))
  const sessionEnd = writeFlow(out, 0, 7, {
    ...numbers,
    nextIncomingId: 9,
    handle: -1,
    deliveryCount: 3,
    linkCredit: 1000,
    available: 5,
  })
  const ofSession = decodePerformative(out, 8, sessionEnd)
  assert.ok(ofSession.kind === 'flow')
  assert.deepEqual([ofSession.nextIncomingId, ofSession.handle, ofSession.linkCredit], [9, null, null])
})
