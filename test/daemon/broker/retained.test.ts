import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { EhubError } from '../../../src/base/error.ts'
import { Retained } from '../../../src/daemon/broker/retained.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import type { PartitionLog } from '../../../src/daemon/storage/storage-engine.ts'

/** A log with batches of two events each, enqueued at these times. */
async function open(t: TestContext, timesMs: readonly number[], wrap = (log: PartitionLog) => log) {
  const engine = new MemoryEngine()
  t.after(() => engine.close())
  const log = await engine.openLog({ group: 'ns1/h1', partition: 0 }, { durability: 'memory', segmentBytes: 1 << 20 })
  for (const enqueuedTimeMs of timesMs) {
    const { sequence: baseSequence, offset: baseOffset } = log.end
    const payload = Buffer.alloc(10)
    await log.append([
      { baseSequence, baseOffset, count: 2, enqueuedTimeMs, encoding: 'amqp', payload, producer: null },
    ])
  }
  const clock = { cutoffMs: -Infinity }
  return { log, clock, retained: new Retained(wrap(log), () => clock.cutoffMs) }
}

test('it begins with the first event that is not older than the cutoff', async (t) => {
  const { log, clock, retained } = await open(t, [100, 200, 200, 300])
  const starts: number[] = []
  for (const cutoffMs of [-Infinity, 100, 101, 200, 201, 300]) {
    clock.cutoffMs = cutoffMs
    await retained.look()
    assert.ok(retained.isExact)
    starts.push(retained.start.sequence)
  }
  assert.deepEqual(starts, [0, 0, 2, 2, 6, 6])
  assert.deepEqual(retained.start, { sequence: 6, offset: 30 })
  clock.cutoffMs = 301
  assert.equal(retained.isExact, false)
  await retained.look()
  assert.deepEqual(retained.start, log.end)
})

test('it does not go back with the clock, and new events come behind it', async (t) => {
  const { log, clock, retained } = await open(t, [100, 200])
  clock.cutoffMs = 201
  await retained.look()
  clock.cutoffMs = 0
  await retained.look()
  assert.equal(retained.start.sequence, 4)
  const payload = Buffer.alloc(10)
  await log.append([
    { baseSequence: 4, baseOffset: 20, count: 1, enqueuedTimeMs: 250, encoding: 'amqp', payload, producer: null },
  ])
  clock.cutoffMs = 201
  await retained.look()
  assert.equal(retained.start.sequence, 4)
})

test('a trim beyond it counts, also into a batch', async (t) => {
  const { log, clock, retained } = await open(t, [100, 200, 300])
  clock.cutoffMs = 50
  await retained.look()
  await log.trimBefore(3)
  assert.equal(retained.start.sequence, 3)
  await retained.look()
  assert.equal(retained.start.sequence, 3)
  clock.cutoffMs = 201
  await retained.look()
  assert.equal(retained.start.sequence, 4)
})

test('while nothing has expired since the last look nothing is read', async (t) => {
  let reads = 0
  const { clock, retained } = await open(t, [100, 200], (log) => {
    return new Proxy(log, {
      get(target, property) {
        if (property === 'findByTime') reads += 1
        const value: unknown = Reflect.get(target, property, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  })
  clock.cutoffMs = 150
  await Promise.all([retained.look(), retained.look(), retained.look()])
  clock.cutoffMs = 200
  await retained.look()
  assert.equal(reads, 1)
})

test('damage in front of what is alive is not passed over: its reader is told', async (t) => {
  // Sequences 2 and 3, enqueued at 200, cannot be read.
  const damaged = (log: PartitionLog) =>
    new Proxy(log, {
      get(target, property) {
        const fails = (sequence: number) => sequence === 2 || sequence === 3
        if (property === 'findByTime') {
          return async (timeMs: number) => {
            const found = await target.findByTime(timeMs)
            return fails(found) ? 4 : found
          }
        }
        if (property === 'readCached')
          return (from: number, max: number) => (fails(from) ? null : target.readCached(from, max))
        if (property === 'read') {
          return (from: number, max: number) =>
            fails(from) ? Promise.reject(new EhubError('storage-corrupt', 'torn')) : target.read(from, max)
        }
        if (property === 'statistics')
          return () => ({ ...target.statistics(), damaged: [{ from: 2, to: 4, detail: 'torn' }] })
        const value: unknown = Reflect.get(target, property, target)
        return typeof value === 'function' ? value.bind(target) : value
      },
    })
  const { clock, retained } = await open(t, [100, 200, 300], damaged)
  clock.cutoffMs = 150
  await retained.look()
  assert.equal(retained.start.sequence, 2)
  clock.cutoffMs = 250
  await retained.look()
  assert.equal(retained.start.sequence, 2)
  // When everything has expired, the damage has, too.
  clock.cutoffMs = 301
  await retained.look()
  assert.equal(retained.start.sequence, 6)
})
