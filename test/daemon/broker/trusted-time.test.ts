import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Log } from '../../../src/base/log.ts'
import { quietLog } from '../../../src/base/log.ts'
import { TrustedTime } from '../../../src/daemon/broker/trusted-time.ts'
import { SimClock } from '../../sim/sim-clock.ts'

const minute = 60_000
const year = 365 * 24 * 60 * minute

function start({ startMs = 1_700_000_000_000, believedMs = null as number | null } = {}) {
  const clock = new SimClock(startMs)
  const lines: string[] = []
  const log: Log = {
    ...quietLog,
    warn: (message) => void lines.push(`warn ${message}`),
    info: (message) => void lines.push(`info ${message}`),
  }
  const time = new TrustedTime(clock, log)
  time.start(believedMs)
  /** Goes on evenly, looked at every second. */
  const pass = (ms: number) => {
    for (let left = ms; left > 0; left -= 1000) {
      clock.advance(Math.min(left, 1000))
      time.now()
    }
  }
  return { clock, time, lines, pass }
}

test('before the start there is no time, so nothing expires', () => {
  assert.equal(new TrustedTime(new SimClock(), quietLog).now(), 0)
})

test('an even clock is followed, slow drift included', () => {
  const { clock, time, lines } = start()
  // 500 ppm for a day is 43 seconds; nobody looks but once a minute.
  for (let passed = 0; passed < 2 * 24 * 60; passed++) {
    clock.advance(minute)
    clock.jumpWall(30)
    assert.equal(time.now(), clock.now())
  }
  assert.deepEqual([time.doubt, lines], [null, []])
})

test('a jump of up to a minute is followed, one of more is not', () => {
  const { clock, time } = start()
  clock.jumpWall(minute)
  assert.equal(time.now(), clock.now())
  clock.jumpWall(1000)
  assert.equal(time.now(), clock.now() - 61_000)
})

test('after a jump time goes on as if there had been none, and the doubt is told', () => {
  const { clock, time, lines, pass } = start()
  const before = clock.now()
  clock.jumpWall(year)
  assert.equal(time.now(), before)
  pass(9 * minute)
  assert.equal(time.now(), before + 9 * minute)
  assert.deepEqual(time.doubt, { aheadMs: year, waitsMs: minute })
  assert.equal(lines.length, 1)
  assert.match(lines[0] ?? '', /^warn the clock is far ahead/)
})

test('a clock that has gone evenly for ten minutes after a jump is believed', () => {
  const { clock, time, lines, pass } = start()
  clock.jumpWall(year)
  time.now()
  pass(10 * minute)
  assert.equal(time.now(), clock.now())
  assert.deepEqual([time.doubt, lines.length], [null, 2])
})

test('one that jumps about is not, however long', () => {
  const { clock, time, pass } = start()
  const before = clock.now()
  clock.jumpWall(year)
  for (let round = 0; round < 20; round++) {
    pass(9 * minute)
    clock.jumpWall(round % 2 === 0 ? 5000 : -5000)
  }
  assert.equal(time.now(), before + 180 * minute)
})

test('many small jumps are not followed further than one', () => {
  const { clock, time } = start()
  for (let jump = 0; jump < 1000; jump++) {
    clock.advance(1000)
    clock.jumpWall(50_000)
    time.now()
  }
  assert.ok(time.now() <= 1_700_000_000_000 + 1_000_000 + minute)
})

test('a clock that jumps and comes back has done nothing', () => {
  const { clock, time, pass } = start()
  clock.jumpWall(year)
  pass(5 * minute)
  clock.jumpWall(-year)
  assert.equal(time.now(), clock.now())
  assert.equal(time.doubt, null)
})

test('what is said to be right is believed at once', () => {
  const { clock, time } = start()
  clock.jumpWall(year)
  assert.notEqual(time.now(), clock.now())
  time.confirm()
  assert.equal(time.now(), clock.now())
  assert.equal(time.doubt, null)
})

test('a jump has passed when the time has really passed', () => {
  const { clock, time } = start()
  clock.jumpWall(20 * minute)
  time.now()
  // The wall clock stands still until it is right again.
  for (let second = 0; second < 20 * 60; second++) {
    clock.advance(1000)
    clock.jumpWall(-1000)
    time.now()
  }
  assert.equal(time.now(), clock.now())
  assert.equal(time.doubt, null)
})

test('a clock that goes back is followed at once, and its return is no jump', () => {
  const { clock, time, pass } = start()
  clock.jumpWall(-year)
  assert.equal(time.now(), clock.now())
  pass(5 * minute)
  clock.jumpWall(year)
  assert.equal(time.now(), clock.now())
  assert.equal(time.doubt, null)
})

test('at a start long after the time believed last it goes on from there for ten minutes', () => {
  const believedMs = 1_700_000_000_000 - year
  const { clock, time, lines, pass } = start({ believedMs })
  assert.equal(time.now(), believedMs)
  assert.equal(lines.length, 1)
  pass(9 * minute)
  assert.equal(time.now(), believedMs + 9 * minute)
  pass(minute)
  assert.equal(time.now(), clock.now())
})

test('at a start soon after it, or before it, the clock is believed', () => {
  for (const offset of [-15 * minute, -1, 0, year]) {
    const { clock, time } = start({ believedMs: 1_700_000_000_000 + offset })
    assert.equal(time.now(), clock.now())
  }
})
