import assert from 'node:assert/strict'
import { test } from 'node:test'
import { encodeMessage } from '../../../src/wire/amqp/message.ts'
import { annotations } from '../../../src/wire/amqp/names.ts'
import { ProducerAnnotations } from '../../../src/wire/amqp/producer-annotations.ts'
import {
  type AmqpMap,
  binaryValue,
  intValue,
  longValue,
  nullValue,
  shortValue,
  stringValue,
  symbolValue,
} from '../../../src/wire/amqp/types.ts'
import { throwsCode } from './bytes.ts'
import { keyed } from './events.ts'

function read(entries: AmqpMap, into = new ProducerAnnotations()): ProducerAnnotations {
  const section = encodeMessage({ messageAnnotations: entries })
  into.read(section, 0, section.length)
  return into
}

function keyOf(entries: AmqpMap): string | null {
  const section = encodeMessage({ messageAnnotations: entries })
  return read(entries).partitionKey(section)
}

const identity: AmqpMap = [
  [symbolValue(annotations.producerId), longValue(77)],
  [symbolValue(annotations.producerEpoch), shortValue(2)],
  [symbolValue(annotations.producerSequenceNumber), intValue(10)],
]

test('key and numbers are found among the application’s entries', () => {
  const entries: AmqpMap = [[symbolValue('app'), intValue(1)], keyed('k'), ...identity]
  const found = read(entries)
  assert.equal(keyOf(entries), 'k')
  assert.deepEqual(found.identity, { producerId: 77n, epoch: 2, sequence: 10 })
})

test('a key may be binary, and a null key is none', () => {
  const name = symbolValue(annotations.partitionKey)
  assert.equal(keyOf([[name, binaryValue(Buffer.from('k'))]]), 'k')
  assert.equal(keyOf([[name, nullValue]]), null)
  throwsCode(() => read([[name, intValue(1)]]), 'decode-error')
})

test('numbers count only together', () => {
  assert.equal(read(identity.slice(1)).identity, null)
  assert.equal(
    read([...identity.slice(0, 2), [symbolValue(annotations.producerSequenceNumber), stringValue('x')]]).identity,
    null,
  )
})

test('nothing shows through from the section before', () => {
  const found = read([keyed('k'), ...identity])
  read([], found)
  assert.deepEqual([found.keyStart, found.keyEnd, found.identity], [-1, -1, null])
})
