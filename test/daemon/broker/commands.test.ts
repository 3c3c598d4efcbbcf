import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { apply } from '../../../src/daemon/broker/apply.ts'
import {
  clearCheckpoint,
  type Command,
  createNamespace,
  deleteGroup,
  deleteHub,
  hubRemoved,
} from '../../../src/daemon/broker/commands.ts'
import { type BrokerState, emptyState } from '../../../src/daemon/broker/state.ts'
import { anyCommand, checkpointAt, contentOf, newGroup, newHub, recordsOf, rule } from './state-builders.ts'

function run<Reply>(state: BrokerState, command: Command<Reply>, nowMs = 1): Reply {
  const { records, reply } = command(state, nowMs)
  for (const record of records) apply(state, record)
  return reply
}

function withNamespace(): BrokerState {
  const state = emptyState()
  run(state, createNamespace('local', rule))
  return state
}

const refuses = (code: string, pattern: RegExp) => (error: unknown) =>
  isEhubError(error) && error.code === code && pattern.test(`${error.message} ${error.hint ?? ''}`)

test('the namespace is made once', () => {
  const state = withNamespace()
  assert.deepEqual(createNamespace('LOCAL', rule)(state, 2).records, [])
})

test('a hub gets a number, $Default and the groups asked for, once each', () => {
  const state = withNamespace()
  const { number, isNew } = run(state, newHub('Orders', { groups: ['g1', 'G1', '$default'] }))
  const hub = state.hubsByNumber.get(number)
  assert.equal(isNew, true)
  assert.deepEqual([hub?.name, hub?.partitionCount, hub?.durability, hub?.folder], ['Orders', 4, 'sync', 'ns1/h2'])
  assert.deepEqual(
    [...(hub?.groups.values() ?? [])].map(({ name }) => name),
    ['$Default', 'g1'],
  )
})

test('a hub of the same shape is found again with ifNotExists, another shape is named', () => {
  const state = withNamespace()
  const { number } = run(state, newHub('orders', { partitionCount: 2, groups: ['g1'] }))
  for (const same of [{}, { partitionCount: 2 }, { groups: ['G1'] }, { durability: 'sync' }]) {
    assert.deepEqual(run(state, newHub('ORDERS', { ifNotExists: true, ...same })), { number, isNew: false })
  }
  const different: readonly (readonly [object, RegExp])[] = [
    [{ partitionCount: 3 }, /exists already, with 2 partitions instead of 3/],
    [{ durability: 'os' }, /with durability "sync" instead of "os"/],
    [{ groups: ['g2'] }, /without the consumer group "g2"/],
  ]
  for (const [shape, pattern] of different) {
    assert.throws(() => run(state, newHub('orders', { ifNotExists: true, ...shape })), refuses('hub-exists', pattern))
  }
  assert.throws(() => run(state, newHub('orders')), refuses('hub-exists', /hub "orders" exists already/))
})

test('numbers are never used twice, nor those of folders on disk', () => {
  const state = withNamespace()
  const first = run(state, newHub('a'))
  run(state, deleteHub('local', 'a'))
  run(state, hubRemoved(first.number))
  assert.equal(run(state, newHub('a')).number, first.number + 1)
  assert.equal(run(state, newHub('b', { numberAbove: 40 })).number, 41)
})

test('what is out of bounds or not there is refused with the name and the number', () => {
  const state = withNamespace()
  const { number } = run(state, newHub('orders'))
  run(state, newGroup('orders', 'billing'))
  const table: readonly (readonly [() => unknown, string, RegExp])[] = [
    [() => newHub('x', { partitionCount: 0 }), 'argument-out-of-range', /0 partitions .* 1 to 1,024/],
    [() => newHub('x', { partitionCount: 1025 }), 'argument-out-of-range', /1025/],
    [() => newHub('x', { partitionCount: 1.5 }), 'argument-out-of-range', /1\.5/],
    [() => newHub('a/b'), 'argument-error', /"a\/b"/],
    [() => newHub('x', { groups: ['a b'] }), 'argument-error', /"a b"/],
    [() => newHub('x', { groups: ['1', '2', '3', '4'] }), 'quota-exceeded', /hub "x" takes at most 4/],
    [() => run(state, newHub('x', { namespace: 'other' })), 'namespace-not-found', /"other"/],
    [() => run(state, deleteHub('local', 'ordes')), 'hub-not-found', /no hub "ordes" .* did you mean "orders"\?/],
    [() => run(state, newGroup('nothing', 'g')), 'hub-not-found', /no hub "nothing" in namespace "local" $/],
    [() => run(state, newGroup('orders', 'BILLING')), 'group-exists', /"billing" of hub "orders"/],
    [() => run(state, deleteGroup('local', 'orders', 'biling')), 'group-not-found', /did you mean "billing"\?/],
    [() => deleteGroup('local', 'orders', '$default'), 'not-allowed', /"\$Default" cannot be deleted/],
    [() => run(state, checkpointAt(number, 1, { group: 'nope' })), 'group-not-found', /"nope"/],
    [() => run(state, checkpointAt(99, 1)), 'hub-not-found', /was deleted/],
    [
      () => run(state, clearCheckpoint({ hub: number, hubName: 'orders', group: 'billing', partition: 3 })),
      'checkpoint-not-found',
      /"billing" has no checkpoint for partition 3 of hub "orders"/,
    ],
  ]
  for (const [attempt, code, pattern] of table) assert.throws(attempt, refuses(code, pattern), code)
})

test('the fifth group of a hub that takes four is refused', () => {
  const state = withNamespace()
  run(state, newHub('orders', { groups: ['g1', 'g2'] }))
  run(state, newGroup('orders', 'g3'))
  assert.throws(() => run(state, newGroup('orders', 'g4')), refuses('quota-exceeded', /at most 4/))
  run(state, newGroup('orders', 'g3', true))
})

test('a checkpoint is written only over the one it was decided on', () => {
  const state = withNamespace()
  const { number } = run(state, newHub('orders'))
  const set = (ifMatch: string | null | undefined) => run(state, checkpointAt(number, 1, { ifMatch })).revision
  assert.throws(() => set('1'), refuses('checkpoint-conflict', /no checkpoint of partition 0/))
  assert.equal(set(null), 1)
  assert.throws(() => set(null), refuses('checkpoint-conflict', /has etag "1", not none/))
  assert.equal(set('1'), 2)
  assert.throws(() => set('1'), refuses('checkpoint-conflict', /has etag "2", not "1"/))
  assert.equal(set(undefined), 3)
  // A cleared one does not bring old etags back.
  run(state, clearCheckpoint({ hub: number, hubName: 'orders', group: '$Default', partition: 0 }))
  assert.throws(() => set('3'), refuses('checkpoint-conflict', /no checkpoint/))
  assert.equal(set(null), 4)
})

test('commands change nothing themselves, and every record they give can be applied', () => {
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 40 }), (commands) => {
      const state = withNamespace()
      for (const [index, command] of commands.entries()) {
        const before = contentOf(state)
        const records = recordsOf(command, state, index)
        assert.deepEqual(contentOf(state), before)
        for (const record of records) apply(state, record)
      }
    }),
  )
})
