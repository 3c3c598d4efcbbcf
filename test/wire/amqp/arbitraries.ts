// Generators of AMQP values for properties.

import fc from 'fast-check'
import type { AmqpElementType, AmqpMap, AmqpScalarType, AmqpValue } from '../../../src/wire/amqp/types.ts'

const bytes = (min: number, max: number) =>
  fc.uint8Array({ minLength: min, maxLength: max }).map((value) => Buffer.from(value))
const integer = (min: number, max: number) => fc.integer({ min, max })
// Around 255 and 256 bytes, where encodings change their width.
const text = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.integer({ min: 253, max: 258 }).map((length) => 'x'.repeat(length)),
)
const point = fc.oneof(integer(0, 0xd7ff), integer(0xe000, 0x10ffff))

const scalars = {
  null: fc.constant(null),
  boolean: fc.boolean(),
  ubyte: integer(0, 0xff),
  ushort: integer(0, 0xffff),
  uint: fc.oneof(integer(0, 0xff), integer(0, 0xffffffff)),
  ulong: fc.oneof(fc.bigInt(0n, 0xffn), fc.bigInt(0n, 2n ** 64n - 1n)),
  byte: integer(-0x80, 0x7f),
  short: integer(-0x8000, 0x7fff),
  int: fc.oneof(integer(-200, 200), integer(-0x80000000, 0x7fffffff)),
  long: fc.oneof(fc.bigInt(-200n, 200n), fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  float: fc.float(),
  double: fc.double(),
  decimal32: bytes(4, 4),
  decimal64: bytes(8, 8),
  decimal128: bytes(16, 16),
  char: point,
  // What a Date can hold: rhea reads timestamps as such.
  timestamp: fc.bigInt(-8_640_000_000_000_000n, 8_640_000_000_000_000n),
  uuid: bytes(16, 16),
  binary: fc.oneof(bytes(0, 20), bytes(254, 257)),
  string: text,
  symbol: fc.string({ unit: 'grapheme-ascii', maxLength: 20 }),
} satisfies Record<AmqpScalarType, fc.Arbitrary<unknown>>

const scalarTypes = Object.keys(scalars) as AmqpScalarType[]

export function scalarOf(type: AmqpScalarType): fc.Arbitrary<AmqpValue> {
  return (scalars[type] as fc.Arbitrary<unknown>).map((value) => ({ type, value }) as AmqpValue)
}

export const scalar: fc.Arbitrary<AmqpValue> = fc.oneof(...scalarTypes.map(scalarOf))

function arrayOf(elementType: AmqpElementType, element: fc.Arbitrary<AmqpValue>): fc.Arbitrary<AmqpValue> {
  return fc.array(element, { maxLength: 5 }).map((value) => ({ type: 'array', elementType, value }))
}

/** An array of null has no bytes to count its elements by and cannot be encoded. */
const scalarArray = fc.oneof(
  ...scalarTypes.filter((type) => type !== 'null').map((type) => arrayOf(type, scalarOf(type))),
)

const listOf = (items: AmqpValue[]): AmqpValue => ({ type: 'list', value: items })
const mapOf = (items: [AmqpValue, AmqpValue][]): AmqpValue => ({ type: 'map', value: items })
const described = (descriptor: AmqpValue, inner: AmqpValue): AmqpValue => ({
  type: 'described',
  descriptor,
  value: inner,
})

const { value } = fc.letrec((untyped) => {
  const tie = (name: string) => untyped(name) as fc.Arbitrary<AmqpValue>
  return {
    value: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      scalar,
      tie('list'),
      tie('map'),
      tie('described'),
      tie('nested'),
      scalarArray,
    ),
    list: fc.array(tie('value'), { maxLength: 6 }).map(listOf),
    map: fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map(mapOf),
    described: fc
      .tuple(fc.oneof(scalarOf('ulong'), scalarOf('symbol')), tie('value'))
      .map(([descriptor, inner]) => described(descriptor, inner)),
    nested: fc.oneof(
      arrayOf('list', tie('list')),
      arrayOf('map', tie('map')),
      arrayOf('array', scalarArray),
      fc.tuple(scalarOf('ulong'), fc.array(scalarOf('string'), { maxLength: 3 })).map(
        ([descriptor, items]): AmqpValue => ({
          type: 'array',
          elementType: 'string',
          descriptors: [descriptor],
          value: items,
        }),
      ),
    ),
  }
})

/** Any value, nested. */
export const anyValue = value as fc.Arbitrary<AmqpValue>

/** What rhea can carry: its arrays know neither nested arrays nor several descriptors. */
export const rheaValue: fc.Arbitrary<AmqpValue> = fc.oneof(
  scalar,
  scalarArray,
  fc.array(fc.oneof(scalar, scalarArray), { maxLength: 6 }).map(listOf),
  fc.array(fc.tuple(scalar, scalar), { maxLength: 4 }).map(mapOf),
  fc
    .tuple(scalarOf('ulong'), fc.array(scalar, { maxLength: 4 }))
    .map(([descriptor, items]) => described(descriptor, listOf(items))),
)

export const anyMap: fc.Arbitrary<AmqpMap> = fc.array(fc.tuple(scalarOf('symbol'), anyValue), { maxLength: 4 })

export const anyBytes = bytes(0, 400)
