import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import { BatchBuilder, type BatchLimits } from '../../src/cli/send-batch.ts'
import { BatchEnvelope, encodeBatch } from '../../src/wire/amqp/batch-envelope.ts'
import { decodeMessage, encodeMessage } from '../../src/wire/amqp/message.ts'
import { messageFormats } from '../../src/wire/amqp/names.ts'

const limits: BatchLimits = { messageBytesMax: 2000, batchBytes: 1500, batchCount: 100 }
const none = Buffer.alloc(0)
const message = (body: Buffer) => encodeMessage({ body: { kind: 'data', sections: [body] } })

test('events become the batch the SDKs send', () => {
  const builder = new BatchBuilder(limits, null, false)
  const input = Buffer.from('....hello world')
  assert.equal(builder.add(none, input, 4, 9, 1), true)
  assert.equal(builder.add(none, Buffer.alloc(300, 1), 0, 300, 2), true)
  const batch = builder.take()
  assert.equal(batch?.format, messageFormats.batch)
  assert.deepEqual(batch?.payload, encodeBatch([message(Buffer.from('hello')), message(Buffer.alloc(300, 1))]))
  assert.deepEqual([batch?.count, batch?.bodyBytes, batch?.firstNumber, batch?.lastNumber], [2, 305, 1, 2])
  assert.equal(builder.take(), null)
})

test('a batch of one is the event itself', () => {
  const builder = new BatchBuilder(limits, 'c7', false)
  const prefix = encodeMessage({
    applicationProperties: [
      [
        { type: 'string', value: 'n' },
        { type: 'int', value: 5 },
      ],
    ],
  })
  builder.add(prefix, Buffer.from('x'), 0, 1, 1)
  const batch = builder.take()
  assert.equal(batch?.format, messageFormats.single)
  const decoded = decodeMessage(batch?.payload ?? none)
  assert.deepEqual(decoded.body, { kind: 'data', sections: [Buffer.from('x')] })
  assert.equal(decoded.applicationProperties?.length, 1)
})

test('the key of all stands in front of the batch', () => {
  const builder = new BatchBuilder(limits, 'c7', true)
  builder.addMessage(message(Buffer.from('a')), 1, 3)
  builder.addMessage(message(Buffer.from('b')), 1, 7)
  const batch = builder.take()
  const envelope = new BatchEnvelope()
  const payload = batch?.payload ?? none
  envelope.read(payload, 0, payload.length)
  assert.equal(envelope.annotations.partitionKey(payload), 'c7')
  assert.equal(envelope.count, 2)
  assert.deepEqual(batch?.numbers, [3, 7])
})

test('a batch is full by bytes or by count, and never larger than the peer takes', () => {
  const byCount = new BatchBuilder({ ...limits, batchCount: 2 }, null, false)
  byCount.add(none, none, 0, 0, 1)
  assert.equal(byCount.isFull, false)
  byCount.add(none, none, 0, 0, 2)
  assert.equal(byCount.isFull, true)
  assert.equal(byCount.add(none, none, 0, 0, 3), false)

  const byBytes = new BatchBuilder(limits, null, false)
  assert.equal(byBytes.add(none, Buffer.alloc(1100), 0, 1100, 1), true)
  assert.equal(byBytes.isFull, false)
  assert.equal(byBytes.add(none, Buffer.alloc(1000), 0, 1000, 2), false)
  assert.equal(byBytes.take()?.count, 1)
  assert.equal(byBytes.add(none, Buffer.alloc(1000), 0, 1000, 2), true)
})

test('an event above the limit is refused, one of exactly the limit is not', () => {
  const builder = new BatchBuilder(limits, null, false)
  const head = 8
  const exact = limits.messageBytesMax - head
  assert.throws(
    () => builder.add(none, Buffer.alloc(exact + 1), 0, exact + 1, 1),
    (error) => isEhubError(error, 'event-too-large'),
  )
  assert.equal(builder.add(none, Buffer.alloc(exact), 0, exact, 1), true)
  assert.equal(builder.take()?.payload.length, limits.messageBytesMax)
})
