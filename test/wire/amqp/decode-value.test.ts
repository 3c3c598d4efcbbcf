import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import { decodeValue, elementsMax, nodesMax, skipValue, valueDepthMax } from '../../../src/wire/amqp/decode-value.ts'
import { encodeValue } from '../../../src/wire/amqp/encode-value.ts'
import type { AmqpValue } from '../../../src/wire/amqp/types.ts'
import { anyBytes, anyValue, rheaValue } from './arbitraries.ts'
import { hex, throwsCode } from './bytes.ts'
import { rheaRead, rheaWrite, toRhea } from './rhea-partner.ts'

const buffer = (text: string) => Buffer.from(text, 'hex')

// AMQP 1.0 §1.6: every constructor, its meaning, and what it decodes to.
const constructors: readonly [string, string, AmqpValue][] = [
  ['null', '40', { type: 'null', value: null }],
  ['boolean, as a byte, true', '56 01', { type: 'boolean', value: true }],
  ['boolean, as a byte, false', '56 00', { type: 'boolean', value: false }],
  ['true', '41', { type: 'boolean', value: true }],
  ['false', '42', { type: 'boolean', value: false }],
  ['ubyte', '50 ff', { type: 'ubyte', value: 255 }],
  ['ushort', '60 fffe', { type: 'ushort', value: 65534 }],
  ['uint', '70 fffffffe', { type: 'uint', value: 4294967294 }],
  ['smalluint', '52 ff', { type: 'uint', value: 255 }],
  ['uint0', '43', { type: 'uint', value: 0 }],
  ['ulong', '80 ffffffffffffffff', { type: 'ulong', value: 18446744073709551615n }],
  ['smallulong', '53 ff', { type: 'ulong', value: 255n }],
  ['ulong0', '44', { type: 'ulong', value: 0n }],
  ['byte', '51 80', { type: 'byte', value: -128 }],
  ['short', '61 8000', { type: 'short', value: -32768 }],
  ['int', '71 80000000', { type: 'int', value: -2147483648 }],
  ['smallint', '54 ff', { type: 'int', value: -1 }],
  ['long', '81 8000000000000000', { type: 'long', value: -9223372036854775808n }],
  ['smalllong', '55 80', { type: 'long', value: -128n }],
  ['float', '72 3fc00000', { type: 'float', value: 1.5 }],
  ['double', '82 bff8000000000000', { type: 'double', value: -1.5 }],
  ['decimal32', '74 22500001', { type: 'decimal32', value: buffer('22500001') }],
  ['decimal64', '84 2238000000000001', { type: 'decimal64', value: buffer('2238000000000001') }],
  ['decimal128', `94 ${'ab'.repeat(16)}`, { type: 'decimal128', value: buffer('ab'.repeat(16)) }],
  ['char', '73 0001f600', { type: 'char', value: 0x1f600 }],
  ['timestamp', '83 0000018bcfe5687b', { type: 'timestamp', value: 1_700_000_000_123n }],
  ['timestamp before 1970', '83 ffffc77cedd32800', { type: 'timestamp', value: -62_135_596_800_000n }],
  ['uuid', `98 ${'cd'.repeat(16)}`, { type: 'uuid', value: buffer('cd'.repeat(16)) }],
  ['vbin8', 'a0 03 010203', { type: 'binary', value: buffer('010203') }],
  ['vbin32', 'b0 00000003 010203', { type: 'binary', value: buffer('010203') }],
  ['str8', 'a1 04 f09f9880', { type: 'string', value: '😀' }],
  ['str32', 'b1 00000002 6869', { type: 'string', value: 'hi' }],
  ['sym8', 'a3 02 6869', { type: 'symbol', value: 'hi' }],
  ['sym32', 'b3 00000002 6869', { type: 'symbol', value: 'hi' }],
  ['list0', '45', { type: 'list', value: [] }],
  [
    'list8',
    'c0 03 02 40 41',
    {
      type: 'list',
      value: [
        { type: 'null', value: null },
        { type: 'boolean', value: true },
      ],
    },
  ],
  ['list32', 'd0 00000005 00000001 40', { type: 'list', value: [{ type: 'null', value: null }] }],
  ['list8 of nothing', 'c0 01 00', { type: 'list', value: [] }],
  [
    'map8',
    'c1 06 02 a30161 5201',
    {
      type: 'map',
      value: [
        [
          { type: 'symbol', value: 'a' },
          { type: 'uint', value: 1 },
        ],
      ],
    },
  ],
  ['array8 of nothing', 'e0 02 00 70', { type: 'array', elementType: 'uint', value: [] }],
  [
    'array8 of two shorts',
    'e0 06 02 61 0001 ffff',
    {
      type: 'array',
      elementType: 'short',
      value: [
        { type: 'short', value: 1 },
        { type: 'short', value: -1 },
      ],
    },
  ],
  [
    'array32 of a described string',
    'f0 0000000a 00000001 00 53 07 a1 01 61',
    {
      type: 'array',
      elementType: 'string',
      descriptors: [{ type: 'ulong', value: 7n }],
      value: [{ type: 'string', value: 'a' }],
    },
  ],
  [
    'described',
    '00 a3 01 64 52 05',
    { type: 'described', descriptor: { type: 'symbol', value: 'd' }, value: { type: 'uint', value: 5 } },
  ],
]

describe('every constructor decodes to its type', () => {
  for (const [name, bytes, value] of constructors) {
    test(name, () => assert.deepEqual(decodeValue(hex(bytes)), value))
  }
})

describe('bytes that are no value are refused', () => {
  const cases: readonly [string, string][] = [
    ['nothing at all', ''],
    ['an unknown constructor', '3f'],
    ['an unknown constructor of a known width', '5f 00'],
    ['a fixed width cut short', '70 000000'],
    ['a string longer than its bytes', 'a1 02 61'],
    ['a string of 2^31 bytes', 'b1 80000000 61'],
    ['a binary of 2^32-1 bytes', 'b0 ffffffff 61'],
    ['a length cut short', 'b0 0000'],
    ['text that is not UTF-8', 'a1 01 ff'],
    ['an overlong UTF-8 sequence', 'a1 02 c080'],
    ['a boolean that is neither', '56 02'],
    ['a char beyond Unicode', '73 00110000'],
    ['a char that is half a pair', '73 0000d800'],
    ['a list longer than its bytes', 'c0 05 01 40'],
    ['a list shorter than its elements', 'c0 02 02 40 40'],
    ['a list longer than its elements', 'c0 03 01 40 40'],
    ['a list whose size leaves no room for its count', 'd0 00000003 00000000'],
    ['a list of more elements than bytes', 'd0 00000005 00000002 40'],
    ['a list of 2^32-1 elements', 'd0 00000005 ffffffff 40'],
    ['a map of an odd count', 'c1 04 03 40 40 40'],
    ['an array of 2^32-1 nulls', 'f0 00000005 ffffffff 40'],
    ['an array of empty lists', 'f0 00000005 00000004 45'],
    ['an array of uints with too few bytes', 'e0 06 02 70 00000001'],
    ['an array without constructor', 'e0 01 00'],
    ['an element that reaches beyond its list', 'c0 04 01 a1 02 61'],
    ['bytes left over', '40 40'],
  ]
  for (const [name, bytes] of cases) test(name, () => throwsCode(() => decodeValue(hex(bytes)), 'decode-error'))
})

test('types nest to the limit and no deeper', () => {
  const nested = (levels: number): Buffer => {
    let bytes = Buffer.from([0x40])
    for (let i = 0; i < levels; i += 1) {
      const head = Buffer.from([0xd0, 0, 0, 0, 0, 0, 0, 0, 1])
      head.writeUInt32BE(bytes.length + 4, 1)
      bytes = Buffer.concat([head, bytes])
    }
    return bytes
  }
  assert.equal(decodeValue(nested(valueDepthMax)).type, 'list')
  throwsCode(() => decodeValue(nested(valueDepthMax + 1)), 'decode-error')
  throwsCode(() => decodeValue(nested(2000)), 'decode-error')
})

test('a hundred thousand descriptors inside one another are refused', () => {
  const bytes = Buffer.alloc(100_001)
  throwsCode(() => decodeValue(bytes), 'decode-error')
  throwsCode(() => skipValue(bytes, 0, bytes.length), 'decode-error')
})

test('the number of elements and of values in a frame is limited', () => {
  const listOf = (count: number): Buffer => {
    const bytes = Buffer.alloc(9 + count, 0x40)
    bytes[0] = 0xd0
    bytes.writeUInt32BE(count + 4, 1)
    bytes.writeUInt32BE(count, 5)
    return bytes
  }
  const longest = decodeValue(listOf(elementsMax))
  assert.equal(longest.type === 'list' && longest.value.length, elementsMax)
  throwsCode(() => decodeValue(listOf(elementsMax + 1)), 'decode-error')
  const lists = Buffer.concat(Array.from({ length: 4 }, () => listOf(60_000)))
  const head = Buffer.alloc(9, 0)
  head[0] = 0xd0
  head.writeUInt32BE(lists.length + 4, 1)
  head.writeUInt32BE(4, 5)
  assert.ok(4 * 60_000 > nodesMax)
  throwsCode(() => decodeValue(Buffer.concat([head, lists])), 'decode-error')
})

test('a value owns its bytes', () => {
  const bytes = hex('a0 02 0102')
  const value = decodeValue(bytes)
  bytes.fill(0xff)
  assert.deepEqual(value, { type: 'binary', value: hex('0102') })
})

test('decoding what was encoded gives the same value', () => {
  fc.assert(fc.property(anyValue, (value) => assert.deepEqual(decodeValue(encodeValue(value)), value)))
})

test('skipping a value ends where the value ends', () => {
  fc.assert(
    fc.property(anyValue, fc.nat(8), (value, more) => {
      const bytes = encodeValue(value)
      const buffer = Buffer.concat([bytes, Buffer.alloc(more, 0x40)])
      assert.equal(skipValue(buffer, 0, buffer.length), bytes.length)
    }),
  )
})

test('any bytes decode or are refused, and what decodes encodes to the same value again', () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      let value: AmqpValue
      try {
        value = decodeValue(bytes)
      } catch (error) {
        assert.ok(isEhubError(error, 'decode-error'), String(error))
        return
      }
      assert.deepEqual(decodeValue(encodeValue(value)), value)
    }),
    { numRuns: 2000 },
  )
})

test('rhea reads our values, and we read rhea’s', () => {
  fc.assert(
    fc.property(rheaValue, (value) => {
      const ours = encodeValue(value)
      assert.deepEqual(decodeValue(rheaWrite(toRhea(value))), value)
      assert.deepEqual(decodeValue(rheaWrite(rheaRead(ours))), value)
    }),
  )
})
