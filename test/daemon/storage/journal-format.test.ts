// Golden bytes of the commit journal and the version file. A change here is a change of format: see docs/FORMAT.md.

import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { crc32c } from '../../../src/base/crc32c.ts'
import { encodeEnvelope, envelopeBytes } from '../../../src/daemon/storage/format.ts'
import {
  decodeCheckpoint,
  decodeGroup,
  decodeGroupHeader,
  decodeJournalHeader,
  decodeState,
  decodeVersion,
  encodeCheckpoint,
  encodeGroupHead,
  encodeJournalHeader,
  encodeState,
  encodeVersionSlot,
  groupNeedle,
  type LogState,
} from '../../../src/daemon/storage/journal-format.ts'
import { record } from '../../../src/daemon/storage/journal-files.ts'
import { bytesOf, zeros } from './hex.ts'

describe('a journal file’s header', () => {
  const header = { generation: 258, createdAtMs: 1_700_000_000_000, previous: { generation: 257, endPosition: 5376 } }

  test('has these bytes, twice', () => {
    const bytes = encodeJournalHeader(header)
    const golden = bytesOf([
      ['45484a31', '"EHJ1"'],
      ['0201000000000000', 'generation'],
      ['0100', 'format version'],
      ['0004', 'bytes before the first group'],
      ['00000000', 'reserved'],
      ['0068e5cf8b010000', 'time it was made'],
      ['0101000000000000', 'generation of the file before'],
      ['0015000000000000', 'where that one ended'],
      [zeros(512 - 48), 'reserved'],
    ])
    assert.equal(bytes.toString('hex', 4, 512), golden.toString('hex'))
    assert.equal(bytes.readUInt32LE(0), crc32c(golden))
    assert.equal(bytes.toString('hex', 0, 512), bytes.toString('hex', 512))
    assert.deepEqual(decodeJournalHeader(bytes), header)
  })

  test('of the first file says so with ones, and survives the loss of either copy', () => {
    const first = { ...header, previous: null }
    const bytes = encodeJournalHeader(first)
    assert.equal(bytes.toString('hex', 32, 48), 'ff'.repeat(16))
    for (const at of [0, 512]) {
      const half = Buffer.from(bytes)
      half.fill(0, at, at + 512)
      assert.deepEqual(decodeJournalHeader(half), first)
    }
    assert.equal(decodeJournalHeader(Buffer.alloc(1024)), null)
  })
})

const state: LogState = {
  id: { group: 'ns1/h2', partition: 0x0102 },
  start: { sequence: 2, offset: 26 },
  segmentBase: 5,
  segmentGeneration: 0x100003,
  position: 1216,
  end: { sequence: 7, offset: 97 },
  lastTimeMs: 1_700_000_000_006,
  isExact: true,
}

describe('a row’s body', () => {
  test('of kind state has these bytes', () => {
    const golden = bytesOf([
      ['0200000000000000', 'start sequence'],
      ['1a00000000000000', 'start offset'],
      ['0500000000000000', 'base sequence of the segment'],
      ['0300100000000000', 'its generation'],
      ['c004000000000000', 'position'],
      ['0700000000000000', 'end sequence'],
      ['6100000000000000', 'end offset'],
      ['0668e5cf8b010000', 'enqueued time of the last event'],
      ['01000000', 'flags: exact'],
      ['0201', 'partition'],
      ['0600', 'length of the group'],
      [zeros(8), 'reserved'],
      ['6e73312f6832', 'group "ns1/h2"'],
    ])
    assert.equal(encodeState(state).toString('hex'), golden.toString('hex'))
    assert.deepEqual(decodeState(golden), state)
    const empty = { ...state, segmentBase: null, lastTimeMs: null, isExact: false }
    assert.deepEqual(decodeState(encodeState(empty)), empty)
    assert.equal(encodeState(empty).toString('hex', 16, 24), 'ff'.repeat(8))
  })

  test('of kind checkpoint has these bytes', () => {
    const cases: readonly (readonly [boolean, boolean, string])[] = [
      [true, false, '01000000'],
      [false, true, '02000000'],
      [true, true, '03000000'],
    ]
    for (const [isComplete, isClean, flags] of cases) {
      const golden = `0201000000000000${flags}00000000`
      const checkpoint = { replayFrom: 258, isComplete, isClean }
      assert.equal(encodeCheckpoint(checkpoint).toString('hex'), golden)
      assert.deepEqual(decodeCheckpoint(Buffer.from(golden, 'hex')), checkpoint)
    }
  })
})

function envelope(): Buffer {
  const bytes = Buffer.alloc(envelopeBytes(3))
  const batch = {
    baseSequence: 7,
    baseOffset: 97,
    count: 1,
    enqueuedTimeMs: 9,
    encoding: 'amqp',
    producer: null,
  } as const
  const context = { generation: 0x100003, logIdentity: 1, durableEnd: 7, continues: false }
  encodeEnvelope(bytes, { ...batch, payload: Buffer.from('abc') }, context)
  return bytes
}

/** A group of a forget row and an envelope row. */
function group(): Buffer {
  const forget = record('forget', 0, Buffer.from('ns1/h9'))
  const body = envelope()
  const row = {
    kind: 'envelope',
    logNumber: 3,
    lengthBytes: 83,
    bodyCrc: body.readUInt32LE(0),
    segmentBase: 5,
    position: 1216,
  } as const
  const header = { generation: 258, number: 6, totalBytes: 224, durablePosition: 4096, writtenAtMs: 1_700_000_000_000 }
  return Buffer.concat([encodeGroupHead(header, [forget.row, row]), forget.body, body])
}

describe('a group', () => {
  test('has these bytes', () => {
    const bytes = group()
    const golden = bytesOf([
      ['45484731', '"EHG1"'],
      ['0201000000000000', 'generation of the file'],
      ['0600000000000000', 'number'],
      ['e0000000', 'bytes of the whole group'],
      ['02000000', 'rows'],
      ['0010000000000000', 'synced before this position'],
      ['0068e5cf8b010000', 'time of writing'],
      [zeros(16), 'reserved'],
      ['04', 'row: forget'],
      ['000000', 'reserved'],
      ['00000000', 'no log'],
      ['06000000', 'length of the body'],
      [crcHex(Buffer.from('ns1/h9')), 'crc of the body'],
      [zeros(16), 'no segment, no position'],
      ['01', 'row: envelope'],
      ['000000', 'reserved'],
      ['03000000', 'log number'],
      ['53000000', 'length of the body'],
      [envelope().toString('hex', 0, 4), 'crc: the envelope’s own'],
      ['0500000000000000', 'base sequence of the segment'],
      ['c004000000000000', 'position in it'],
      ['6e73312f6839', 'body: "ns1/h9"'],
      ['0000', 'up to a multiple of 8'],
      [envelope().toString('hex'), 'body: envelope with its zeros'],
    ])
    assert.equal(bytes.toString('hex', 4), golden.toString('hex'))
    assert.equal(bytes.readUInt32LE(0), crc32c(golden.subarray(0, 124)), 'the crc covers header and rows')
    assert.equal(bytes.toString('hex', 4, 16), groupNeedle(258).toString('hex'))
    const header = decodeGroupHeader(bytes)
    assert.ok(header !== null)
    const parts = decodeGroup(bytes, header)
    assert.deepEqual(
      parts?.map(({ kind, bodyAt, lengthBytes }) => [kind, bodyAt, lengthBytes]),
      [
        ['forget', 128, 6],
        ['envelope', 136, 83],
      ],
    )
  })

  test('is whole or none: any byte changed that is summed, any byte missing', () => {
    const whole = group()
    // Padding, and the envelope's own checksum, which the row has, too.
    const unsummed = new Set([134, 135, 136, 137, 138, 139, 219, 220, 221, 222, 223])
    for (let at = 0; at < whole.length; at++) {
      const bytes = Buffer.from(whole)
      bytes[at] = (bytes[at] ?? 0) ^ 0x10
      const header = decodeGroupHeader(bytes)
      assert.equal(header !== null && decodeGroup(bytes, header) !== null, unsummed.has(at), `byte ${at}`)
    }
    const header = decodeGroupHeader(whole)
    assert.ok(header !== null)
    for (let length = 0; length < whole.length; length++)
      assert.equal(decodeGroup(whole.subarray(0, length), header), null, `${length} bytes`)
  })

  test('is never found in zeros, nor larger than any we write, nor with more rows than bytes', () => {
    assert.equal(decodeGroupHeader(Buffer.alloc(64)), null)
    assert.equal(decodeGroupHeader(group().subarray(0, 63)), null)
    for (const [at, hex] of [
      [24, 'f8ffffff'],
      [24, 'e1000000'],
      [28, 'ffffffff'],
    ] as const) {
      const bytes = group()
      Buffer.from(hex, 'hex').copy(bytes, at)
      assert.equal(decodeGroupHeader(bytes), null, hex)
    }
  })
})

describe('the version file', () => {
  const slot = encodeVersionSlot({ version: 1, number: 258, journalGeneration: 77 })

  test('has slots of these bytes', () => {
    const golden = bytesOf([
      ['45485631', '"EHV1"'],
      ['01000000', 'format version'],
      ['00000000', 'reserved'],
      ['0201000000000000', 'number'],
      ['4d00000000000000', 'newest journal file'],
      [zeros(512 - 32), 'reserved'],
    ])
    assert.equal(slot.toString('hex', 4), golden.toString('hex'))
    assert.equal(slot.readUInt32LE(0), crc32c(golden))
  })

  test('counts the intact slot with the higher number, wherever it lies', () => {
    const newer = encodeVersionSlot({ version: 2, number: 259, journalGeneration: 78 })
    const torn = Buffer.concat([newer.subarray(0, 20), Buffer.alloc(492)])
    const at = (bytes: readonly Buffer[]) => decodeVersion(Buffer.concat(bytes))?.number ?? null
    assert.equal(at([slot, newer]), 259)
    assert.equal(at([newer, slot]), 259)
    assert.equal(at([slot, torn]), 258)
    assert.equal(at([Buffer.alloc(512), slot]), 258)
    assert.equal(at([torn, torn]), null)
    assert.equal(at([]), null)
  })
})

function crcHex(body: Buffer): string {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32LE(crc32c(body))
  return bytes.toString('hex')
}
