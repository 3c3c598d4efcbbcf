import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import {
  type Change,
  type Checkpoints,
  copies,
  deletions,
  imports,
  repairs,
  shifts,
} from '../../src/cli/checkpoint-changes.ts'

// Partition 0 holds 10 to 19, 1 was never used, 2 holds 0 to 4.
const partitions = [
  { partition: 0, beginSequence: 10, lastSequence: 19 },
  { partition: 1, beginSequence: 0, lastSequence: -1 },
  { partition: 2, beginSequence: 0, lastSequence: 4 },
]
const at = (...sequences: (number | null)[]): Checkpoints =>
  new Map(sequences.flatMap((sequence, partition) => (sequence === null ? [] : [[partition, { sequence }]])))
const change = (partition: number, before: number | null, after: number | null): Change => ({
  partition,
  before,
  after,
})

const table: readonly (readonly [string, readonly Change[], readonly Change[]])[] = [
  [
    'deleting leaves alone what is not there',
    deletions(partitions, at(12, null, 3)),
    [change(0, 12, null), change(2, 3, null)],
  ],
  ['forward ends at the last event', shifts(partitions, at(15, null, 3), 3), [change(0, 15, 18), change(2, 3, 4)]],
  [
    'back ends before the first event stored',
    shifts(partitions, at(12, null, 3), -5),
    [change(0, 12, 9), change(2, 3, null)],
  ],
  ['by nothing changes nothing', shifts(partitions, at(12, null, 3), 0), []],
  ['another group is followed where it is', copies(partitions, at(12, null, 3), at(15, null, 3)), [change(0, 12, 15)]],
  ['another group without any changes nothing', copies(partitions, at(12, null, 3), at()), []],
  [
    'a checkpoint beyond the last event goes there',
    repairs(partitions, at(25, 7, 4)),
    [change(0, 25, 19), change(1, 7, null)],
  ],
  ['a lost place is not repaired: reading goes on behind it', repairs(partitions, at(3, null, null)), []],
  [
    'a file sets what it names',
    imports(
      partitions,
      at(12, null, 3),
      new Map([
        [0, 14],
        [2, -1],
      ]),
    ),
    [change(0, 12, 14), change(2, 3, null)],
  ],
]

for (const [sentence, is, shouldBe] of table) test(sentence, () => assert.deepEqual(is, shouldBe))

test('a file that names an event that is not there yet changes nothing', () => {
  assert.throws(
    () => imports(partitions, at(12), new Map([[2, 5]])),
    (error) =>
      isEhubError(error, 'position-out-of-range') && /5 is not there yet, partition 2 ends at 5/.test(error.message),
  )
})
