import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failAt } from './faults.ts'
import { quiesce, settle, StuckError } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { type CrashOutcome, crashOutcomes, SimDisk } from './sim-disk.ts'
import { SimRandom } from './sim-random.ts'

const text = (disk: SimDisk, path: string) => disk.files().get(path)?.toString('latin1') ?? null

async function diskWith(content: string, options: { isSynced: boolean; isNamed: boolean }): Promise<SimDisk> {
  const disk = new SimDisk()
  const file = await disk.open('a', 'create')
  await file.write([Buffer.from(content)], 0)
  if (options.isSynced) await file.sync()
  if (options.isNamed) await disk.syncDirectory('')
  return disk
}

test('synced bytes under a synced name survive every outcome', async () => {
  for (const outcome of crashOutcomes) {
    const disk = await diskWith('kept', { isSynced: true, isNamed: true })
    assert.equal(text(disk.crash(outcome), 'a'), 'kept', outcome)
  }
})

test('each outcome leaves what it says of un-synced bytes and names', async () => {
  const left: Partial<Record<CrashOutcome, [unsyncedBytes: string | null, unsyncedName: string | null]>> = {
    'all-lost': ['', null],
    'all-kept': ['data', 'data'],
    'zero-content': ['\0\0\0\0', 'data'],
    'names-lost': ['data', null],
    'names-without-content': ['', 'data'],
  }
  for (const [outcome, [bytes, name]] of Object.entries(left)) {
    const unsynced = await diskWith('data', { isSynced: false, isNamed: true })
    assert.equal(text(unsynced.crash(outcome as CrashOutcome), 'a'), bytes, `bytes, ${outcome}`)
    const unnamed = await diskWith('data', { isSynced: true, isNamed: false })
    assert.equal(text(unnamed.crash(outcome as CrashOutcome), 'a'), name, `name, ${outcome}`)
  }
})

test('random outcomes lose, keep and tear sectors independently', async () => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 400; seed++) {
    const disk = new SimDisk({ random: new SimRandom(seed) })
    const file = await disk.open('a', 'create')
    await file.write([Buffer.alloc(1024, 'o')], 0)
    await file.sync()
    await disk.syncDirectory('')
    await file.write([Buffer.alloc(1024, 'n')], 0)
    const content = text(disk.crash('random-sectors'), 'a') ?? ''
    assert.equal(content.length, 1024)
    const sector = (part: string) => (/^o+$/.test(part) ? 'old' : /^n+$/.test(part) ? 'new' : 'torn')
    seen.add(`${sector(content.slice(0, 512))} ${sector(content.slice(512))}`)
  }
  for (const expected of ['old old', 'old new', 'new old', 'new new', 'torn new', 'old torn']) {
    assert.ok(seen.has(expected), expected)
  }
})

test('a sync makes durable what was written before its call, not what came later', async () => {
  const disk = await diskWith('', { isSynced: true, isNamed: true })
  const file = await disk.open('a', 'write')
  await file.write([Buffer.from('first')], 0)
  const sync = file.sync()
  file.writeSync([Buffer.from('second')], 100)
  await sync
  assert.equal(text(disk.crash('all-lost'), 'a'), 'first')
})

test('a synchronous write beside one in flight is a bug, as on the real disk', async () => {
  const disk = new SimDisk()
  const file = await disk.open('a', 'create')
  const write = file.write([Buffer.from('first')], 0)
  assert.throws(() => file.writeSync([Buffer.from('second')], 100), /no other change/)
  await write
  file.writeSync([Buffer.from('second')], 100)
})

test('after a failed sync a second one succeeds, yet the bytes are gone', async () => {
  let lost = 0
  for (let seed = 0; seed < 50; seed++) {
    const disk = new SimDisk({ random: new SimRandom(seed) })
    const file = await disk.open('a', 'create')
    await disk.syncDirectory('')
    await file.write([Buffer.from('data')], 0)
    disk.faults = failAt(disk.operationCount, { kind: 'error', code: 'EIO' }, 'once')
    await assert.rejects(file.sync(), { systemCode: 'EIO' })
    await file.sync()
    assert.equal(text(disk, 'a'), 'data', 'the cache shows it')
    if (text(disk.crash('all-kept'), 'a') !== 'data') lost++
  }
  assert.ok(lost > 10, `lost in ${lost} of 50`)
})

test('a renamed file is found under one of its names after a crash', async () => {
  for (let seed = 0; seed < 100; seed++) {
    const disk = await diskWith('new', { isSynced: true, isNamed: true })
    await disk.rename('a', 'b')
    const after = disk.crash(seed % 2 === 0 ? 'random-sectors' : 'in-order', {}, seed / 100)
    assert.deepEqual([...after.files().values()].map(String), ['new'])
  }
})

test('files of a folder whose own name was never synced are gone', async () => {
  const disk = new SimDisk()
  await disk.makeDirectory('folder')
  const file = await disk.open('folder/a', 'create')
  await file.write([Buffer.from('data')], 0)
  await file.sync()
  await disk.syncDirectory('folder')
  assert.equal(disk.crash('all-lost').files().size, 0)
})

test('a folder can be renamed with what it holds and removed only when empty', async () => {
  const disk = new SimDisk()
  await disk.makeDirectory('x/y')
  const file = await disk.open('x/y/a', 'create')
  await file.write([Buffer.from('data')], 0)
  await disk.rename('x/y', 'z')
  assert.equal(text(disk, 'z/a'), 'data')
  await assert.rejects(disk.remove('z'), { systemCode: 'ENOTEMPTY' })
  await disk.remove('z/a')
  await disk.remove('z')
  assert.deepEqual(await disk.list(''), [{ name: 'x', kind: 'directory' }])
})

test('a full disk takes the part that fits and then refuses', async () => {
  const disk = new SimDisk({ capacityBytes: 10 })
  const file = await disk.open('a', 'create')
  await assert.rejects(file.write([Buffer.from('0123456789abc')], 0), { systemCode: 'ENOSPC' })
  assert.equal(text(disk, 'a'), '0123456789')
  assert.deepEqual(await disk.space(), { freeBytes: 0, totalBytes: 10 })
  await file.truncate(4)
  await file.write([Buffer.from('x')], 4)
  assert.equal(text(disk, 'a'), '0123x')
})

test('open files are counted and limited', async () => {
  const disk = new SimDisk({ openFilesMax: 1 })
  const file = await disk.open('a', 'create')
  await assert.rejects(disk.open('a', 'read'), { systemCode: 'EMFILE' })
  await file.close()
  await assert.rejects(file.size(), { systemCode: 'EBADF' })
  const again = await disk.open('a', 'read')
  await assert.rejects(again.write([Buffer.from('x')], 0), { systemCode: 'EBADF' })
})

test('a delayed operation completes when the clock says so', async () => {
  const clock = new SimClock()
  const disk = new SimDisk({ clock })
  disk.faults = failAt(0, { kind: 'delay', ms: 30_000 }, 'once')
  let isDone = false
  const open = disk.open('a', 'create').then(() => {
    isDone = true
  })
  await quiesce(disk.scheduler)
  assert.equal(isDone, false)
  await settle(open, disk.scheduler, clock)
  assert.equal(clock.monotonicMs(), 30_000)
})

test('nothing completes after the disk stopped', async () => {
  const disk = new SimDisk()
  disk.stopAfter = 2
  const file = await disk.open('a', 'create')
  const write = file.write([Buffer.from('data')], 0)
  await write
  assert.equal(disk.isStopped, true)
  await assert.rejects(settle(file.sync(), disk.scheduler), StuckError)
})

test('a killed process leaves the page cache, a power cut after it does not', async () => {
  const disk = await diskWith('data', { isSynced: false, isNamed: true })
  const after = disk.kill()
  assert.equal(text(after, 'a'), 'data')
  const file = await after.open('a', 'write')
  await file.write([Buffer.from('more')], 4)
  assert.equal(text(after.crash('all-lost'), 'a'), '')
})

test('operations of one file complete in order, files overtake each other', async () => {
  const orders = new Set<string>()
  for (let seed = 0; seed < 40; seed++) {
    const disk = new SimDisk({ random: new SimRandom(seed) })
    const a = await disk.open('a', 'create')
    const b = await disk.open('b', 'create')
    const order: string[] = []
    const note = (name: string) => () => void order.push(name)
    await Promise.all([
      a.write([Buffer.from('1')], 0).then(note('a1')),
      a.sync().then(note('a2')),
      b.write([Buffer.from('1')], 0).then(note('b1')),
    ])
    assert.ok(order.indexOf('a1') < order.indexOf('a2'))
    orders.add(order.join(' '))
  }
  assert.equal(orders.size, 3)
})

test('the same seed gives the same trace', async () => {
  const hashOf = async (seed: number) => {
    const random = new SimRandom(seed)
    const disk = new SimDisk({ random: random.split('disk') })
    const files = await Promise.all(['a', 'b', 'c'].map((name) => disk.open(name, 'create')))
    await Promise.all(
      files.map((file) => file.write([random.bytes(random.between(1, 2000))], 0).then(() => file.sync())),
    )
    return disk.traceHash
  }
  assert.equal(await hashOf(7), await hashOf(7))
  assert.notEqual(await hashOf(7), await hashOf(8))
})
