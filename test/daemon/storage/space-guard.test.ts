import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import type { Disk } from '../../../src/daemon/storage/disk.ts'
import { SpaceGuard } from '../../../src/daemon/storage/space-guard.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimDisk } from '../../sim/sim-disk.ts'

/** A disk whose free space the test decides. */
function diskWith(space: { freeBytes: number }): Disk {
  const disk = new SimDisk()
  return Object.assign(Object.create(disk) as Disk, {
    list: (folder: string) => disk.list(folder),
    open: (path: string, mode: 'create') => disk.open(path, mode),
    remove: (path: string) => disk.remove(path),
    space: () => Promise.resolve({ freeBytes: space.freeBytes, totalBytes: 1_000_000 }),
  })
}

const user = { group: 'ns1/h1', partition: 0 }
const own = { group: '$state', partition: 0 }

test('appends are refused below the low-water mark and taken again above the high-water mark', async () => {
  const space = { freeBytes: 500_000 }
  const clock = new SimClock()
  let roomCount = 0
  const guard = new SpaceGuard(
    { disk: diskWith(space), clock, log: quietLog },
    { lowWaterBytes: 100_000, reserveBytes: 0 },
    () => roomCount++,
  )
  await guard.open()
  assert.equal(guard.refusal(user), null)
  space.freeBytes = 99_999
  await guard.check()
  assert.equal(guard.refusal(user)?.code, 'disk-full')
  assert.equal(guard.refusal(own), null, 'checkpoints and commands go on')
  space.freeBytes = 110_000
  await guard.check()
  assert.notEqual(guard.refusal(user), null, 'not yet with some way to go')
  space.freeBytes = 10_000
  await guard.check()
  assert.notEqual(guard.refusal(own), null)
  space.freeBytes = 130_000
  // By itself: the clock comes by.
  clock.advance(1000)
  await guard.check()
  assert.equal(guard.refusal(user), null)
  assert.equal(guard.refusing, null)
  assert.equal(roomCount, 1)
  await guard.close()
})

test('the reserve is made when there is room and given up when a write fails', async () => {
  const space = { freeBytes: 500_000 }
  const clock = new SimClock()
  const disk = diskWith(space)
  const guard = new SpaceGuard({ disk, clock, log: quietLog }, { lowWaterBytes: 100_000, reserveBytes: 20_000 })
  await guard.open()
  await guard.check()
  assert.deepEqual(await disk.list(''), [{ name: 'reserve', kind: 'file' }])
  assert.equal(await guard.release(), true)
  assert.deepEqual(await disk.list(''), [])
  assert.equal(await guard.release(), false)
  assert.notEqual(guard.refusal(user), null)
  await guard.close()
})
