import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import { type Disk, DiskError } from '../../../src/daemon/storage/disk.ts'
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

const full = new DiskError('ENOSPC', 'write a file: ENOSPC')
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
  assert.equal(guard.refusal(user, 0, false), null)
  space.freeBytes = 99_999
  await guard.check()
  assert.equal(guard.refusal(user, 0, false)?.code, 'disk-full')
  assert.equal(guard.refusal(own, 0, false), null, 'checkpoints and commands go on')
  space.freeBytes = 110_000
  await guard.check()
  assert.notEqual(guard.refusal(user, 0, false), null, 'not yet with some way to go')
  space.freeBytes = 10_000
  await guard.check()
  assert.equal(guard.refusal(own, 0, false), null, 'as long as the journal finds room')
  assert.notEqual(guard.refusal(own, 0, true), null, 'but none waits for memory that cannot come free')
  assert.notEqual(guard.upkeepRefusal(), null)
  space.freeBytes = 130_000
  // By itself: the clock comes by.
  clock.advance(1000)
  await guard.check()
  assert.equal(guard.refusal(user, 0, false), null)
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
  assert.equal(await guard.release(full), true)
  assert.deepEqual(await disk.list(''), [])
  assert.equal(await guard.release(full), false)
  assert.notEqual(guard.refusal(user, 0, false), null)
  await guard.close()
})

test('what must go on is refused once it found no room at all, until there is some', async () => {
  const space = { freeBytes: 0 }
  const guard = new SpaceGuard(
    { disk: diskWith(space), clock: new SimClock(), log: quietLog },
    { lowWaterBytes: 100_000, reserveBytes: 0 },
  )
  await guard.open()
  assert.equal(guard.refusal(own, 0, false), null)
  assert.equal(await guard.release(full), false)
  assert.equal(guard.refusal(own, 0, false)?.code, 'disk-full')
  space.freeBytes = 30_000
  await guard.check()
  assert.equal(guard.refusal(own, 0, false), null)
  assert.notEqual(guard.refusal(user, 0, false), null)
  await guard.close()
})

test('a small disk keeps a mark of some large appends, and one that would jump over it is refused', async () => {
  const space = { freeBytes: 500_000 }
  const guard = new SpaceGuard(
    { disk: diskWith(space), clock: new SimClock(), log: quietLog },
    { lowWaterBytes: null, reserveBytes: null },
  )
  await guard.open()
  assert.equal(guard.lowWaterBytes, 250_000, 'a quarter of a tiny disk')
  assert.equal(guard.refusal(user, 180_000, false), null)
  assert.notEqual(guard.refusal(user, 190_000, false), null)
  // What was taken counts before it is in the files, also when a look came in between.
  guard.wrote(50_000)
  await guard.check()
  assert.equal(guard.refusal(user, 130_000, false), null)
  assert.notEqual(guard.refusal(user, 140_000, false), null)
  await guard.check()
  await guard.check()
  assert.equal(guard.refusal(user, 180_000, false), null)
  await guard.close()
})

test('looks at the free space in steps that a small mark allows', async () => {
  const space = { freeBytes: 500_000 }
  const guard = new SpaceGuard(
    { disk: diskWith(space), clock: new SimClock(), log: quietLog },
    { lowWaterBytes: 400_000, reserveBytes: 0 },
  )
  await guard.open()
  space.freeBytes = 399_999
  guard.wrote(65_535)
  assert.equal(guard.refusing, null)
  guard.wrote(1)
  await guard.check()
  assert.match(guard.refusing ?? '', /^the disk has 399999 bytes free, below the low-water mark of 400000$/)
  await guard.close()
})

test('a limit on files or a quota is named, and is not taken for a full disk', async () => {
  const guard = new SpaceGuard(
    { disk: diskWith({ freeBytes: 500_000 }), clock: new SimClock(), log: quietLog },
    { lowWaterBytes: 100_000, reserveBytes: 0 },
  )
  await guard.open()
  const cause = new DiskError('EFBIG', 'write a file: EFBIG')
  guard.noSpace(new EhubError('disk-full', 'the storage could not write', { cause }))
  assert.match(guard.refusing ?? '', /^a file has the largest size that the system allows \(EFBIG: ulimit -f, /)
  assert.equal(guard.marks.freeBytes, 500_000)
  guard.noSpace(new DiskError('EDQUOT', 'write a file: EDQUOT'))
  assert.match(guard.refusing ?? '', /^the quota of the disk is used up/)
  await guard.check()
  assert.equal(guard.refusing, null)
  await guard.close()
})
