import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimClock } from './sim-clock.ts'

test('timers run in order of time, then of scheduling, each at its own time', () => {
  const clock = new SimClock(1000)
  const ran: string[] = []
  clock.schedule(20, () => ran.push(`c@${clock.now()}`))
  clock.schedule(10, () => ran.push(`a@${clock.now()}`))
  clock.schedule(10, () => ran.push(`b@${clock.now()}`))
  clock.schedule(15, () => ran.push('cancelled')).cancel()
  clock.schedule(10, () => clock.schedule(5, () => ran.push(`nested@${clock.now()}`)))
  clock.advance(30)
  assert.deepEqual(ran, ['a@1010', 'b@1010', 'nested@1015', 'c@1020'])
  assert.equal(clock.now(), 1030)
})

test('the wall clock jumps without the monotonic one', () => {
  const clock = new SimClock(1000)
  clock.jumpWall(-900)
  assert.equal(clock.now(), 100)
  assert.equal(clock.monotonicMs(), 0)
})

test('many timers come out sorted', () => {
  const clock = new SimClock(0)
  const due: number[] = []
  for (let i = 0; i < 1000; i++) clock.schedule((i * 7919) % 1009, () => due.push(clock.now()))
  while (clock.runNext());
  assert.deepEqual(
    due,
    [...due].sort((a, b) => a - b),
  )
  assert.equal(due.length, 1000)
})
