import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { isEhubError } from '../../../src/base/error.ts'
import {
  FrameReader,
  protocolIds,
  protocolVersion,
  writeFrame,
  writeHeartbeat,
  writeProtocolHeader,
  writeSasl,
} from '../../../src/wire/amqp/frame.ts'
import { decodePerformative, type PerformativeInput } from '../../../src/wire/amqp/performatives.ts'
import { anyBytes } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'
import { rheaFrames } from './rhea-partner.ts'

/** What a reader found, as text. */
function describeItem(reader: FrameReader): string {
  if (reader.isProtocolHeader) return `header ${reader.protocolId} ${reader.protocolVersion.toString(16)}`
  const body = reader.buffer.toString('hex', reader.bodyStart, reader.bodyEnd)
  return `frame ${reader.type} ${reader.channel} ${body}`
}

/** All items of a stream fed in pieces of the given sizes, the last size repeated; each way of using the reader. */
function readChunks(stream: Buffer, sizes: readonly number[], frameBytesMax = 65536): string[] {
  const reader = new FrameReader(frameBytesMax)
  const items: string[] = []
  for (let at = 0, i = 0; at < stream.length; i += 1) {
    const size = Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? 1)
    // A chunk of its own: whoever read a socket may reuse the bytes at once.
    const chunk = Buffer.from(stream.subarray(at, at + size))
    reader.feed(chunk)
    while (reader.next()) items.push(describeItem(reader))
    reader.keepRest()
    chunk.fill(0xee)
    at += size
  }
  return items
}

function readInPlace(stream: Buffer, sizes: readonly number[], bufferBytes: number): string[] {
  const reader = new FrameReader(bufferBytes - 1)
  const readBuffer = Buffer.alloc(bufferBytes)
  const items: string[] = []
  let carry = 0
  for (let at = 0, i = 0; at < stream.length; i += 1) {
    const size = Math.min(Math.max(1, sizes[Math.min(i, sizes.length - 1)] ?? 1), bufferBytes - carry)
    const read = stream.copy(readBuffer, carry, at, at + size)
    reader.feed(readBuffer, 0, carry + read)
    while (reader.next()) items.push(describeItem(reader))
    carry = reader.moveRestToFront()
    at += read
  }
  return items
}

function stream(): Buffer {
  const writer = new ByteWriter()
  writeProtocolHeader(writer, protocolIds.sasl)
  writeSasl(writer, { kind: 'sasl-init', mechanism: 'ANONYMOUS' })
  writeProtocolHeader(writer, protocolIds.amqp)
  writeFrame(writer, 0, { kind: 'open', containerId: 'c' })
  writeHeartbeat(writer)
  writeFrame(writer, 4999, { kind: 'begin', nextOutgoingId: 1, incomingWindow: 1, outgoingWindow: 1 })
  writeFrame(writer, 1, { kind: 'transfer', handle: 0, payload: Buffer.alloc(300, 0x61) })
  return writer.takeCopy()
}

test('frames and protocol headers are golden', () => {
  const writer = new ByteWriter()
  writeProtocolHeader(writer, protocolIds.sasl)
  writeProtocolHeader(writer, protocolIds.amqp)
  writeHeartbeat(writer)
  writeFrame(writer, 7, { kind: 'end' })
  writeSasl(writer, { kind: 'sasl-outcome', code: 1 })
  assert.equal(
    writer.takeCopy().toString('hex'),
    hex(
      '414d5150 03 01 00 00', // AMQP, SASL, version 1.0.0
      '414d5150 00 01 00 00', // AMQP, AMQP, version 1.0.0
      '00000008 02 00 0000', // heartbeat: size, doff, type, channel
      '0000000f 02 00 0007 00 53 17 c0 02 01 40', // end on channel 7
      '00000011 02 01 0000 00 53 44 c0 04 02 50 01 40', // SASL outcome: auth
    ).toString('hex'),
  )
})

test('a stream reads the same however it is cut, in chunks and in place', () => {
  const bytes = stream()
  const whole = readChunks(bytes, [bytes.length])
  assert.equal(whole.length, 7)
  assert.equal(whole[0], `header 3 ${protocolVersion.toString(16)}`)
  assert.equal(whole[4], 'frame 0 0 ')
  assert.ok(whole[5]?.startsWith('frame 0 4999 005311'))
  for (let size = 1; size < bytes.length; size += 1) {
    assert.deepEqual(readChunks(bytes, [size]), whole, `chunks of ${size}`)
    assert.deepEqual(readInPlace(bytes, [size], 512), whole, `in place, ${size} at a time`)
  }
  fc.assert(
    fc.property(fc.array(fc.nat(200), { minLength: 1 }), (sizes) => assert.deepEqual(readChunks(bytes, sizes), whole)),
  )
})

test('a frame that lies whole in the chunk is not copied', () => {
  const bytes = stream()
  const reader = new FrameReader(65536)
  reader.feed(bytes)
  while (reader.next()) if (!reader.isProtocolHeader) assert.equal(reader.buffer, bytes)
  reader.keepRest()
  assert.equal(reader.heldBytes, 0)
})

test('the extended header is stepped over', () => {
  const reader = new FrameReader(512)
  reader.feed(hex('00000010 03 00 0001 aabbccdd 00531845'))
  assert.ok(reader.next())
  assert.equal(reader.buffer.toString('hex', reader.bodyStart, reader.bodyEnd), '00531845')
})

test('a frame over the limit is refused from its first eight bytes', () => {
  const reader = new FrameReader(512)
  reader.feed(hex('00000201 02 00 00'))
  assert.ok(!reader.next())
  reader.keepRest()
  reader.feed(hex('00'))
  throwsCode(() => reader.next(), 'frame-too-large')
  const exact = new FrameReader(512)
  const frame = Buffer.alloc(512)
  frame.set(hex('00000200 02 00 0000'))
  exact.feed(frame)
  assert.ok(exact.next())
})

test('a header that announces much costs only what was sent', () => {
  const reader = new FrameReader(64 * 1024 * 1024)
  reader.feed(hex('03ffffff 02 00 0000 00'))
  assert.ok(!reader.next())
  reader.keepRest()
  assert.ok(reader.heldBytes <= 1024)
  assert.ok(reader.isCut)
})

test('a buffer that held a long cut frame is given back when no frame is cut', () => {
  const writer = new ByteWriter()
  writeFrame(writer, 0, { kind: 'transfer', handle: 0, payload: Buffer.alloc(50_000) })
  const frame = writer.takeCopy()
  const reader = new FrameReader(65536)
  reader.feed(frame.subarray(0, 40_000))
  assert.ok(!reader.next())
  reader.keepRest()
  assert.ok(reader.heldBytes >= 40_000)
  reader.feed(frame.subarray(40_000))
  assert.ok(reader.next())
  assert.equal(decodePerformative(reader.buffer, reader.bodyStart, reader.bodyEnd).kind, 'transfer')
  assert.ok(!reader.next())
  reader.keepRest()
  assert.equal(reader.heldBytes, 0)
})

describe('a header that is none is refused', () => {
  const cases: readonly [string, string][] = [
    ['size 0', '00000000 02 00 0000'],
    ['size 1', '00000001 02 00 0000'],
    ['size below the header', '00000007 02 00 0000'],
    ['doff 0', '00000008 00 00 0000'],
    ['doff 1', '00000008 01 00 0000'],
    ['doff beyond the frame', '00000008 03 00 0000'],
    ['an unknown type', '00000008 02 02 0000'],
  ]
  for (const [name, bytes] of cases) {
    test(name, () => {
      const reader = new FrameReader(65536)
      reader.feed(hex(bytes))
      throwsCode(() => reader.next(), 'decode-error')
    })
  }
  for (const [name, bytes] of [
    ['size 2^31', '80000000 02 00 0000'],
    ['size 2^32-1', 'ffffffff 02 00 0000'],
    ['TLS', '16030100 c8 01 0000'],
    ['HTTP', '47455420 2f 20 4854'],
  ] as const) {
    test(name, () => {
      const reader = new FrameReader(65536)
      reader.feed(hex(bytes))
      throwsCode(() => reader.next(), 'frame-too-large')
    })
  }
})

test('any stream gives frames inside their bytes or is refused', () => {
  fc.assert(
    fc.property(fc.array(anyBytes, { maxLength: 5 }), fc.integer({ min: 8, max: 600 }), (chunks, limit) => {
      const reader = new FrameReader(limit)
      try {
        for (const chunk of chunks) {
          reader.feed(chunk)
          while (reader.next()) {
            if (reader.isProtocolHeader) continue
            assert.ok(reader.bodyStart <= reader.bodyEnd && reader.bodyEnd <= reader.buffer.length)
          }
          reader.keepRest()
          assert.ok(reader.heldBytes <= Math.max(512, 2 * limit))
        }
      } catch (error) {
        assert.ok(isEhubError(error, 'decode-error') || isEhubError(error, 'frame-too-large'), String(error))
      }
    }),
  )
})

test('rhea reads our frames, and we read rhea’s', () => {
  const frames: PerformativeInput[] = [
    { kind: 'open', containerId: 'c', hostname: 'h', idleTimeOut: 1 },
    { kind: 'begin', nextOutgoingId: 1, incomingWindow: 2, outgoingWindow: 3 },
    { kind: 'attach', name: 'n', handle: 1, role: 'sender', source: { address: 'a' }, target: { address: 'b' } },
    { kind: 'flow', incomingWindow: 2, nextOutgoingId: 1, outgoingWindow: 3, handle: 1, linkCredit: 9 },
    { kind: 'transfer', handle: 1, deliveryId: 4, deliveryTag: Buffer.from('t'), payload: Buffer.from('abc') },
    { kind: 'disposition', role: 'receiver', first: 1, last: 2, settled: true, state: { kind: 'accepted' } },
    { kind: 'detach', handle: 1, closed: true, error: { condition: 'x:y', description: 'd' } },
    { kind: 'end' },
    { kind: 'close', error: { condition: 'x:y' } },
  ]
  for (const performative of frames) {
    const writer = new ByteWriter()
    writeFrame(writer, 3, performative)
    const ours = writer.takeCopy()
    const read = rheaFrames.read_frame(ours)
    assert.equal(read.channel, 3)
    const theirs = rheaFrames.write_frame({
      type: read.type,
      channel: read.channel,
      performative: (read.performative as unknown as { described(): unknown }).described(),
      payload: read.payload,
    })
    const reader = new FrameReader(65536)
    reader.feed(Buffer.from(theirs))
    assert.ok(reader.next())
    assert.deepEqual(
      decodePerformative(reader.buffer, reader.bodyStart, reader.bodyEnd),
      decodePerformative(ours, 8, ours.length),
    )
  }
})
