import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError } from '../../../../src/base/error.ts'
import { Settlement, type Outcome } from '../../../../src/daemon/protocols/amqp/settlement.ts'
import { FakeGroup } from './fakes.ts'

function written(settlement: Settlement): string[] {
  const lines: string[] = []
  settlement.write((first, last, outcome: Outcome) => {
    lines.push(`${first}..${last} ${outcome === 'stored' ? outcome : outcome.code}`)
  })
  return lines
}

test('neighbours that are stored leave as one range, whatever group they were in', () => {
  const settlement = new Settlement(() => undefined)
  const [a, b] = [new FakeGroup(0), new FakeGroup(1)]
  for (const [id, group] of [a, a, b, a, b, b].entries()) settlement.published(id, group)
  assert.deepEqual(written(settlement), [])
  a.settle('stored')
  assert.deepEqual(written(settlement), ['0..1 stored', '3..3 stored'])
  b.settle('stored')
  assert.deepEqual(written(settlement), ['2..2 stored', '4..5 stored'])
  assert.equal(settlement.length, 0)
})

test('refused deliveries leave one by one', () => {
  const settlement = new Settlement(() => undefined)
  const group = new FakeGroup(0)
  settlement.published(7, group)
  settlement.published(8, group)
  settlement.decided(9, new EhubError('event-too-large', 'too large'))
  assert.deepEqual(written(settlement), ['9..9 event-too-large'])
  group.settle(new EhubError('storage-failed', 'no disk'))
  assert.deepEqual(written(settlement), ['7..7 storage-failed', '8..8 storage-failed'])
})

test('no range crosses the end of the numbers', () => {
  const settlement = new Settlement(() => undefined)
  const group = new FakeGroup(0)
  for (const id of [2 ** 32 - 2, 2 ** 32 - 1, 0, 1]) settlement.published(id, group)
  group.settle('stored')
  assert.deepEqual(written(settlement), ['4294967294..4294967295 stored', '0..1 stored'])
})

test('one callback a group, however its deliveries are mixed with others', () => {
  let calls = 0
  const settlement = new Settlement(() => {
    calls += 1
  })
  const [a, b] = [new FakeGroup(0), new FakeGroup(1)]
  for (let id = 0; id < 100; id += 1) settlement.published(id, id % 2 === 0 ? a : b)
  a.settle('stored')
  b.settle('stored')
  assert.equal(calls, 2)
  assert.deepEqual(written(settlement), ['0..99 stored'])
})
