import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namespaceOfHost, parseAddress } from '../../../../src/daemon/protocols/amqp/addresses.ts'

const hub = { kind: 'hub', hub: 'orders' }
const partition = { kind: 'partition', hub: 'orders', partition: '3' }
const consumer = { kind: 'consumer', hub: 'orders', group: '$Default', partition: '0' }

test('one entity has many spellings', () => {
  const cases: [string, object][] = [
    ['orders', hub],
    ['/orders', hub],
    ['orders/', hub],
    ['amqps://localhost:5671/orders', hub],
    ['amqp://localhost/orders/', hub],
    ['sb://ns.servicebus.windows.net/orders', hub],
    ['orders/Partitions/3', partition],
    ['/orders/partitions/3', partition],
    ['amqps://ns.servicebus.windows.net/orders/PARTITIONS/3', partition],
    ['orders/ConsumerGroups/$Default/Partitions/0', consumer],
    ['amqps://localhost/orders/ConsumerGroups/%24Default/Partitions/0', consumer],
    ['/orders/consumergroups/$Default/partitions/0', consumer],
    ['$cbs', { kind: 'cbs' }],
    ['%24CBS', { kind: 'cbs' }],
    ['amqps://localhost/$cbs', { kind: 'cbs' }],
    ['$management', { kind: 'management', hub: null }],
    ['orders/$management', { kind: 'management', hub: 'orders' }],
    ['orders/Publishers/meter-7', { kind: 'publisher', hub: 'orders', publisher: 'meter-7' }],
  ]
  for (const [text, address] of cases) assert.deepEqual(parseAddress(text), address, text)
})

test('what names nothing is unknown, not an error', () => {
  const cases = [
    '',
    '/',
    'amqps://localhost',
    'orders/Partitions',
    'orders/Nonsense/1',
    'a/b/c/d',
    'a/b/c/d/e',
    'a/b/c/d/e/f',
  ]
  for (const text of cases) assert.equal(parseAddress(text).kind, 'unknown', text)
  assert.equal(parseAddress('x'.repeat(5000)).kind, 'unknown')
})

test('an encoded slash stays inside its name and a broken escape stays as it is', () => {
  assert.deepEqual(parseAddress('a%2FPartitions%2F0'), { kind: 'hub', hub: 'a/Partitions/0' })
  assert.deepEqual(parseAddress('a%zz'), { kind: 'hub', hub: 'a%zz' })
})

test('the namespace is the first label of the host', () => {
  const cases: [string | null, string][] = [
    ['ns.servicebus.windows.net', 'ns'],
    ['NS.servicebus.windows.net:5671', 'ns'],
    ['localhost', 'localhost'],
    ['localhost:5672', 'localhost'],
    ['127.0.0.1', ''],
    ['127.0.0.1:5672', ''],
    ['[::1]:5672', ''],
    ['::1', ''],
    ['', ''],
    [null, ''],
  ]
  for (const [host, namespace] of cases) assert.equal(namespaceOfHost(host), namespace, String(host))
})
