import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SimRandom } from '../sim-random.ts'
import { DiskRefusal, sectorBytes, survivals, VolatileDisk } from './volatile-disk.ts'

const filled = (sectors: number, byte: number) => Buffer.alloc(sectors * sectorBytes, byte)

/** First byte of each of the first `count` sectors. */
const seen = (disk: VolatileDisk, count: number) =>
  Array.from({ length: count }, (_, sector) => disk.read(sector * sectorBytes, sectorBytes)[0])

test('reads see the newest write, flushed or not', () => {
  const disk = new VolatileDisk(8 * sectorBytes)
  disk.write(0, filled(4, 1), false)
  disk.flush()
  disk.write(sectorBytes, filled(2, 2), false)
  disk.write(2 * sectorBytes, filled(1, 3), false)
  assert.deepEqual(seen(disk, 5), [1, 2, 3, 1, 0])
})

test('what was flushed survives every cut, what was not is old or new', () => {
  for (const survival of survivals) {
    for (let seed = 0; seed < 20; seed++) {
      const disk = new VolatileDisk(16 * sectorBytes)
      disk.write(0, filled(8, 1), false)
      disk.flush()
      disk.write(4 * sectorBytes, filled(8, 2), false)
      disk.cut()
      assert.throws(() => disk.read(0, sectorBytes), DiskRefusal)
      assert.throws(() => disk.flush(), DiskRefusal)
      const { sectors, kept } = disk.revive(survival, new SimRandom(seed))
      const after = seen(disk, 16)
      assert.deepEqual(after.slice(0, 4), [1, 1, 1, 1])
      assert.ok(after.slice(4, 8).every((byte) => byte === 1 || byte === 2))
      assert.equal(sectors, 8)
      assert.equal(after.filter((byte) => byte === 2).length, kept)
      if (survival === 'none') assert.equal(kept, 0)
      if (survival === 'all') assert.equal(kept, 8)
    }
  }
})

test('a cut tears writes in the middle', () => {
  const kept = Array.from({ length: 50 }, (_, seed) => {
    const disk = new VolatileDisk(16 * sectorBytes)
    disk.write(0, filled(16, 1), false)
    disk.cut()
    return disk.revive('sectors', new SimRandom(seed)).kept
  })
  assert.ok(kept.some((count) => count > 0 && count < 16))
})

test('a cut before the second flush keeps the first one only', async () => {
  const disk = new VolatileDisk(8 * sectorBytes)
  const isCut = disk.cutBefore('flush', 2)
  disk.write(0, filled(1, 1), false)
  disk.flush()
  disk.write(sectorBytes, filled(1, 2), false)
  assert.throws(() => disk.flush(), DiskRefusal)
  await isCut
  disk.revive('none', new SimRandom(0))
  assert.deepEqual(seen(disk, 2), [1, 0])
})

test('failing writes change nothing and failing flushes make nothing durable', () => {
  const disk = new VolatileDisk(8 * sectorBytes)
  disk.failingWrites = 1
  assert.throws(() => disk.write(0, filled(1, 1), false), DiskRefusal)
  assert.deepEqual(seen(disk, 1), [0])
  disk.write(0, filled(1, 2), false)
  disk.failingFlushes = 1
  assert.throws(() => disk.flush(), DiskRefusal)
  assert.deepEqual(seen(disk, 1), [2])
  disk.cut()
  disk.revive('none', new SimRandom(0))
  assert.deepEqual(seen(disk, 1), [0])
})

test('a full cache lets its oldest writes become durable', () => {
  const disk = new VolatileDisk(8 * sectorBytes, 2 * sectorBytes)
  for (const byte of [1, 2, 3]) disk.write((byte - 1) * sectorBytes, filled(1, byte), false)
  assert.deepEqual(seen(disk, 3), [1, 2, 3])
  disk.cut()
  disk.revive('none', new SimRandom(0))
  assert.deepEqual(seen(disk, 3), [1, 0, 0])
})
