import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { BatchEnvelope, encodeBatch } from '../../../src/wire/amqp/batch-envelope.ts'
import { hex, throwsCode } from './bytes.ts'
import { eventOf, keyed } from './events.ts'
import { rheaMessage } from './rhea-partner.ts'

function read(bytes: Buffer): BatchEnvelope {
  const envelope = new BatchEnvelope()
  envelope.read(bytes, 0, bytes.length)
  return envelope
}

// What @azure/event-hubs sends for two events with a partition key: header and properties are empty lists.
const fromJavaScript = hex(
  '00 53 70 45', // header
  '00 53 72 d1 00000020 00000002', // message annotations, map32 of 1 pair
  `b3 00000013 ${Buffer.from('x-opt-partition-key').toString('hex')}`,
  'a1 02 706b', // "pk"
  '00 53 73 45', // properties
  '00 53 75 a0 07 00 53 75 a0 02 6131', // data: event 1, a data section "a1"
  '00 53 75 b0 00000007 00 53 75 a0 02 6132', // data: event 2, "a2"
)

test('an envelope as the JavaScript SDK sends it is read without copying', () => {
  const envelope = read(fromJavaScript)
  assert.equal(envelope.count, 2)
  assert.equal(envelope.annotations.partitionKey(fromJavaScript), 'pk')
  assert.equal(envelope.dataStart, fromJavaScript.length - 27)
  assert.equal(envelope.dataEnd, fromJavaScript.length)
  assert.ok(envelope.isNormal)
})

test('an envelope as rhea writes it is read', () => {
  const body = rheaMessage.data_sections([eventOf('one'), eventOf('two')])
  const bytes = rheaMessage.encode({ body, message_annotations: { 'x-opt-partition-key': 'k' } })
  const envelope = read(bytes)
  assert.deepEqual([envelope.count, envelope.annotations.partitionKey(bytes)], [2, 'k'])
})

test('what was written is read again, with short and long events', () => {
  const events = [eventOf('a'), eventOf('b'.repeat(300)), eventOf('')]
  const bytes = encodeBatch(events, [keyed('k')])
  const envelope = read(bytes)
  assert.deepEqual([envelope.count, envelope.annotations.partitionKey(bytes)], [3, 'k'])
  assert.equal(rheaMessage.decode(bytes)['message_annotations'] !== undefined, true)
  assert.equal(read(encodeBatch(events)).annotations.keyStart, -1)
})

test('an envelope without events has none', () => {
  assert.equal(read(hex('00 53 70 45')).count, 0)
  assert.equal(read(Buffer.alloc(0)).count, 0)
})

test('nothing shows through from the envelope before', () => {
  const envelope = read(fromJavaScript)
  const plain = encodeBatch([eventOf('a')])
  envelope.read(plain, 0, plain.length)
  assert.deepEqual([envelope.count, envelope.annotations.keyStart, envelope.dataStart], [1, -1, 0])
})

describe('an envelope that is none is refused', () => {
  const cases: readonly [string, string][] = [
    ['a value as body', '00 53 77 40'],
    ['a sequence as body', '00 53 76 45'],
    ['annotations that do not fit', '00 53 72 c1 03 02 40 a1'],
    ['an event beyond the end', '00 53 75 a0 07 00 53'],
    ['sections out of order', '00 53 75 a0 01 00 00 53 72 c1 01 00'],
  ]
  for (const [name, bytes] of cases) test(name, () => throwsCode(() => read(hex(bytes)), 'decode-error'))
})
