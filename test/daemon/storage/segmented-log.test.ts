import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { BatchMaker, plain, readAll } from '../../conformance/log-contract.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { id, openLogOn, openOn, os, sequencesOf, smallOptions, sync } from './builders.ts'

const segmentsOf = (disk: SimDisk) => [...disk.files().keys()].filter((path) => /^logs\/.*\.log$/.test(path))

test('a full segment is followed by the next, which says where it ended', async (t) => {
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk, os)
  const maker = new BatchMaker()
  const batches = maker.batches(12, 1000)
  for (const batch of batches) await log.append([batch])
  assert.equal(log.statistics().segments, 6)
  assert.deepEqual(plain(await readAll(log)), plain(batches))
})

test('the batches of one append stay in one segment', async (t) => {
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk, os)
  const maker = new BatchMaker()
  await log.append(maker.batches(1, 2500))
  await log.append(maker.batches(3, 1000))
  assert.deepEqual(
    segmentsOf(disk).map((path) => path.slice(-6)),
    ['00.log', '01.log'],
  )
})

test('what was trimmed is unlinked only after the new start is durable', async (t) => {
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk)
  for (const batch of new BatchMaker().batches(12, 1000)) await log.append([batch])
  const order: string[] = []
  disk.faults = ({ kind, path }) => {
    if (path.startsWith('journal/') && kind === 'sync') order.push('journal synced')
    if (kind === 'remove' && path.endsWith('.log')) order.push('segment removed')
    return null
  }
  await log.trimBefore(9)
  assert.equal(order[0], 'journal synced')
  assert.equal(order.filter((step) => step === 'segment removed').length, 4)
  assert.equal(log.start.sequence, 9)
})

test('a trim to the end of a log that failed to be written frees the space all the same', async (t) => {
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk)
  await log.append(new BatchMaker().batches(3, 500))
  disk.faults = ({ kind, path }) =>
    path.startsWith('logs/') && (kind === 'write' || kind === 'create') ? { kind: 'error', code: 'ENOSPC' } : null
  await log.trimBefore(3)
  assert.deepEqual(log.start, log.end)
})

test('positions are found in segments: sequences, offsets, times, also many of one time', async (t) => {
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk)
  const maker = new BatchMaker()
  for (let i = 0; i < 40; i++) await log.append([maker.batch(2, 500, { timeMs: 1000 + (i >> 3) })])
  for (let time = 999; time <= 1006; time++) {
    const expected = time <= 1000 ? 0 : Math.min((time - 1000) * 16, 80)
    assert.equal(await log.findByTime(time), expected, `time ${time}`)
  }
  for (const offset of [0, 499, 500, 9999, 10_000, 19_999]) {
    assert.equal(await log.findByOffset(offset), Math.floor(offset / 500) * 2, `offset ${offset}`)
  }
  assert.equal(await log.findByOffset(20_000), 80)
})

test('a damaged batch in a sealed segment costs itself and nothing else', async (t) => {
  const disk = new SimDisk()
  const first = await openOn(disk)
  const written = await first.engine.openLog(id, sync)
  const batches = new BatchMaker().batches(12, 1000)
  for (const batch of batches) await written.append([batch])
  await first.engine.close()
  disk.corrupt('logs/ns1.h1/0/00000000000000000002.log', (bytes) => {
    bytes[1500] = (bytes[1500] ?? 0) ^ 1
    return bytes
  })
  const { log } = await openLogOn(t, disk)
  assert.deepEqual(plain(await log.read(0, 1e6)), plain(batches.slice(0, 2)))
  await assert.rejects(
    log.read(2, 1000),
    (error) => isEhubError(error, 'storage-corrupt') && /2 to 2/.test(error.message),
  )
  assert.deepEqual(plain(await log.read(3, 1000)), plain(batches.slice(3, 4)))
  assert.deepEqual(
    log.statistics().damaged.map(({ from, to }) => [from, to]),
    [[2, 3]],
  )
})

test('a failed segment sync fails the log; opened anew it has everything and goes on', async (t) => {
  for (const config of [sync, os]) {
    const disk = new SimDisk()
    // Under `os` what the disk lost is rescued from memory, which must hold it.
    const options = { ...smallOptions, tailBytesPerLogMax: 100_000 }
    const { engine, log, clock } = await openLogOn(t, disk, config, options)
    const maker = new BatchMaker()
    const batches = maker.batches(6, 1000)
    for (const batch of batches) await log.append([batch])
    let failures = 0
    disk.faults = ({ kind, path }) =>
      kind === 'sync' && path.startsWith('logs/') && failures++ === 0 ? { kind: 'error', code: 'EIO' } : null
    await log.close()
    assert.ok(failures >= 1)
    const again = await engine.openLog(id, config)
    assert.deepEqual(plain(await readAll(again)), plain(batches))
    await again.append([maker.batch(1, 100)])
    assert.equal(again.end.sequence, 7)
    clock.advance(200)
    await again.close()
    await engine.close()
    const { log: later } = await openLogOn(t, disk.crash('all-lost'), config)
    assert.deepEqual((await sequencesOf(later)).at(-1), 6, config.durability)
  }
})

test('a full disk refuses appends, keeps reading, and takes them again when there is room', async (t) => {
  const disk = new SimDisk()
  const { log, engine, clock } = await openLogOn(t, disk, os)
  const maker = new BatchMaker()
  const batches = maker.batches(2, 500)
  await log.append(batches)
  disk.faults = ({ kind, path }) =>
    kind === 'write' && path.startsWith('logs/') ? { kind: 'partial', code: 'ENOSPC' } : null
  const refused = maker.batch(1, 500)
  const inFlight = [log.append([refused]), log.append([maker.batch(1, 500)])]
  for (const append of inFlight) await assert.rejects(append, (error) => isEhubError(error, 'disk-full'))
  assert.equal(log.end.sequence, 2)
  assert.notEqual(engine.status().refusing, null)
  assert.deepEqual(plain(await readAll(log)), plain(batches))
  disk.faults = () => null
  // The guard looks again by itself, once a second.
  clock.advance(1000)
  for (let turn = 0; turn < 100; turn++) await Promise.resolve()
  assert.equal(engine.status().refusing, null)
  const continued = new BatchMaker(2, 1000)
  continued.timeMs = maker.timeMs
  const more = continued.batch(1, 10)
  await log.append([more])
  assert.deepEqual(plain(await readAll(log)), plain([...batches, more]))
})

test('a waiting append is kept until memory is free, in order', async (t) => {
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk, sync, { ...smallOptions, tailBytesMax: 65_536 })
  const maker = new BatchMaker()
  const batches = maker.batches(100, 3000)
  await Promise.all(batches.map((batch) => log.append([batch])))
  assert.deepEqual(plain(await readAll(log)), plain(batches))
})

test('appends that wait for memory are refused together with the write they continue', async (t) => {
  // Memory that came free by the refusal let them in behind what was refused, and closing waited for them for ever.
  const disk = new SimDisk()
  const { log } = await openLogOn(t, disk, os, { ...smallOptions, tailBytesMax: 65_536 })
  let failures = 0
  disk.faults = ({ kind, path }) =>
    kind === 'write' && path.startsWith('logs/') && failures++ === 0 ? { kind: 'error', code: 'ENOSPC' } : null
  const appends = new BatchMaker().batches(20, 20_000).map((batch) => log.append([batch]))
  for (const append of appends) await assert.rejects(append, (error) => isEhubError(error, 'disk-full'))
  assert.equal(log.end.sequence, 0)
  await log.close()
})

test('a trim that meets a failed sync removes nothing that the log was moved to', async (t) => {
  // The file it went on in had the name of the one it had lost, and was removed in its place.
  const disk = new SimDisk()
  const { engine, log } = await openLogOn(t, disk, sync, { ...smallOptions, journalFileBytes: 4500 })
  const batches = new BatchMaker().batches(3, 2500)
  for (const batch of batches) await log.append([batch])
  let failures = 0
  disk.faults = ({ kind, path }) =>
    kind === 'sync' && path.startsWith('logs/') && failures++ === 0 ? { kind: 'error', code: 'ENOSPC' } : null
  await log.trimBefore(1).catch(() => undefined)
  await log.close()
  assert.ok(failures > 0)
  const again = await engine.openLog(id, sync)
  assert.deepEqual(again.statistics().damaged, [])
  assert.deepEqual(plain(await readAll(again)).slice(-2), plain(batches.slice(1)))
})
