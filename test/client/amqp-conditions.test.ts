import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCodes, type EhubErrorCode } from '../../src/base/error.ts'
import { errorOfCondition } from '../../src/client/amqp-conditions.ts'
import { projectError } from '../../src/wire/errors.ts'

// Texts of the real service, as its clients report them.
const cases: readonly (readonly [string, string, EhubErrorCode])[] = [
  ['amqp:not-found', "The messaging entity 'sb://ns.servicebus.windows.net/nope' could not be found.", 'hub-not-found'],
  ['amqp:not-found', "The messaging entity 'ns:eventhub:orders~8191|nope' could not be found.", 'group-not-found'],
  ['amqp:unauthorized-access', "Unauthorized access. 'Send' claim(s) are required", 'unauthorized'],
  ['amqp:unauthorized-access', 'InvalidSignature: The token has an invalid signature.', 'token-invalid'],
  ['amqp:unauthorized-access', 'ExpiredToken: The token is expired.', 'token-expired'],
  [
    'amqp:resource-limit-exceeded',
    'Exceeded the maximum number of allowed receivers per partition in a consumer group which is 5.',
    'receiver-limit',
  ],
  ['amqp:resource-limit-exceeded', 'The namespace has reached its quota.', 'quota-exceeded'],
  [
    'amqp:link:stolen',
    "New receiver 'x' with higher epoch of '1' is created hence current receiver 'y' is getting disconnected.",
    'receiver-stolen',
  ],
  ['amqp:link:stolen', "Receiver 'x' with a higher epoch '7' already exists.", 'owner-level-lower'],
  [
    'amqp:link:stolen',
    "At least one receiver for the endpoint is created with epoch of '0', and so non-epoch receiver is not allowed.",
    'owner-level-required',
  ],
  ['amqp:link:message-size-exceeded', 'The received message exceeds the limit', 'event-too-large'],
  ['com.microsoft:server-busy', 'The request was terminated because the entity is being throttled.', 'server-busy'],
  [
    'com.microsoft:argument-out-of-range',
    'The specified partition is invalid for an EventHub partition sender or receiver.',
    'partition-not-found',
  ],
  [
    'com.microsoft:argument-error',
    "The supplied sequence number '488' is invalid. The last sequence number in the system is '482'",
    'position-out-of-range',
  ],
  ['amqp:connection:forced', 'The connection was inactive', 'shutting-down'],
  ['amqp:link:detach-forced', 'Idle timeout: 00:30:00.', 'shutting-down'],
  ['amqp:internal-error', 'The service was unable to process the request', 'service-failed'],
]
for (const [condition, description, code] of cases) {
  test(`${condition}, "${description.slice(0, 40)}…" is ${code}`, () => {
    const error = errorOfCondition(condition, description, 'orders')
    assert.equal(error.code, code)
    assert.equal(error.message, `orders: ${description}`)
  })
}

test('a condition we do not know stays visible', () => {
  const error = errorOfCondition('com.example:odd', 'what?', 'orders')
  assert.equal(error.code, 'service-failed')
  assert.equal(error.message, 'orders: com.example:odd: what?')
})

test('a condition comes back as a code of the same condition, for all the broker sends', () => {
  for (const code of errorCodes) {
    const { amqp } = projectError(code)
    const again = projectError(errorOfCondition(amqp, null, 'x').code).amqp
    assert.equal(again, amqp, code)
  }
})
