import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { encodeVersionSlot } from '../../../src/daemon/storage/journal-format.ts'
import { BatchMaker, plain, readAll } from '../../conformance/log-contract.ts'
import { crashOutcomes, SimDisk } from '../../sim/sim-disk.ts'
import { id, openLogOn, openOn, os, sequencesOf, smallOptions, sync } from './builders.ts'

for (const outcome of crashOutcomes) {
  test(`what was acknowledged under sync is there after a power cut: ${outcome}`, async (t) => {
    const disk = new SimDisk()
    const { engine } = await openOn(disk)
    const log = await engine.openLog(id, sync)
    const batches = new BatchMaker().batches(30, 700)
    for (const batch of batches) await log.append([batch])
    const { log: after } = await openLogOn(t, disk.crash(outcome))
    assert.deepEqual(plain(await readAll(after)), plain(batches))
    assert.deepEqual(after.statistics().damaged, [])
  })
}

test('what was acknowledged under os survives the process', async (t) => {
  const disk = new SimDisk()
  const { engine } = await openOn(disk)
  const log = await engine.openLog(id, os)
  const batches = new BatchMaker().batches(20, 700)
  for (const batch of batches) await log.append([batch])
  const { log: after } = await openLogOn(t, disk.kill(), os)
  assert.deepEqual(plain(await readAll(after)), plain(batches))
})

test('a torn tail is cut and copied aside, what was synced before it stays', async (t) => {
  const disk = new SimDisk()
  const { engine, clock } = await openOn(disk)
  const log = await engine.openLog(id, os)
  const maker = new BatchMaker()
  const synced = maker.batches(2, 500)
  await log.append(synced)
  clock.advance(200)
  await log.trimBefore(0)
  for (let turn = 0; turn < 200; turn++) await Promise.resolve()
  await log.append(maker.batches(1, 500))
  await log.append(maker.batches(1, 500))
  const after = disk.kill()
  // The third envelope begins behind the header and two envelopes of 584 bytes; the fourth is whole but unsynced.
  after.corrupt('logs/ns1.h1/0/00000000000000000000.log', (bytes) => {
    bytes[1024 + 2 * 584 + 300] = (bytes[1024 + 2 * 584 + 300] ?? 0) ^ 1
    return bytes
  })
  const { log: recovered } = await openLogOn(t, after, os)
  assert.deepEqual(plain(await readAll(recovered)), plain(synced))
  assert.deepEqual(recovered.statistics().damaged, [])
  assert.equal([...after.files().keys()].filter((path) => path.startsWith('torn/')).length, 1)
  const next = new BatchMaker(2, 1000)
  next.timeMs = maker.timeMs
  await recovered.append([next.batch(1, 50)])
  assert.deepEqual(await sequencesOf(recovered), [0, 1, 2])
})

test('an append of several batches is kept whole or not at all', async (t) => {
  const disk = new SimDisk()
  const { engine } = await openOn(disk)
  const log = await engine.openLog(id, os)
  const maker = new BatchMaker()
  await log.append(maker.batches(1, 100))
  await log.append(maker.batches(3, 100))
  const after = disk.kill()
  // Only the last of the three is torn.
  after.corrupt('logs/ns1.h1/0/00000000000000000000.log', (bytes) => bytes.subarray(0, bytes.length - 50))
  const { log: recovered } = await openLogOn(t, after, os)
  assert.deepEqual(await sequencesOf(recovered), [0])
})

test('a deleted group does not come back, whatever the crash', async (t) => {
  for (const outcome of crashOutcomes) {
    const disk = new SimDisk()
    const { engine } = await openOn(disk)
    const log = await engine.openLog(id, sync)
    await log.append(new BatchMaker().batches(5, 700))
    await engine.deleteGroup(id.group)
    const { engine: after, log: fresh } = await openLogOn(t, disk.crash(outcome))
    assert.equal(fresh.end.sequence, 0, outcome)
    assert.deepEqual(await after.listLogs(), [id])
  }
})

test('a group made again after a deletion that failed half way is not replaced by the old one in a power cut', async (t) => {
  for (const outcome of crashOutcomes) {
    const disk = new SimDisk()
    const { engine } = await openOn(disk)
    const old = await engine.openLog(id, os)
    await old.append(new BatchMaker().batches(5, 700))
    let failures = 0
    disk.faults = ({ kind, path }) =>
      kind === 'syncDirectory' && path === 'logs' && failures++ === 0 ? { kind: 'error', code: 'EIO' } : null
    await assert.rejects(engine.deleteGroup(id.group), (error) => isEhubError(error, 'storage-failed'))
    await engine.deleteGroup(id.group)
    const log = await engine.openLog(id, sync)
    const batches = new BatchMaker().batches(3, 300)
    for (const batch of batches) await log.append([batch])
    // From here on they are in the segments alone.
    await engine.close()
    const { log: after } = await openLogOn(t, disk.crash(outcome))
    assert.deepEqual(plain(await readAll(after)), plain(batches), outcome)
  }
})

test('a lost newest journal file is not taken for the end of the log', async (t) => {
  const disk = new SimDisk()
  const { engine } = await openOn(disk)
  const log = await engine.openLog(id, sync)
  const batches = new BatchMaker().batches(40, 700)
  for (const batch of batches) await log.append([batch])
  await engine.close()
  const files = disk.files()
  const newest = [...files.keys()]
    .filter((path) => path.endsWith('.wal'))
    .sort()
    .at(-1)
  assert.ok(newest !== undefined)
  files.delete(newest)
  const { log: after } = await openLogOn(t, SimDisk.of(files))
  assert.deepEqual(plain(await readAll(after)), plain(batches))
})

test('a data folder of a newer format is refused and left alone', async () => {
  const slot = encodeVersionSlot({ version: 3, number: 1, journalGeneration: 1 })
  const disk = SimDisk.of(new Map([['version', slot]]))
  await assert.rejects(
    openOn(disk),
    (error) => isEhubError(error, 'data-folder-newer') && /version 3/.test(error.message),
  )
  assert.deepEqual([...disk.files().keys()], ['version'])
})

test('after a failed journal sync the log is refused, and opened anew it goes on in another file', async (t) => {
  const disk = new SimDisk()
  const { engine, log } = await openLogOn(t, disk)
  const maker = new BatchMaker()
  const kept = maker.batch(1, 300)
  await log.append([kept])
  let failures = 0
  disk.faults = ({ kind, path }) =>
    kind === 'sync' && path.startsWith('journal/') && failures++ === 0 ? { kind: 'error', code: 'EIO' } : null
  await assert.rejects(log.append([maker.batch(1, 300)]), (error) => isEhubError(error, 'storage-failed'))
  await assert.rejects(log.append([maker.batch(1, 300)]), (error) => isEhubError(error, 'storage-failed'))
  await log.close()
  const again = await engine.openLog(id, sync)
  assert.equal(again.end.sequence, 1)
  const next = new BatchMaker(1, 300)
  next.timeMs = maker.timeMs
  const continued = next.batch(1, 200)
  await again.append([continued])
  await engine.close()
  const { log: after } = await openLogOn(t, disk.crash('all-kept'))
  assert.deepEqual(plain(await readAll(after)), plain([kept, continued]))
})

test('a damaged checksum inside a journaled envelope costs nothing: the row has it, too', async (t) => {
  const disk = new SimDisk()
  const { engine } = await openOn(disk)
  const log = await engine.openLog(id, sync)
  const maker = new BatchMaker()
  const first = maker.batch(1, 200)
  await log.append([first])
  const second = maker.batch(1, 200)
  await log.append([second])
  const after = disk.kill()
  const journal = [...after.files().keys()].find((path) => path.endsWith('.wal'))
  assert.ok(journal !== undefined)
  after.corrupt(journal, (bytes) => {
    // The second envelope's own checksum: the four bytes before its magic "EHB1".
    const magic = bytes.lastIndexOf('EHB1')
    bytes[magic - 1] = (bytes[magic - 1] ?? 0) ^ 1
    return bytes
  })
  const { log: recovered } = await openLogOn(t, after)
  assert.deepEqual(plain(await readAll(recovered)), plain([first, second]))
})

test('a segment that fails while the journal changes files loses nothing the older file holds', async (t) => {
  // The new segment was filled from the journal files still needed, and for a moment the one just left was not among them.
  for (let delay = 0; delay < 40; delay++) {
    const disk = new SimDisk()
    const { engine } = await openOn(disk)
    const log = await engine.openLog(id, sync)
    const other = await engine.openLog({ ...id, partition: 1 }, sync)
    const batches = new BatchMaker().batches(4, 200)
    for (const batch of batches) await log.append([batch])
    const failed = new Set<string>()
    disk.faults = ({ kind, path }) => {
      const part = path.split('/')[0] ?? ''
      if (kind !== 'sync' || failed.has(part)) return null
      failed.add(part)
      return { kind: 'error', code: 'EIO' }
    }
    const refused = other.append(new BatchMaker().batches(1, 100)).catch(() => undefined)
    for (let turn = 0; turn < delay; turn++) await Promise.resolve()
    await log.close()
    await refused
    await engine.close()
    const { log: after } = await openLogOn(t, disk.crash('all-kept'))
    assert.deepEqual(plain(await readAll(after)), plain(batches), `delay ${delay}`)
  }
})

test('a journal that lost its end does not cut off what the segments have', async (t) => {
  const disk = new SimDisk()
  const { engine } = await openOn(disk)
  const log = await engine.openLog(id, sync)
  const batches = new BatchMaker().batches(10, 700)
  for (const batch of batches) await log.append([batch])
  await engine.close()
  const journal = [...disk.files().keys()]
    .filter((path) => path.endsWith('.wal'))
    .sort()
    .at(-1)
  assert.ok(journal !== undefined)
  // Both heads stay, every group behind them goes.
  const second = disk.files().get(journal)?.indexOf('EHG1', 1100) ?? -1
  const third =
    disk
      .files()
      .get(journal)
      ?.indexOf('EHG1', second + 8) ?? -1
  assert.ok(second > 0 && third > second)
  disk.corrupt(journal, (bytes) => bytes.subarray(0, third - 4))
  const { log: after } = await openLogOn(t, disk)
  assert.deepEqual(plain(await readAll(after)), plain(batches))
})

for (const [what, firstByte, ends] of [
  ['every envelope', 1024 + 90, [10]],
  ['everything, headers too', 40, [1, 10]],
] as const) {
  test(`when journal and segment are both damaged nothing is taken for a torn tail: ${what}`, async (t) => {
    // A state log damaged all over was cut off as torn, and the hubs were gone with a warning.
    const disk = new SimDisk()
    const config = { ...sync, segmentBytes: 100_000 }
    const { engine } = await openOn(disk)
    const log = await engine.openLog(id, config)
    for (const batch of new BatchMaker().batches(10, 400)) await log.append([batch])
    await engine.close()
    for (const [path] of disk.files()) {
      if (!path.endsWith('.wal') && !path.endsWith('.log')) continue
      disk.corrupt(path, (bytes) => {
        const isSegment = path.endsWith('.log')
        const step = isSegment ? 480 : 200
        for (let at = isSegment ? firstByte : 40; at < bytes.length; at += step) bytes[at] = (bytes[at] ?? 0) ^ 0x20
        return bytes
      })
    }
    const before = disk.files().get('logs/ns1.h1/0/00000000000000000000.log')
    const { log: after, engine: again } = await openLogOn(t, disk, config)
    await assert.rejects(after.read(0, 1000), (error) => isEhubError(error, 'storage-corrupt'))
    assert.ok(
      ends.some((end) => end === after.end.sequence),
      `ends at ${after.end.sequence}`,
    )
    const { length } = after.statistics().damaged
    assert.equal(length, 1)
    const next = new BatchMaker(after.end.sequence, after.end.offset)
    next.timeMs = 2_000_000_000_000
    await after.append([next.batch(1, 50)])
    assert.equal((await after.read(after.end.sequence - 1, 100)).length, 1)
    await again.close()
    const kept = disk.files().get('logs/ns1.h1/0/00000000000000000000.log')
    assert.ok(before !== undefined && kept?.equals(before))
    const { log: later } = await openLogOn(t, disk, config)
    await assert.rejects(later.read(0, 1000), (error) => isEhubError(error, 'storage-corrupt'))
    assert.equal(later.end.sequence, after.end.sequence)
  })
}

test('segments a log was moved away from are not read when a power cut brings their names back', async (t) => {
  // A log of durability os went on in the middle of what it held, with the old events at numbers that were given again.
  for (const outcome of crashOutcomes) {
    const disk = new SimDisk()
    const options = { ...smallOptions, tailBytesPerLogMax: 100_000 }
    const { engine } = await openOn(disk, options)
    const log = await engine.openLog(id, os)
    const maker = new BatchMaker()
    const batches = maker.batches(6, 2500)
    for (const batch of batches) await log.append([batch])
    let hasFailed = false
    let isMoved = false
    disk.faults = ({ kind, path }) => {
      if (kind === 'sync' && path.endsWith('1.log') && !hasFailed) {
        hasFailed = true
        return { kind: 'error', code: 'EIO' }
      }
      if (kind === 'remove' && path.endsWith('5.log')) isMoved = true
      return kind === 'syncDirectory' && isMoved ? { kind: 'error', code: 'EIO' } : null
    }
    await log.close().catch(() => undefined)
    assert.ok(isMoved)
    const cut = disk.crash(outcome)
    // Of the last one the power cut leaves the header alone.
    const last = 'logs/ns1.h1/0/00000000000000000005.log'
    if (cut.files().has(last)) cut.corrupt(last, (bytes) => bytes.subarray(0, 1024))
    const { engine: second, log: after } = await openLogOn(t, cut, os, options)
    const { end } = after
    assert.deepEqual(plain(await readAll(after)), plain(batches.slice(0, end.sequence)), outcome)
    const more = new BatchMaker(end.sequence, end.offset)
    more.timeMs = maker.timeMs
    const added = more.batches(4, 700)
    for (const batch of added) await after.append([batch])
    await second.close()
    const { log: later } = await openLogOn(t, cut, os, options)
    assert.deepEqual(plain(await readAll(later, 1e6)), plain([...batches.slice(0, end.sequence), ...added]), outcome)
  }
})

test('after a kill the newest segment is read only behind its last index checkpoint', async (t) => {
  const disk = new SimDisk()
  const options = { ...smallOptions, journalFileBytes: 256 * 1024 }
  const { engine } = await openOn(disk, options)
  const large = { ...sync, segmentBytes: 64 * 1024 * 1024 }
  const log = await engine.openLog(id, large)
  const batches = new BatchMaker().batches(48, 100_000)
  for (const batch of batches) await log.append([batch])
  const after = disk.kill()
  const readBytes: number[] = []
  const open = after.open.bind(after)
  after.open = async (path, mode) => {
    const file = await open(path, mode)
    const read = file.read.bind(file)
    file.read = async (into, at) => {
      if (path.endsWith('.log')) readBytes.push(into.length)
      return read(into, at)
    }
    return file
  }
  const { log: recovered } = await openLogOn(t, after, large, options)
  assert.equal((await recovered.read(47, 1)).at(0)?.baseSequence, 47)
  const sum = readBytes.reduce((total, bytes) => total + bytes, 0)
  assert.ok(sum < 2_600_000, `${sum} of 4,800,000 bytes were read`)
  assert.deepEqual(plain(await readAll(recovered)), plain(batches))
})
