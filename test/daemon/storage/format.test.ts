// Golden bytes of segments, envelopes and index files. A change here is a change of format: see docs/FORMAT.md, "Versions".

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { crc32c } from '../../../src/base/crc32c.ts'
import {
  batchOf,
  decodeEnvelopeHeader,
  decodeIndex,
  decodeSegmentHeader,
  encodeEnvelope,
  encodeIndex,
  encodeSegmentHeader,
  envelopeBytes,
  envelopeNeedle,
  formatVersion,
  headerCopyBytes,
  type IndexFile,
  isEnvelopeIntact,
  logIdentity,
  needleOffset,
  payloadBytesMax,
  type SegmentHeader,
} from '../../../src/daemon/storage/format.ts'
import type { Batch } from '../../../src/daemon/storage/storage-engine.ts'
import { goldenFolder } from './golden-folder.ts'
import { bytesOf, zeros } from './hex.ts'

const batch: Batch = {
  baseSequence: 0x0102030405,
  baseOffset: 0x1112131415,
  count: 9,
  enqueuedTimeMs: 1_700_000_000_777,
  encoding: 'kafka',
  payload: Buffer.from('abc'),
  producer: { producerId: -2n, epoch: 5, firstSequence: 41 },
}
const context = { generation: 0x200002, logIdentity: 0x0badcafe, durableEnd: 0x21222324, continues: true }

const envelope = bytesOf([
  ['6cefb15d', 'crc of everything behind'],
  ['45484231', '"EHB1"'],
  ['0200200000000000', 'generation'],
  ['53000000', 'length: 80 + 3'],
  ['01', 'kind: batch'],
  ['02', 'encoding: kafka'],
  ['0300', 'flags: has a producer stamp, goes on in the next'],
  ['0504030201000000', 'base sequence'],
  ['1514131211000000', 'base offset'],
  ['09000000', 'count'],
  ['fecaad0b', 'log identity'],
  ['096be5cf8b010000', 'enqueued time'],
  ['2423222100000000', 'durable end'],
  ['feffffffffffffff', 'producer id -2'],
  ['29000000', 'producer sequence 41'],
  ['05000000', 'producer epoch'],
  ['616263', 'payload'],
  ['0000000000', 'up to a multiple of 8'],
])

function encoded(of: Batch, more: Partial<typeof context> = {}): Buffer {
  const bytes = Buffer.alloc(envelopeBytes(of.payload.length), 0xee)
  encodeEnvelope(bytes, of, { ...context, ...more })
  return bytes
}

describe('an envelope', () => {
  test('has these bytes', () => {
    assert.equal(formatVersion, 2)
    assert.equal(encoded(batch).toString('hex'), envelope.toString('hex'))
    const header = decodeEnvelopeHeader(envelope, 0)
    assert.ok(header !== null && isEnvelopeIntact(envelope, 0, header))
    assert.deepEqual(batchOf(envelope, 0, header), batch)
    const { generation, durableEnd, continues, lengthBytes } = header
    assert.deepEqual([generation, durableEnd, continues, lengthBytes], [0x200002, 0x21222324, true, 83])
    assert.equal(header.logIdentity, context.logIdentity)
  })

  test('without a stamp, the last of its append, has zeros there', () => {
    const bytes = encoded({ ...batch, encoding: 'amqp', producer: null }, { continues: false })
    assert.equal(bytes.toString('hex', 20, 24), '01010000')
    assert.equal(bytes.toString('hex', 64, 80), zeros(16))
    assert.equal(encoded({ ...batch, encoding: 'state' })[21], 3)
  })

  test('is not intact with any one bit turned, and with any byte missing', () => {
    for (let bit = 0; bit < 83 * 8; bit++) {
      const bytes = Buffer.from(envelope)
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      const header = decodeEnvelopeHeader(bytes, 0)
      assert.ok(header === null || !isEnvelopeIntact(bytes, 0, header), `bit ${bit}`)
    }
    for (let length = 0; length < 83; length++) {
      const cut = envelope.subarray(0, length)
      const header = decodeEnvelopeHeader(cut, 0)
      assert.ok(header === null || !isEnvelopeIntact(cut, 0, header), `${length} bytes`)
    }
  })

  test('is never found in zeros, nor with a length, count, kind or encoding that nobody writes', () => {
    assert.equal(decodeEnvelopeHeader(Buffer.alloc(128), 0), null)
    const cases: readonly (readonly [number, string, string])[] = [
      [16, '4f000000', 'shorter than its header'],
      [16, 'ffffffff', 'longer than any'],
      [20, '00', 'kind 0'],
      [20, '03', 'kind 3'],
      [21, '00', 'encoding 0'],
      [21, '04', 'encoding 4'],
      [40, '00000000', 'no event'],
      [24, '0000000000002000', 'a sequence of 2^53'],
    ]
    for (const [at, hex, name] of cases) {
      const bytes = Buffer.from(envelope)
      Buffer.from(hex, 'hex').copy(bytes, at)
      assert.equal(decodeEnvelopeHeader(bytes, 0), null, name)
    }
    assert.equal(payloadBytesMax, 64 * 1024 * 1024)
  })

  test('begins with the needle of its segment', () => {
    const needle = envelopeNeedle(context.generation)
    assert.deepEqual(envelope.subarray(needleOffset, needleOffset + needle.length), needle)
  })

  test('comes back as it went in, whatever it holds', () => {
    const whole = fc.maxSafeNat()
    const batches = fc.record<Batch>(
      {
        baseSequence: whole,
        baseOffset: whole,
        count: fc.integer({ min: 1, max: 0xffffffff }),
        enqueuedTimeMs: whole,
        encoding: fc.constantFrom<Batch['encoding']>('amqp', 'kafka', 'state'),
        payload: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
        producer: fc.option(
          fc.record(
            {
              producerId: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
              epoch: fc.integer(),
              firstSequence: fc.integer(),
            },
            { noNullPrototype: true },
          ),
        ),
      },
      { noNullPrototype: true },
    )
    fc.assert(
      fc.property(batches, (any) => {
        const bytes = encoded(any)
        assert.equal(bytes.length % 8, 0)
        const header = decodeEnvelopeHeader(bytes, 0)
        assert.ok(header !== null && isEnvelopeIntact(bytes, 0, header))
        assert.deepEqual(batchOf(bytes, 0, header), any)
      }),
    )
  })
})

const segment: SegmentHeader = {
  generation: 0x100003,
  id: { group: 'ns1/h2', partition: 0x0102 },
  baseSequence: 5,
  baseOffset: 69,
  createdAtMs: 1_700_000_000_000,
  previousTimeMs: 1_700_000_000_004,
  previous: { baseSequence: 2, endPosition: 1504, endSequence: 5 },
  durableEnd: 4,
}

const segmentFields: readonly (readonly [string, string])[] = [
  ['45485331', '"EHS1"'],
  ['0300100000000000', 'generation'],
  ['0100', 'format version'],
  ['0004', 'bytes before the first envelope'],
  ['6d61e081', 'log identity: CRC-32C of "ns1/h2/258"'],
  ['0500000000000000', 'base sequence'],
  ['4500000000000000', 'base offset'],
  ['0068e5cf8b010000', 'time it was made'],
  ['0468e5cf8b010000', 'enqueued time of the event before'],
  ['0200000000000000', 'base sequence of the segment before'],
  ['e005000000000000', 'where that one ended'],
  ['0500000000000000', 'at which sequence'],
  ['0400000000000000', 'durable end'],
  ['0201', 'partition'],
  ['0600', 'length of the group'],
  ['6e73312f6832', 'group "ns1/h2"'],
  [zeros(headerCopyBytes - 98), 'reserved'],
]

describe('a segment header', () => {
  test('has these bytes, twice', () => {
    const bytes = encodeSegmentHeader(segment)
    const copy = bytesOf([['00000000', 'crc, below'], ...segmentFields])
    assert.equal(bytes.length, 1024)
    assert.equal(bytes.toString('hex', 4, 512), copy.toString('hex', 4))
    assert.equal(bytes.readUInt32LE(0), crc32c(copy.subarray(4)))
    assert.equal(bytes.toString('hex', 0, 512), bytes.toString('hex', 512))
    assert.equal(bytes.readUInt32LE(20), logIdentity(segment.id))
    assert.deepEqual(decodeSegmentHeader(bytes), segment)
  })

  test('of a log’s first segment says so with ones', () => {
    const first = { ...segment, previous: null, previousTimeMs: null }
    const bytes = encodeSegmentHeader(first)
    assert.equal(bytes.toString('hex', 48, 80), 'ff'.repeat(32))
    assert.deepEqual(decodeSegmentHeader(bytes), first)
  })

  test('survives the loss of either copy, not of both', () => {
    for (const at of [0, 512]) {
      const bytes = encodeSegmentHeader(segment)
      bytes.fill(0xee, at, at + 512)
      assert.deepEqual(decodeSegmentHeader(bytes), segment)
      bytes.fill(0xee, 512 - at, 1024 - at)
      assert.equal(decodeSegmentHeader(bytes), null)
    }
    assert.deepEqual(
      decodeSegmentHeader(encodeSegmentHeader(segment).subarray(0, 512)),
      segment,
      'as the journal has it',
    )
    assert.equal(decodeSegmentHeader(Buffer.alloc(1024)), null)
    assert.equal(decodeSegmentHeader(Buffer.alloc(0)), null)
  })
})

const index: IndexFile = {
  generation: 0x100002,
  baseSequence: 7,
  endPosition: 1504,
  endSequence: 12,
  entries: [{ sequence: 7, offset: 90, timeMs: 1_700_000_000_000, position: 1024 }],
}

describe('an index file', () => {
  test('has these bytes', () => {
    const golden = bytesOf([
      ['07c58b7c', 'crc of everything behind'],
      ['45484931', '"EHI1"'],
      ['0200100000000000', 'generation of the segment'],
      ['0700000000000000', 'its base sequence'],
      ['e005000000000000', 'where it ends'],
      ['0c00000000000000', 'at which sequence'],
      ['01000000', 'entries'],
      ['0100', 'format version'],
      [zeros(18), 'reserved'],
      ['0700000000000000', 'entry: base sequence'],
      ['5a00000000000000', 'entry: base offset'],
      ['0068e5cf8b010000', 'entry: enqueued time'],
      ['0004000000000000', 'entry: position'],
    ])
    assert.equal(encodeIndex(index).toString('hex'), golden.toString('hex'))
    assert.deepEqual(decodeIndex(golden), index)
  })

  test('cut short, lengthened or changed is none', () => {
    const bytes = encodeIndex(index)
    for (let length = 0; length < bytes.length; length++) assert.equal(decodeIndex(bytes.subarray(0, length)), null)
    assert.equal(decodeIndex(Buffer.concat([bytes, Buffer.alloc(32)])), null)
    for (let at = 0; at < bytes.length; at++) {
      const changed = Buffer.from(bytes)
      changed[at] = (changed[at] ?? 0) ^ 1
      assert.equal(decodeIndex(changed), null, `byte ${at}`)
    }
  })
})

test('the dump in docs/FORMAT.md is the golden segment, byte by byte', () => {
  const text = readFileSync(new URL('../../../docs/FORMAT.md', import.meta.url), 'utf8')
  const path = /`(test\/golden\/data-v1\/[^`]+)`, pinned by/.exec(text)?.[1] ?? assert.fail('no path')
  const bytes = readFileSync(new URL(`../../../${path}`, import.meta.url))
  assert.equal(path, join('test/golden/data-v1', 'clean/logs/ns1.h2/0/00000000000000000005.log'))
  assert.ok(goldenFolder.endsWith('test/golden'))
  const shown = Buffer.alloc(bytes.length)
  for (const [, at = '', hex = ''] of text.matchAll(/^([0-9a-f]{8}): ((?:[0-9a-f]{4} ?){8})/gm))
    Buffer.from(hex.replaceAll(' ', ''), 'hex').copy(shown, Number.parseInt(at, 16))
  shown.copy(shown, 512, 0, 512)
  assert.equal(shown.toString('hex'), bytes.toString('hex'))
  const header = decodeSegmentHeader(bytes)
  assert.ok(header !== null)
  assert.equal(encodeSegmentHeader(header).toString('hex'), bytes.toString('hex', 0, 1024))
})
