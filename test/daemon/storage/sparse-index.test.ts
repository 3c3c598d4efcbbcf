import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { IndexEntry, IndexFile } from '../../../src/daemon/storage/format.ts'
import { SparseIndex } from '../../../src/daemon/storage/sparse-index.ts'
import type { Batch } from '../../../src/daemon/storage/storage-engine.ts'

const kib = 1024

function entry(sequence: number, more: Partial<IndexEntry> = {}): IndexEntry {
  return { sequence, offset: sequence * 100, timeMs: sequence * 10, position: 1024 + sequence * 8, ...more }
}

function indexOf(entries: readonly IndexEntry[]): SparseIndex {
  const index = new SparseIndex()
  for (const one of entries) index.add(one)
  return index
}

function batch(baseSequence: number): Batch {
  const payload = Buffer.alloc(0)
  return { baseSequence, baseOffset: 0, count: 1, enqueuedTimeMs: 0, encoding: 'amqp', payload, producer: null }
}

describe('a look-up', () => {
  const index = indexOf([entry(10), entry(20), entry(30)])

  test('by sequence or offset finds the last entry at or before', () => {
    const cases: readonly (readonly [number, number | null])[] = [
      [10, 10],
      [19, 10],
      [20, 20],
      [29, 20],
      [1e9, 30],
    ]
    for (const [wanted, found] of cases) {
      assert.equal(index.bySequence(wanted)?.sequence, found, `sequence ${wanted}`)
      assert.equal(index.byOffset(wanted * 100)?.sequence, found, `offset ${wanted * 100}`)
    }
  })

  // A damaged first batch has no entry; taking the first there is passed over it in silence.
  test('without an entry before the sequence looks from the segment’s beginning', () => {
    assert.equal(index.bySequence(9), null)
    assert.equal(index.byOffset(999), null)
    assert.equal(index.byTime(100), null)
    assert.equal(new SparseIndex().bySequence(5), null)
  })

  test('by time begins before every batch of that time', () => {
    const shared = indexOf([
      entry(1, { timeMs: 5 }),
      entry(2, { timeMs: 7 }),
      entry(3, { timeMs: 7 }),
      entry(4, { timeMs: 9 }),
    ])
    assert.equal(shared.byTime(7)?.sequence, 1)
    assert.equal(shared.byTime(8)?.sequence, 3)
    assert.equal(shared.byTime(5), null)
  })
})

test('about every 64 KiB a batch is noted, the first one always', () => {
  const index = new SparseIndex()
  const positions = [1024, 1024 + 64 * kib - 8, 1024 + 64 * kib, 1024 + 200 * kib]
  for (const [number, position] of positions.entries()) index.note(batch(number), position)
  assert.deepEqual(
    index.entries().map(({ sequence }) => sequence),
    [0, 2, 3],
  )
})

test('it holds as many entries as it is given', () => {
  const entries = Array.from({ length: 1000 }, (_, number) => entry(number))
  const index = indexOf(entries)
  assert.equal(index.count, 1000)
  assert.deepEqual(index.entries(), entries)
  for (const { sequence } of entries) assert.equal(index.bySequence(sequence)?.sequence, sequence)
})

describe('an index file', () => {
  const file: IndexFile = {
    generation: 4,
    baseSequence: 1,
    endPosition: 5000,
    endSequence: 9,
    entries: [entry(1), entry(3, { offset: 100 }), entry(5, { timeMs: 30 })],
  }

  test('of this very segment is taken', () => {
    assert.deepEqual(SparseIndex.from(file, 4, 1)?.entries(), file.entries)
  })

  test('of another segment, or out of order, is not', () => {
    assert.equal(SparseIndex.from(null, 4, 1), null)
    assert.equal(SparseIndex.from(file, 5, 1), null)
    assert.equal(SparseIndex.from(file, 4, 2), null)
    const wrong: readonly (readonly [string, readonly IndexEntry[]])[] = [
      ['a sequence twice', [entry(1), entry(1, { position: 2000 })]],
      ['an offset that goes back', [entry(1), entry(2, { offset: 0 })]],
      ['a time that goes back', [entry(1), entry(2, { timeMs: 0 })]],
      ['a position twice', [entry(1), entry(2, { position: 1032 })]],
      ['before the segment', [entry(0)]],
      ['beyond its end', [entry(1, { position: 5000 })]],
    ]
    for (const [name, entries] of wrong) assert.equal(SparseIndex.from({ ...file, entries }, 4, 1), null, name)
  })
})
