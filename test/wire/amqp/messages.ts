// Generators of messages for properties.

import fc from 'fast-check'
import type { MessageBody, MessageInput } from '../../../src/wire/amqp/message.ts'
import { anyMap, anyValue, scalarOf } from './arbitraries.ts'

// Objects like ours, which a deep comparison tells from those without a prototype.
const plain = { noNullPrototype: true }
const buffers = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })

const anyBody: fc.Arbitrary<MessageBody> = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  fc.array(buffers, { minLength: 1, maxLength: 3 }).map((sections) => ({ kind: 'data' as const, sections })),
  fc
    .array(fc.array(anyValue, { maxLength: 3 }), { minLength: 1, maxLength: 2 })
    .map((sections) => ({ kind: 'sequence' as const, sections })),
  anyValue.map((value) => ({ kind: 'value' as const, value })),
)

const anyId = fc.oneof(scalarOf('ulong'), scalarOf('uuid'), scalarOf('binary'), scalarOf('string'))

/** Header and properties with all fields, so that what was decoded equals what was encoded. */
export const anyMessage = fc.record(
  {
    header: maybe(
      fc.record(
        {
          durable: maybe(fc.boolean()),
          priority: maybe(fc.nat(255)),
          ttl: maybe(fc.nat(0xffffffff)),
          firstAcquirer: maybe(fc.boolean()),
          deliveryCount: maybe(fc.nat(0xffffffff)),
        },
        plain,
      ),
    ),
    deliveryAnnotations: maybe(anyMap),
    messageAnnotations: maybe(anyMap),
    properties: maybe(
      fc.record(
        {
          messageId: maybe(anyId),
          userId: maybe(buffers),
          to: maybe(fc.string()),
          subject: maybe(fc.string()),
          replyTo: maybe(fc.string()),
          correlationId: maybe(anyId),
          contentType: maybe(fc.string()),
          contentEncoding: maybe(fc.string()),
          absoluteExpiryTime: maybe(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
          creationTime: maybe(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
          groupId: maybe(fc.string()),
          groupSequence: maybe(fc.nat(0xffffffff)),
          replyToGroupId: maybe(fc.string()),
        },
        plain,
      ),
    ),
    applicationProperties: maybe(anyMap),
    body: anyBody,
    footer: maybe(anyMap),
  },
  plain,
) satisfies fc.Arbitrary<MessageInput>
