import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import type { PartitionLog } from '../../../src/daemon/storage/storage-engine.ts'
import { BatchMaker, readAll } from '../../conformance/log-contract.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { openLogOn, sync } from './builders.ts'

const mebibyte = 1024 * 1024
const large = { ...sync, segmentBytes: 64 * mebibyte }
const own = { group: '$state', partition: 0 }

async function isTaken(append: Promise<void>): Promise<boolean> {
  try {
    await append
    return true
  } catch (error) {
    if (!isEhubError(error, 'disk-full')) throw error
    return false
  }
}

/** Sends in bursts, as fast as it can, until the disk takes no more. */
async function fill(log: PartitionLog, maker: BatchMaker, batchBytes: number): Promise<void> {
  for (let next = maker; ; ) {
    const outcomes = await Promise.all(next.batches(16, batchBytes).map((batch) => isTaken(log.append([batch]))))
    if (outcomes.every((taken) => !taken)) return
    const { sequence, offset } = log.end
    const again = new BatchMaker(sequence, offset)
    again.timeMs = next.timeMs
    next = again
  }
}

for (const { name, lowWaterBytes } of [
  { name: 'that a fast sender filled', lowWaterBytes: null },
  // The marks see nothing: only the blocks that were kept are left.
  { name: 'on which not one byte is free', lowWaterBytes: 0 },
]) {
  test(`checkpoints and trimming go on upon a disk ${name}`, async (t) => {
    const disk = new SimDisk({ capacityBytes: 24 * mebibyte })
    const { log, engine } = await openLogOn(t, disk, large, { lowWaterBytes, reserveBytes: null })
    const state = await engine.openLog(own, sync)
    const maker = new BatchMaker()
    await fill(log, maker, 700_000)
    await fill(log, new BatchMaker(log.end.sequence, log.end.offset), 60_000)
    const count = log.end.sequence
    const { freeBytes } = await disk.space()
    if (lowWaterBytes === null) assert.ok(freeBytes > mebibyte, `${freeBytes} bytes free`)
    else await fill(log, new BatchMaker(log.end.sequence, log.end.offset), 300)
    assert.ok(count > 10)

    const checkpoints = new BatchMaker()
    for (let i = 0; i < 400; i++) await state.append([checkpoints.batch(1, 300)])
    assert.equal(state.end.sequence, 400)
    await log.trimBefore(count - 1)
    assert.equal(log.start.sequence, count - 1)
    assert.equal((await readAll(state)).length, 400)
  })
}

test('of a group for which there is no room only what must go on is taken', async (t) => {
  const disk = new SimDisk()
  const { log, engine } = await openLogOn(t, disk, large)
  const state = await engine.openLog(own, sync)
  await log.append([new BatchMaker().batch(1, 100)])
  disk.faults = ({ kind, path }) =>
    kind === 'preallocate' && path.startsWith('journal/') ? { kind: 'error', code: 'ENOSPC' } : null
  const events = new BatchMaker(log.end.sequence, log.end.offset)
  const [event, checkpoint, other] = await Promise.all([
    isTaken(log.append([events.batch(1, 60_000)])),
    isTaken(state.append([new BatchMaker().batch(1, 100)])),
    isTaken(log.append([events.batch(1, 100)])),
  ])
  assert.deepEqual({ event, checkpoint, other }, { event: false, checkpoint: true, other: false })
  disk.faults = () => null
  assert.equal(log.end.sequence, 1)
  assert.equal(state.end.sequence, 1)
})

test('checkpoints go on in the present journal file when the next one cannot be made', async (t) => {
  const disk = new SimDisk()
  const { log, engine } = await openLogOn(t, disk, sync)
  const state = await engine.openLog(own, sync)
  const maker = new BatchMaker()
  await log.append([maker.batch(1, 1000)])
  disk.faults = ({ kind, path }) =>
    kind === 'create' && path === 'journal/next' ? { kind: 'error', code: 'ENOSPC' } : null
  const checkpoints = new BatchMaker()
  for (let i = 0; i < 200; i++) await state.append([checkpoints.batch(1, 100)])
  assert.equal(await isTaken(log.append([maker.batch(1, 1000)])), false)
  disk.faults = () => null
  assert.equal((await readAll(state)).length, 200)
})
