import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { PartitionChooser } from '../../../src/daemon/broker/partition-chooser.ts'

const all = () => true

test('one small event a turn goes round, beginning with partition 0', () => {
  const chooser = new PartitionChooser(3)
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((turn) => chooser.choose(turn, 100, 1, all)),
    [0, 1, 2, 0, 1],
  )
})

test('small events of one turn stay together for 64 events', () => {
  const chooser = new PartitionChooser(4)
  const chosen = Array.from({ length: 130 }, () => chooser.choose(7, 100, 1, all))
  assert.deepEqual(chosen, [...Array(64).fill(0), ...Array(64).fill(1), 2, 2])
})

test('small events of one turn stay together for 64 KiB', () => {
  const chooser = new PartitionChooser(4)
  const chosen = Array.from({ length: 10 }, () => chooser.choose(7, 15_000, 1, all))
  assert.deepEqual(chosen, [0, 0, 0, 0, 1, 1, 1, 1, 2, 2])
})

test('batches and large events always go one further', () => {
  const chooser = new PartitionChooser(4)
  assert.deepEqual(
    [chooser.choose(1, 500, 10, all), chooser.choose(1, 500, 10, all), chooser.choose(1, 500_000, 1, all)],
    [0, 1, 2],
  )
})

test('batches and single events rotate apart from each other', () => {
  const chooser = new PartitionChooser(3)
  const chosen = [1, 2, 3, 4].flatMap((turn) => [chooser.choose(turn, 100, 1, all), chooser.choose(turn, 9000, 5, all)])
  assert.deepEqual(chosen, [0, 0, 1, 1, 2, 2, 0, 0])
})

test('a partition that takes nothing at present is passed over', () => {
  const chooser = new PartitionChooser(3)
  const usable = (partition: number) => partition !== 1
  for (const count of [1, 2]) {
    assert.deepEqual(
      [1, 2, 3, 4].map((turn) => chooser.choose(turn, 100, count, usable)),
      [0, 2, 0, 2],
    )
    assert.deepEqual(
      [5, 6].map((turn) => chooser.choose(turn, 100, count, () => false)),
      [0, 1],
    )
  }
})

test('turns of 65 events once gave every other partition 64 times as much: over many turns all get the same', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 100 }), (partitions, perTurn) => {
      const chooser = new PartitionChooser(partitions)
      const counts = Array<number>(partitions).fill(0)
      const turns = partitions * 20
      for (let turn = 0; turn < turns; turn++) {
        for (let event = 0; event < perTurn; event++) counts[chooser.choose(turn, 10, 1, all)]! += 1
      }
      assert.ok(Math.max(...counts) - Math.min(...counts) <= 2 * 64, counts.join(' '))
    }),
    { examples: [[4, 65]] },
  )
})

test('partitions that come later get their share, not everything', () => {
  const chooser = new PartitionChooser(2)
  for (let turn = 0; turn < 1000; turn++) chooser.choose(turn, 100, 1, all)
  chooser.grow(4)
  const chosen = [0, 0, 0, 0]
  for (let turn = 0; turn < 400; turn++) {
    const partition = chooser.choose(1000 + turn, 100, 1, all)
    chosen[partition] = (chosen[partition] ?? 0) + 1
  }
  assert.deepEqual(chosen, [100, 100, 100, 100])
})
