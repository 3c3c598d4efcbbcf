import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AdjustableClock } from '../../src/base/adjustable-clock.ts'
import { isEhubError } from '../../src/base/error.ts'
import { clockControl } from '../../src/daemon/clock-control.ts'
import { SimClock } from '../sim/sim-clock.ts'

const startMs = 1_700_000_000_000
const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted

async function finished<T>(machine: SimClock, moving: Promise<T>): Promise<T> {
  let isOver = false
  const over = () => (isOver = true)
  moving.then(over, over)
  while (!isOver) {
    machine.advance(0)
    await Promise.resolve()
  }
  return moving
}

test('the machine’s clock is shown and not moved', async () => {
  const control = clockControl(new SimClock(startMs), () => null)
  assert.deepEqual(control.show(), { mode: 'system', nowMs: startMs, aheadMs: 0, isFrozen: false, doubt: null })
  await assert.rejects(control.move({ action: 'freeze' }), code('not-allowed'))
})

test('an adjustable one goes where it is told', async () => {
  const machine = new SimClock(startMs)
  const doubt = { aheadMs: 5, waitsMs: 6 }
  const control = clockControl(new AdjustableClock(machine), () => doubt)
  const move = (request: Parameters<typeof control.move>[0]) => finished(machine, control.move(request))
  assert.deepEqual(await move({ action: 'advance', byMs: 5000 }), {
    mode: 'adjustable',
    nowMs: startMs + 5000,
    aheadMs: 5000,
    isFrozen: false,
    doubt,
  })
  assert.equal((await move({ action: 'set', timeMs: startMs + 60_000 })).nowMs, startMs + 60_000)
  assert.equal((await move({ action: 'set', timeMs: startMs })).nowMs, startMs)
  assert.equal((await move({ action: 'jump', timeMs: startMs + 9 })).nowMs, startMs + 9)
  assert.equal((await move({ action: 'freeze' })).isFrozen, true)
  assert.equal((await move({ action: 'resume' })).isFrozen, false)
})

test('what is no move is refused', async () => {
  const control = clockControl(new AdjustableClock(new SimClock(startMs)), () => null)
  await assert.rejects(control.move({ action: 'advance' }), code('argument-error'))
  await assert.rejects(control.move({ action: 'leap' }), code('argument-error'))
  await assert.rejects(control.move({ action: 'advance', byMs: -1 }), code('argument-out-of-range'))
  await assert.rejects(control.move({ action: 'set', timeMs: 9e15 }), code('argument-out-of-range'))
})
