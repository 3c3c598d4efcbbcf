import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FileCache } from '../../../src/daemon/storage/file-cache.ts'
import { headerBytes, type SegmentHeader } from '../../../src/daemon/storage/format.ts'
import { LogFiles } from '../../../src/daemon/storage/log-files.ts'
import { LogWriter } from '../../../src/daemon/storage/log-writer.ts'
import { Segment } from '../../../src/daemon/storage/segment.ts'
import { SegmentPool } from '../../../src/daemon/storage/segment-pool.ts'
import { Slabs } from '../../../src/daemon/storage/slabs.ts'
import { type AppendOwner, StagedAppend, stageBatches } from '../../../src/daemon/storage/staged-append.ts'
import { BatchMaker } from '../../conformance/log-contract.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { id } from './builders.ts'

const zero = { sequence: 0, offset: 0 }
const owner: AppendOwner = {
  client: { logNumber: 1, journalState: () => assert.fail(), syncSegments: () => Promise.resolve(null) },
  isEssential: false,
  obstacle: () => null,
  committed: () => undefined,
  failed: () => undefined,
}
const header: SegmentHeader = {
  generation: 1,
  id,
  baseSequence: 0,
  baseOffset: 0,
  createdAtMs: 0,
  previousTimeMs: null,
  previous: null,
  durableEnd: 0,
}

async function makeWriter() {
  const disk = new SimDisk()
  await disk.makeDirectory('logs/ns1.h1/0')
  const segment = new Segment(id, 0, header, false)
  const pool = new SegmentPool(disk, { filesMax: 0, bytesMax: 0 })
  const files = new LogFiles(id, [segment], { disk, files: new FileCache(disk, 4), pool })
  const slabs = new Slabs({ slabBytes: 4096, bytesMax: 65_536 })
  const writer = new LogWriter(
    { segment: null, position: 0, end: zero, timeMs: null },
    {
      files,
      slabs,
      onWritten: () => undefined,
      onWriteFailed: () => Promise.resolve(),
      onSyncFailed: () => undefined,
      unsyncedBytesMax: Infinity,
    },
  )
  const maker = new BatchMaker()
  const user = { forgetSlab: () => undefined, writeBackSoon: () => undefined }
  const enqueue = () => {
    const [batch = assert.fail()] = maker.batches(1, 100)
    const staged = stageBatches([batch], { slabs, user, segment, generation: 1, durableEnd: 0 })
    const end = { sequence: batch.baseSequence + 1, offset: batch.baseOffset + 100 }
    const ends = { resolve: () => undefined, reject: () => undefined }
    const input = { segment, ...staged, bytes: 184, end, timeMs: batch.enqueuedTimeMs, epoch: 0, segmentRecord: null }
    writer.enqueue(new StagedAppend(owner, { ...input, ...ends }))
  }
  return { disk, segment, writer, enqueue }
}

test('what is built on a stopped writer sees what a sync under way still makes durable, and nothing changes behind it', async () => {
  // A log went on in a new segment while a sync was under way, which then counted what had been moved aside as synced.
  const { disk, segment, writer, enqueue } = await makeWriter()
  enqueue()
  await writer.write()
  let isSynced = false
  disk.faults = ({ kind }) => {
    if (kind === 'syncDirectory') isSynced = true
    return null
  }
  const syncing = writer.sync()
  // It has begun by now.
  await Promise.resolve()
  await Promise.resolve()
  enqueue()
  writer.stop()
  const seen = await writer.whenFinal(() => Promise.resolve({ isSynced, end: writer.synced.end.sequence }))
  assert.deepEqual(seen, { isSynced: true, end: 1 })
  assert.equal(await syncing, null)
  assert.equal((await writer.sync())?.code, 'storage-failed')
  assert.equal(writer.synced.end.sequence, 1)
  assert.equal(segment.syncedPosition, headerBytes + 184)
})

test('what was written before a writer stopped is made durable before anything is built on it', async () => {
  const { writer, enqueue } = await makeWriter()
  enqueue()
  await writer.write()
  writer.stop()
  assert.equal(await writer.whenFinal(() => Promise.resolve(writer.synced.end.sequence)), 1)
})
