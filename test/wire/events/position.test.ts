import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import {
  formatPosition,
  formatPositionSpec,
  parseBetween,
  parsePartitionList,
  parsePosition,
  parsePositionSpec,
  positionOf,
  type Position,
  type PositionSpec,
} from '../../../src/wire/events/position.ts'

const now = Date.parse('2026-11-20T10:00:00Z')
const isUsage = (error: unknown) => isEhubError(error, 'usage')

const cases: readonly (readonly [string, Position])[] = [
  ['beginning', { kind: 'beginning' }],
  ['start', { kind: 'beginning' }],
  ['Earliest', { kind: 'beginning' }],
  ['end', { kind: 'end' }],
  ['latest', { kind: 'end' }],
  ['new', { kind: 'end' }],
  ['checkpoint', { kind: 'checkpoint' }],
  ['stored', { kind: 'checkpoint' }],
  ['123', { kind: 'sequence', sequence: 123, isInclusive: true }],
  ['seq:123', { kind: 'sequence', sequence: 123, isInclusive: true }],
  ['seq:>123', { kind: 'sequence', sequence: 123, isInclusive: false }],
  ['off:4294967296', { kind: 'offset', offset: '4294967296', isInclusive: true }],
  ['off:>4294967296', { kind: 'offset', offset: '4294967296', isInclusive: false }],
  ['+10', { kind: 'relative', to: 'beginning', count: 10 }],
  ['-10', { kind: 'relative', to: 'end', count: 10 }],
  ['@2026-11-20', { kind: 'time', timeMs: Date.parse('2026-11-20T00:00:00Z') }],
  ['@2026-11-20T09:00:00Z', { kind: 'time', timeMs: Date.parse('2026-11-20T09:00:00Z') }],
  ['@2026-11-20T09:00', { kind: 'time', timeMs: Date.parse('2026-11-20T09:00:00Z') }],
  ['@2026-11-20T09:00:00.125+01:00', { kind: 'time', timeMs: Date.parse('2026-11-20T08:00:00.125Z') }],
  ['@1763629200', { kind: 'time', timeMs: 1_763_629_200_000 }],
  ['@1763629200123', { kind: 'time', timeMs: 1_763_629_200_123 }],
  ['@-15m', { kind: 'time', timeMs: now - 900_000 }],
  ['@-2h30m', { kind: 'time', timeMs: now - 9_000_000 }],
  ['@+5m', { kind: 'time', timeMs: now + 300_000 }],
]

for (const [text, position] of cases) {
  test(`${text} is a position`, () => assert.deepEqual(parsePosition(text, now), position))
}

test('what is no position is a usage error that shows the grammar', () => {
  const texts = [
    '',
    'begin',
    '1.5',
    'seq:',
    'seq:x',
    'off:',
    '@',
    '@yesterday',
    '@2026-02-31',
    '@2026-13-01',
    '@12345',
    '@-5',
  ]
  for (const text of [...texts, '--5', '99999999999999999999']) {
    assert.throws(() => parsePosition(text, now), isUsage, text)
  }
})

test('a position for each partition, the star for all others', () => {
  const spec = parsePositionSpec('0=seq:5,1=@-1h,*=end', now)
  assert.deepEqual(positionOf(spec, 0), { kind: 'sequence', sequence: 5, isInclusive: true })
  assert.deepEqual(positionOf(spec, 1), { kind: 'time', timeMs: now - 3_600_000 })
  assert.deepEqual(positionOf(spec, 7), { kind: 'end' })
  assert.equal(positionOf(parsePositionSpec('0=end', now), 1), null)
  for (const text of ['0=', '=end', '0=end,0=end', '*=end,*=end', 'a=end', '0=end,', '0=bogus']) {
    assert.throws(() => parsePositionSpec(text, now), isUsage, text)
  }
})

test('a range of times', () => {
  assert.deepEqual(parseBetween('@-1h..@-30m', now), {
    from: { kind: 'time', timeMs: now - 3_600_000 },
    to: { kind: 'time', timeMs: now - 1_800_000 },
  })
  for (const text of ['', '@-1h', '@-1h..', '@-30m..@-1h', '5..7', '@-3h..@-2h..@-1h']) {
    assert.throws(() => parseBetween(text, now), isUsage, text)
  }
})

test('a list of partitions is ascending and without repetition', () => {
  assert.deepEqual(parsePartitionList('4-7,0,2,5'), [0, 2, 4, 5, 6, 7])
  for (const text of ['', 'a', '1-', '3-1', '0-99999999999', '1,,2']) {
    assert.throws(() => parsePartitionList(text), isUsage, text)
  }
})

const number = fc.nat(Number.MAX_SAFE_INTEGER)
const position: fc.Arbitrary<Position> = fc.oneof(
  fc.constantFrom<Position>({ kind: 'beginning' }, { kind: 'end' }, { kind: 'checkpoint' }),
  fc
    .tuple(number, fc.boolean())
    .map(([sequence, isInclusive]) => ({ kind: 'sequence' as const, sequence, isInclusive })),
  fc
    .tuple(number.map(String), fc.boolean())
    .map(([offset, isInclusive]) => ({ kind: 'offset' as const, offset, isInclusive })),
  fc
    .tuple(fc.constantFrom('beginning' as const, 'end' as const), number)
    .map(([to, count]) => ({ kind: 'relative' as const, to, count })),
  fc.nat(Date.parse('9999-01-01')).map((timeMs) => ({ kind: 'time' as const, timeMs })),
)
const spec: fc.Arbitrary<PositionSpec> = fc
  .record({ byPartition: fc.dictionary(fc.nat(1023).map(String), position), others: fc.option(position) })
  .filter(({ byPartition, others }) => others !== null || Object.keys(byPartition).length > 0)
  .map(({ byPartition, others }) => ({
    byPartition: new Map(Object.entries(byPartition).map(([name, value]) => [Number(name), value])),
    others,
  }))

test('positions round-trip through their grammar', () => {
  fc.assert(fc.property(position, (value) => assert.deepEqual(parsePosition(formatPosition(value), now), value)))
  fc.assert(fc.property(spec, (value) => assert.deepEqual(parsePositionSpec(formatPositionSpec(value), now), value)))
})

test('any text is a position or a usage error', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      try {
        parsePositionSpec(text, now)
      } catch (error) {
        assert.ok(isUsage(error))
      }
    }),
  )
})
