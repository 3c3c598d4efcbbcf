import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { AnnotationSplicer, encodeRuntimeMetric, splicedBytesMax } from '../../../src/wire/amqp/annotation-splice.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/amqp/message.ts'
import { annotations } from '../../../src/wire/amqp/names.ts'
import { normaliseMessage } from '../../../src/wire/amqp/sections.ts'
import {
  type AmqpMap,
  intValue,
  longValue,
  stringValue,
  symbolValue,
  textOf,
  timestampValue,
} from '../../../src/wire/amqp/types.ts'
import { hex, throwsCode } from './bytes.ts'
import { eventOf, keyed } from './events.ts'
import { anyMessage } from './messages.ts'
import { rheaMessage } from './rhea-partner.ts'

interface Delivery {
  readonly message: Buffer
  readonly sequence?: number
  readonly offset?: number
  readonly timeMs?: number
  readonly shared?: AmqpMap
  readonly deliveryAnnotations?: Buffer
}

function splice(delivery: Delivery, splicer = new AnnotationSplicer()): Buffer {
  const { message, sequence = 5, offset = 1234, timeMs = 1_700_000_000_123 } = delivery
  const shared = delivery.shared === undefined ? null : encodeMessage({ messageAnnotations: delivery.shared })
  const metric = delivery.deliveryAnnotations ?? null
  splicer.beginBatch(timeMs, shared)
  const out = Buffer.alloc(7 + message.length + splicedBytesMax + (shared?.length ?? 0) + (metric?.length ?? 0), 0xee)
  const end = splicer.splice(out, 7, message, 0, message.length, sequence, offset, metric)
  return Buffer.from(out.subarray(7, end))
}

const broker = (sequence: number, offset: number, timeMs: number): AmqpMap => [
  [symbolValue(annotations.enqueuedTime), timestampValue(timeMs)],
  [symbolValue(annotations.sequenceNumber), longValue(sequence)],
  [symbolValue(annotations.offset), stringValue(String(offset))],
]

test('a delivered event without annotations of its own is golden', () => {
  const bytes = splice({ message: hex('00 53 70 45 00 53 75 a0 02 6869') })
  assert.equal(
    bytes.toString('hex'),
    hex(
      '00 53 70 45', // header as it came
      '00 53 72 c1 53 06', // message annotations, map8 of 3 pairs
      `a3 13 ${Buffer.from('x-opt-enqueued-time').toString('hex')}`,
      '83 0000018bcfe5687b', // timestamp 1700000000123
      `a3 15 ${Buffer.from('x-opt-sequence-number').toString('hex')}`,
      '81 0000000000000005', // long 5
      `a3 0c ${Buffer.from('x-opt-offset').toString('hex')}`,
      'a1 04 31323334', // string "1234"
      '00 53 75 a0 02 6869', // body as it came
    ).toString('hex'),
  )
})

describe('numbers of every size are written right', () => {
  const sequences = [0, 9, 255, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1]
  const offsets = [0, 9, 10, 99_999_999, 100_000_000, 100_000_001, 12_345_678_901_234, 2 ** 53 - 1]
  for (const sequence of sequences) {
    for (const offset of offsets) {
      test(`${sequence}, ${offset}`, () => {
        const message = decodeMessage(splice({ message: eventOf('x'), sequence, offset }))
        assert.deepEqual(message.messageAnnotations, broker(sequence, offset, 1_700_000_000_123))
      })
    }
  }
  for (const timeMs of [-1, 0, 1, -62_135_596_800_000]) {
    test(`enqueued at ${timeMs}, the first batch of a splicer`, () => {
      const message = decodeMessage(splice({ message: eventOf('x'), timeMs }))
      assert.deepEqual(message.messageAnnotations, broker(5, 1234, timeMs))
    })
  }
  test('any', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.maxSafeNat(), fc.maxSafeInteger(), (sequence, offset, timeMs) => {
        const message = decodeMessage(splice({ message: eventOf('x'), sequence, offset, timeMs }))
        assert.deepEqual(message.messageAnnotations, broker(sequence, offset, timeMs))
      }),
    )
  })
})

test('the broker’s entries come first, then the batch’s, then the producer’s', () => {
  const own: AmqpMap = [
    [symbolValue('app'), intValue(1)],
    [symbolValue(annotations.offset), stringValue('of another hub')],
    [symbolValue(annotations.sequenceNumber), longValue(99)],
    keyed('own'),
    [stringValue(annotations.enqueuedTime), stringValue('a string key')],
  ]
  const message = decodeMessage(splice({ message: eventOf('x', own), shared: [keyed('shared')] }))
  assert.deepEqual(message.messageAnnotations, [
    ...broker(5, 1234, 1_700_000_000_123),
    keyed('shared'),
    [symbolValue('app'), intValue(1)],
  ])
})

test('without a key of the batch the event’s own stays', () => {
  const message = decodeMessage(splice({ message: eventOf('x', [keyed('own')]) }))
  assert.deepEqual(message.messageAnnotations?.at(-1), keyed('own'))
})

test('a batch with annotations is followed by one without', () => {
  const splicer = new AnnotationSplicer()
  splice({ message: eventOf('x'), shared: [keyed('k')] }, splicer)
  const message = decodeMessage(splice({ message: eventOf('x', [keyed('own')]) }, splicer))
  assert.deepEqual(message.messageAnnotations?.at(-1), keyed('own'))
})

test('annotations that no longer fit a map8 become a map32', () => {
  for (const length of [130, 140, 150, 160, 250, 300]) {
    const entry = [symbolValue('app'), stringValue('x'.repeat(length))] as const
    const message = decodeMessage(splice({ message: eventOf('x', [entry]) }))
    assert.deepEqual(message.messageAnnotations, [...broker(5, 1234, 1_700_000_000_123), entry])
  }
})

test('the runtime metric replaces the producer’s delivery annotations', () => {
  const message = encodeMessage({
    header: { durable: true },
    deliveryAnnotations: [[symbolValue('hop'), intValue(1)]],
    body: { kind: 'value', value: intValue(7) },
  })
  const metric = encodeRuntimeMetric({ lastSequence: 9, lastOffset: 512, lastEnqueuedTimeMs: 77, retrievedAtMs: 88 })
  const delivered = decodeMessage(splice({ message, deliveryAnnotations: metric }))
  assert.deepEqual(delivered.deliveryAnnotations, [
    [symbolValue('last_enqueued_sequence_number'), longValue(9)],
    [symbolValue('last_enqueued_offset'), stringValue('512')],
    [symbolValue('last_enqueued_time_utc'), timestampValue(77)],
    [symbolValue('runtime_info_retrieval_time_utc'), timestampValue(88)],
  ])
  assert.equal(decodeMessage(splice({ message })).deliveryAnnotations, null)
})

test('everything else is delivered as it was stored', () => {
  fc.assert(
    fc.property(anyMessage, fc.boolean(), (input, isShared) => {
      const stored = encodeMessage(input)
      const delivered = decodeMessage(splice({ message: stored, ...(isShared ? { shared: [keyed('k')] } : {}) }))
      const sent = decodeMessage(stored)
      assert.deepEqual(
        { ...delivered, messageAnnotations: null, deliveryAnnotations: null },
        { ...sent, messageAnnotations: null, deliveryAnnotations: null },
      )
      const names = [annotations.enqueuedTime, annotations.sequenceNumber, annotations.offset] as string[]
      if (isShared) names.push(annotations.partitionKey)
      const own = (sent.messageAnnotations ?? []).filter(([key]) => !names.includes(textOf(key) ?? ''))
      assert.deepEqual(delivered.messageAnnotations?.slice(names.length), own)
    }),
  )
})

test('rhea reads a delivered event', () => {
  const stored = rheaMessage.encode({
    message_id: 'm',
    message_annotations: { 'x-opt-partition-key': 'k' },
    application_properties: { a: 1 },
    body: rheaMessage.data_section(Buffer.from('hello')),
  })
  const message = rheaMessage.decode(splice({ message: normaliseMessage(stored), sequence: 2 ** 40 }))
  const entries = message['message_annotations'] as Record<string, unknown>
  assert.equal(entries['x-opt-sequence-number'], 2 ** 40)
  assert.equal(entries['x-opt-offset'], '1234')
  assert.equal((entries['x-opt-enqueued-time'] as Date).getTime(), 1_700_000_000_123)
  assert.equal(entries['x-opt-partition-key'], 'k')
  assert.equal((message.body as { content: Buffer }).content.toString(), 'hello')
})

test('bytes that never were a stored message are refused', () => {
  throwsCode(() => splice({ message: hex('00 53 72 c1 09 02 40') }), 'decode-error')
  throwsCode(() => splice({ message: hex('00 53 72 c1 04 02 40 40 40') }), 'decode-error')
})
