import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { apply } from '../../../src/daemon/broker/apply.ts'
import { createNamespace } from '../../../src/daemon/broker/commands.ts'
import { snapshotRecords } from '../../../src/daemon/broker/snapshot.ts'
import { emptyState } from '../../../src/daemon/broker/state.ts'
import { anyCommand, contentOf, recordsOf, rule } from './state-builders.ts'

function stateAfter(commands: readonly Parameters<typeof recordsOf>[0][]) {
  const state = emptyState()
  for (const [index, command] of [createNamespace('local', rule), ...commands].entries()) {
    for (const record of recordsOf(command, state, index)) apply(state, record)
  }
  return state
}

test('a snapshot gives the state again, whatever was there before', () => {
  fc.assert(
    fc.property(fc.array(anyCommand, { maxLength: 40 }), fc.array(anyCommand, { maxLength: 20 }), (one, other) => {
      const state = stateAfter(one)
      const copy = stateAfter(other)
      for (const record of snapshotRecords(state)) apply(copy, record)
      assert.deepEqual(copy, state)
      assert.deepEqual(contentOf(copy), contentOf(state))
    }),
  )
})

test('a record for something that is not there is damage, never skipped', () => {
  for (const record of [
    { kind: 'hub-deleted', number: 5 },
    { kind: 'group-created', hub: 5, name: 'g', createdAtMs: 1 },
    { kind: 'checkpoint-cleared', hub: 5, group: 'g', partition: 0 },
    { kind: 'rule-set', namespace: 9, ...rule },
  ] as const) {
    assert.throws(
      () => apply(emptyState(), record),
      (error) => isEhubError(error, 'storage-corrupt'),
    )
  }
})
