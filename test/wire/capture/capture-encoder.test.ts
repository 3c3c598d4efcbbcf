import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { decodeMessage, encodeMessage, type MessageBody } from '../../../src/wire/amqp/message.ts'
import { annotations } from '../../../src/wire/amqp/names.ts'
import type { AmqpMap, AmqpValue } from '../../../src/wire/amqp/types.ts'
import { AvroCursor } from '../../../src/wire/capture/avro-bytes.ts'
import { AvroFileWriter } from '../../../src/wire/capture/avro-file.ts'
import { CaptureEncoder, malformedName, propertyNames } from '../../../src/wire/capture/capture-encoder.ts'
import {
  type CaptureMap,
  type CaptureRecord,
  readCaptureRecord,
  writeCaptureRecord,
} from '../../../src/wire/capture/capture-record.ts'
import { type CaptureValue, captureValue } from '../../../src/wire/capture/capture-value.ts'
import { hex } from '../amqp/bytes.ts'
import { anyMessage } from '../amqp/messages.ts'
import { avscRecords, sync, textRecord } from './files.ts'

const timeMs = 1_670_604_685_193
const symbol = (value: string): AmqpValue => ({ type: 'symbol', value })
const string = (value: string): AmqpValue => ({ type: 'string', value })
const data = (text: string): MessageBody => ({ kind: 'data', sections: [Buffer.from(text)] })
const timeEntry = [annotations.enqueuedTime, { branch: 'long', value: timeMs }] as const

function encode(message: Buffer, shared: AmqpMap | null = null, sequence = 1, offset: number | string = 1456): Buffer {
  const encoder = new CaptureEncoder()
  encoder.beginBatch(timeMs, shared === null ? null : encodeMessage({ messageAnnotations: shared }))
  const writer = new ByteWriter(64)
  encoder.write(writer, message, 0, message.length, sequence, offset)
  return writer.takeCopy()
}

function captured(message: Buffer, shared: AmqpMap | null = null): CaptureRecord {
  const bytes = encode(message, shared)
  const cursor = new AvroCursor(bytes)
  const record = readCaptureRecord(cursor)
  assert.equal(cursor.left, 0)
  return record
}

test('a stored event becomes the golden record, the key of its batch first, then the time', () => {
  const message = encodeMessage({
    applicationProperties: [
      [string('n'), { type: 'int', value: -3 }],
      [string('t'), string('x')],
      [string('nothing'), { type: 'null', value: null }],
    ],
    body: data('{"a":1}'),
  })
  const key: AmqpMap = [[symbol(annotations.partitionKey), string('k9')]]
  assert.deepEqual(encode(message, key), textRecord)
  const own = encodeMessage({ ...decodeMessage(message), messageAnnotations: key })
  assert.deepEqual(encode(own), textRecord)
  assert.deepEqual(encode(own, key), textRecord, 'the batch’s entry stands for the event’s')
  assert.deepEqual(encode(own, null, 1, '1456'), textRecord, 'offsets of other brokers are text')
})

describe('every type has its branch', () => {
  const described = (value: AmqpValue): AmqpValue => ({
    type: 'described',
    descriptor: symbol('com.microsoft:x'),
    value,
  })
  const cases: readonly [AmqpValue, CaptureValue][] = [
    [
      { type: 'null', value: null },
      { branch: 'null', value: null },
    ],
    [
      { type: 'boolean', value: true },
      { branch: 'string', value: 'True' },
    ],
    [
      { type: 'boolean', value: false },
      { branch: 'string', value: 'False' },
    ],
    [
      { type: 'ubyte', value: 255 },
      { branch: 'long', value: 255 },
    ],
    [
      { type: 'ushort', value: 65535 },
      { branch: 'long', value: 65535 },
    ],
    [
      { type: 'uint', value: 4294967295 },
      { branch: 'long', value: 4294967295 },
    ],
    [
      { type: 'ulong', value: 2n ** 63n - 1n },
      { branch: 'long', value: 2n ** 63n - 1n },
    ],
    [
      { type: 'ulong', value: 2n ** 63n },
      { branch: 'string', value: '9223372036854775808' },
    ],
    [
      { type: 'byte', value: -128 },
      { branch: 'long', value: -128 },
    ],
    [
      { type: 'short', value: -32768 },
      { branch: 'long', value: -32768 },
    ],
    [
      { type: 'int', value: 5 },
      { branch: 'long', value: 5 },
    ],
    [
      { type: 'int', value: -2147483648 },
      { branch: 'long', value: -2147483648 },
    ],
    [
      { type: 'long', value: -(2n ** 63n) },
      { branch: 'long', value: -(2n ** 63n) },
    ],
    [
      { type: 'timestamp', value: BigInt(timeMs) },
      { branch: 'long', value: timeMs },
    ],
    [
      { type: 'float', value: 0.5 },
      { branch: 'double', value: 0.5 },
    ],
    [
      { type: 'double', value: -1e300 },
      { branch: 'double', value: -1e300 },
    ],
    [
      { type: 'decimal32', value: hex('32 00 00 0f') },
      { branch: 'string', value: '1.5' },
    ],
    [
      { type: 'char', value: 0x1f600 },
      { branch: 'string', value: '😀' },
    ],
    [symbol('sym'), { branch: 'string', value: 'sym' }],
    [string('ä'.repeat(200)), { branch: 'string', value: 'ä'.repeat(200) }],
    [
      { type: 'uuid', value: hex('00112233445566778899aabbccddeeff') },
      { branch: 'string', value: '00112233-4455-6677-8899-aabbccddeeff' },
    ],
    [
      { type: 'binary', value: hex('00ff') },
      { branch: 'bytes', value: hex('00ff') },
    ],
    [described({ type: 'long', value: 7n }), { branch: 'long', value: 7 }],
    [
      { type: 'list', value: [string('a')] },
      { branch: 'bytes', value: hex('c0 04 01 a1 01 61') },
    ],
  ]
  for (const [value, expected] of cases) {
    test(`${value.type} ${String(expected.value).slice(0, 30)}`, () => {
      const record = captured(encodeMessage({ applicationProperties: [[string('p'), value]], body: data('') }))
      assert.deepEqual(record.properties, [['p', expected]])
      // In the other map there is no null: the entry is left out.
      const annotated = captured(encodeMessage({ messageAnnotations: [[symbol('p'), value]], body: data('') }))
      assert.deepEqual(
        annotated.systemProperties,
        expected.branch === 'null' ? [timeEntry] : [['p', expected], timeEntry],
      )
    })
  }
})

test('AMQP properties follow the time, by the names .NET gives them', () => {
  const record = captured(
    encodeMessage({
      properties: {
        messageId: { type: 'ulong', value: 9n },
        userId: hex('01'),
        contentType: 'text/plain',
        creationTime: 5n,
        groupSequence: 3,
      },
      body: data('x'),
    }),
  )
  assert.deepEqual(record.systemProperties, [
    timeEntry,
    ['message-id', { branch: 'long', value: 9 }],
    ['user-id', { branch: 'bytes', value: hex('01') }],
    ['content-type', { branch: 'string', value: 'text/plain' }],
    ['creation-time', { branch: 'long', value: 5 }],
    ['group-sequence', { branch: 'long', value: 3 }],
  ])
})

test('sequence number and offset are not repeated; what a producer set under the broker’s names is not heard', () => {
  const record = captured(
    encodeMessage({
      messageAnnotations: [
        [symbol(annotations.sequenceNumber), { type: 'long', value: 99n }],
        [symbol(annotations.offset), string('99')],
        [symbol(annotations.enqueuedTime), { type: 'timestamp', value: 0n }],
        [symbol('mine'), string('1')],
      ],
      body: data('x'),
    }),
  )
  assert.deepEqual(record.systemProperties, [['mine', { branch: 'string', value: '1' }], timeEntry])
  assert.deepEqual([record.sequence, record.offset, record.enqueuedTimeMs], [1, '1456', timeMs])
})

describe('bodies', () => {
  const cases: readonly [string, Buffer, Buffer | null][] = [
    ['data', hex('00 53 75 a0 02 61 62'), Buffer.from('ab')],
    ['empty data', hex('00 53 75 a0 00'), Buffer.alloc(0)],
    ['two data sections', hex('00 53 75 a0 01 61 00 53 75 b0 00000001 62'), Buffer.from('ab')],
    ['none', hex('00 53 70 45'), null],
    ['a null in a data section', hex('00 53 75 40'), null],
    ['a null value', hex('00 53 77 40'), null],
    ['a value', hex('00 53 77 a1 01 61'), hex('a1 01 61')],
    ['sequences', hex('00 53 76 45 00 53 76 c0 02 01 41'), hex('45 c0 02 01 41')],
    ['a descriptor in the long form', hex('00 80 0000000000000075 a0 01 61'), Buffer.from('a')],
  ]
  for (const [name, message, body] of cases) test(name, () => assert.deepEqual(captured(message).body, body))
})

describe('what is not well formed inside a map does not stop Capture', () => {
  const cases: readonly [string, Buffer, 'properties' | 'systemProperties', Buffer][] = [
    ['an odd map', hex('00 53 74 c1 02 01 41 00 53 75 a0 00'), 'properties', hex('00 53 74 c1 02 01 41')],
    [
      'a value cut short',
      hex('00 53 74 c1 06 02 a1 01 61 a1 09'),
      'properties',
      hex('00 53 74 c1 06 02 a1 01 61 a1 09'),
    ],
    ['annotations', hex('00 53 72 c1 04 02 a3 09 61'), 'systemProperties', hex('00 53 72 c1 04 02 a3 09 61')],
  ]
  for (const [name, message, map, bytes] of cases) {
    test(name, () => {
      assert.deepEqual(captured(message)[map].at(0), [malformedName, { branch: 'bytes', value: bytes }])
    })
  }

  test('text that is not UTF-8 is mended, so that every reader takes the file', async () => {
    const message = hex('00 53 74 c1 0a 04 a1 01 ff a1 01 61 a1 00 40', '00 53 75 a0 00')
    assert.deepEqual(captured(message).properties, [
      ['\ufffd', { branch: 'string', value: 'a' }],
      ['', { branch: 'null', value: null }],
    ])
  })
})

/** The slow way, over values: what the fast path must say as well. */
function model(bytes: Buffer, shared: AmqpMap): CaptureRecord {
  const message = decodeMessage(bytes)
  const system: [string, CaptureValue][] = []
  const names = new Set<string>()
  const add = (map: AmqpMap, isShared: boolean) => {
    for (const [key, value] of map) {
      const name = key.type === 'symbol' || key.type === 'string' ? key.value : null
      if (name !== null && brokers.has(name)) continue
      if (captureValue(value).branch === 'null') continue
      if (name !== null && !isShared && names.has(name)) continue
      if (name !== null && isShared) names.add(name)
      system.push([keyText(key), captureValue(value)])
    }
  }
  add(shared, true)
  add(message.messageAnnotations ?? [], false)
  system.push([annotations.enqueuedTime, { branch: 'long', value: timeMs }])
  for (const name of propertyNames) {
    const field = name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase())
    const value: unknown = message.properties === null ? null : Reflect.get(message.properties, field)
    if (value === null) continue
    const isValue = typeof value === 'object' && !Buffer.isBuffer(value)
    const typed = isValue ? (value as AmqpValue) : typedField(value)
    system.push([name, captureValue(typed)])
  }
  const { body } = message
  return {
    sequence: 7,
    offset: '42',
    enqueuedTimeMs: timeMs,
    systemProperties: system,
    properties: (message.applicationProperties ?? []).map(([key, value]) => [keyText(key), captureValue(value)]),
    body: body.kind === 'data' ? Buffer.concat(body.sections) : body.kind === 'none' ? null : undefinedBody,
  }
}

const undefinedBody = Buffer.from('compared elsewhere')
const brokers = new Set<string>([annotations.sequenceNumber, annotations.offset, annotations.enqueuedTime])

function keyText(key: AmqpValue): string {
  const { value } = captureValue(key)
  return Buffer.isBuffer(value) ? value.toString('base64') : String(value)
}

function typedField(value: unknown): AmqpValue {
  if (Buffer.isBuffer(value)) return { type: 'binary', value }
  if (typeof value === 'bigint') return { type: 'long', value }
  return typeof value === 'number' ? { type: 'uint', value } : { type: 'string', value: String(value) }
}

const wellFormed = (map: CaptureMap) => map.every(([, { value }]) => typeof value !== 'string' || value.isWellFormed())

test('the fast path says what the slow one says, and avsc reads both', async () => {
  const file = await AvroFileWriter.open({ codec: 'null', sync })
  let count = 0
  fc.assert(
    fc.property(anyMessage, fc.option(fc.string({ maxLength: 20 })), (input, key) => {
      const shared: AmqpMap = key === null ? [] : [[symbol(annotations.partitionKey), string(key)]]
      const message = encodeMessage(input)
      const bytes = encode(message, key === null ? null : shared, 7, 42)
      const record = readCaptureRecord(new AvroCursor(bytes))
      const expected = model(message, shared)
      const body = expected.body === undefinedBody ? record.body : expected.body
      assert.deepEqual(record, { ...expected, body })
      file.writer.bytes(bytes)
      file.recordEnded()
      count += 1
      if (!wellFormed(record.systemProperties) || !wellFormed(record.properties)) return
      const again = new ByteWriter(64)
      writeCaptureRecord(again, record)
      assert.deepEqual(again.takeCopy(), bytes)
    }),
    { numRuns: 300 },
  )
  const block = await file.cut()
  assert.equal((await avscRecords(Buffer.concat([file.header, block]))).length, count)
})
