import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LagFacts } from '../../../src/wire/lag/lag.ts'
import { LagTracker, type LagStatus, worstVerdict } from '../../../src/wire/lag/status.ts'

const rules = { allowedEvents: 0, isGroupUsed: true }

interface Step {
  readonly last: number
  /** null: none. */
  readonly checkpoint: number | null
  /** Second of the write; the look's own second when not given. */
  readonly writtenAt?: number
  readonly first?: number
}

function look(second: number, step: Step): LagFacts {
  return {
    atMs: second * 1000,
    firstSequence: step.first ?? 0,
    lastSequence: step.last,
    checkpoint:
      step.checkpoint === null
        ? null
        : { sequence: step.checkpoint, updatedAtMs: (step.writtenAt ?? second) * 1000, owner: null },
    isReadable: true,
  }
}

/** One look a second. */
function play(steps: readonly Step[], tracker = new LagTracker(), from = 0): LagTracker {
  steps.forEach((step, index) => tracker.push(look(from + index, step)))
  return tracker
}

const times = <T>(count: number, make: (index: number) => T): readonly T[] =>
  Array.from({ length: count }, (_, i) => make(i))

function status(tracker: LagTracker, isGroupUsed = true): LagStatus {
  return tracker.verdict({ ...rules, isGroupUsed }).status
}

describe('the rules of movement', () => {
  test('a consumer that keeps up is OK', () => {
    assert.equal(status(play(times(10, (i) => ({ last: i * 10, checkpoint: i * 10 })))), 'OK')
  })

  test('a consumer that advances while its lag never shrinks is WARN', () => {
    assert.equal(status(play(times(10, (i) => ({ last: 100 + i * 10, checkpoint: i * 5 })))), 'WARN')
  })

  test('a shrinking lag is OK', () => {
    assert.equal(status(play(times(10, (i) => ({ last: 100 + i, checkpoint: i * 5 })))), 'OK')
  })

  test('a lag that was zero once in the window is OK', () => {
    const steps = times(10, (i) => ({ last: 100 + i * 10, checkpoint: i === 5 ? 150 : 100 + i }))
    const tracker = new LagTracker()
    steps.slice(0, 6).forEach((step, i) => tracker.push(look(i, step)))
    assert.notEqual(status(tracker), 'WARN')
  })

  test('a consumer silent for longer than its last writes took together is STOP', () => {
    const tracker = play(times(5, (i) => ({ last: 100 + i * 10, checkpoint: 50 + i })))
    play(
      times(4, (i) => ({ last: 150 + i * 10, checkpoint: 54, writtenAt: 4 })),
      tracker,
      5,
    )
    assert.notEqual(status(tracker), 'STOP', 'four seconds of silence after writes over four seconds')
    tracker.push(look(9, { last: 200, checkpoint: 54, writtenAt: 4 }))
    assert.equal(status(tracker), 'STOP')
  })

  test('a consumer that writes once a minute is not STOP between its writes', () => {
    const tracker = new LagTracker()
    for (let second = 0; second < 175; second++) {
      const writtenAt = Math.floor(second / 60) * 60
      tracker.push(look(second, { last: 1000 + second * 10, checkpoint: 500 + writtenAt * 10, writtenAt }))
      if (second > 65) assert.notEqual(status(tracker), 'STOP', `second ${second}`)
    }
  })

  test('checkpoints that are written but do not move are STALL', () => {
    assert.equal(status(play(times(10, (i) => ({ last: 100 + i, checkpoint: 50 })))), 'STALL')
  })

  test('a checkpoint moved back is REWIND until it has caught up', () => {
    const tracker = play(times(10, (i) => ({ last: 100 + i, checkpoint: 100 + i })))
    tracker.push(look(10, { last: 110, checkpoint: 20 }))
    assert.equal(status(tracker), 'REWIND')
    tracker.push(look(11, { last: 111, checkpoint: 100 }))
    assert.equal(status(tracker), 'REWIND')
    tracker.push(look(12, { last: 112, checkpoint: 112 }))
    assert.equal(status(tracker), 'OK')
  })

  test('moving it back on purpose is a warning for a minute, then an error', () => {
    const tracker = play(times(10, (i) => ({ last: 100 + i, checkpoint: 100 + i })))
    tracker.noteDeliberateMove(10_000)
    tracker.push(look(10, { last: 110, checkpoint: 20 }))
    assert.deepEqual([status(tracker), tracker.verdict(rules).level], ['REWIND', 'WARN'])
    tracker.push(look(71, { last: 111, checkpoint: 25 }))
    assert.deepEqual([status(tracker), tracker.verdict(rules).level], ['REWIND', 'ERR'])
  })

  test('no traffic and no lag is IDLE', () => {
    assert.equal(status(play(times(10, () => ({ last: 9, checkpoint: 9, writtenAt: 0 })))), 'IDLE')
  })

  test('a lag seen fewer than five times is PENDING and worries nobody', () => {
    const tracker = play(times(4, (i) => ({ last: 100 + i, checkpoint: 5 })))
    assert.deepEqual([status(tracker), tracker.verdict(rules).level], ['PENDING', 'OK'])
  })

  test('slowed, stopped, rewound and restarted: WARN, STOP, REWIND, OK in turn', () => {
    const seen: LagStatus[] = []
    const tracker = new LagTracker()
    const note = () => {
      const now = status(tracker)
      if (seen.at(-1) !== now) seen.push(now)
    }
    let second = 0
    let checkpoint = 0
    let last = 100
    const step = (advance: number | null) => {
      last += 10
      if (advance !== null) checkpoint = Math.min(last, checkpoint + advance)
      const previous = advance === null ? writtenAt : second
      writtenAt = previous
      tracker.push(look(second++, { last, checkpoint, writtenAt }))
      note()
    }
    let writtenAt = 0
    for (let i = 0; i < 10; i++) step(5)
    for (let i = 0; i < 11; i++) step(null)
    checkpoint = 5
    for (let i = 0; i < 30; i++) step(30)
    assert.deepEqual(
      seen.filter((s) => s !== 'PENDING'),
      ['WARN', 'STOP', 'REWIND', 'OK'],
    )
  })
})

test('asking often does not narrow the window', () => {
  const tracker = new LagTracker(500)
  for (let i = 0; i < 10; i++) tracker.push(look(i, { last: 100 + i * 10, checkpoint: i * 5 }))
  for (let i = 0; i < 50; i++) tracker.push(look(9 + i / 1000, { last: 190, checkpoint: 45 }))
  assert.equal(status(tracker), 'WARN')
})

describe('traps', () => {
  test('a partition never used has no checkpoint and is not behind', () => {
    const tracker = play(times(10, () => ({ last: -1, checkpoint: null })))
    assert.deepEqual([status(tracker), tracker.verdict(rules).level], ['IDLE', 'OK'])
  })

  test('a brand-new hub without any store is UNUSED, not behind', () => {
    assert.equal(status(play(times(10, () => ({ last: -1, checkpoint: null }))), false), 'UNUSED')
    assert.equal(status(play(times(10, () => ({ last: 500, checkpoint: null }))), false), 'UNUSED')
  })

  test('no events and exactly one unprocessed event are told apart', () => {
    assert.equal(status(play(times(10, () => ({ last: -1, checkpoint: -1, writtenAt: 0 })))), 'IDLE')
    const one = play(times(10, () => ({ last: 0, checkpoint: -1, writtenAt: 0 })))
    assert.notEqual(status(one), 'IDLE')
    assert.notEqual(one.verdict(rules).level, 'OK')
  })

  test('the verdict changes back by itself: nothing sticks at a threshold', () => {
    const tracker = play(times(10, (i) => ({ last: 100 + i * 10, checkpoint: i * 5 })))
    assert.equal(status(tracker), 'WARN')
    tracker.push(look(10, { last: 200, checkpoint: 200 }))
    assert.equal(status(tracker), 'OK')
  })

  test('a read group without a checkpoint here is NOCKPT and never worse than WARN', () => {
    const tracker = play(times(10, (i) => ({ last: 100 + i, checkpoint: null })))
    assert.deepEqual([status(tracker), tracker.verdict(rules).level], ['NOCKPT', 'WARN'])
  })

  test('a checkpoint older than what is stored is LOST', () => {
    assert.equal(status(play([{ first: 50, last: 99, checkpoint: 30 }])), 'LOST')
  })

  test('a checkpoint beyond the last event is INVAL', () => {
    assert.equal(status(play([{ last: 9, checkpoint: 50 }])), 'INVAL')
  })

  test('an unreadable store is UNKNOWN and is forgotten once it answers again', () => {
    const tracker = play(times(9, (i) => ({ last: 100 + i, checkpoint: 100 + i })))
    tracker.push({ ...look(9, { last: 109, checkpoint: 109 }), isReadable: false })
    assert.equal(status(tracker), 'UNKNOWN')
    tracker.push(look(10, { last: 110, checkpoint: 110 }))
    assert.equal(status(tracker), 'OK')
  })
})

test('a group is as bad as its worst partition', () => {
  const verdict = (s: LagStatus, level: 'OK' | 'WARN' | 'ERR') => ({ status: s, level, reason: '' })
  assert.equal(worstVerdict([verdict('OK', 'OK'), verdict('STOP', 'ERR'), verdict('WARN', 'WARN')]).status, 'STOP')
  assert.equal(worstVerdict([verdict('IDLE', 'OK'), verdict('OK', 'OK')]).status, 'OK')
  assert.equal(worstVerdict([verdict('IDLE', 'OK')]).status, 'IDLE')
  assert.equal(worstVerdict([]).status, 'OK')
})
