// The bytes of what compaction writes, pinned: docs/FORMAT.md, "Compacted segments".

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import {
  batchOf,
  decodeEnvelopeHeader,
  decodeSegmentHeader,
  encodeEnvelope,
  encodeSegmentHeader,
  envelopeBytesOf,
  isEnvelopeIntact,
} from '../../../src/daemon/storage/format.ts'
import { compactedPath, currentSegments, segmentOfName } from '../../../src/daemon/storage/paths.ts'
import type { Batch } from '../../../src/daemon/storage/storage-engine.ts'
import { decodeSurvivors } from '../../../src/daemon/storage/survivor-table.ts'
import { bytesOf } from './hex.ts'

const batch: Batch = {
  baseSequence: 5,
  baseOffset: 69,
  count: 9,
  enqueuedTimeMs: 1_700_000_000_005,
  encoding: 'amqp',
  payload: Buffer.from('abcd'),
  producer: null,
  survivors: {
    count: 2,
    listed: { sequences: Uint32Array.of(1, 6), offsets: Uint32Array.of(13, 40) },
    offsetSpan: 47,
    cleanedAtMs: 1_700_000_000_009,
  },
}
const context = { generation: 0x100003, logIdentity: 0x29eaca9e, durableEnd: 5, continues: false }

const envelope = bytesOf([
  ['00000000', 'checksum'],
  ['45484231', '"EHB1"'],
  ['0300100000000000', 'generation'],
  ['7c000000', 'length 124 = 80 + 24 + 2 · 8 + 4'],
  ['02', 'compacted'],
  ['01', 'amqp'],
  ['0000', 'no flags'],
  ['0500000000000000', 'base sequence'],
  ['4500000000000000', 'base offset'],
  ['09000000', 'stands for 9'],
  ['9ecaea29', 'identity'],
  ['0568e5cf8b010000', 'enqueued'],
  ['0500000000000000', 'durable end'],
  ['00000000000000000000000000000000', 'no producer'],
  ['02000000', '2 left'],
  ['02000000', '2 listed'],
  ['2f000000', 'stood for 47 bytes'],
  ['00000000', 'reserved'],
  ['0968e5cf8b010000', 'delete markers met'],
  ['010000000d000000', 'sequence 6, offset 82'],
  ['0600000028000000', 'sequence 11, offset 109'],
  ['61626364', 'payload'],
  ['00000000', 'up to a multiple of 8'],
])

describe('a compacted envelope', () => {
  test('has these bytes', () => {
    const bytes = Buffer.alloc(envelopeBytesOf(batch), 0xee)
    encodeEnvelope(bytes, batch, context)
    assert.equal(bytes.toString('hex', 4), envelope.toString('hex', 4))
    const header = decodeEnvelopeHeader(bytes, 0)
    assert.ok(header !== null && isEnvelopeIntact(bytes, 0, header))
    assert.deepEqual(batchOf(bytes, 0, header), batch)
  })

  test('is not intact with a table nobody writes', () => {
    const table = envelope.subarray(80, 124)
    assert.notEqual(decodeSurvivors(table, 0, 44, 9), null)
    assert.equal(decodeSurvivors(table, 0, 39, 9), null, 'longer than its envelope')
    assert.equal(decodeSurvivors(table, 0, 44, 6), null, 'a sequence beyond the range')
    const change = (at: number, value: number) => {
      const copy = Buffer.from(table)
      copy.writeUInt32LE(value, at)
      return decodeSurvivors(copy, 0, 44, 9)
    }
    assert.equal(change(0, 1), null, 'fewer than listed')
    assert.equal(change(4, 0xffffffff), null, 'more than there are')
    assert.equal(change(32, 1), null, 'sequences that do not rise')
    assert.equal(change(36, 13), null, 'offsets that do not rise')
    assert.equal(change(8, 40), null, 'an offset beyond the span')
  })
})

test('a compacted segment says of itself where it ends', () => {
  const compacted = {
    endPosition: 4096,
    endSequence: 77,
    endOffset: 5000,
    lastTimeMs: 1_700_000_000_100,
    eventCount: 12,
    payloadBytes: 900,
  }
  const header = {
    generation: 9,
    id: { group: 'ns1/h2', partition: 0 },
    baseSequence: 5,
    baseOffset: 69,
    createdAtMs: 1,
    previousTimeMs: null,
    previous: null,
    durableEnd: 77,
    compacted,
  }
  const bytes = encodeSegmentHeader(header)
  assert.equal(bytes.readUInt16LE(16), 2)
  assert.equal(
    bytes.toString('hex', 256, 304),
    '00100000000000004d0000000000000088130000000000006468e5cf8b0100000c000000000000008403000000000000',
  )
  assert.deepEqual(decodeSegmentHeader(bytes), header)
})

test('of segments whose ranges overlap the compacted one counts, and of two alike the later', () => {
  const id = { group: 'a', partition: 0 }
  const name = (path: string) => path.slice(path.lastIndexOf('/') + 1)
  const plain = (base: number) => `${String(base).padStart(20, '0')}.log`
  const made = (base: number, end: number, generation: number) => name(compactedPath(id, base, end, generation))
  const names = [
    plain(0),
    plain(10),
    plain(20),
    plain(30),
    made(0, 20, 7),
    made(20, 30, 8),
    made(20, 30, 9),
    made(0, 10, 5),
  ]
  const { current, replaced } = currentSegments(names)
  assert.deepEqual(
    current.map((segment) => segment.name),
    [made(0, 20, 7), made(20, 30, 9), plain(30)],
  )
  assert.deepEqual(
    replaced.map((segment) => segment.name).toSorted(),
    [plain(0), made(0, 10, 5), plain(10), plain(20), made(20, 30, 8)].toSorted(),
  )
  assert.equal(segmentOfName('compact'), null)
  assert.equal(segmentOfName(made(5, 5, 1)), null, 'a range without events')
})
