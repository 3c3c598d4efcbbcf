import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { parseJson } from '../../../src/wire/control/json.ts'
import { decodeRequest, encodeRequest, resolveRoute } from '../../../src/wire/control/router.ts'

describe('control requests', () => {
  test('any names survive the way there', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), fc.nat(), (hub, group, partition) => {
        fc.pre(hub.isWellFormed() && group.isWellFormed())
        const request = { hub, group, partition, sequence: 1, owner: hub }
        const { method, path, body } = encodeRequest('setCheckpoint', request)
        const resolved = resolveRoute(method, path)
        assert.equal(resolved.kind, 'operation')
        if (resolved.kind !== 'operation') return
        const sent = body === null ? null : parseJson(body)
        assert.deepEqual(decodeRequest('setCheckpoint', resolved.params, sent), request)
      }),
    )
  })

  test('GET carries its fields in the query', () => {
    assert.deepEqual(encodeRequest('listReceivers', { hub: 'a&b' }), {
      method: 'GET',
      path: '/v1/receivers?hub=a%26b',
      body: null,
    })
    assert.deepEqual(encodeRequest('listReceivers', {}), { method: 'GET', path: '/v1/receivers', body: null })
  })

  test('braces inside texts do not count as nesting', () => {
    assert.deepEqual(parseJson(`{"a":"${'['.repeat(50)}\\"${'{'.repeat(50)}"}`), {
      a: `${'['.repeat(50)}"${'{'.repeat(50)}`,
    })
  })
})
