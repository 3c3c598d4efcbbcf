import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import { historyKey, LagHistory } from '../../../src/daemon/observe/lag-history.ts'
import type { LagSnapshot } from '../../../src/wire/lag/snapshot.ts'
import { SimDisk } from '../../sim/sim-disk.ts'
import { partition } from '../../tui/fixture.ts'

const hourMs = 3_600_000
const startMs = Math.floor(1_790_000_000_000 / hourMs) * hourMs
const key = historyKey('orders', 'billing', 0)

const snapshot = (atMs: number, lag: number): LagSnapshot => ({
  atMs,
  sampleMs: 1000,
  store: 'daemon',
  hubs: [],
  partitions: [partition('orders', 'billing', 0, { lag }), partition('orders', 'new', 0, { status: 'UNUSED', lag: 9 })],
})

async function keep(history: LagHistory, atMs: number, lag: number): Promise<void> {
  history.keep(snapshot(atMs, lag))
  // Reading waits for the write under way.
  await history.read(key, atMs, atMs)
}

test('changes are kept every ten seconds and read back across hours and restarts', async () => {
  const disk = new SimDisk()
  const first = new LagHistory(disk, quietLog)
  await keep(first, startMs, 5)
  await keep(first, startMs + 4000, 6)
  await keep(first, startMs + 10_000, 5)
  await keep(first, startMs + 20_000, 7)
  await first.close()
  const second = new LagHistory(disk, quietLog)
  await keep(second, startMs + 30_000, 7)
  await keep(second, startMs + hourMs + 100, 8)
  assert.deepEqual(await second.read(key, startMs, startMs + 2 * hourMs), [
    { atMs: startMs, lag: 5 },
    { atMs: startMs + 20_000, lag: 7 },
    { atMs: startMs + 30_000, lag: 7 },
    { atMs: startMs + hourMs + 100, lag: 8 },
  ])
  assert.deepEqual(
    await second.read(historyKey('orders', 'new', 0), startMs, startMs + hourMs),
    [],
    'unused groups are not kept',
  )
  await second.close()
})

test('a torn last record is skipped and overwritten', async () => {
  const disk = new SimDisk()
  const first = new LagHistory(disk, quietLog)
  await keep(first, startMs, 5)
  await keep(first, startMs + 10_000, 6)
  await first.close()
  const path = `lag/${String(startMs / hourMs).padStart(10, '0')}.lag`
  const file = await disk.open(path, 'write')
  await file.truncate((await file.size()) - 3)
  await file.close()
  const second = new LagHistory(disk, quietLog)
  assert.deepEqual(await second.read(key, startMs, startMs + hourMs), [{ atMs: startMs, lag: 5 }])
  await keep(second, startMs + 20_000, 9)
  assert.deepEqual(
    (await second.read(key, startMs, startMs + hourMs)).map((sample) => sample.lag),
    [5, 9],
  )
  await second.close()
})

test('a week is kept', async () => {
  const disk = new SimDisk()
  const history = new LagHistory(disk, quietLog)
  for (const hour of [0, 1, 2, 168, 169]) await keep(history, startMs + hour * hourMs, hour)
  await history.close()
  assert.deepEqual(
    (await disk.list('lag')).map(({ name }) => Number(name.slice(0, 10)) - startMs / hourMs),
    [2, 168, 169],
  )
})

test('a foreign or damaged file is a gap, not an error', async () => {
  const disk = new SimDisk()
  await disk.makeDirectory('lag')
  const file = await disk.open(`lag/${String(startMs / hourMs).padStart(10, '0')}.lag`, 'create')
  await file.write([Buffer.from('something else entirely')], 0)
  await file.close()
  const history = new LagHistory(disk, quietLog)
  assert.deepEqual(await history.read(key, startMs, startMs + 1000), [])
  await history.close()
})
