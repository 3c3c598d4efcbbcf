import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../src/base/error.ts'
import {
  coversEntityPath,
  entityPathOfUri,
  makeSasToken,
  parseSasToken,
  sasTokenLengthMax,
  verifySasSignature,
} from '../../src/wire/sas.ts'

const key = 'MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY='
const token = (sr: string, signature: string) =>
  `SharedAccessSignature sr=${sr}&sig=${encodeURIComponent(signature)}&se=1893456000&skn=RootManageSharedAccessKey`

// `sr` as transmitted, its signature, the path it is for.
const vectors = [
  [
    'sb%3A%2F%2Fcontoso.servicebus.windows.net%2Ftelemetry',
    'l1EkS0IDA/JcpPAWjJfxTLZzpSj4Jt9N+VcwBvcoSns=',
    'telemetry',
  ],
  ['https%3A%2F%2Fcontoso.servicebus.windows.net%2F', 'NKL4q5WxiJigm3xBCcriOslkQAU8uDxg8eccJ9LVrA0=', ''],
  [
    'https%3a%2f%2fcontoso.servicebus.windows.net%2ftelemetry',
    'Dm4+/E2n5CG+SnUl73aFH/3HkPDm4/ap5WU1sAHh7tA=',
    'telemetry',
  ],
  [
    'http%3A%2F%2Fcontoso.servicebus.windows.net%2Ftelemetry%2Fpublishers%2Fdev-01',
    '0BfURFNXpALX6IHgA5clJPPKVfxHlp3/F3FdnDjDma0=',
    'telemetry/publishers/dev-01',
  ],
  [
    'amqps%3A%2F%2Flocalhost%3A5671%2Ftelemetry%2FConsumerGroups%2F%24Default%2FPartitions%2F0',
    'niWCBFYmmwa73SiG4Dzv678KdIgnnuJaNA37AM1gzrk=',
    'telemetry/consumergroups/$default/partitions/0',
  ],
  ['contoso.servicebus.windows.net', 'MamldgjyawCQ8vxp4uVDYlvpintjFATXP5ZgZdwh4vw=', ''],
] as const

for (const [sr, signature, path] of vectors) {
  test(`the signature over "${sr}" is the one the SDKs compute, for "${path}"`, () => {
    const parsed = parseSasToken(token(sr, signature))
    assert.equal(parsed.resourcePath, path)
    assert.equal(parsed.expiresAtSeconds, 1_893_456_000)
    assert.equal(parsed.ruleName, 'RootManageSharedAccessKey')
    assert.equal(verifySasSignature(parsed, key), true)
    assert.equal(verifySasSignature(parsed, `${key} `), false)
  })
}

test('a signature with the base64-decoded key, or over the unencoded URI, is refused', () => {
  const sr = 'sb%3A%2F%2Fcontoso.servicebus.windows.net%2Ftelemetry'
  for (const signature of [
    'dKPDde4mr1ZcN7rjlBlUa6WTUEEDbl77bFd4F2Rz+d8=',
    'OVXhs/iOQwctR5ab8f4NgXXMwcO3cHnfyX9TE6t5Vfs=',
  ]) {
    assert.equal(verifySasSignature(parseSasToken(token(sr, signature)), key), false)
  }
})

test('a changed resource, expiry or signature no longer verifies', () => {
  const [sr, signature] = vectors[0]
  const good = token(sr, signature)
  assert.equal(verifySasSignature(parseSasToken(good.replace('telemetry', 'telemetri')), key), false)
  assert.equal(verifySasSignature(parseSasToken(good.replace('1893456000', '1893456001')), key), false)
  assert.equal(verifySasSignature(parseSasToken(good.replace('l1Ek', 'l1El')), key), false)
})

test('the fields may come in any order', () => {
  const [sr, signature] = vectors[0]
  const parsed = parseSasToken(
    `SharedAccessSignature skn=r%20w&se=1893456000&sig=${encodeURIComponent(signature)}&sr=${sr}`,
  )
  assert.equal(parsed.ruleName, 'r w')
  assert.equal(verifySasSignature(parsed, key), true)
})

const signed = encodeURIComponent('l1EkS0IDA/JcpPAWjJfxTLZzpSj4Jt9N+VcwBvcoSns=')
const refused: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['another scheme', 'Bearer abc'],
  ['a field twice', `SharedAccessSignature sr=a.b&sr=a.b&sig=${signed}&se=1&skn=r`],
  ['an unknown field', `SharedAccessSignature sr=a.b&sig=${signed}&se=1&skn=r&st=2`],
  ['no expiry', `SharedAccessSignature sr=a.b&sig=${signed}&skn=r`],
  ['an empty rule', `SharedAccessSignature sr=a.b&sig=${signed}&se=1&skn=`],
  ['an expiry that is no number', `SharedAccessSignature sr=a.b&sig=${signed}&se=1e9&skn=r`],
  ['a negative expiry', `SharedAccessSignature sr=a.b&sig=${signed}&se=-1&skn=r`],
  ['a short signature', 'SharedAccessSignature sr=a.b&sig=YWJj&se=1&skn=r'],
  ['broken percent-encoding', `SharedAccessSignature sr=%zz&sig=${signed}&se=1&skn=r`],
  ['a path that climbs', `SharedAccessSignature sr=sb%3A%2F%2Fh%2Fa%2F..%2Fb&sig=${signed}&se=1&skn=r`],
  ['a NUL in the path', `SharedAccessSignature sr=sb%3A%2F%2Fh%2Fa%00&sig=${signed}&se=1&skn=r`],
  ['a field without value sign', `SharedAccessSignature sr&sig=${signed}&se=1&skn=r`],
  ['too long a text', `SharedAccessSignature sr=${'a'.repeat(sasTokenLengthMax)}&sig=${signed}&se=1&skn=r`],
]

for (const [what, text] of refused) {
  test(`a token with ${what} is refused without repeating it`, () => {
    assert.throws(
      () => parseSasToken(text),
      (error) => isEhubError(error, 'argument-error') && !error.message.includes(signed),
    )
  })
}

test('what is made is read back and verifies', () => {
  const made = makeSasToken({ resource: 'sb://localhost:5672/orders', ruleName: 'a&b=c', key, expiresAtSeconds: 12 })
  const parsed = parseSasToken(made)
  assert.equal(parsed.ruleName, 'a&b=c')
  assert.equal(parsed.resourcePath, 'orders')
  assert.equal(verifySasSignature(parsed, key), true)
})

test('any text is parsed or refused, never anything else', () => {
  const part = fc.constantFrom(
    'SharedAccessSignature ',
    'sr=',
    'sig=',
    '&',
    'se=',
    '1',
    '%',
    '%2',
    signed,
    'skn=r',
    '/',
  )
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(part).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          parseSasToken(text)
        } catch (error) {
          assert.ok(isEhubError(error, 'argument-error'))
        }
      },
    ),
  )
})

test('paths of resource URIs lose scheme, host, port, case and the slashes at the ends', () => {
  const table: readonly (readonly [string, string | null])[] = [
    ['sb://localhost:5672/Orders/', 'orders'],
    ['amqps://h/Orders/ConsumerGroups/$Default', 'orders/consumergroups/$default'],
    ['sb://localhost', ''],
    ['sb://[::1]:5672/orders', 'orders'],
    ['localhost/orders', 'orders'],
    ['/orders', 'orders'],
    ['contoso.servicebus.windows.net/', ''],
    // A bare word is an entity, not a host: it must not widen to the whole namespace.
    ['orders', 'orders'],
    ['orders/$management', 'orders/$management'],
    ['sb:///orders', null],
    ['sb://h//orders', null],
    ['sb://h/a//b', null],
    ['sb://h/a\\b', null],
    ['sb://h/a?b', null],
  ]
  for (const [uri, path] of table) assert.equal(entityPathOfUri(uri), path, uri)
})

test('a scope covers whole segments only', () => {
  assert.equal(coversEntityPath('hub1', 'hub1'), true)
  assert.equal(coversEntityPath('hub1', 'hub1/partitions/0'), true)
  assert.equal(coversEntityPath('hub1', 'hub10'), false)
  assert.equal(coversEntityPath('hub1/partitions/1', 'hub1/partitions/10'), false)
  assert.equal(coversEntityPath('hub1/partitions/1', 'hub1'), false)
  assert.equal(coversEntityPath('', 'anything/at/all'), true)
})
