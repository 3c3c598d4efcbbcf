import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../src/base/byte-writer.ts'
import { EhubError } from '../../src/base/error.ts'
import { DeliveryReader } from '../../src/client/amqp-delivery-reader.ts'
import { FrameTap } from '../../src/client/frame-tap.ts'
import { writeFrame, writeProtocolHeader, writeHeartbeat } from '../../src/wire/amqp/frame.ts'

interface Tapped {
  readonly tap: FrameTap
  readonly passed: Buffer[]
  readonly messages: string[]
  readonly written: Buffer[]
  readonly reader: DeliveryReader
}

function tapped(channel = 3): Tapped {
  const passed: Buffer[] = []
  const messages: string[] = []
  const written: Buffer[] = []
  const tap = new FrameTap(65_536, (frame) => void passed.push(frame))
  const reader = new DeliveryReader({
    localChannel: 1,
    localHandle: 0,
    nextIncomingId: 0,
    deliveryCount: 0,
    write: (bytes) => void written.push(Buffer.from(bytes)),
    onMessage: (buffer, start, end) => void messages.push(buffer.toString('latin1', start, end)),
    onReadEnd: () => undefined,
  })
  tap.add(channel, reader)
  return { tap, passed, messages, written, reader }
}

function stream(): { bytes: Buffer; control: Buffer } {
  const writer = new ByteWriter()
  const control = new ByteWriter()
  const both = (write: (to: ByteWriter) => void) => {
    write(writer)
    write(control)
  }
  const transfer = (deliveryId: number, payload: string, more = false, first = true) =>
    writeFrame(writer, 3, {
      kind: 'transfer',
      handle: 0,
      deliveryId: first ? deliveryId : null,
      deliveryTag: first ? Buffer.from([deliveryId]) : null,
      messageFormat: first ? 0 : null,
      settled: true,
      more,
      payload: Buffer.from(payload),
    })
  both((to) => writeProtocolHeader(to, 0))
  both((to) => writeFrame(to, 0, { kind: 'begin', nextOutgoingId: 1, incomingWindow: 1, outgoingWindow: 1 }))
  transfer(0, 'one')
  both((to) => writeHeartbeat(to))
  transfer(1, 'two in ', true)
  transfer(1, 'three ', true, false)
  both((to) =>
    writeFrame(to, 5, {
      kind: 'transfer',
      handle: 0,
      deliveryId: 9,
      deliveryTag: Buffer.from('x'),
      payload: Buffer.from('not ours'),
    }),
  )
  transfer(1, 'parts', false, false)
  transfer(2, 'three')
  both((to) => writeFrame(to, 3, { kind: 'detach', handle: 0, closed: true }))
  return { bytes: writer.takeCopy(), control: control.takeCopy() }
}

test('deliveries come out whole and everything else goes on in order, however the stream is cut', () => {
  const { bytes, control } = stream()
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 12 }), (cuts) => {
      const { tap, passed, messages } = tapped()
      const bounds = [0, ...cuts.toSorted((a, b) => a - b), bytes.length]
      for (let i = 1; i < bounds.length; i += 1) tap.push(Buffer.from(bytes.subarray(bounds[i - 1], bounds[i])))
      assert.deepEqual(messages, ['one', 'two in three parts', 'three'])
      assert.deepEqual(Buffer.concat(passed), control)
    }),
  )
})

test('credit counts deliveries, not frames', () => {
  const { tap, reader, written } = tapped()
  reader.addCredit(10)
  tap.push(stream().bytes)
  assert.equal(reader.credit, 7)
  assert.equal(written.length, 1, 'one flow, and no disposition of what came settled')
})

test('a channel that is no longer tapped goes on to rhea', () => {
  const { tap, passed, messages } = tapped()
  tap.remove(3)
  tap.push(stream().bytes)
  assert.deepEqual(messages, [])
  assert.equal(Buffer.concat(passed).length, stream().bytes.length)
})

test('any bytes are frames or an error, never a hang', () => {
  const chunk = fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes))
  const framed = chunk.map((body) => {
    const head = Buffer.from([0, 0, 0, 0, 2, 0, 0, 3])
    head.writeUInt32BE(8 + 3 + body.length, 0)
    return Buffer.concat([head, Buffer.from([0x00, 0x53, 0x14]), body])
  })
  fc.assert(
    fc.property(fc.array(fc.oneof(chunk, framed), { maxLength: 5 }), (chunks) => {
      const { tap } = tapped()
      try {
        for (const bytes of chunks) tap.push(bytes)
      } catch (error) {
        assert.ok(error instanceof EhubError, String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
