import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { DiskError, type DiskFile } from '../../../src/daemon/storage/disk.ts'
import { encodeEnvelope, envelopeBytes, headerBytes } from '../../../src/daemon/storage/format.ts'
import { SegmentWalker, type WalkItem, type WalkStart } from '../../../src/daemon/storage/segment-walker.ts'

const generation = 7
const identity = 0xabc

interface Made {
  readonly sequence: number
  readonly count?: number
  readonly payloadBytes?: number
  readonly generation?: number
  readonly identity?: number
}

/** Envelopes one after the other behind an empty header, with their positions. */
function fileOf(all: readonly Made[]): { readonly bytes: Buffer; readonly at: readonly number[] } {
  const chunks: Buffer[] = [Buffer.alloc(headerBytes)]
  const at: number[] = []
  let position = headerBytes
  let offset = 0
  for (const { sequence, count = 1, payloadBytes = 20, ...other } of all) {
    const bytes = Buffer.alloc(envelopeBytes(payloadBytes))
    const batch = { baseSequence: sequence, baseOffset: offset, count, enqueuedTimeMs: 1, producer: null }
    const payload = Buffer.alloc(payloadBytes, sequence)
    const context = { generation, logIdentity: other.identity ?? identity, durableEnd: 0, continues: false }
    encodeEnvelope(bytes, { ...batch, encoding: 'amqp', payload }, { ...context, ...other })
    at.push(position)
    chunks.push(bytes)
    position += bytes.length
    offset += payloadBytes
  }
  return { bytes: Buffer.concat(chunks), at }
}

/** A file for reading over bytes; reads that touch a bad byte fail. */
function over(bytes: Buffer, badAt: readonly number[] = []): DiskFile {
  const read = (into: Uint8Array, at: number) => {
    const bad = badAt.find((place) => place >= at && place < at + into.length)
    if (bad !== undefined) return Promise.reject(new DiskError('EIO', `bad sector at ${bad}`))
    return Promise.resolve(bytes.copy(into, 0, at, Math.min(bytes.length, at + into.length)))
  }
  const never = () => assert.fail('a walk only reads')
  return {
    path: 'a.log',
    size: () => Promise.resolve(bytes.length),
    read,
    readSync: never,
    write: never,
    writeSync: never,
    preallocate: never,
    truncate: never,
    sync: never,
    close: never,
  }
}

async function walk(file: DiskFile, bytes: Buffer, more: Partial<WalkStart> = {}): Promise<string[]> {
  const walker = new SegmentWalker(file, {
    generation,
    logIdentity: identity,
    position: headerBytes,
    sequence: 0,
    offset: 0,
    endPosition: bytes.length,
    searchBytesMax: Infinity,
    windowBytes: 64,
    ...more,
  })
  const seen: string[] = []
  for (let item = await walker.next(); item !== null; item = await walker.next()) seen.push(textOf(item))
  return [...seen, `end ${walker.sequence}`]
}

function textOf(item: WalkItem): string {
  if (item.kind === 'hole') return `hole ${item.fromSequence}-${item.toSequence} at ${item.position}-${item.toPosition}`
  const { baseSequence, payload } = item.batch
  assert.ok(payload.every((byte) => byte === baseSequence % 256))
  return `batch ${baseSequence}`
}

const five = [0, 1, 2, 3, 4].map((sequence) => ({ sequence }))

describe('a walk', () => {
  test('gives every batch in order, however little it reads at a time', async () => {
    const { bytes } = fileOf([
      { sequence: 0, count: 3, payloadBytes: 0 },
      { sequence: 3, payloadBytes: 5000 },
      { sequence: 4 },
    ])
    for (const windowBytes of [1, 8, 80, 81, 100, 4096, 1 << 20])
      assert.deepEqual(await walk(over(bytes), bytes, { windowBytes }), ['batch 0', 'batch 3', 'batch 4', 'end 5'])
  })

  test('loses to one turned byte only the batch it lies in, wherever it lies', async () => {
    const { bytes, at } = fileOf(five)
    const [, , from = 0, to = 0] = at
    for (let place = from; place < from + 100; place++) {
      const damaged = Buffer.from(bytes)
      damaged[place] = (damaged[place] ?? 0) ^ 0x40
      const wanted = ['batch 0', 'batch 1', `hole 2-3 at ${from}-${to}`, 'batch 3', 'batch 4', 'end 5']
      assert.deepEqual(await walk(over(damaged), damaged), wanted, `byte ${place}`)
    }
  })

  test('ends before what nothing intact follows', async () => {
    const { bytes, at } = fileOf(five)
    for (let length = (at[4] ?? 0) + 1; length < bytes.length - 4; length += 7) {
      const cut = bytes.subarray(0, length)
      assert.deepEqual((await walk(over(cut), cut)).slice(-2), ['batch 3', 'end 4'])
    }
    const zeros = Buffer.concat([bytes, Buffer.alloc(4096)])
    assert.deepEqual((await walk(over(zeros), zeros)).slice(-2), ['batch 4', 'end 5'])
  })

  test('ends where the segment ended, whatever lies behind', async () => {
    const { bytes, at } = fileOf(five)
    assert.deepEqual(await walk(over(bytes), bytes, { endPosition: at[2] ?? 0 }), ['batch 0', 'batch 1', 'end 2'])
    assert.deepEqual(await walk(over(bytes), bytes, { endPosition: headerBytes }), ['end 0'])
  })

  test('begins in the middle when it is told where', async () => {
    const { bytes, at } = fileOf(five)
    const start = { position: at[3] ?? 0, sequence: 3, offset: 60 }
    assert.deepEqual(await walk(over(bytes), bytes, start), ['batch 3', 'batch 4', 'end 5'])
  })

  test('takes envelopes of an earlier life, of another log or that go back for none', async () => {
    const strangers: readonly Made[] = [{ sequence: 2, generation: 6 }, { sequence: 2, identity: 1 }, { sequence: 1 }]
    for (const stranger of strangers) {
      const { bytes, at } = fileOf([{ sequence: 0 }, { sequence: 1 }, stranger, { sequence: 3 }])
      assert.deepEqual((await walk(over(bytes), bytes)).slice(2), [`hole 2-3 at ${at[2]}-${at[3]}`, 'batch 3', 'end 4'])
    }
  })

  test('says that batches are missing when an intact one does not continue', async () => {
    const { bytes, at } = fileOf([{ sequence: 0 }, { sequence: 5 }])
    assert.deepEqual(await walk(over(bytes), bytes), ['batch 0', `hole 1-5 at ${at[1]}-${at[1]}`, 'batch 5', 'end 6'])
  })

  test('looks no further behind a hole than it is told', async () => {
    const { bytes, at } = fileOf([{ sequence: 0 }, { sequence: 1, payloadBytes: 1000 }, { sequence: 2 }])
    bytes.fill(0xff, at[1], (at[1] ?? 0) + 8)
    assert.deepEqual(await walk(over(bytes), bytes, { searchBytesMax: 500 }), ['batch 0', 'end 1'])
    assert.equal((await walk(over(bytes), bytes, { searchBytesMax: 2000 })).at(-1), 'end 3')
  })

  test('goes around what the disk cannot read, and gives up when nothing can be read', async () => {
    const { bytes } = fileOf([{ sequence: 0 }, { sequence: 1, payloadBytes: 20_000 }, { sequence: 2 }, { sequence: 3 }])
    const seen = await walk(over(bytes, [9000]), bytes, { windowBytes: 1 << 20 })
    assert.deepEqual(
      seen.map((line) => line.replace(/ at .*/, '')),
      ['batch 0', 'hole 1-2', 'batch 2', 'batch 3', 'end 4'],
    )
    const small = fileOf(five).bytes
    await assert.rejects(walk(over(small, [headerBytes]), small, { windowBytes: 1 << 20 }), { systemCode: 'EIO' })
  })
})
