import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { encodeBatch } from '../../../src/wire/amqp/batch-envelope.ts'
import {
  countEvents,
  eventIndexAt,
  IncomingPayload,
  payloadHeadroomBytes,
  PayloadReader,
} from '../../../src/wire/amqp/batch-payload.ts'
import { decodeMessage, encodeMessage } from '../../../src/wire/amqp/message.ts'
import { annotations, messageFormats } from '../../../src/wire/amqp/names.ts'
import {
  type AmqpMap,
  intValue,
  longValue,
  shortValue,
  stringValue,
  symbolValue,
} from '../../../src/wire/amqp/types.ts'
import { anyBytes } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'
import { eventOf, keyed } from './events.ts'
import { anyMessage } from './messages.ts'

interface Taken {
  readonly payload: Buffer
  readonly isInPlace: boolean
  readonly incoming: IncomingPayload
}

/** Takes a transfer's payload in as a connection would: it lies behind other bytes of the frame. */
function take(format: number, payload: Buffer, publisher: string | null = null, headroom = 20): Taken {
  const frame = Buffer.concat([Buffer.alloc(headroom, 0xee), payload])
  const incoming = new IncomingPayload()
  incoming.publisher = publisher
  incoming.read(format, frame, headroom, frame.length)
  return {
    payload: Buffer.from(incoming.buffer.subarray(incoming.start, incoming.end)),
    isInPlace: incoming.buffer === frame,
    incoming,
  }
}

const single = (payload: Buffer, publisher?: string) => take(messageFormats.single, payload, publisher ?? null)
const batch = (payload: Buffer, publisher?: string) => take(messageFormats.batch, payload, publisher ?? null)

/** The events of a payload, and what they share. */
function eventsOf(payload: Buffer): { shared: AmqpMap | null; events: Buffer[] } {
  const reader = new PayloadReader()
  reader.open(payload)
  const shared =
    reader.annotationsStart < 0
      ? null
      : decodeMessage(payload, reader.annotationsStart, reader.annotationsEnd).messageAnnotations
  const events: Buffer[] = []
  while (reader.next()) events.push(Buffer.from(payload.subarray(reader.messageStart, reader.messageEnd)))
  return { shared, events }
}

describe('a single message becomes one data section, in place', () => {
  for (const length of [0, 100, 247, 248, 249, 250, 251, 300, 70_000]) {
    test(`body of ${length} bytes`, () => {
      const event = eventOf('x'.repeat(length))
      const taken = single(event)
      assert.ok(taken.isInPlace)
      assert.deepEqual(eventsOf(taken.payload), { shared: null, events: [event] })
      assert.equal(taken.incoming.count, 1)
    })
  }
  test('the golden bytes', () => {
    const taken = single(hex('00 53 77 40'))
    assert.equal(taken.payload.toString('hex'), hex('00 53 75 a0 04', '00 53 77 40').toString('hex'))
  })
  test('only the headroom is overwritten', () => {
    const event = eventOf('x'.repeat(300))
    const frame = Buffer.concat([Buffer.alloc(20, 0xee), event])
    new IncomingPayload().read(messageFormats.single, frame, 20, frame.length)
    assert.deepEqual(frame.subarray(0, 20 - payloadHeadroomBytes), Buffer.alloc(20 - payloadHeadroomBytes, 0xee))
    assert.deepEqual(frame.subarray(20), event)
  })
  test('without headroom it is copied', () => {
    const event = eventOf('x')
    const taken = take(messageFormats.single, event, null, 2)
    assert.ok(!taken.isInPlace)
    assert.deepEqual(eventsOf(taken.payload).events, [event])
  })
})

test('a batch is stored as its data sections came, in place', () => {
  const events = [eventOf('a'), eventOf('b'.repeat(300)), eventOf('c', [[symbolValue('app'), intValue(1)]])]
  const bytes = encodeBatch(events)
  const taken = batch(bytes)
  assert.ok(taken.isInPlace)
  assert.deepEqual(taken.payload, bytes)
  assert.deepEqual(eventsOf(taken.payload), { shared: null, events })
  assert.equal(taken.incoming.count, 3)
})

describe('the envelope’s partition key', () => {
  test('is kept in front when some event lacks it', () => {
    const events = [eventOf('a', [keyed('k')]), eventOf('b')]
    const taken = batch(encodeBatch(events, [[symbolValue('noise'), intValue(1)], keyed('k')]))
    assert.ok(taken.isInPlace)
    assert.equal(taken.incoming.partitionKey, 'k')
    assert.deepEqual(eventsOf(taken.payload), { shared: [keyed('k')], events })
    const head = hex('00 53 72 c1 19 02', `a3 13 ${Buffer.from('x-opt-partition-key').toString('hex')}`, 'a1 01 6b')
    assert.deepEqual(taken.payload.subarray(0, head.length), head)
  })
  test('is left out when every event has it itself', () => {
    const events = [eventOf('a', [keyed('k')]), eventOf('b', [keyed('k')])]
    const taken = batch(encodeBatch(events, [keyed('k')]))
    assert.equal(taken.incoming.partitionKey, 'k')
    assert.deepEqual(eventsOf(taken.payload), { shared: null, events })
  })
  test('wins over a key of an event', () => {
    const taken = batch(encodeBatch([eventOf('a', [keyed('other')])], [keyed('k')]))
    assert.equal(taken.incoming.partitionKey, 'k')
    assert.deepEqual(eventsOf(taken.payload).shared, [keyed('k')])
  })
  test('is the first event’s when the envelope has none', () => {
    const taken = batch(encodeBatch([eventOf('a', [keyed('k')]), eventOf('b')]))
    assert.equal(taken.incoming.partitionKey, 'k')
    assert.equal(eventsOf(taken.payload).shared, null)
  })
  test('of a single message is its own', () => {
    assert.equal(single(eventOf('a', [keyed('k')])).incoming.partitionKey, 'k')
    assert.equal(single(eventOf('a')).incoming.partitionKey, null)
  })
})

describe('a publisher link stamps its name', () => {
  test('on a single message', () => {
    const taken = single(eventOf('a'), 'device-1')
    assert.deepEqual(eventsOf(taken.payload).shared, [[symbolValue(annotations.publisher), stringValue('device-1')]])
    assert.deepEqual(eventsOf(taken.payload).events, [eventOf('a')])
  })
  test('on a batch, also where the envelope leaves no room', () => {
    const taken = batch(encodeBatch([eventOf('a'), eventOf('b')]), 'device-1')
    assert.deepEqual(eventsOf(taken.payload).shared, [[symbolValue(annotations.publisher), stringValue('device-1')]])
    assert.equal(countEvents(taken.payload), 2)
  })
})

test('the numbers of idempotent publishing are the first event’s', () => {
  const numbers = (sequence: number): AmqpMap => [
    [symbolValue(annotations.producerId), longValue(7)],
    [symbolValue(annotations.producerEpoch), shortValue(1)],
    [symbolValue(annotations.producerSequenceNumber), intValue(sequence)],
  ]
  const expected = { producerId: 7n, epoch: 1, sequence: 4 }
  assert.deepEqual(batch(encodeBatch([eventOf('a', numbers(4)), eventOf('b', numbers(5))])).incoming.producer, expected)
  assert.deepEqual(batch(encodeBatch([eventOf('a')], numbers(4))).incoming.producer, expected)
  assert.deepEqual(single(eventOf('a', numbers(4))).incoming.producer, expected)
  assert.equal(single(eventOf('a')).incoming.producer, null)
})

describe('other descriptors are rewritten', () => {
  const section = (name: string, value: string) =>
    `00 a3 ${name.length.toString(16).padStart(2, '0')} ${Buffer.from(name).toString('hex')} ${value}`
  const odd = hex(section('amqp:data:binary', 'a0 02 6869'))
  const normal = hex('00 53 75 a0 02 6869')
  test('of a single message', () => {
    const taken = single(odd)
    assert.ok(!taken.isInPlace)
    assert.deepEqual(eventsOf(taken.payload).events, [normal])
  })
  test('of one event in a batch, the key kept', () => {
    const taken = batch(encodeBatch([eventOf('a'), odd], [keyed('k')]))
    assert.deepEqual(eventsOf(taken.payload), { shared: [keyed('k')], events: [eventOf('a'), normal] })
    assert.deepEqual([taken.incoming.count, taken.incoming.partitionKey], [2, 'k'])
  })
  test('of the envelope', () => {
    const envelope = Buffer.concat([
      hex(section('amqp:header:list', '45')),
      hex(section('amqp:data:binary', `a0 ${odd.length.toString(16).padStart(2, '0')}`)),
      odd,
    ])
    const taken = batch(envelope)
    assert.deepEqual(eventsOf(taken.payload), { shared: null, events: [normal] })
  })
  test('of an event with annotations of its own', () => {
    const annotated = Buffer.concat([hex('00 80 0000000000000072'), eventOf('a', [keyed('k')]).subarray(3)])
    const taken = single(annotated)
    assert.equal(taken.incoming.partitionKey, 'k')
    assert.deepEqual(eventsOf(taken.payload).events, [eventOf('a', [keyed('k')])])
  })
})

describe('what is no message is refused', () => {
  const cases: readonly [string, number, Buffer][] = [
    ['an empty single message', 0, Buffer.alloc(0)],
    ['a single message of noise', 0, Buffer.from('noise')],
    ['an event of noise', messageFormats.batch, encodeBatch([eventOf('a'), Buffer.from('noise')])],
    ['an empty event', messageFormats.batch, encodeBatch([Buffer.alloc(0)])],
    ['an event cut short', messageFormats.batch, encodeBatch([eventOf('hello').subarray(0, 8)])],
    ['a body that is a value', messageFormats.batch, encodeMessage({ body: { kind: 'value', value: intValue(1) } })],
    [
      'an event with annotations that do not fit',
      messageFormats.batch,
      encodeBatch([hex('00 53 72 c1 04 02 40 40 40')]),
    ],
  ]
  for (const [name, format, bytes] of cases) test(name, () => throwsCode(() => take(format, bytes), 'argument-error'))
  test('another format', () => throwsCode(() => take(1, eventOf('a')), 'not-supported'))
  test('nothing shows through in the next one', () => {
    const incoming = new IncomingPayload()
    const good = eventOf('a', [keyed('k')])
    incoming.read(0, good, 0, good.length)
    throwsCode(() => incoming.read(0, Buffer.from('noise'), 0, 5), 'argument-error')
    const plain = eventOf('b')
    incoming.read(0, plain, 0, plain.length)
    assert.deepEqual([incoming.partitionKey, incoming.producer, incoming.count], [null, null, 1])
  })
})

test('a batch without events has nothing to store', () => {
  const taken = batch(hex('00 53 70 45'))
  assert.deepEqual([taken.incoming.count, taken.payload.length], [0, 0])
})

test('an event is found by its index and by its position', () => {
  const payload = encodeBatch([eventOf('a'), eventOf('bb'), eventOf('ccc')])
  const starts: number[] = []
  const reader = new PayloadReader()
  reader.open(payload)
  while (reader.next()) starts.push(reader.sectionStart)
  assert.equal(starts[0], 0)
  starts.forEach((start, index) => {
    assert.equal(eventIndexAt(payload, start), index)
    assert.equal(eventIndexAt(payload, start + 1), index + 1)
    reader.open(payload)
    assert.ok(reader.seek(index))
    assert.equal(reader.sectionStart, start)
  })
  reader.open(payload)
  assert.ok(!reader.seek(3))
  assert.equal(countEvents(payload), 3)
})

describe('stored bytes that are no payload are refused', () => {
  for (const bytes of [
    '00 53 77 40',
    '00 53 75 a1 00',
    '00 53 75 a0 05 61',
    '00 53 75 b0 ffffffff',
    '00 53 72 c1 05',
  ]) {
    test(bytes, () => throwsCode(() => countEvents(hex(bytes)), 'decode-error'))
  }
})

test('every batch of messages comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(anyMessage, { minLength: 1, maxLength: 5 }), (messages) => {
      const events = messages.map(encodeMessage).filter((event) => event.length > 0)
      assert.deepEqual(eventsOf(batch(encodeBatch(events)).payload).events, events)
      for (const event of events) assert.deepEqual(eventsOf(single(event).payload).events, [event])
    }),
    { numRuns: 50 },
  )
})

test('any payload is taken in or refused', () => {
  const format = fc.constantFrom(messageFormats.single, messageFormats.batch)
  const start = fc.constantFrom('', '00537045', '005372c1', '005375a0', '005375b000', '0080')
  fc.assert(
    fc.property(format, start, anyBytes, (messageFormat, prefix, bytes) => {
      try {
        const taken = take(messageFormat, Buffer.concat([Buffer.from(prefix, 'hex'), bytes]))
        assert.equal(countEvents(taken.payload), taken.incoming.count)
      } catch (error) {
        assert.ok(isEhubError(error, 'argument-error'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})
