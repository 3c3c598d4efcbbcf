import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import type { StartPosition } from '../../../src/daemon/broker/broker-api.ts'
import { type LogEnds, placePosition, searchPlacement } from '../../../src/daemon/broker/positions.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { batchOf } from './builders.ts'

const used: LogEnds = {
  start: { sequence: 10, offset: 1000 },
  end: { sequence: 20, offset: 2000 },
  last: { sequence: 19, offset: 1990, timeMs: 5000 },
}
const fresh: LogEnds = {
  start: { sequence: 0, offset: 0 },
  end: { sequence: 0, offset: 0 },
  last: { sequence: -1, offset: -1, timeMs: null },
}
const trimmed: LogEnds = { ...used, start: used.end }

const sequence = (value: number, isInclusive = false): StartPosition => ({
  kind: 'sequence',
  sequence: value,
  isInclusive,
})
const offset = (value: number, isInclusive = false): StartPosition => ({ kind: 'offset', offset: value, isInclusive })
const time = (timeMs: number, isInclusive = false): StartPosition => ({ kind: 'time', timeMs, isInclusive })
const end = (isInclusive: boolean): StartPosition => ({ kind: 'end', isInclusive })

// What a reader begins with: a sequence, the name of a search, or the last number of the refusal.
const table: readonly (readonly [
  string,
  LogEnds,
  StartPosition,
  number | 'by-offset' | 'by-time' | `last ${number}`,
])[] = [
  ['the beginning', used, { kind: 'beginning' }, 10],
  ['the beginning of a fresh log', fresh, { kind: 'beginning' }, 0],
  ['the beginning when all is trimmed', trimmed, { kind: 'beginning' }, 20],
  ['the end', used, end(false), 20],
  ['the end, inclusive: the last event', used, end(true), 19],
  ['the end of a fresh log, inclusive', fresh, end(true), 0],
  ['the end, inclusive, when all is trimmed', trimmed, end(true), 20],
  ['behind sequence 15', used, sequence(15), 16],
  ['from sequence 15', used, sequence(15, true), 15],
  ['behind the last sequence waits', used, sequence(19), 20],
  ['from the last sequence: one event', used, sequence(19, true), 19],
  ['behind a sequence beyond the last', used, sequence(20), 'last 19'],
  ['from a sequence beyond the last', used, sequence(20, true), 'last 19'],
  ['behind a trimmed sequence starts at the earliest', used, sequence(3), 10],
  ['behind the sequence before the start', used, sequence(9), 10],
  ['behind sequence -1', used, sequence(-1), 10],
  ['behind sequence -1 of a fresh log', fresh, sequence(-1), 0],
  ['from sequence 0 of a fresh log', fresh, sequence(0, true), 'last -1'],
  ['behind the last sequence when all is trimmed', trimmed, sequence(19), 20],
  ['behind offset 1500', used, offset(1500), 'by-offset'],
  ['from offset 1990', used, offset(1990, true), 'by-offset'],
  ['behind the last offset waits', used, offset(1990), 20],
  ['behind an offset beyond the last', used, offset(1991), 'last 1990'],
  ['from an offset beyond the last', used, offset(21_474_836_480, true), 'last 1990'],
  ['behind a trimmed offset starts at the earliest', used, offset(10), 10],
  ['behind offset -1', used, offset(-1), 10],
  ['behind offset -1 of a fresh log', fresh, offset(-1), 0],
  ['behind offset 0 of a fresh log', fresh, offset(0), 'last -1'],
  ['behind the last time waits', used, time(5000), 20],
  ['from the last time', used, time(5000, true), 'by-time'],
  ['behind an earlier time', used, time(4999), 'by-time'],
  ['behind a time to come waits', used, time(9000), 20],
  ['behind a time before everything', used, time(-1), 'by-time'],
  ['any time in a fresh log', fresh, time(0, true), 0],
]

for (const [what, ends, position, expected] of table) {
  test(`a reader from ${what}: ${expected}`, () => {
    if (typeof expected === 'string' && expected.startsWith('last')) {
      assert.throws(
        () => placePosition(position, ends),
        (error) => isEhubError(error, 'position-out-of-range') && error.message.endsWith(`'${expected.slice(5)}'`),
      )
      return
    }
    const placement = placePosition(position, ends)
    assert.equal(placement.kind === 'at' ? placement.sequence : placement.kind, expected)
  })
}

test('the refusals are the sentences of the service', () => {
  assert.throws(() => placePosition(offset(21_474_836_480), used), {
    message: "The supplied offset '21474836480' is invalid. The last offset in the system is '1990'",
  })
  assert.throws(() => placePosition(sequence(488), used), {
    message: "The supplied sequence number '488' is invalid. The last sequence number in the system is '19'",
  })
})

test('a position that is no integer is refused', () => {
  for (const position of [sequence(1.5), offset(Number.NaN), time(2 ** 60)]) {
    assert.throws(
      () => placePosition(position, used),
      (error) => isEhubError(error, 'argument-error'),
    )
  }
})

test('offsets find events inside batches, times find batches', async (t) => {
  const engine = new MemoryEngine()
  t.after(() => engine.close())
  const log = await engine.openLog({ group: 'ns1/h1', partition: 0 }, { durability: 'memory', segmentBytes: 1 << 20 })
  // Two batches of three events of 8 bytes each: offsets 0 8 16 | 24 32 40; times 100 and 200.
  for (const [index, enqueuedTimeMs] of [100, 200].entries()) {
    const { payload } = batchOf(['abc', 'abc', 'abc'])
    const [baseSequence, baseOffset] = [3 * index, 24 * index]
    await log.append([
      { baseSequence, baseOffset, count: 3, enqueuedTimeMs, encoding: 'amqp', payload, producer: null },
    ])
  }
  const ends = { start: log.start, end: log.end, last: { sequence: 5, offset: 40, timeMs: 200 } }
  const searched = { log, retained: log }
  const search = (position: StartPosition) => searchPlacement(searched, placePosition(position, ends))
  const cases: readonly (readonly [StartPosition, number])[] = [
    [offset(0, true), 0],
    [offset(0), 1],
    [offset(1), 1],
    [offset(8, true), 1],
    [offset(16), 3],
    // Never existed: the first event behind it.
    [offset(17, true), 3],
    [offset(23), 3],
    [offset(24, true), 3],
    [offset(39), 5],
    [offset(40, true), 5],
    [offset(40), 6],
    [time(99), 0],
    [time(100, true), 0],
    [time(100), 3],
    [time(200, true), 3],
    [time(200), 6],
    [time(150, true), 3],
  ]
  for (const [position, expected] of cases) assert.equal(await search(position), expected, JSON.stringify(position))

  await log.trimBefore(4)
  const after = { ...ends, start: log.start }
  assert.equal(await searchPlacement(searched, placePosition(offset(24, true), after)), 4)
  assert.equal(await searchPlacement(searched, placePosition(offset(32), after)), 5)
})
