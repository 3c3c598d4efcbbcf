import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../src/base/error.ts'
import { formatConnectionString, parseConnectionString } from '../../src/wire/connection-string.ts'

test('a namespace string with key and emulator flag is read', () => {
  assert.deepEqual(
    parseConnectionString(
      'Endpoint=sb://localhost:5673;SharedAccessKeyName=Root;SharedAccessKey=abc=;UseDevelopmentEmulator=true;',
    ),
    {
      host: 'localhost',
      port: 5673,
      sharedAccessKeyName: 'Root',
      sharedAccessKey: 'abc=',
      sharedAccessSignature: null,
      entityPath: null,
      useDevelopmentEmulator: true,
    },
  )
})

test('a hub string with a ready-made signature is read, its value keeping every "="', () => {
  const parsed = parseConnectionString(
    'Endpoint=sb://contoso.servicebus.windows.net/;SharedAccessSignature=SharedAccessSignature sr=a&sig=b%3D&se=1&skn=r;EntityPath=orders',
  )
  assert.equal(parsed.sharedAccessSignature, 'SharedAccessSignature sr=a&sig=b%3D&se=1&skn=r')
  assert.equal(parsed.entityPath, 'orders')
  assert.equal(parsed.port, null)
})

test('keys are known in any case, and an IPv6 host keeps its brackets', () => {
  const parsed = parseConnectionString('endpoint=sb://[::1]:5672/;sharedaccesskeyname=r;SHAREDACCESSKEY=k')
  assert.equal(parsed.host, '[::1]')
  assert.equal(parsed.port, 5672)
})

const pair = 'SharedAccessKeyName=r;SharedAccessKey=secret'
const refused: readonly (readonly [string, RegExp])[] = [
  ['', /no Endpoint/],
  [pair, /no Endpoint/],
  [`Endpoint=localhost;${pair}`, /form sb:/],
  [`Endpoint=sb://localhost:70000/;${pair}`, /port 70000/],
  [`Endpoint=sb://local host/;${pair}`, /form sb:/],
  [`Endpoint=sb://localhost/orders;${pair}`, /form sb:/],
  [`Endpoint=sb://localhost/;${pair};EntityPth=x`, /unknown key "EntityPth"/],
  [`Endpoint=sb://localhost/;${pair};${pair}`, /SharedAccessKeyName appears twice/],
  [`Endpoint=sb://localhost/;${pair};EntityPath=`, /EntityPath has no value/],
  [`Endpoint=sb://localhost/;${pair};UseDevelopmentEmulator=yes`, /neither true nor false/],
  [`Endpoint=sb://localhost/;${pair};nonsense`, /without "="/],
  ['Endpoint=sb://localhost/;SharedAccessKeyName=r', /no SharedAccessKey$/],
  ['Endpoint=sb://localhost/;SharedAccessKey=secret', /no SharedAccessKeyName/],
  [`Endpoint=sb://localhost/;${pair};SharedAccessSignature=secret`, /both/],
  [`Endpoint=sb://localhost/;${pair};EntityPath=${'x'.repeat(9000)}`, /characters/],
]

for (const [text, reason] of refused) {
  test(`"${text.slice(0, 60)}" is refused: ${reason.source}`, () => {
    assert.throws(
      () => parseConnectionString(text),
      (error) =>
        isEhubError(error, 'argument-error') && reason.test(error.message) && !error.message.includes('secret'),
    )
  })
}

test('what is formatted is read back', () => {
  const word = fc.stringMatching(/^[A-Za-z0-9+/=]{1,20}$/)
  const credentials = fc.oneof(
    fc.record({ sharedAccessKeyName: word, sharedAccessKey: word, sharedAccessSignature: fc.constant(null) }),
    fc.record({
      sharedAccessKeyName: fc.constant(null),
      sharedAccessKey: fc.constant(null),
      sharedAccessSignature: word,
    }),
  )
  const rest = fc.record({
    host: fc.constantFrom('localhost', '[::1]', '127.0.0.1', 'a.servicebus.windows.net'),
    port: fc.option(fc.integer({ min: 1, max: 65535 })),
    entityPath: fc.option(fc.stringMatching(/^[a-z]{1,10}$/)),
    useDevelopmentEmulator: fc.boolean(),
  })
  fc.assert(
    fc.property(credentials, rest, (a, b) => {
      const value = { ...a, ...b }
      assert.deepEqual(parseConnectionString(formatConnectionString(value)), value)
    }),
  )
})
