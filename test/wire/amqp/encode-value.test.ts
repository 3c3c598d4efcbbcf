import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { encodeValue } from '../../../src/wire/amqp/encode-value.ts'
import {
  arrayValue,
  binaryValue,
  describedValue,
  intValue,
  listValue,
  longValue,
  mapValue,
  stringValue,
  symbolValue,
  timestampValue,
  trueValue,
  uintValue,
  ulongValue,
  type AmqpValue,
} from '../../../src/wire/amqp/types.ts'
import { hex, throwsCode } from './bytes.ts'

// The shortest encoding of each, AMQP 1.0 §1.6.
const cases: readonly [string, AmqpValue, string][] = [
  ['null', { type: 'null', value: null }, '40'],
  ['true', trueValue, '41'],
  ['uint 0', uintValue(0), '43'],
  ['uint 255', uintValue(255), '52 ff'],
  ['uint 256', uintValue(256), '70 00000100'],
  ['ulong 0', ulongValue(0), '44'],
  ['ulong 255', ulongValue(255), '53 ff'],
  ['ulong 256', ulongValue(256), '80 0000000000000100'],
  ['int -1', intValue(-1), '54 ff'],
  ['int 202, the status code', intValue(202), '71 000000ca'],
  ['long 127', longValue(127), '55 7f'],
  ['long 128', longValue(128), '81 0000000000000080'],
  ['long -129', longValue(-129), '81 ffffffffffffff7f'],
  ['timestamp', timestampValue(1), '83 0000000000000001'],
  ['string', stringValue('hi'), 'a1 02 6869'],
  ['string of 256 bytes', stringValue('a'.repeat(256)), `b1 00000100 ${'61'.repeat(256)}`],
  ['symbol', symbolValue('hi'), 'a3 02 6869'],
  ['binary', binaryValue(Buffer.from([1])), 'a0 01 01'],
  ['empty list', listValue([]), '45'],
  ['list', listValue([trueValue]), 'c0 02 01 41'],
  ['empty map', mapValue([]), 'c1 01 00'],
  ['map', mapValue([[symbolValue('a'), uintValue(1)]]), 'c1 06 02 a3 01 61 52 01'],
  // $management: partition_ids is an array of string.
  ['array of string', arrayValue('string', [stringValue('0'), stringValue('1')]), 'e0 06 02 a1 01 30 01 31'],
  ['empty array of string', arrayValue('string', []), 'e0 02 00 a1'],
  ['array of true', arrayValue('boolean', [trueValue]), 'e0 03 01 56 01'],
  // The filter of a receiver, with the descriptor most clients use.
  [
    'described string',
    describedValue(ulongValue(0x0000468c00000004n), stringValue('x')),
    '00 80 0000468c00000004 a1 01 78',
  ],
]

describe('values are written in their shortest form', () => {
  for (const [name, value, bytes] of cases) {
    test(name, () => assert.equal(encodeValue(value).toString('hex'), hex(bytes).toString('hex')))
  }
})

test('a list becomes a list32 when it no longer fits a list8', () => {
  const list = (length: number) => encodeValue(listValue([binaryValue(Buffer.alloc(length))]))
  assert.equal(list(252).subarray(0, 3).toString('hex'), 'c0ff01')
  assert.equal(list(253).subarray(0, 9).toString('hex'), 'd00000010300000001')
})

describe('a value its type cannot hold is refused', () => {
  const wrong: readonly [string, AmqpValue][] = [
    ['ubyte 256', { type: 'ubyte', value: 256 }],
    ['uint -1', uintValue(-1)],
    ['uint of a half', uintValue(0.5)],
    ['int 2^31', intValue(2 ** 31)],
    ['long 2^63', longValue(2n ** 63n)],
    ['ulong 2^64', ulongValue(2n ** 64n)],
    ['uuid of 15 bytes', { type: 'uuid', value: Buffer.alloc(15) }],
    ['array of two types', arrayValue('string', [symbolValue('a')])],
    ['array of null', arrayValue('null', [{ type: 'null', value: null }])],
  ]
  for (const [name, value] of wrong) test(name, () => throwsCode(() => encodeValue(value), 'argument-error'))
})
