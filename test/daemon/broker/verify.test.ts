import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { Gate } from '../../../src/base/gate.ts'
import { EhubError } from '../../../src/base/error.ts'
import { verifyStep } from '../../../src/daemon/broker/verify.ts'
import type { Batch, LogStatistics, PartitionLog } from '../../../src/daemon/storage/storage-engine.ts'
import { batchOf, openTestBroker, publishStored } from './builders.ts'

const batch = (baseSequence: number, contents: readonly string[], more: Partial<Batch> = {}): Batch => {
  const { payload, count } = batchOf(contents)
  return {
    baseSequence,
    baseOffset: baseSequence * 100,
    count,
    enqueuedTimeMs: 1000,
    encoding: 'amqp',
    payload,
    producer: null,
    ...more,
  }
}

/** A log that holds these batches and has these damaged ranges; only what a check asks of it. */
function logOf(batches: readonly Batch[], end: number, damaged: LogStatistics['damaged'] = []): PartitionLog {
  const log: Pick<PartitionLog, 'start' | 'end' | 'read' | 'statistics' | 'gate'> = {
    start: { sequence: 0, offset: 0 },
    end: { sequence: end, offset: end * 100 },
    gate: new Gate(end),
    read: async (from) => {
      const hole = damaged.find((range) => range.from <= from && from < range.to)
      if (hole !== undefined) throw new EhubError('storage-corrupt', 'damaged')
      const found = batches.find((b) => b.baseSequence + b.count > from)
      return found === undefined ? [] : [found]
    },
    statistics: () => ({ segments: 1, storedBytes: 1, damaged, lastEnqueuedTimeMs: null }),
  }
  return log as PartitionLog
}

const kindsOf = async (batches: readonly Batch[], end: number, damaged: LogStatistics['damaged'] = []) =>
  (await verifyStep(logOf(batches, end, damaged), null, 1 << 20)).problems.map((p) => [
    p.kind,
    p.fromSequence,
    p.toSequence,
  ])

describe('a check of a partition', () => {
  test('finds nothing in a sound one', async () => {
    const step = await verifyStep(logOf([batch(0, ['a', 'b']), batch(2, ['c'])], 3), null, 1 << 20)
    assert.deepEqual(step.problems, [])
    assert.equal(step.events, 3)
    assert.equal(step.next.sequence, step.endSequence)
  })

  test('names a gap', async () => {
    assert.deepEqual(await kindsOf([batch(0, ['a']), batch(3, ['d'])], 4), [['gap', 1, 3]])
  })

  test('names what is missing before the end', async () => {
    assert.deepEqual(await kindsOf([batch(0, ['a'])], 5), [['gap', 1, 5]])
  })

  test('names a damaged range and goes on behind it', async () => {
    const damaged = [{ from: 2, to: 5, detail: 'bytes 4096 to 8192 of 0.log' }]
    assert.deepEqual(await kindsOf([batch(0, ['a', 'b']), batch(5, ['f'])], 6, damaged), [['damage', 2, 5]])
  })

  test('names offsets that fall, times that fall and counts that lie', async () => {
    assert.deepEqual(await kindsOf([batch(0, ['a'], { baseOffset: 900 }), batch(1, ['b'])], 2), [['order', 1, 2]])
    assert.deepEqual(await kindsOf([batch(0, ['a'], { enqueuedTimeMs: 2000 }), batch(1, ['b'])], 2), [['time', 1, 2]])
    assert.deepEqual(await kindsOf([batch(0, ['a', 'b'], { count: 3 })], 3), [['count', 0, 3]])
    assert.deepEqual(await kindsOf([batch(0, ['a'], { payload: Buffer.from('rubbish') })], 1), [['count', 0, 1]])
  })

  test('goes on where the step before stopped, and sees a fall across the two', async () => {
    const log = logOf([batch(0, ['a'], { baseOffset: 900 }), batch(1, ['b'])], 2)
    const first = await verifyStep(log, null, 1)
    assert.deepEqual([first.next.sequence, first.problems], [1, []])
    const second = await verifyStep(log, first.next, 1)
    assert.deepEqual(
      second.problems.map((p) => p.kind),
      ['order'],
    )
    assert.equal(second.next.sequence, 2)
  })

  test('works on a broker, and needs the right to manage', async (t) => {
    const opened = await openTestBroker(t)
    await publishStored(opened, batchOf(['a', 'b', 'c']))
    const step = await opened.broker.verifyPartition(opened.owner, 'orders', 0, null)
    assert.deepEqual([step.events, step.problems], [3, []])
    await assert.rejects(opened.broker.verifyPartition(opened.broker.anonymousCaller(''), 'orders', 0, null), {
      code: 'unauthorized',
    })
    assert.deepEqual(opened.broker.damageOf(opened.owner, 'orders', 0), [])
  })
})
