import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import { planPartition, type PlanRequest, type StopBound } from '../../src/cli/receive-plan.ts'
import { parsePosition } from '../../src/wire/events/position.ts'

const now = Date.parse('2026-11-20T10:00:00Z')
const ends = {
  beginSequence: 100,
  endSequence: 200,
  lastOffset: '5000',
  lastEnqueuedTimeMs: Date.parse('2026-11-20T09:30:00Z'),
}
const plan = (from: string, to: string | null = null, more: Partial<PlanRequest> = {}) =>
  planPartition({
    partition: '0',
    ends,
    from: parsePosition(from, now),
    to: to === null ? null : parsePosition(to, now),
    exitsAtEnd: false,
    checkpoint: null,
    fallback: { kind: 'beginning' },
    nowMs: now,
    ...more,
  })

const selectors: readonly (readonly [string, string])[] = [
  ['beginning', "amqp.annotation.x-opt-offset > '-1'"],
  ['end', "amqp.annotation.x-opt-sequence-number > '199'"],
  ['150', "amqp.annotation.x-opt-sequence-number > '149'"],
  ['seq:>150', "amqp.annotation.x-opt-sequence-number > '150'"],
  ['off:1024', "amqp.annotation.x-opt-offset >= '1024'"],
  ['off:>1024', "amqp.annotation.x-opt-offset > '1024'"],
  ['+10', "amqp.annotation.x-opt-sequence-number > '109'"],
  ['+500', "amqp.annotation.x-opt-sequence-number > '199'"],
  ['-10', "amqp.annotation.x-opt-sequence-number > '189'"],
  ['-500', "amqp.annotation.x-opt-sequence-number > '99'"],
  ['@2026-11-20T09:00:00Z', "amqp.annotation.x-opt-enqueued-time > '1795165199999'"],
  ['checkpoint', "amqp.annotation.x-opt-offset > '-1'"],
]
for (const [from, selector] of selectors) {
  test(`--from ${from} asks for ${selector}`, () => assert.equal(plan(from).selector, selector))
}

test('a checkpoint is the last event handled', () => {
  assert.equal(plan('checkpoint', null, { checkpoint: 149 }).selector, "amqp.annotation.x-opt-sequence-number > '149'")
})

test('a beginning that is not there yet is waited for', () => {
  assert.equal(plan('+150').skipBelow, 250)
})

const bound = (more: Partial<StopBound>): StopBound => ({ sequence: null, timeMs: null, offset: null, ...more })
const stops: readonly (readonly [string, StopBound])[] = [
  ['beginning', bound({ sequence: 100 })],
  ['end', bound({ sequence: 200 })],
  ['150', bound({ sequence: 151 })],
  ['seq:>150', bound({ sequence: 151 })],
  ['300', bound({ sequence: 301 })],
  ['+10', bound({ sequence: 110 })],
  ['-10', bound({ sequence: 190 })],
  ['off:4000', bound({ offset: 4000n, sequence: 200 })],
  ['off:9000', bound({ offset: 9000n })],
  ['@-1h', bound({ timeMs: now - 3_600_000, sequence: 200 })],
  ['@+1h', bound({ timeMs: now + 3_600_000 })],
]
for (const [to, stop] of stops) {
  test(`--to ${to} stops at ${stop.sequence ?? stop.offset ?? stop.timeMs}`, () => {
    assert.deepEqual(plan('beginning', to).stop, stop)
  })
}

test('the end as it is now, or the place asked for, whichever comes first', () => {
  assert.deepEqual(plan('beginning', '150', { exitsAtEnd: true }).stop, bound({ sequence: 151 }))
  assert.deepEqual(plan('beginning', '900', { exitsAtEnd: true }).stop, bound({ sequence: 200 }))
})

test('reading up to a checkpoint needs one', () => {
  assert.deepEqual(plan('beginning', 'checkpoint', { checkpoint: 149 }).stop, bound({ sequence: 150 }))
  assert.throws(
    () => plan('beginning', 'checkpoint'),
    (error) => isEhubError(error, 'checkpoint-not-found'),
  )
})

test('a plan without anything to read says so, instead of waiting for ever', () => {
  const isEmpty = (from: string, more: Partial<PlanRequest> = {}) =>
    plan(from, null, { exitsAtEnd: true, ...more }).isEmpty
  const emptied = { ...ends, beginSequence: 200 }
  const unused = { beginSequence: 0, endSequence: 0, lastOffset: '-1', lastEnqueuedTimeMs: 0 }
  assert.equal(isEmpty('beginning'), false)
  assert.equal(isEmpty('beginning', { ends: emptied }), true)
  assert.equal(isEmpty('beginning', { ends: unused }), true)
  assert.equal(isEmpty('end'), true)
  assert.equal(isEmpty('199'), false)
  assert.equal(isEmpty('200'), true)
  assert.equal(isEmpty('seq:>199'), true)
  assert.equal(isEmpty('+99'), false)
  assert.equal(isEmpty('+100'), true)
  assert.equal(isEmpty('-1'), false)
  assert.equal(isEmpty('-0'), true)
  assert.equal(isEmpty('off:5000'), false)
  assert.equal(isEmpty('off:>5000'), true)
  assert.equal(isEmpty('off:5001'), true)
  assert.equal(isEmpty('@2026-11-20T09:30:00Z'), false)
  assert.equal(isEmpty('@2026-11-20T09:30:01Z'), true)
  assert.equal(isEmpty('@2020-01-01', { ends: unused }), true)
  assert.equal(isEmpty('checkpoint', { checkpoint: 198 }), false)
  assert.equal(isEmpty('checkpoint', { checkpoint: 199 }), true)
  assert.equal(plan('end').isEmpty, false)
  assert.equal(plan('150', '140').isEmpty, true)
})
