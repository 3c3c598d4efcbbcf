import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { ownerCaller, plainCaller } from '../../../src/daemon/broker/callers.ts'
import type { NamespaceState } from '../../../src/daemon/broker/state.ts'

const namespace: NamespaceState = {
  number: 1,
  name: 'local',
  createdAtMs: 0,
  hubs: new Map(),
  rules: new Map([['sender', { name: 'Sender', rights: ['send'], primaryKey: 'one', secondaryKey: 'two' }]]),
}

test('a rule and either of its keys give its rights in the whole namespace', () => {
  for (const key of ['one', 'two']) {
    const caller = plainCaller(namespace, 'SENDER', key)
    assert.equal(caller.name, 'Sender')
    assert.equal(caller.can('send', 'any/partitions/0'), true)
    assert.equal(caller.can('listen', 'any'), false)
    caller.close()
    assert.equal(caller.can('send', 'any'), false)
  }
})

test('an unknown rule and a wrong key are refused in the same words', () => {
  const refusal = (rule: string, key: string): string => {
    try {
      plainCaller(namespace, rule, key)
    } catch (error) {
      if (isEhubError(error, 'unauthorized')) return error.message.replace(rule, '')
    }
    return 'not refused'
  }
  assert.equal(refusal('Sender', 'three'), refusal('Nobody', 'one'))
  // An unknown rule has no keys, not empty ones.
  assert.equal(refusal('Nobody', ''), refusal('Sender', ''))
})

test('the owner may do everything until it is closed', () => {
  const owner = ownerCaller('local')
  assert.equal(owner.can('manage', ''), true)
  assert.equal(owner.can('send', 'any'), true)
  owner.close()
  assert.equal(owner.can('listen', 'any'), false)
})
