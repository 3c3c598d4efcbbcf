import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import {
  formatSelector,
  parseSelector,
  positionOfFilter,
  type SelectorPosition,
  selectorLengthMax,
} from '../../../src/wire/amqp/selector.ts'
import {
  type AmqpValue,
  describedValue,
  intValue,
  nullValue,
  stringValue,
  symbolValue,
  ulongValue,
} from '../../../src/wire/amqp/types.ts'
import { throwsCode } from './bytes.ts'

const beginning: SelectorPosition = { kind: 'beginning' }

const expressions: readonly [string, string, SelectorPosition][] = [
  [
    'JavaScript, Python, Java, Go',
    "amqp.annotation.x-opt-offset > '123'",
    { kind: 'offset', offset: 123, isInclusive: false },
  ],
  ['inclusive', "amqp.annotation.x-opt-offset >= '123'", { kind: 'offset', offset: 123, isInclusive: true }],
  ['.NET, without quotes', 'amqp.annotation.x-opt-offset > 123', { kind: 'offset', offset: 123, isInclusive: false }],
  ['Rust, without a blank', "amqp.annotation.x-opt-offset >'123'", { kind: 'offset', offset: 123, isInclusive: false }],
  ['the beginning', "amqp.annotation.x-opt-offset > '-1'", beginning],
  ['the beginning, .NET', 'amqp.annotation.x-opt-offset > -1', beginning],
  ['the beginning, inclusive', "amqp.annotation.x-opt-offset >= '-1'", beginning],
  ['the end', "amqp.annotation.x-opt-offset > '@latest'", { kind: 'end', isInclusive: false }],
  ['the end, .NET', 'amqp.annotation.x-opt-offset > @latest', { kind: 'end', isInclusive: false }],
  ['the end, inclusive', "amqp.annotation.x-opt-offset >= '@latest'", { kind: 'end', isInclusive: true }],
  [
    'a sequence number',
    "amqp.annotation.x-opt-sequence-number > '5'",
    { kind: 'sequence', sequence: 5, isInclusive: false },
  ],
  [
    'a sequence number, inclusive',
    'amqp.annotation.x-opt-sequence-number >= 5',
    { kind: 'sequence', sequence: 5, isInclusive: true },
  ],
  ['sequence number -1', "amqp.annotation.x-opt-sequence-number > '-1'", beginning],
  [
    'a time',
    "amqp.annotation.x-opt-enqueued-time > '1700000000000'",
    { kind: 'time', timeMs: 1_700_000_000_000, isInclusive: false },
  ],
  [
    'a time before 1970',
    "amqp.annotation.x-opt-enqueued-time >= '-62135596800000'",
    { kind: 'time', timeMs: -62_135_596_800_000, isInclusive: true },
  ],
  ['no prefix', "x-opt-offset > '7'", { kind: 'offset', offset: 7, isInclusive: false }],
  ['equal', "amqp.annotation.x-opt-offset = '7'", { kind: 'offset', offset: 7, isInclusive: true }],
  ['other case', "AMQP.Annotation.X-OPT-OFFSET > '7'", { kind: 'offset', offset: 7, isInclusive: false }],
  [
    'blanks everywhere',
    "  amqp.annotation.x-opt-offset\t>\n' 7 '  ",
    { kind: 'offset', offset: 7, isInclusive: false },
  ],
  ['no blanks', "x-opt-offset>='7'", { kind: 'offset', offset: 7, isInclusive: true }],
  [
    'several clauses: the offset counts',
    "amqp.annotation.x-opt-enqueued-time > '5' AND amqp.annotation.x-opt-sequence-number > '6' and x-opt-offset >= 7",
    { kind: 'offset', offset: 7, isInclusive: true },
  ],
  [
    'several clauses: then the sequence number',
    "x-opt-enqueued-time > '5' AND x-opt-sequence-number > '6'",
    { kind: 'sequence', sequence: 6, isInclusive: false },
  ],
  [
    'the largest offset',
    `x-opt-offset > '${Number.MAX_SAFE_INTEGER}'`,
    { kind: 'offset', offset: Number.MAX_SAFE_INTEGER, isInclusive: false },
  ],
]

describe('every expression the SDKs send is understood', () => {
  for (const [name, expression, position] of expressions) {
    test(name, () => assert.deepEqual(parseSelector(expression), position))
  }
})

describe('an expression outside the grammar is refused', () => {
  const wrong = [
    '',
    '   ',
    'x-opt-offset',
    'x-opt-offset >',
    "x-opt-offset > ''",
    "x-opt-offset > 'abc'",
    "x-opt-offset > '1' trailing",
    "x-opt-offset > '1",
    "x-opt-offset > 1'",
    "x-opt-offset < '1'",
    "x-opt-offset => '1'",
    "x-opt-offset > '1.5'",
    "x-opt-offset > '-2'",
    "x-opt-offset > '9007199254740992'",
    "x-opt-offset > '99999999999999999999'",
    "x-opt-unknown > '1'",
    "x-opt-offset > '1' AND",
    "x-opt-offset > '1' AND x",
    "x-opt-offset > '1' OR x-opt-offset > '2'",
    "x-opt-offset > '1' ANDx-opt-offset > '2'",
    "amqp.annotation. x-opt-offset > '1'",
    '1=1',
  ]
  for (const expression of wrong)
    test(`"${expression}"`, () => throwsCode(() => parseSelector(expression), 'argument-error'))
  test('one that is too long', () =>
    throwsCode(() => parseSelector(`x-opt-offset > '${'1'.repeat(selectorLengthMax)}'`), 'argument-error'))
})

test('a position is read back from what is written for it', () => {
  const plain = { noNullPrototype: true }
  const isInclusive = fc.boolean()
  const position: fc.Arbitrary<SelectorPosition> = fc.oneof(
    fc.constant(beginning),
    isInclusive.map((inclusive) => ({ kind: 'end' as const, isInclusive: inclusive })),
    fc.record({ kind: fc.constant('offset' as const), offset: fc.maxSafeNat(), isInclusive }, plain),
    fc.record({ kind: fc.constant('sequence' as const), sequence: fc.maxSafeNat(), isInclusive }, plain),
    fc.record({ kind: fc.constant('time' as const), timeMs: fc.maxSafeInteger(), isInclusive }, plain),
  )
  fc.assert(fc.property(position, (value) => assert.deepEqual(parseSelector(formatSelector(value)), value)))
})

describe('the filter is found by its key, whatever its descriptor', () => {
  const key = symbolValue('apache.org:selector-filter:string')
  const text = stringValue("amqp.annotation.x-opt-offset > '3'")
  const position: SelectorPosition = { kind: 'offset', offset: 3, isInclusive: false }
  const descriptors: readonly [string, AmqpValue][] = [
    ['JavaScript, Go, Rust', ulongValue(0x0000468c00000004n)],
    ['.NET', ulongValue(0x000000137000000an)],
    ['Python, Java', key],
  ]
  for (const [name, descriptor] of descriptors) {
    test(name, () => assert.deepEqual(positionOfFilter([[key, describedValue(descriptor, text)]]), position))
  }
  test('none at all', () => assert.deepEqual(positionOfFilter([[key, text]]), position))
  test('no filter is the beginning', () => {
    assert.deepEqual(positionOfFilter(null), beginning)
    assert.deepEqual(positionOfFilter([]), beginning)
    assert.deepEqual(positionOfFilter([[key, nullValue]]), beginning)
  })
  test('a filter that is no text is refused', () =>
    throwsCode(() => positionOfFilter([[key, intValue(1)]]), 'argument-error'))
})

test('any text is understood or refused', () => {
  const word = fc.constantFrom(
    'amqp.annotation.',
    'x-opt-offset',
    ' ',
    '>',
    '>=',
    '=',
    "'",
    '1',
    '-1',
    '@latest',
    ' AND ',
    'a',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(word, { maxLength: 30 }).map((words) => words.join('')),
      ),
      (expression) => {
        try {
          parseSelector(expression)
        } catch (error) {
          assert.ok(isEhubError(error, 'argument-error'), String(error))
        }
      },
    ),
    { numRuns: 2000 },
  )
})
