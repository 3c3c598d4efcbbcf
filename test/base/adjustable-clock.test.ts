import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdjustableClock } from '../../src/base/adjustable-clock.ts'
import { delay } from '../../src/base/clock.ts'
import { SimClock } from '../sim/sim-clock.ts'

const startMs = 1_700_000_000_000
const dayMs = 86_400_000

function open() {
  const machine = new SimClock(startMs)
  const clock = new AdjustableClock(machine)
  /** Runs the machine's timers until the move is over. */
  const finish = async (moving: Promise<void>) => {
    let isOver = false
    void moving.then(() => (isOver = true))
    while (!isOver) {
      machine.advance(0)
      await Promise.resolve()
    }
  }
  return { machine, clock, finish }
}

test('left alone it is the machine’s clock, timers included', () => {
  const { machine, clock } = open()
  const fired: number[] = []
  clock.schedule(500, () => fired.push(clock.now()))
  clock.schedule(100, () => fired.push(clock.now()))
  clock.schedule(100, () => fired.push(-clock.now()))
  const cancelled = clock.schedule(50, () => fired.push(0))
  cancelled.cancel()
  machine.advance(1000)
  assert.deepEqual(fired, [startMs + 100, -(startMs + 100), startMs + 500])
  assert.deepEqual([clock.now(), clock.monotonicMs(), clock.aheadMs], [startMs + 1000, 1000, 0])
})

test('time that is let pass runs what comes due, in order, each at its own time', async () => {
  const { machine, clock, finish } = open()
  const fired: [string, number][] = []
  clock.schedule(3 * dayMs, () => fired.push(['later', clock.now() - startMs]))
  const tick = (left: number) => {
    fired.push(['tick', clock.now() - startMs])
    if (left > 1) clock.schedule(dayMs, () => tick(left - 1))
  }
  clock.schedule(dayMs, () => tick(5))
  await finish(clock.advance(4 * dayMs))
  assert.deepEqual(fired, [
    ['tick', dayMs],
    ['tick', 2 * dayMs],
    ['later', 3 * dayMs],
    ['tick', 3 * dayMs],
    ['tick', 4 * dayMs],
  ])
  assert.deepEqual([clock.now(), clock.monotonicMs(), clock.aheadMs], [startMs + 4 * dayMs, 4 * dayMs, 4 * dayMs])
  // What is left goes on with the machine's time.
  machine.advance(dayMs)
  assert.deepEqual(fired.at(-1), ['tick', 5 * dayMs])
})

test('what timers begin has its turn while time passes', async () => {
  const { clock, finish } = open()
  let rounds = 0
  const loop = async () => {
    for (;;) {
      await delay(clock, 3_600_000)
      rounds += 1
    }
  }
  void loop()
  await finish(clock.advance(7 * dayMs))
  // Each begins anew when a hop of a five-hundredth is over.
  assert.ok(rounds > 160 && rounds <= 7 * 24, `${rounds} rounds`)
})

test('moves come one after the other', async () => {
  const { clock, finish } = open()
  const first = clock.advance(dayMs)
  const second = clock.advance(dayMs)
  await finish(second)
  await first
  assert.equal(clock.now(), startMs + 2 * dayMs)
})

test('frozen it stands still, can be let pass, and goes on from there', async () => {
  const { machine, clock, finish } = open()
  let fired = 0
  clock.schedule(100, () => (fired += 1))
  clock.freeze()
  machine.advance(dayMs)
  assert.deepEqual([clock.now(), clock.monotonicMs(), fired, clock.isFrozen], [startMs, 0, 0, true])
  await finish(clock.advance(60))
  assert.deepEqual([clock.now(), fired], [startMs + 60, 0])
  clock.resume()
  machine.advance(39)
  assert.equal(fired, 0)
  machine.advance(1)
  assert.deepEqual([clock.now(), fired, clock.isFrozen], [startMs + 100, 1, false])
})

test('a jump moves the wall clock alone, both ways', () => {
  const { machine, clock } = open()
  let fired = 0
  clock.schedule(1000, () => (fired += 1))
  clock.jump(dayMs)
  assert.deepEqual([clock.now(), clock.monotonicMs()], [startMs + dayMs, 0])
  clock.jump(-2 * dayMs)
  machine.advance(999)
  assert.deepEqual([clock.now(), fired], [startMs - dayMs + 999, 0])
  machine.advance(1)
  assert.equal(fired, 1)
})
