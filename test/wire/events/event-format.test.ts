import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { isEhubError } from '../../../src/base/error.ts'
import { emptyContent, type Event } from '../../../src/wire/events/event.ts'
import { compileFormat, unescape } from '../../../src/wire/events/event-format.ts'

const event: Event = {
  ...emptyContent,
  hub: 'orders',
  partition: '2',
  sequence: 41,
  offset: '9216',
  enqueuedTimeMs: Date.parse('2026-11-20T09:30:00.123Z'),
  publisher: 'p9',
  key: 'c7',
  body: { kind: 'data', sections: [Buffer.from('héllo')] },
  properties: { messageId: { type: 'string', value: 'm1' }, contentType: 'text/plain' },
  applicationProperties: [
    [
      { type: 'string', value: 'type' },
      { type: 'string', value: 'Order' },
    ],
    [
      { type: 'string', value: 'n' },
      { type: 'int', value: 5 },
    ],
  ],
}
const format = (template: string, of: Event = event): string => {
  const writer = new ByteWriter()
  compileFormat(template)(of, writer)
  return writer.taken().toString('latin1')
}
const utf8 = (text: string) => Buffer.from(text).toString('latin1')

const cases: readonly (readonly [string, string])[] = [
  ['%s', utf8('héllo')],
  ['%S', '6'],
  ['%s{hex}', '68c3a96c6c6f'],
  ['%s{base64}', 'aMOpbGxv'],
  ['%s{json}', utf8('"héllo"')],
  ['%k %K', 'c7 2'],
  ['%k{hex}', '6337'],
  ['%p/%n@%o', '2/41@9216'],
  ['%t', 'orders'],
  ['%T', '1795167000123'],
  ['%D', '2026-11-20T09:30:00.123Z'],
  ['%D{%F %T.%L}', '2026-11-20 09:30:00.123'],
  ['%D{%Y%m%d %H:%M:%S %s %%}', '20261120 09:30:00 1795167000 %'],
  ['%h', 'type=Order,n=5'],
  ['%h{type}|%h{n}|%h{none}', 'Order|5|'],
  ['%h{type}{json}', '"Order"'],
  ['%i %u', 'm1 p9'],
  ['100%%\\n\\t\\x41\\0\\\\', '100%\n\tA\0\\'],
  ['{{partition}} {{seq}} {{ key }} {{prop.n}} {{sys.contentType}}', '2 41 c7 5 text/plain'],
  ['{{offset}} {{hub}} {{enqueued}} {{publisher}} {{messageId}}', '9216 orders 2026-11-20T09:30:00.123Z p9 m1'],
  ['{{body}}', utf8('héllo')],
  ['plain', 'plain'],
  ['', ''],
]
for (const [template, text] of cases) {
  test(`format ${template}`, () => assert.equal(format(template), text))
}

test('bytes of a body pass unchanged', () => {
  const bytes = Buffer.from([0, 255, 10, 128])
  assert.equal(format('%s', { ...event, body: { kind: 'data', sections: [bytes] } }), bytes.toString('latin1'))
})

test('what is not there is empty, as in kcat a missing key has length -1', () => {
  const bare: Event = { ...event, ...emptyContent, sequence: null, offset: null, enqueuedTimeMs: null }
  assert.equal(format('[%s|%k|%K|%n|%o|%T|%D|%h|%i]', bare), '[||-1||||||]')
})

test('a template that is not understood is a usage error', () => {
  for (const template of ['%q', '%s{rot13}', '{{nope}}', '{{sys.nope}}', '{{body', '%h{x', '\\q', '%']) {
    assert.throws(
      () => compileFormat(template),
      (error) => isEhubError(error, 'usage'),
      template,
    )
  }
})

test('escapes', () => {
  assert.equal(unescape('a\\x0ab\\0\\t'), 'a\nb\0\t')
})
