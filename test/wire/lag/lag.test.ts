import assert from 'node:assert/strict'
import { test } from 'node:test'
import { drainSeconds, type LagFacts, measureLag } from '../../../src/wire/lag/lag.ts'

const facts = (first: number, last: number, checkpoint: number | null): LagFacts => ({
  atMs: 0,
  firstSequence: first,
  lastSequence: last,
  checkpoint: checkpoint === null ? null : { sequence: checkpoint, updatedAtMs: 0, owner: null },
  isReadable: true,
})

test('lag counts what is stored after the checkpoint', () => {
  const cases: readonly (readonly [string, LagFacts, { next: number; events: number; lost: number }])[] = [
    ['a never-used partition without checkpoint', facts(0, -1, null), { next: 0, events: 0, lost: 0 }],
    ['a never-used partition with a checkpoint before the first', facts(0, -1, -1), { next: 0, events: 0, lost: 0 }],
    ['exactly one unprocessed event', facts(0, 0, -1), { next: 0, events: 1, lost: 0 }],
    ['exactly one event, processed', facts(0, 0, 0), { next: 1, events: 0, lost: 0 }],
    ['one event and no checkpoint', facts(0, 0, null), { next: 0, events: 1, lost: 0 }],
    ['some way behind', facts(0, 99, 89), { next: 90, events: 10, lost: 0 }],
    ['behind what retention removed', facts(50, 99, 39), { next: 50, events: 50, lost: 10 }],
    ['at the edge of what retention removed', facts(50, 99, 49), { next: 50, events: 50, lost: 0 }],
    ['everything removed, checkpoint at the last', facts(100, 99, 99), { next: 100, events: 0, lost: 0 }],
    ['everything removed, checkpoint before', facts(100, 99, 89), { next: 100, events: 0, lost: 10 }],
    ['no checkpoint and a trimmed start', facts(50, 99, null), { next: 50, events: 50, lost: 0 }],
    ['a checkpoint beyond the end', facts(0, 9, 50), { next: 51, events: 0, lost: 0 }],
  ]
  for (const [name, given, expected] of cases) assert.deepEqual(measureLag(given), expected, name)
})

test('time to drain needs a consumer faster than the producers', () => {
  assert.equal(drainSeconds(0, 5, 0), 0)
  assert.equal(drainSeconds(100, 5, 15), 10)
  assert.equal(drainSeconds(100, 15, 15), Number.POSITIVE_INFINITY)
  assert.equal(drainSeconds(100, 15, 5), Number.POSITIVE_INFINITY)
})
