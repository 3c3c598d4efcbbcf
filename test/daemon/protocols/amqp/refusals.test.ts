import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError } from '../../../../src/base/error.ts'
import { messageTooLargeText, Refusals } from '../../../../src/daemon/protocols/amqp/refusals.ts'
import { SimClock } from '../../../sim/sim-clock.ts'
import { fixedRandom } from './fakes.ts'

const container = '0123456789abcdef0123456789abcdef'
const broker = 'TrackingId:00000000-0000-4000-8000-000000000000_B1, SystemTracker:'
const gateway = `TrackingId:${container}_G1, SystemTracker:gateway1, Timestamp:2024-03-01T12:00:00`

function refusals(partitionCount = 4): Refusals {
  const clock = new SimClock(Date.UTC(2024, 2, 1, 12))
  const made = new Refusals(
    clock,
    fixedRandom,
    container,
    () => partitionCount,
    () => undefined,
  )
  made.host = 'ns.servicebus.windows.net'
  made.namespace = 'ns'
  return made
}

test('the sentences SDKs recognise stand word for word, with the service trailer', () => {
  const cases = [
    {
      error: new EhubError('hub-not-found', 'no hub "Ordes"'),
      place: { hub: 'Ordes' },
      condition: 'amqp:not-found',
      description:
        "The messaging entity 'sb://ns.servicebus.windows.net/ordes' could not be found. To know more visit " +
        `https://aka.ms/sbResourceMgrExceptions. ${broker}ns:eventhub:ordes~32766, Timestamp:2024-03-01T12:00:00`,
    },
    {
      error: new EhubError('group-not-found', 'no group'),
      place: { hub: 'orders', group: 'G9', partition: '1' },
      condition: 'amqp:not-found',
      description:
        "The messaging entity 'ns:eventhub:orders~16383|g9' could not be found. To know more visit " +
        `https://aka.ms/sbResourceMgrExceptions. ${broker}ns:eventhub:orders~16383|g9, Timestamp:2024-03-01T12:00:00`,
    },
    {
      error: new EhubError('partition-not-found', 'no partition'),
      place: { hub: 'orders', partition: '9' },
      condition: 'com.microsoft:argument-out-of-range',
      description:
        'The specified partition is invalid for an EventHub partition sender or receiver. It should be between 0 and 3. ' +
        `${broker}ns:eventhub:orders~32766, Timestamp:2024-03-01T12:00:00`,
    },
    {
      error: new EhubError('unauthorized', 'no right'),
      place: { hub: 'Orders', group: '$Default', partition: '0', right: 'listen' as const },
      condition: 'amqp:unauthorized-access',
      description:
        "Unauthorized access. 'Listen' claim(s) are required to perform this operation. Resource: " +
        `'sb://ns.servicebus.windows.net/orders/consumergroups/$default/partitions/0'. ${gateway}`,
    },
    {
      error: new EhubError('not-allowed', 'Only one thing at a time.'),
      place: {},
      condition: 'amqp:not-allowed',
      description: `Only one thing at a time. ${gateway}`,
    },
  ]
  for (const { error, place, condition, description } of cases) {
    assert.deepEqual(refusals().of(error, place), { condition, description }, error.code)
  }
})

test('the ranges of partitions are the service ones', () => {
  const cases: [string, number, number][] = [
    ['0', 2, 16383],
    ['1', 2, 32766],
    ['0', 4, 8191],
    ['2', 4, 24575],
    ['3', 4, 32766],
    ['1', 3, 21844],
    ['3', 32, 4095],
  ]
  for (const [partition, partitionCount, range] of cases) {
    const { description } = refusals(partitionCount).of(new EhubError('receiver-limit', 'x'), { hub: 'h', partition })
    assert.match(description, new RegExp(`:h~${range}, `))
  }
})

test('what failed inside is not told, and names cannot break a line', () => {
  for (const code of ['storage-failed', 'storage-corrupt', 'disk-full', 'internal-error'] as const) {
    const { description } = refusals().of(new EhubError(code, 'EIO on /var/lib/secret/7.log'), { hub: 'orders' })
    assert.doesNotMatch(description, /secret|EIO/)
  }
  const forged = refusals().of(new EhubError('argument-error', 'name "a\r\nTrackingId:x\u202e"'), { hub: 'a\nb' })
  assert.doesNotMatch(forged.description, /[\r\n\u202e]/)
})

test('the size of a publication is told with its numbers', () => {
  assert.equal(
    messageTooLargeText(0, 1_059_180, 1_048_576),
    'The received message (delivery-id:0, size:1059180 bytes) exceeds the limit (1048576 bytes) currently allowed on the link.',
  )
})
