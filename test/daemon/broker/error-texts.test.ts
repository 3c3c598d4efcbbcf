import assert from 'node:assert/strict'
import { test } from 'node:test'
import { grouped, hubNotFound, nearestName, partitionNotFound, quoted } from '../../../src/daemon/broker/error-texts.ts'

test('numbers are grouped by thousands', () => {
  assert.deepEqual([0, 999, 1000, 1_048_576, -1000].map(grouped), ['0', '999', '1,000', '1,048,576', '-1,000'])
})

test('texts of clients are bounded and show control characters escaped', () => {
  assert.equal(quoted('a\n"b"\u001b[31m'), '"a\\n\\"b\\"\\u001b[31m"')
  assert.equal(quoted('x'.repeat(500)).length, 83)
})

test('the nearest name is at most two edits away', () => {
  const known = ['orders', 'billing', 'Telemetry', 'ab']
  assert.equal(nearestName('ordes', known), 'orders')
  assert.equal(nearestName('ORDRES', known), 'orders')
  assert.equal(nearestName('telemetri', known), 'Telemetry')
  assert.equal(nearestName('shipping', known), null)
  assert.equal(nearestName('xy', known), null)
  assert.equal(nearestName('o'.repeat(100_000), known), null)
})

test('what is not there is named with what there is', () => {
  const error = hubNotFound('local', 'ordes', ['orders'])
  assert.equal(error.message, 'no hub "ordes" in namespace "local"')
  assert.equal(error.hint, 'did you mean "orders"?')
  assert.equal(hubNotFound('local', 'x', []).hint, undefined)
  assert.equal(partitionNotFound('orders', '9', 4).message, 'no partition "9" in hub "orders": it has 4, from 0 to 3')
})
