import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { bodyData, bodyValue, decodeMessage, encodeMessage } from '../../../src/wire/amqp/message.ts'
import { requestKeys } from '../../../src/wire/amqp/names.ts'
import {
  arrayValue,
  binaryValue,
  intValue,
  longValue,
  mapEntry,
  stringValue,
  symbolValue,
  timestampValue,
  ulongValue,
} from '../../../src/wire/amqp/types.ts'
import { anyBytes } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'
import { eventOf } from './events.ts'
import { anyMessage } from './messages.ts'
import { rheaMessage } from './rhea-partner.ts'

test('a reply of $cbs is golden', () => {
  const uuid = Buffer.alloc(16, 0xab)
  const reply = encodeMessage({
    properties: { correlationId: { type: 'uuid', value: uuid } },
    applicationProperties: [
      [stringValue(requestKeys.statusCode), intValue(202)],
      [stringValue(requestKeys.statusDescription), stringValue('Accepted')],
    ],
    body: { kind: 'value', value: { type: 'null', value: null } },
  })
  assert.equal(
    reply.toString('hex'),
    hex(
      '00 53 73 c0 1e 0d', // properties, list8 of 13
      '40 40 40 40 40', // message-id, user-id, to, subject, reply-to
      `98 ${'ab'.repeat(16)}`, // correlation-id, the uuid Python matches by type
      '40 40 40 40 40 40 40', // the rest
      '00 53 74 c1 31 04', // application properties, map8 of 2 pairs
      `a1 0b ${Buffer.from('status-code').toString('hex')}`,
      '71 000000ca', // int 202
      `a1 12 ${Buffer.from('status-description').toString('hex')}`,
      `a1 08 ${Buffer.from('Accepted').toString('hex')}`,
      '00 53 77 40', // amqp-value null
    ).toString('hex'),
  )
})

test('decoding what was encoded gives the same message', () => {
  fc.assert(fc.property(anyMessage, (message) => assert.deepEqual(decodeMessage(encodeMessage(message)), message)))
})

test('a request is read as the SDKs send it', () => {
  const bytes = rheaMessage.encode({
    message_id: 'm1',
    reply_to: 'cbs-1',
    to: '$cbs',
    application_properties: { operation: 'put-token', name: 'sb://host/hub' },
    body: 'SharedAccessSignature sr=x',
  })
  const message = decodeMessage(bytes)
  assert.deepEqual(message.properties?.messageId, stringValue('m1'))
  assert.equal(message.properties?.replyTo, 'cbs-1')
  assert.deepEqual(mapEntry(message.applicationProperties, 'operation'), stringValue('put-token'))
  assert.deepEqual(bodyValue(message), stringValue('SharedAccessSignature sr=x'))
  assert.equal(bodyData(message), null)
})

test('rhea reads what we write', () => {
  const bytes = encodeMessage({
    header: { durable: true },
    messageAnnotations: [[symbolValue('x-opt-sequence-number'), longValue(42)]],
    properties: {
      messageId: ulongValue(7),
      contentType: 'text/plain',
      creationTime: 1_700_000_000_000n,
      userId: Buffer.from('me'),
    },
    applicationProperties: [
      [stringValue('a'), intValue(-5)],
      [stringValue('t'), timestampValue(5)],
      [stringValue('ids'), arrayValue('string', [stringValue('0'), stringValue('1')])],
    ],
    body: { kind: 'data', sections: [Buffer.from('hello')] },
  })
  const message = rheaMessage.decode(bytes)
  assert.equal(message['durable'], true)
  assert.equal(message['message_id'], 7)
  assert.equal(message['content_type'], 'text/plain')
  assert.equal((message['creation_time'] as Date).getTime(), 1_700_000_000_000)
  assert.deepEqual(message['message_annotations'], { 'x-opt-sequence-number': 42 })
  const application = message['application_properties'] as Record<string, unknown>
  assert.equal(application['a'], -5)
  assert.equal((application['t'] as Date).getTime(), 5)
  assert.equal((message.body as { content: Buffer }).content.toString(), 'hello')
})

describe('every kind of body is read as rhea writes it', () => {
  test('several data sections', () => {
    const body = rheaMessage.data_sections([Buffer.from('ab'), Buffer.from('c')])
    const message = decodeMessage(rheaMessage.encode({ body }))
    assert.equal(bodyData(message)?.toString(), 'abc')
    assert.equal(message.body.kind === 'data' && message.body.sections.length, 2)
  })
  test('a sequence', () => {
    const message = decodeMessage(rheaMessage.encode({ body: rheaMessage.sequence_section(['a', 'b']) }))
    assert.deepEqual(message.body, { kind: 'sequence', sections: [[stringValue('a'), stringValue('b')]] })
  })
  test('binary as a value', () => {
    const message = decodeMessage(rheaMessage.encode({ body: Buffer.from('[]') }))
    assert.equal((bodyData(message) ?? Buffer.alloc(0)).length + (bodyValue(message) === null ? 0 : 2), 2)
  })
  test('none', () => assert.deepEqual(decodeMessage(hex('00 53 73 45')).body, { kind: 'none' }))
})

test('a message owns its bytes', () => {
  const bytes = eventOf('hello')
  const message = decodeMessage(bytes)
  bytes.fill(0)
  assert.equal(bodyData(message)?.toString(), 'hello')
})

describe('a message that is none is refused', () => {
  const cases: readonly [string, string][] = [
    ['a header field of another type', '00 53 70 c0 03 01 a1 00'],
    ['annotations of an odd count', '00 53 72 c1 02 01 40'],
    ['properties that reach beyond their list', '00 53 73 c0 03 01 a1 05'],
    ['a value cut short', '00 53 77 a1 05 61'],
  ]
  for (const [name, bytes] of cases) test(name, () => throwsCode(() => decodeMessage(hex(bytes)), 'decode-error'))
})

test('any bytes decode or are refused', () => {
  const code = fc.integer({ min: 0x6f, max: 0x79 })
  fc.assert(
    fc.property(code, anyBytes, (section, bytes) => {
      try {
        decodeMessage(Buffer.concat([Buffer.from([0x00, 0x53, section]), bytes]))
      } catch (error) {
        assert.ok(isEhubError(error, 'decode-error'), String(error))
      }
    }),
    { numRuns: 2000 },
  )
})

test('application properties are pairs, whatever their names', () => {
  const message = decodeMessage(
    encodeMessage({ applicationProperties: [[stringValue('__proto__'), binaryValue(Buffer.from('x'))]] }),
  )
  assert.equal(message.applicationProperties?.length, 1)
  assert.equal(({} as Record<string, unknown>)['x'], undefined)
})
