import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Gate } from '../../src/base/gate.ts'

test('a waiter is called once the gate has passed its value, not before', () => {
  const gate = new Gate(0)
  const calls: string[] = []
  gate.whenAbove(4, () => calls.push('above 4'))
  gate.whenAbove(1, () => calls.push('above 1'))
  gate.open(1)
  assert.deepEqual(calls, [])
  gate.open(4)
  assert.deepEqual(calls, ['above 1'])
  gate.open(9)
  gate.open(10)
  assert.deepEqual(calls, ['above 1', 'above 4'])
})

test('a gate that already passed calls on a microtask, never synchronously', async () => {
  const gate = new Gate(5)
  let called = false
  gate.whenAbove(4, () => {
    called = true
  })
  assert.equal(called, false)
  await Promise.resolve()
  assert.equal(called, true)
})

test('a cancelled waiter is not called, also when cancelled by another waiter', async () => {
  const gate = new Gate(0)
  const calls: number[] = []
  gate.whenAbove(0, () => {
    calls.push(1)
    second.cancel()
  })
  const second = gate.whenAbove(0, () => calls.push(2))
  gate.open(1)
  const third = gate.whenAbove(0, () => calls.push(3))
  third.cancel()
  await Promise.resolve()
  assert.deepEqual(calls, [1])
})

test('the gate never moves back', () => {
  const gate = new Gate(7)
  gate.open(3)
  assert.equal(gate.passed, 7)
})

test('passes rejects with the reason of an aborted signal and leaves no waiter', async () => {
  const gate = new Gate(0)
  const controller = new AbortController()
  const waiting = gate.passes(3, controller.signal)
  controller.abort(new Error('enough'))
  await assert.rejects(waiting, /enough/)
  gate.open(5)
  await gate.passes(4)
})
