import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FileCache } from '../../../src/daemon/storage/file-cache.ts'
import type { LogConfig } from '../../../src/daemon/storage/storage-engine.ts'
import { BatchMaker, readAll } from '../../conformance/log-contract.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { openOn, os, smallOptions, sync } from './builders.ts'

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await Promise.resolve()
}

// The journal and its successor, the version file, a moved log: what has no slot.
const otherFiles = 8

for (const config of [sync, os] as readonly LogConfig[]) {
  test(`many logs make and write more files than may be open: ${config.durability}`, async () => {
    const disk = new SimDisk({ openFilesMax: 3 + otherFiles })
    const options = { ...smallOptions, openFilesMax: 3, journalFileBytes: 100_000, tailBytesMax: 200_000 }
    const { engine } = await openOn(disk, options)
    const partitions = Array.from({ length: 40 }, (_, partition) => partition)
    const logs = await Promise.all(
      partitions.map((partition) => engine.openLog({ group: 'ns1/h1', partition }, config)),
    )
    // Each rolls twice, all at once, so that everybody wants a file while everybody holds unsynced ones.
    await Promise.all(logs.map((log) => Promise.all(new BatchMaker().batches(6, 1500).map((b) => log.append([b])))))
    const read = await Promise.all(logs.map((log) => readAll(log)))
    assert.ok(read.every((batches) => batches.length === 6))
    await engine.close()
    assert.equal(disk.openFiles, 0)
    const again = await openOn(disk.crash('all-lost', { openFilesMax: 3 + otherFiles }), options)
    for (const partition of partitions) {
      const log = await again.engine.openLog({ group: 'ns1/h1', partition }, config)
      assert.equal(log.end.sequence, 6)
    }
    await again.engine.close()
  })
}

test('two files that both hold unsynced bytes make room for each other', async () => {
  const disk = new SimDisk({ openFilesMax: 2 })
  const cache = new FileCache(disk, 2)
  const synced: string[] = []
  for (const path of ['a', 'b']) {
    const held = await cache.make(() => disk.open(path, 'create'))
    cache.setBeforeClose(path, async (file) => {
      synced.push(path)
      await file.sync()
    })
    held.release()
  }
  const made = await Promise.all(['c', 'd'].map((path) => cache.make(() => disk.open(path, 'create'))))
  assert.deepEqual(synced, ['a', 'b'])
  for (const held of made) held.release()
  await cache.closeAll()
  assert.equal(disk.openFiles, 0)
})

test('a file that is written to while it is being synced to be closed stays open', async () => {
  const disk = new SimDisk()
  const cache = new FileCache(disk, 1)
  const first = await cache.make(() => disk.open('a', 'create'))
  let syncs = 0
  const beforeClose = async () => {
    syncs += 1
    // Its log goes on writing.
    if (syncs === 1) cache.setBeforeClose('a', beforeClose)
    await Promise.resolve()
  }
  cache.setBeforeClose('a', beforeClose)
  first.release()
  const second = await cache.make(() => disk.open('b', 'create'))
  assert.equal(syncs, 2)
  assert.equal(cache.peek('a'), null)
  second.release()
  await cache.closeAll()
})

test('whoever waits for a file comes in order, and nobody waits for ever when opening fails', async () => {
  const disk = new SimDisk()
  const cache = new FileCache(disk, 1)
  const held = await cache.make(() => disk.open('a', 'create'))
  const missing = cache.hold('missing')
  const used = cache.use('a2', 'create', (file) => file.write([Buffer.from('x')], 0))
  await turns(20)
  held.release()
  await assert.rejects(missing, { systemCode: 'ENOENT' })
  await used
  const again = await cache.hold('a')
  again.release()
  await cache.closeAll()
  assert.equal(disk.openFiles, 0)
})
