import assert from 'node:assert/strict'
import { test } from 'node:test'
import { historyKey } from '../../../src/daemon/observe/lag-history.ts'
import { MemoryHistory } from '../../../src/daemon/observe/memory-history.ts'
import { partition, snapshotAt } from '../../tui/fixture.ts'

const key = historyKey('h', 'g', 0)
const snapshot = (atMs: number, lag: number) => ({
  ...snapshotAt(0),
  atMs,
  partitions: [partition('h', 'g', 0, { lag })],
})

test('changes of the last hour are kept, one every ten seconds, with the one that held before', async () => {
  const history = new MemoryHistory()
  history.keep(snapshot(10_000, 1))
  history.keep(snapshot(12_000, 9))
  history.keep(snapshot(20_000, 1))
  history.keep(snapshot(30_000, 2))
  history.keep(snapshot(40_000, 3))
  assert.deepEqual(await history.read(key, 10_000, 30_000), [
    { atMs: 10_000, lag: 1 },
    { atMs: 30_000, lag: 2 },
  ])
  history.keep(snapshot(3_600_000 + 35_000, 4))
  assert.deepEqual(
    (await history.read(key, 0, 4_000_000)).map(({ lag }) => lag),
    [2, 3, 4],
  )
})

test('a group that is gone costs nothing', async () => {
  const history = new MemoryHistory()
  history.keep(snapshot(10_000, 1))
  history.keep({ ...snapshot(20_000, 1), partitions: [] })
  assert.deepEqual(await history.read(key, 0, 30_000), [])
})
