import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SegmentPool } from '../../../src/daemon/storage/segment-pool.ts'
import { BatchMaker, plain, readAll } from '../../conformance/log-contract.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { id, openLogOn, openOn, smallOptions } from './builders.ts'

test('a trimmed segment is used again, and its old events never come back', async (t) => {
  const disk = new SimDisk()
  const config = { durability: 'os', segmentBytes: 1024 * 1024 + 200_000 } as const
  // Never closed: its disk goes away with the process.
  const { engine } = await openOn(disk, { ...smallOptions, tailBytesMax: 16 * 1024 * 1024 })
  const log = await engine.openLog(id, config)
  const maker = new BatchMaker()
  for (const batch of maker.batches(12, 300_000)) await log.append([batch])
  await log.trimBefore(8)
  const pooled = () => [...disk.files().keys()].filter((path) => path.startsWith('pool/')).length
  const before = pooled()
  assert.ok(before > 0)
  const more = maker.batches(4, 300_000)
  for (const batch of more) await log.append([batch])
  assert.ok(pooled() < before)
  const { log: after } = await openLogOn(t, disk.kill(), config, { ...smallOptions, tailBytesMax: 16 * 1024 * 1024 })
  assert.equal(after.end.sequence, 16)
  assert.deepEqual(plain((await readAll(after, 400_000)).slice(-4)), plain(more))
})

test('the pool keeps so many files and so many bytes, and finds them again', async () => {
  const disk = new SimDisk()
  await disk.makeDirectory('logs')
  const bytes = 1024 * 1024
  const limits = { filesMax: 2, bytesMax: 10 * bytes }
  const pool = new SegmentPool(disk, limits)
  const files = []
  for (const name of ['a', 'b', 'c', 'small']) {
    const file = await disk.open(`logs/${name}`, 'create')
    await file.truncate(name === 'small' ? 10 : bytes)
    await file.close()
    files.push({ path: `logs/${name}`, bytes: name === 'small' ? 10 : bytes })
  }
  await pool.give('logs', files)
  assert.equal(pool.bytesHeld, 2 * bytes)
  assert.deepEqual(await disk.list('logs'), [])
  const again = new SegmentPool(disk, limits)
  await again.open()
  assert.equal(again.bytesHeld, 2 * bytes)
  const taken = await again.take('logs/x', Buffer.from('header'), true)
  assert.equal(taken.isRecycled, true)
  await taken.file.close()
  const made = await again.take('logs/y', Buffer.from('header'), false)
  assert.equal(made.isRecycled, false)
  await made.file.close()
})
