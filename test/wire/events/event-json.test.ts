import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { isEhubError } from '../../../src/base/error.ts'
import {
  contentOfMessage,
  emptyContent,
  type EventContent,
  type EventPlace,
  writeEvent,
} from '../../../src/wire/events/event.ts'
import { type BodyMode, eventOfJson, eventToJson, writeEventJson } from '../../../src/wire/events/event-json.ts'
import { eventContent } from './arbitraries.ts'

const place: EventPlace = {
  hub: 'orders',
  partition: '2',
  sequence: 41,
  offset: '9216',
  enqueuedTimeMs: Date.parse('2026-11-20T09:30:00.123Z'),
  publisher: null,
}
const nowhere: EventPlace = {
  hub: null,
  partition: null,
  sequence: null,
  offset: null,
  enqueuedTimeMs: null,
  publisher: null,
}
const data = (body: string | Buffer): EventContent => ({
  ...emptyContent,
  body: { kind: 'data', sections: [Buffer.from(body)] },
})
const encode = (content: EventContent): Buffer => {
  const writer = new ByteWriter()
  writeEvent(writer, content)
  return writer.takeCopy()
}

/** Fields not set may be null or missing; that is no difference. */
const normal = (content: EventContent): unknown => ({
  ...content,
  header: fieldsSet(content.header),
  properties: fieldsSet(content.properties),
})
const fieldsSet = (fields: object | null | undefined): unknown => {
  const entries = Object.entries(fields ?? {}).filter(([, value]) => value !== null)
  return entries.length === 0 ? null : Object.fromEntries(entries)
}

test('the envelope of an ordinary event', () => {
  const event = {
    ...place,
    ...data('{"id":1}'),
    key: 'c7',
    applicationProperties: [
      [
        { type: 'string', value: 'type' },
        { type: 'string', value: 'OrderPlaced' },
      ],
      [
        { type: 'string', value: 'n' },
        { type: 'int', value: 5 },
      ],
    ] as const,
    properties: { messageId: { type: 'string', value: 'm1' }, contentType: 'application/json' } as const,
  }
  assert.equal(
    eventToJson(event),
    '{"v":1,"hub":"orders","partition":"2","seq":41,"offset":"9216","enqueued":"2026-11-20T09:30:00.123Z","key":"c7","publisher":null' +
      ',"body":"{\\"id\\":1}","props":{"type":"OrderPlaced","n":5},"propTypes":{"n":"int"}' +
      ',"sys":{"messageId":"m1","contentType":"application/json"},"annotations":{}}',
  )
})

test('the line written as bytes is the line made as text', () => {
  const modes: readonly BodyMode[] = ['auto', 'utf8', 'json', 'base64', 'hex', 'none']
  const bodies = fc.oneof(
    fc.string({ unit: 'binary' }).map((text) => Buffer.from(text)),
    fc.uint8Array().map((bytes) => Buffer.from(bytes)),
    fc.constant(Buffer.from(Array.from({ length: 128 }, (_, byte) => byte))),
  )
  fc.assert(
    fc.property(eventContent, bodies, fc.boolean(), fc.constantFrom(...modes), (content, body, isText, mode) => {
      const event = { ...place, ...content, ...(isText ? data(body) : {}) }
      const writer = new ByteWriter(64)
      writeEventJson(writer, event, mode)
      assert.equal(writer.taken().toString('utf8'), eventToJson(event, mode))
    }),
  )
})

test('an event to its envelope and back is the identity', () => {
  fc.assert(
    fc.property(eventContent, (content) => {
      const line = eventToJson({ ...place, ...content })
      assert.ok(!line.includes('\n'))
      assert.deepEqual(normal(eventOfJson(line)), normal(content))
    }),
    { numRuns: 2000 },
  )
})

test('an envelope to a message and back is the identity', () => {
  fc.assert(
    fc.property(eventContent, (content) => {
      const line = eventToJson({ ...nowhere, ...content })
      const message = encode(eventOfJson(line))
      assert.equal(eventToJson({ ...nowhere, ...contentOfMessage(message) }), line)
    }),
    { numRuns: 1000 },
  )
})

test('a message to its envelope and back is the identity', () => {
  fc.assert(
    fc.property(eventContent, (content) => {
      const message = encode(content)
      const line = eventToJson({ ...place, ...contentOfMessage(message) })
      assert.deepEqual(encode(eventOfJson(line)), message)
    }),
    { numRuns: 1000 },
  )
})

test('bodies in JSON', () => {
  const body = (content: EventContent, mode?: BodyMode) => {
    const value = JSON.parse(eventToJson({ ...place, ...content }, mode))
    return { body: value.body, bodyBase64: value.bodyBase64, bodyHex: value.bodyHex, bodyType: value.bodyType }
  }
  const only = (members: object) => ({
    body: undefined,
    bodyBase64: undefined,
    bodyHex: undefined,
    bodyType: undefined,
    ...members,
  })
  assert.deepEqual(body(data('héllo')), only({ body: 'héllo' }))
  assert.deepEqual(body(data(Buffer.from([0xff, 0]))), only({ bodyBase64: '/wA=' }))
  assert.deepEqual(body(data('')), only({ body: '' }))
  assert.deepEqual(body({ ...data(''), key: 'k' }), only({ body: null }))
  assert.deepEqual(body(emptyContent), only({ body: null, bodyType: 'none' }))
  assert.deepEqual(body(data('{"a": [1]}'), 'json'), only({ body: { a: [1] } }))
  assert.deepEqual(body(data('"text"'), 'json'), only({ body: '"text"' }))
  assert.deepEqual(body(data('abc'), 'base64'), only({ bodyBase64: 'YWJj' }))
  assert.deepEqual(body(data('abc'), 'hex'), only({ bodyHex: '616263' }))
  assert.deepEqual(body(data(Buffer.from([0x61, 0xff])), 'utf8'), only({ body: 'a\ufffd' }))
  assert.deepEqual(body(data('abc'), 'none'), only({}))
  assert.deepEqual(
    body({ ...emptyContent, body: { kind: 'value', value: { type: 'int', value: 5 } } }),
    only({ body: { int: 5 }, bodyType: 'value' }),
  )
})

test('what people write by hand is understood', () => {
  const bodyOf = (line: string) => {
    const { body } = eventOfJson(line)
    return body.kind === 'data' ? body.sections.map(String) : body
  }
  assert.deepEqual(bodyOf('{"body":"x"}'), ['x'])
  assert.deepEqual(bodyOf('{"body":{"a":1}}'), ['{"a":1}'])
  assert.deepEqual(bodyOf('{"body":[1,2]}'), ['[1,2]'])
  assert.deepEqual(bodyOf('{"body":7,"unknown":{"x":1}}'), ['7'])
  assert.deepEqual(bodyOf('{"body":null,"key":"k"}'), [''])
  assert.deepEqual(bodyOf('{"bodyHex":"6869"}'), ['hi'])
  assert.deepEqual(eventOfJson('{"body":"","props":{"n":5,"x":1.5,"b":true,"s":"t"}}').applicationProperties, [
    [
      { type: 'string', value: 'n' },
      { type: 'long', value: 5n },
    ],
    [
      { type: 'string', value: 'x' },
      { type: 'double', value: 1.5 },
    ],
    [
      { type: 'string', value: 'b' },
      { type: 'boolean', value: true },
    ],
    [
      { type: 'string', value: 's' },
      { type: 'string', value: 't' },
    ],
  ])
})

const malformed: readonly (readonly [string, RegExp])[] = [
  ['', /JSON/],
  ['{"body":', /JSON/],
  ['[]', /no JSON object/],
  ['{}', /no "body"/],
  ['{"v":2,"body":""}', /"v" is 2/],
  ['{"body":"","bodyBase64":""}', /more than one/],
  ['{"bodyBase64":"?"}', /"bodyBase64".*base64/],
  ['{"bodyHex":"abc"}', /"bodyHex"/],
  ['{"body":"","bodyType":"blob"}', /"bodyType"/],
  ['{"body":"","key":5}', /"key"/],
  [`{"body":"","key":"${'k'.repeat(129)}"}`, /129 characters exceeds 128/],
  ['{"body":"","props":[1]}', /"props"/],
  ['{"body":"","props":{"n":5},"propTypes":{"n":"integer"}}', /"integer"/],
  ['{"body":"","props":{"n":300},"propTypes":{"n":"ubyte"}}', /"props.n": 300 is not a ubyte/],
  ['{"body":"","props":{"n":12345678901234567890}}', /not exact/],
  ['{"body":"","props":{"x":{"a":1}}}', /"props.x".*type/],
  ['{"body":"","sys":{"groupSequence":-1}}', /"sys.groupSequence"/],
  ['{"body":"","sys":[]}', /"sys"/],
  ['{"body":"","header":{"priority":"high"}}', /"header.priority"/],
]

test('a malformed line is an error that says what is wrong', () => {
  for (const [line, pattern] of malformed) {
    assert.throws(
      () => eventOfJson(line),
      (error) => isEhubError(error, 'argument-error') && pattern.test(error.message),
      line,
    )
  }
})

test('any JSON is an event or an argument error', () => {
  fc.assert(
    fc.property(
      fc.json({ maxDepth: 4 }),
      fc.constantFrom('body', 'props', 'sys', 'header', 'annotations'),
      (json, name) => {
        try {
          eventOfJson(`{"body":"x","${name}":${json},"propTypes":${json}}`)
        } catch (error) {
          assert.ok(isEhubError(error, 'argument-error'), String(error))
        }
      },
    ),
  )
})
