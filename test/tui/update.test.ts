import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { overviewRows, selectedGroup } from '../../src/tui/rows.ts'
import { trendKey } from '../../src/tui/state.ts'
import { freshState, keys, partition, play, sampled, snapshotAt } from './fixture.ts'

const names = (state: Parameters<typeof overviewRows>[0]) =>
  overviewRows(state).map((row) => (row.kind === 'hub' ? row.hub : `${row.group.hub}/${row.group.group}`))

describe('moving about', () => {
  test('the cursor opens on the worst group', () => {
    assert.equal(sampled(1).selectedGroup, 'telemetry\nalerts')
  })

  test('enter opens the group on the partition its verdict comes from, escape goes back and never quits', () => {
    const opened = play(sampled(), ':', 'o', 'r', 'd', '/', 'a', 'u', 'return')
    assert.equal(opened.state.view, 'partitions')
    assert.equal(opened.state.selectedPartition, 1)
    assert.deepEqual(
      opened.effects.map((effect) => effect.kind),
      ['loadHistory', 'loadNext'],
    )
    const back = play(opened.state, 'escape')
    assert.equal(back.state.view, 'groups')
    assert.equal(back.state.selectedGroup, 'orders\naudit')
    const stays = play(back.state, 'escape', 'escape')
    assert.deepEqual([stays.state.view, stays.effects], ['groups', []])
  })

  test('the cursor stops at both ends', () => {
    const top = play(sampled(), 'pageup', 'pageup', 'up').state
    assert.equal(top.selectedRow, 0)
    const bottom = play(top, 'end', 'down', 'down').state
    assert.equal(bottom.selectedRow, overviewRows(bottom).length - 1)
  })

  test('sorting by lag puts the most behind first and keeps the cursor on its group', () => {
    const state = play(sampled(), 's').state
    assert.equal(state.sort, 'status')
    assert.equal(names(state)[0], 'telemetry/alerts')
    const byLag = play(sampled(12, { sort: 'status' }), 's').state
    assert.equal(byLag.sort, 'lag')
    assert.deepEqual(names(byLag).slice(0, 2), ['telemetry/alerts', 'orders/audit'])
    const row = overviewRows(byLag)[byLag.selectedRow]
    assert.equal(row?.kind === 'group' ? row.key : null, byLag.selectedGroup)
    assert.equal(names(play(byLag, 'S').state).at(-1), 'telemetry/alerts')
  })

  test('enter on a hub folds it', () => {
    const state = play(sampled(), 'home', 'return').state
    assert.deepEqual(names(state).slice(0, 2), ['clicks', 'orders'])
    assert.ok(names(play(state, 'return').state).includes('clicks/$Default'))
  })

  test('a group that is gone or renamed is said to be missing', () => {
    assert.equal(play(sampled(), ':', 'x', 'y', 'return').state.message, 'nothing is called xy')
  })
})

describe('filtering', () => {
  const typed = (text: string) => play(sampled(), '/', ...keys(text), 'return').state
  test('text, pattern and inverse', () => {
    assert.deepEqual(names(typed('audit')), ['orders', 'orders/audit'])
    assert.deepEqual(names(typed('^tele.*a')), ['telemetry', 'telemetry/alerts', 'telemetry/warehouse'])
    assert.ok(!names(typed('!orders')).includes('orders/audit'))
    assert.deepEqual(names(typed('STOP')), ['telemetry', 'telemetry/alerts'])
  })

  test('an unfinished pattern is taken as text and does not throw', () => {
    assert.deepEqual(names(typed('au[')), [])
  })

  test('escape while typing takes the filter back', () => {
    assert.equal(play(sampled(), '/', 'a', 'escape').state.filter, '')
  })
})

describe('sampling', () => {
  test('trends keep the last sixty lags', () => {
    const trend = sampled(70).trends.get(trendKey('orders', 'audit', 1))
    assert.equal(trend?.length, 60)
    assert.equal(trend?.at(-1), 8198 + 69 * 98)
  })

  test('paused, samples pass by; then one is asked for at once', () => {
    const paused = play(sampled(2), 'p', { kind: 'sampled', snapshot: snapshotAt(9) }).state
    assert.equal(paused.snapshot?.atMs, snapshotAt(1).atMs)
    assert.deepEqual(play(paused, 'p').effects, [{ kind: 'sample' }])
  })

  test('a group that changes its level leaves a line', () => {
    const worse = {
      ...snapshotAt(2),
      partitions: snapshotAt(2).partitions.map((row) =>
        row.group === 'billing'
          ? { ...row, status: 'STOP' as const, level: 'ERR' as const, reason: 'no checkpoint for 9 s' }
          : row,
      ),
    }
    const state = play(sampled(2), { kind: 'sampled', snapshot: worse }).state
    assert.deepEqual(
      state.alerts.map((alert) => alert.text),
      ['orders/billing OK to STOP (no checkpoint for 9 s)'],
    )
  })

  test('a source that fails is shown until it answers again', () => {
    const failed = play(sampled(2), { kind: 'sourceFailed', reason: 'daemon is gone' }).state
    assert.equal(failed.sourceError, 'daemon is gone')
    assert.notEqual(failed.snapshot, null, 'the last numbers stay')
    assert.equal(play(failed, { kind: 'sampled', snapshot: snapshotAt(3) }).state.sourceError, null)
  })

  test('the interval steps between half a second and a minute', () => {
    assert.equal(play(sampled(1), '-', '-', '-').state.intervalMs, 500)
    assert.equal(play(sampled(1), ...keys('++++++++++')).state.intervalMs, 60_000)
  })
})

describe('changing things', () => {
  const inPartitions = (more = {}) => play(sampled(12, more), ':', ...keys('orders/audit'), 'return').state

  test('a checkpoint is set only after its preview was shown', () => {
    const typing = play(inPartitions(), 'c', '4', '2')
    assert.deepEqual(typing.effects, [{ kind: 'preview', text: '42', hub: 'orders', group: 'audit', partition: 1 }])
    assert.deepEqual(play(typing.state, 'return').effects, [])
    const shown = play(typing.state, { kind: 'previewed', text: '42', preview: 'lag 9,276 → 52,078', isRefused: false })
    assert.deepEqual(play(shown.state, 'return').effects, [
      { kind: 'setCheckpoint', text: '42', hub: 'orders', group: 'audit', partition: 1 },
    ])
  })

  test('a preview of what was typed before is not taken for the present text', () => {
    const typing = play(inPartitions(), 'c', '4', '2', { kind: 'previewed', text: '4', preview: 'x', isRefused: false })
    assert.deepEqual(play(typing.state, 'return').effects, [])
  })

  test('a refused position cannot be set', () => {
    const refused = play(inPartitions(), 'c', 'x', {
      kind: 'previewed',
      text: 'x',
      preview: 'no such position',
      isRefused: true,
    })
    assert.deepEqual(play(refused.state, 'return').effects, [])
  })

  test('read-only screens say so and change nothing', () => {
    const step = play(inPartitions({ isReadOnly: true }), 'c')
    assert.equal(step.state.overlay, null)
    assert.match(step.state.message ?? '', /read-only/)
  })

  test('kicking asks first', () => {
    const reader = {
      id: 7,
      group: 'audit',
      partition: 1,
      name: 'r',
      origin: 'o',
      ownerLevel: 0,
      credit: 1,
      delivered: 2,
      openedAtMs: 0,
    }
    const asked = play(inPartitions(), 'r', { kind: 'readersLoaded', readers: [reader] }, 'k')
    assert.equal(asked.state.overlay?.kind, 'kick')
    assert.deepEqual(play(asked.state, 'y').effects, [{ kind: 'kick', id: 7 }])
    assert.deepEqual(play(asked.state, 'n').effects, [])
  })
})

test('y copies a command that a shell takes as it is', () => {
  const odd = { ...snapshotAt(0), partitions: [partition('orders', "it's", 0)] }
  const state = play(freshState(), { kind: 'sampled', snapshot: odd }, 'j', 'return').state
  assert.equal(selectedGroup(state)?.group, "it's")
  assert.deepEqual(play(state, 'y').effects, [{ kind: 'copy', text: `ehub lag orders -g 'it'\\''s'` }])
})

test('events: following ends when somebody moves, and begins again at f', () => {
  const event = (sequence: number) => ({
    partition: 1,
    sequence,
    enqueuedMs: 0,
    key: null,
    body: new Uint8Array(),
    properties: [],
  })
  const events = play(sampled(), ':', ...keys('orders/audit'), 'return', 'e', {
    kind: 'eventsLoaded',
    events: [event(1), event(2)],
  })
  assert.equal(events.state.selectedRow, 1)
  const held = play(events.state, 'up').state
  assert.equal(held.isFollowing, false)
  assert.deepEqual(play(held, 'f').effects, [{ kind: 'loadEvents', hub: 'orders', group: 'audit', partition: 1 }])
})

test('q and ctrl-c quit, ctrl-z suspends, from everywhere', () => {
  assert.deepEqual(play(sampled(), 'q').effects, [{ kind: 'quit' }])
  assert.deepEqual(play(sampled(), '/', 'a', 'ctrl-c').effects, [{ kind: 'quit' }])
  assert.deepEqual(play(sampled(), '?', 'ctrl-z').effects, [{ kind: 'suspend' }])
})
