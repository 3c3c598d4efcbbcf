import assert from 'node:assert/strict'
import { test } from 'node:test'
import { crc32c } from '../../../src/base/crc32c.ts'
import { envelopeBytes, envelopeHeaderBytes } from '../../../src/daemon/storage/format.ts'
import { GroupBuilder } from '../../../src/daemon/storage/group-builder.ts'
import { record } from '../../../src/daemon/storage/journal-files.ts'
import { decodeGroup, decodeGroupHeader } from '../../../src/daemon/storage/journal-format.ts'

const header = { generation: 7, number: 3, durablePosition: 4096, writtenAtMs: 1_700_000_000_000 }

/** Bytes with a checksum in front, as an envelope has it; what else is in them the journal does not look at. */
function envelopes(count: number, payloadBytes: number): { memory: Buffer; bytes: number } {
  const bytes = envelopeBytes(payloadBytes)
  const memory = Buffer.alloc(count * bytes, 0x5a)
  for (let at = 0; at < memory.length; at += bytes) {
    memory.fill(0, at + envelopeHeaderBytes + payloadBytes, at + bytes)
    memory[at + 40] = at / bytes
    memory.writeUInt32LE(crc32c(memory.subarray(at + 4, at + envelopeHeaderBytes + payloadBytes)), at)
  }
  return { memory, bytes }
}

test('a group of any number of rows reads back as it was put in, envelopes and metadata mixed', () => {
  const builder = new GroupBuilder()
  const payloadBytes = 21
  // The head grows in between, for metadata (behind 64 and 128 envelopes) and for an envelope (among 300).
  for (const count of [1, 63, 64, 128, 300, 2]) {
    const { memory, bytes } = envelopes(count, payloadBytes)
    const note = Buffer.from(`rows ${count}`)

    for (let index = 0; index < count; index++) {
      builder.addEnvelope(index + 1, 1000 + index, memory, {
        at: index * bytes,
        bytes,
        payloadBytes,
        position: 1024 + index * 8,
      })
    }
    builder.add(record('forget', 0, note))
    const made = builder.finish(header)
    const group = Buffer.concat(made.chunks)
    assert.equal(group.length, made.bytes)
    const found = decodeGroupHeader(group)
    assert.deepEqual(found, { ...header, totalBytes: made.bytes, rowCount: count + 1 })
    const parts = decodeGroup(group, found)
    assert.equal(parts?.length, count + 1, `${count} envelopes are intact`)
    const stored = parts.filter(({ kind }) => kind === 'envelope')
    for (const [index, part] of stored.entries()) {
      const { logNumber, segmentBase, position, lengthBytes } = part
      assert.deepEqual([logNumber, segmentBase, position], [index + 1, 1000 + index, 1024 + index * 8])
      assert.equal(lengthBytes, envelopeHeaderBytes + payloadBytes)
    }
  }
})

test('envelopes that lie one after the other are one piece, others are not', () => {
  const builder = new GroupBuilder()
  const { memory, bytes } = envelopes(4, 100)
  for (const index of [0, 1, 3]) {
    builder.addEnvelope(1, 0, memory, { at: index * bytes, bytes, payloadBytes: 100, position: 0 })
  }
  assert.deepEqual(
    builder
      .finish(header)
      .chunks.slice(1)
      .map(({ length }) => length),
    [2 * bytes, bytes],
  )
})
