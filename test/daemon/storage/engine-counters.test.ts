import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BatchMaker } from '../../conformance/log-contract.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { id, openLogOn, openOn, os, sync } from './builders.ts'

test('every group the journal made durable counts, with the time it took', async (t) => {
  const disk = new SimDisk()
  const { log, engine, clock } = await openLogOn(t, disk)
  const before = engine.status().counters
  disk.faults = ({ kind, path }) => {
    // A sync of 7 ms.
    if (kind === 'sync' && path.startsWith('journal/')) clock.advance(7)
    return null
  }
  for (const batch of new BatchMaker().batches(3, 100)) await log.append([batch])
  const { commitGroups, commitMsTotal, unsyncedBytes } = engine.status().counters
  assert.equal(commitGroups - before.commitGroups, 3)
  assert.equal(commitMsTotal - before.commitMsTotal, 21)
  assert.equal(unsyncedBytes, 0)
})

test('what a log of durability os has not synced is told in bytes and time, and no longer when it is synced', async (t) => {
  const { log, engine, clock } = await openLogOn(t, new SimDisk(), os)
  const maker = new BatchMaker()
  await log.append(maker.batches(1, 100))
  clock.advance(40)
  await log.append(maker.batches(1, 100))
  const waiting = engine.status().counters
  assert.equal(waiting.unsyncedBytes, 2 * 184)
  assert.equal(waiting.unsyncedMs, 40)
  clock.advance(60)
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
  const { unsyncedBytes, unsyncedMs } = engine.status().counters
  assert.deepEqual([unsyncedBytes, unsyncedMs], [0, 0])
})

test('torn tails and damaged ranges are counted as they are met', async (t) => {
  const disk = new SimDisk()
  const { engine } = await openOn(disk)
  const torn = await engine.openLog(id, os)
  await torn.append(new BatchMaker().batches(2, 100))
  const damaged = await engine.openLog({ ...id, partition: 1 }, sync)
  await damaged.append(new BatchMaker().batches(2, 100))
  const after = disk.kill()
  after.corrupt('logs/ns1.h1/0/00000000000000000000.log', (bytes) => bytes.subarray(0, bytes.length - 10))
  const again = await openOn(after)
  t.after(() => again.engine.close())
  assert.equal(again.engine.status().counters.tornTails, 0)
  await again.engine.openLog(id, os)
  assert.equal(again.engine.status().counters.tornTails, 1)
  const log = await again.engine.openLog({ ...id, partition: 1 }, sync)
  after.corrupt('logs/ns1.h1/1/00000000000000000000.log', (bytes) => {
    bytes[1200] = (bytes[1200] ?? 0) ^ 1
    return bytes
  })
  await log.read(0, 1000).catch(() => undefined)
  await log.read(1, 1000).catch(() => undefined)
  assert.equal(again.engine.status().counters.damagedRanges, 1)
})
