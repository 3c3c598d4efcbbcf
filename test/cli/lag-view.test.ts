import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lagJson, selectLag, sortedGroups } from '../../src/cli/lag-view.ts'
import { snapshotAt } from '../tui/fixture.ts'

const all = { groups: [], isOnlyWithLag: false, sort: 'name' } as const

test('only what is behind, of the groups named in any case, greatest first', () => {
  const selected = selectLag(snapshotAt(0), { groups: ['AUDIT'], isOnlyWithLag: true, sort: 'lag' })
  assert.deepEqual(
    selected.partitions.map((row) => [row.group, row.partition, row.lag]),
    [
      ['audit', 1, 8198],
      ['audit', 3, 3],
      ['audit', 2, 2],
      ['audit', 0, 1],
    ],
  )
  const behind = selectLag(snapshotAt(0), { ...all, isOnlyWithLag: true })
  assert.ok(behind.partitions.every((row) => row.lag > 0 && row.status !== 'UNUSED'))
})

test('groups are ordered by their sum or by their oldest event', () => {
  const first = (sort: 'lag' | 'age' | 'name') => sortedGroups(snapshotAt(0), sort)[0]?.group
  assert.deepEqual([first('lag'), first('age'), first('name')], ['alerts', 'alerts', '$Default'])
})

test('the JSON of a row has the documented names', () => {
  const snapshot = snapshotAt(0)
  const row = snapshot.partitions.find((r) => r.group === 'audit' && r.partition === 1)
  assert.ok(row !== undefined)
  assert.deepEqual(lagJson(row, snapshot), {
    ts: '2026-11-20T12:00:00.000Z',
    hub: 'orders',
    group: 'audit',
    partition: 1,
    first: 0,
    last: 50_988,
    checkpoint: 42_790,
    lag: 8198,
    lagBytes: 1024,
    lost: 0,
    ageMs: 41_000,
    ageEstimated: false,
    inRate: 103,
    outRate: 5,
    owner: 'worker-1',
    epoch: 0,
    readers: 1,
    status: 'WARN',
    level: 'WARN',
    reason: 'the lag has not shrunk in the window',
    store: 'daemon',
  })
})
