import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import type { Right } from '../../../src/daemon/broker/broker-api.ts'
import type { NamespaceState } from '../../../src/daemon/broker/state.ts'
import { SasCaller, sasTokenKind } from '../../../src/daemon/broker/tokens.ts'
import { makeSasToken } from '../../../src/wire/sas.ts'
import { SimClock } from '../../sim/sim-clock.ts'

const startMs = 1_700_000_000_000

function open() {
  const clock = new SimClock(startMs)
  const rule = (name: string, rights: readonly Right[]) =>
    [name.toLowerCase(), { name, rights, primaryKey: `${name} one`, secondaryKey: `${name} two` }] as const
  const namespace: NamespaceState = {
    number: 1,
    name: 'local',
    createdAtMs: 0,
    hubs: new Map(),
    rules: new Map([
      rule('Root', ['listen', 'manage', 'send']),
      rule('Sender', ['send']),
      rule('Listener', ['listen']),
    ]),
  }
  const caller = new SasCaller(namespace, clock)
  const put = (path: string, ruleName: string, { seconds = 60, audience = path, key = `${ruleName} one` } = {}) =>
    caller.putToken(
      `sb://localhost/${audience}`,
      sasTokenKind,
      makeSasToken({
        resource: `sb://localhost/${path}`,
        ruleName,
        key,
        expiresAtSeconds: Math.floor(clock.now() / 1000) + seconds,
      }),
    )
  return { clock, caller, put }
}

const fails = (code: string, pattern: RegExp) => (error: unknown) =>
  isEhubError(error) && error.code === code && pattern.test(error.message)

test('without a token there are no rights; a token gives what its rule has, as far as it reaches', () => {
  const { caller, put } = open()
  assert.equal(caller.can('send', 'orders'), false)
  assert.equal(caller.name, 'anonymous')
  assert.deepEqual(put('orders', 'Sender'), { expiresAtMs: startMs + 60_000 })
  assert.equal(caller.name, 'Sender')
  const table: readonly (readonly [Right, string, boolean])[] = [
    ['send', 'orders', true],
    ['send', 'Orders', true],
    ['send', 'orders/partitions/3', true],
    ['listen', 'orders', false],
    ['manage', 'orders', false],
    ['send', 'orders2', false],
    ['send', 'order', false],
    ['send', '', false],
  ]
  for (const [right, path, expected] of table) assert.equal(caller.can(right, path), expected, `${right} ${path}`)
})

test('manage includes the others, a namespace token covers every hub', () => {
  const { caller, put } = open()
  put('', 'Root', { audience: 'orders' })
  for (const right of ['send', 'listen', 'manage'] as const) {
    assert.equal(caller.can(right, 'anything/partitions/0'), true)
    assert.equal(caller.can(right, ''), true)
  }
})

test('either key signs, and rule names are found in any case', () => {
  const { put } = open()
  put('orders', 'Sender', { key: 'Sender two' })
  put('orders', 'SENDER', { key: 'Sender one' })
})

test('what does not verify is refused, and the reason names the rule, never the key', () => {
  const { caller, put } = open()
  assert.throws(() => put('orders', 'Sender', { key: 'wrong' }), fails('token-invalid', /rule "Sender"/))
  assert.throws(() => put('orders', 'Nobody', { key: '' }), fails('token-invalid', /rule "Nobody"/))
  assert.throws(() => put('orders', 'Sender', { seconds: 0 }), fails('token-expired', /2023-11-14T22:13:20.000Z/))
  assert.throws(
    () => put('orders', 'Sender', { audience: 'orders2' }),
    fails('token-invalid', /"orders" does not cover the audience "orders2"/),
  )
  assert.throws(
    () => put('orders/partitions/1', 'Sender', { audience: 'orders' }),
    fails('token-invalid', /does not cover/),
  )
  assert.throws(() => caller.putToken('sb://localhost/orders', 'jwt', 'x'), fails('not-supported', /"jwt"/))
  assert.throws(() => caller.putToken('sb://localhost/a/../b', sasTokenKind, 'x'), fails('argument-error', /audience/))
  assert.throws(() => caller.putToken('sb://localhost/orders', sasTokenKind, 'x'), fails('argument-error', /malformed/))
  assert.equal(caller.can('send', 'orders'), false)
})

test('the audience may be written with port, scheme, case and slash of any kind', () => {
  const { clock, caller } = open()
  const token = makeSasToken({
    resource: 'amqps://host/orders',
    ruleName: 'Sender',
    key: 'Sender one',
    expiresAtSeconds: Math.floor(clock.now() / 1000) + 60,
  })
  for (const audience of [
    'sb://localhost:5672/Orders/',
    'amqps://a.b.net/orders/partitions/0',
    'amqps%3A%2F%2Fh%2Forders',
    'orders',
  ]) {
    caller.putToken(audience, sasTokenKind, token)
  }
})

test('at its expiry a token is worth nothing, even before the timer has run', () => {
  const { clock, caller, put } = open()
  put('orders', 'Sender')
  clock.jumpWall(59_999)
  assert.equal(caller.can('send', 'orders'), true)
  clock.jumpWall(1)
  assert.equal(caller.can('send', 'orders'), false)
})

test('lapsing is told once per expiry, to those who still listen', () => {
  const { clock, caller, put } = open()
  const told: string[] = []
  caller.whenRightsLapse(() => told.push('one'))
  const two = caller.whenRightsLapse(() => told.push('two'))
  put('orders', 'Sender', { seconds: 60 })
  put('copy', 'Sender', { seconds: 90 })
  clock.advance(59_999)
  assert.deepEqual(told, [])
  clock.advance(1)
  assert.deepEqual(told, ['one', 'two'])
  two.stop()
  clock.advance(30_000)
  assert.deepEqual(told, ['one', 'two', 'one'])
})

test('a renewed token does not lapse with the old one', () => {
  const { clock, caller, put } = open()
  let told = 0
  caller.whenRightsLapse(() => told++)
  put('orders', 'Sender', { seconds: 60 })
  clock.advance(50_000)
  put('orders', 'Sender', { seconds: 60 })
  clock.advance(59_999)
  assert.equal(told, 0)
  assert.equal(caller.can('send', 'orders'), true)
  clock.advance(1)
  assert.equal(told, 1)
})

test('a token that replaces another with less is told as a lapse', () => {
  const { caller, put } = open()
  let told = 0
  put('orders', 'Sender')
  caller.whenRightsLapse(() => told++)
  put('orders', 'Listener')
  assert.equal(told, 1)
  assert.equal(caller.can('send', 'orders'), false)
  assert.equal(caller.can('listen', 'orders'), true)
})

test('a timer that comes while the wall clock stands behind is set again', () => {
  const { clock, caller, put } = open()
  let told = 0
  caller.whenRightsLapse(() => told++)
  put('orders', 'Sender', { seconds: 60 })
  clock.jumpWall(-30_000)
  clock.advance(60_000)
  assert.equal(told, 0)
  assert.equal(caller.can('send', 'orders'), true)
  clock.advance(30_000)
  assert.equal(told, 1)
})

test('a closed caller has no rights, no timer and takes no tokens', () => {
  const { clock, caller, put } = open()
  let told = 0
  put('orders', 'Sender')
  caller.whenRightsLapse(() => told++)
  caller.close()
  assert.equal(caller.can('send', 'orders'), false)
  assert.equal(clock.runNext(), false)
  assert.throws(() => put('orders', 'Sender'), fails('unauthorized', /closed/))
  assert.equal(told, 0)
})

test('a connection cannot pile up tokens without end', () => {
  const { put } = open()
  for (let index = 0; index < 5000; index++) put('', 'Sender', { audience: `hub${index}` })
  assert.throws(() => put('', 'Sender', { audience: 'one-more' }), fails('quota-exceeded', /5,000/))
  put('', 'Sender', { audience: 'hub0' })
})
