// Events of every kind for property tests: every AMQP type, nested, in every place that may hold one.

import fc from 'fast-check'
import type { MessageBody, MessageInput } from '../../../src/wire/amqp/message.ts'
import { type AmqpElementType, type AmqpMap, type AmqpValue, textOf } from '../../../src/wire/amqp/types.ts'
import type { EventContent } from '../../../src/wire/events/event.ts'

const buffer = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map((bytes) => Buffer.from(bytes))
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array))
const text = fc.string({ unit: 'binary', maxLength: 20 })
const integer = (min: number, max: number) => fc.oneof(fc.constantFrom(min, max, 0), fc.integer({ min, max }))
const bigInteger = (min: bigint, max: bigint) => fc.oneof(fc.constantFrom(min, max, 0n), fc.bigInt({ min, max }))
const codePoint = fc.integer({ min: 0, max: 0x10ffff }).filter((point) => point < 0xd800 || point > 0xdfff)

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  boolean: fc.boolean(),
  ubyte: integer(0, 0xff),
  ushort: integer(0, 0xffff),
  uint: integer(0, 0xffff_ffff),
  ulong: bigInteger(0n, 2n ** 64n - 1n),
  byte: integer(-128, 127),
  short: integer(-0x8000, 0x7fff),
  int: integer(-0x8000_0000, 0x7fff_ffff),
  long: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  float: fc.float(),
  double: fc.double(),
  decimal32: buffer(4),
  decimal64: buffer(8),
  decimal128: buffer(16),
  char: codePoint,
  timestamp: bigInteger(-(2n ** 63n), 2n ** 63n - 1n),
  uuid: buffer(16),
  binary: bytes,
  string: text,
  symbol: text,
}
const scalarOf = (type: string): fc.Arbitrary<AmqpValue> =>
  (scalars[type] ?? fc.constant(null)).map((value) => ({ type, value }) as AmqpValue)
const scalar: fc.Arbitrary<AmqpValue> = fc.constantFrom('null', ...Object.keys(scalars)).chain(scalarOf)

const { value } = fc.letrec<{ value: AmqpValue; map: AmqpMap; compound: AmqpValue }>((tie) => ({
  value: fc.oneof({ depthSize: 'small', withCrossShrink: true }, scalar, tie('compound')),
  map: fc.array(fc.tuple(scalar, tie('value')), { maxLength: 4 }),
  compound: fc.oneof(
    fc.array(tie('value'), { maxLength: 4 }).map((items): AmqpValue => ({ type: 'list', value: items })),
    tie('map').map((items): AmqpValue => ({ type: 'map', value: items })),
    fc
      .constantFrom<AmqpElementType>('int', 'string', 'ulong', 'uuid', 'boolean', 'timestamp')
      .chain((elementType) =>
        fc
          .array(scalarOf(elementType), { maxLength: 4 })
          .map((items): AmqpValue => ({ type: 'array', elementType, value: items })),
      ),
    fc
      .tuple(scalar, tie('value'))
      .map(([descriptor, inner]): AmqpValue => ({ type: 'described', descriptor, value: inner })),
  ),
}))
export const amqpValue = value

const entriesOf = (keyType: 'string' | 'symbol'): fc.Arbitrary<AmqpMap> =>
  fc.oneof(
    { arbitrary: fc.constant<AmqpMap>([]), weight: 2 },
    { arbitrary: fc.array(fc.tuple(scalarOf(keyType), value), { maxLength: 5 }), weight: 4 },
    {
      arbitrary: fc.array(
        fc.tuple(
          fc.constantFrom('1', '0', '__proto__', 'a').map((key): AmqpValue => ({ type: keyType, value: key })),
          scalar,
        ),
        { maxLength: 3 },
      ),
      weight: 1,
    },
    { arbitrary: fc.array(fc.tuple(scalar, value), { maxLength: 3 }), weight: 1 },
  )

const field = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: null, freq: 2 })

const header: fc.Arbitrary<MessageInput['header']> = fc
  .tuple(
    field(fc.boolean()),
    field(integer(0, 255)),
    field(integer(0, 0xffff_ffff)),
    field(fc.boolean()),
    field(integer(0, 9)),
  )
  .map(([durable, priority, ttl, firstAcquirer, deliveryCount]) =>
    orNull({ durable, priority, ttl, firstAcquirer, deliveryCount }),
  )

const time = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
const properties: fc.Arbitrary<MessageInput['properties']> = fc
  .tuple(
    fc.tuple(field(scalar.filter(({ type }) => type !== 'null')), field(bytes), field(text), field(text), field(text)),
    fc.tuple(field(scalar.filter(({ type }) => type !== 'null')), field(text), field(text), field(time), field(time)),
    fc.tuple(field(text), field(integer(0, 0xffff_ffff)), field(text)),
  )
  .map(
    ([
      [messageId, userId, to, subject, replyTo],
      [correlationId, contentType, contentEncoding, absoluteExpiryTime, creationTime],
      [groupId, groupSequence, replyToGroupId],
    ]) =>
      orNull({
        messageId,
        userId,
        to,
        subject,
        replyTo,
        correlationId,
        contentType,
        contentEncoding,
        absoluteExpiryTime,
        creationTime,
        groupId,
        groupSequence,
        replyToGroupId,
      }),
  )

const body: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.constant<MessageBody>({ kind: 'none' }),
  fc
    .oneof(
      bytes,
      text.map((string) => Buffer.from(string)),
    )
    .map((data): MessageBody => ({ kind: 'data', sections: [data] })),
  fc.array(bytes, { minLength: 2, maxLength: 3 }).map((sections): MessageBody => ({ kind: 'data', sections })),
  value.map((inner): MessageBody => ({ kind: 'value', value: inner })),
  fc
    .array(fc.array(value, { maxLength: 3 }), { minLength: 1, maxLength: 2 })
    .map((sections): MessageBody => ({ kind: 'sequence', sections })),
)

const brokerNames = /^x-opt-(sequence-number|offset|enqueued-time|partition-key|publisher)$/

/** Without annotations of the broker's names, which are not the producer's to keep. */
export const eventContent: fc.Arbitrary<EventContent> = fc
  .tuple(
    field(fc.string({ maxLength: 30 })),
    header,
    entriesOf('symbol'),
    properties,
    entriesOf('string'),
    body,
    entriesOf('symbol'),
  )
  .map(([key, eventHeader, annotations, eventProperties, applicationProperties, eventBody, footer]) => ({
    key,
    header: eventHeader,
    annotations: annotations.filter(([name]) => !brokerNames.test(textOf(name) ?? '')),
    properties: eventProperties,
    applicationProperties,
    body: eventBody,
    footer,
  }))

/** A composite with no field set is as good as none. */
function orNull<T extends object>(fields: T): T | null {
  return Object.values(fields).every((item) => item === null) ? null : fields
}
