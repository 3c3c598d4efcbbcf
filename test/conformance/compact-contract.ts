// What every engine promises of `compact`: numbers and offsets stay, what is kept is there, what is not is gone, and a log stays without
// gaps between batches. Batches here are events of one byte each, so that what is left of one can be told.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import type {
  Batch,
  CompactOptions,
  KeepFunction,
  PartitionLog,
  StorageEngine,
} from '../../src/daemon/storage/storage-engine.ts'
import { eventCount, offsetEnd, offsetOfIndex, sequenceOfIndex } from '../../src/daemon/storage/survivors.ts'
import { BatchMaker, type EngineUnderTest, logConfig, logId, readAll } from './log-contract.ts'

/** `[sequence, offset, byte]` of every event. */
export type Events = readonly (readonly [number, number, number])[]

export function eventsOf(batches: readonly Batch[], from = 0): Events {
  return batches
    .flatMap((batch) =>
      Array.from({ length: eventCount(batch) }, (_, index): Events[number] => [
        sequenceOfIndex(batch, index),
        offsetOfIndex(batch, index, index),
        batch.payload[index]!,
      ]),
    )
    .filter(([sequence]) => sequence >= from)
}

/** Keeps the events a test says, of batches with an event a byte. */
export function keeping(isKept: (sequence: number) => boolean): KeepFunction {
  return (batch) => {
    const indexes = Array.from({ length: eventCount(batch) }, (_, index) => index)
    const kept = indexes.filter((index) => isKept(sequenceOfIndex(batch, index)))
    if (kept.length === indexes.length) return batch
    if (kept.length === 0 && batch.producer === null) return null
    const listed =
      kept.length === 0
        ? null
        : {
            sequences: Uint32Array.from(kept, (index) => sequenceOfIndex(batch, index) - batch.baseSequence),
            offsets: Uint32Array.from(kept, (index) => offsetOfIndex(batch, index, index) - batch.baseOffset),
          }
    const offsetSpan = offsetEnd(batch) - batch.baseOffset
    const payload = Buffer.from(kept.map((index) => batch.payload[index]!))
    return { ...batch, payload, survivors: { count: kept.length, listed, offsetSpan, cleanedAtMs: null } }
  }
}

export const always = (before = Infinity): CompactOptions => ({ before, signal: new AbortController().signal })

/** Appends `count` batches of up to ten events. */
export async function fill(log: PartitionLog, maker: BatchMaker, count: number): Promise<Batch[]> {
  const batches = Array.from({ length: count }, (_, index) => maker.batch(1 + (index % 10), 1 + (index % 10)))
  for (let at = 0; at < batches.length; at += 3) await log.append(batches.slice(at, at + 3))
  return batches
}

export function checkDense(log: PartitionLog, batches: readonly Batch[]): void {
  let next = batches[0]?.baseSequence ?? log.end.sequence
  let offset = 0
  for (const batch of batches) {
    assert.equal(batch.baseSequence, next)
    assert.ok(batch.baseOffset >= offset)
    next += batch.count
    offset = offsetEnd(batch)
  }
  assert.equal(next, log.end.sequence)
}

export function compactContract(name: string, open: (t: TestContext) => Promise<EngineUnderTest>): void {
  const opened = async (t: TestContext) => {
    const { engine, reopen } = await open(t)
    const log = await engine.openLog(logId(), logConfig)
    return { engine, reopen, log, maker: new BatchMaker() }
  }
  const again = async (log: PartitionLog, reopen: () => Promise<StorageEngine>) => {
    await log.close()
    return (await reopen()).openLog(logId(), logConfig)
  }

  describe(`${name}: compact`, () => {
    test('keeps numbers and offsets of what is kept', async (t) => {
      const { log, maker, reopen } = await opened(t)
      const before = eventsOf(await fill(log, maker, 300))
      await log.closeSegment()
      assert.equal(log.closedEnd, log.end.sequence)
      const report = await log.compact(
        keeping((sequence) => sequence % 7 === 0),
        always(),
      )
      const expected = before.filter(([sequence]) => sequence % 7 === 0)
      const check = async (of: PartitionLog) => {
        const batches = await readAll(of)
        checkDense(of, batches)
        assert.deepEqual(eventsOf(batches), expected)
        assert.deepEqual(of.statistics().damaged, [])
      }
      assert.deepEqual([report.eventsKept, report.eventsRemoved], [expected.length, before.length - expected.length])
      await check(log)
      await fill(log, maker, 5)
      if (reopen === null) return
      const anew = await again(log, reopen)
      assert.deepEqual(anew.end, { sequence: maker.sequence, offset: maker.offset })
      assert.deepEqual(eventsOf(await readAll(anew)).slice(0, expected.length), expected)
    })

    test('keeps a batch as it was however much goes behind it', async (t) => {
      const { engine } = await open(t)
      const maker = new BatchMaker()
      const log = await engine.openLog(logId(), { durability: 'sync', segmentBytes: 512 * 1024 })
      const stored = maker.batches(60, 20_000)
      for (const batch of stored) await log.append([batch])
      await log.closeSegment()
      const isKept = ({ baseSequence }: Batch) => baseSequence % 24 === 1
      await log.compact((batch) => (isKept(batch) ? batch : null), always())
      const left = (await readAll(log)).filter((batch) => eventCount(batch) > 0)
      assert.deepEqual(
        left.map(({ baseSequence, payload }) => [baseSequence, Buffer.from(payload)]),
        stored.filter(isKept).map(({ baseSequence, payload }) => [baseSequence, payload]),
      )
    })

    test('again and again takes more and merges what became small', async (t) => {
      const { log, maker, reopen } = await opened(t)
      const all = [...eventsOf(await fill(log, maker, 400))]
      await log.closeSegment()
      const { segments } = log.statistics()
      for (const [round, step] of [2, 6, 30, 210].entries()) {
        await log.compact(
          keeping((sequence) => sequence % step === 0),
          always(),
        )
        all.push(...eventsOf(await fill(log, maker, 10)))
        await log.closeSegment()
        assert.ok(log.statistics().segments <= segments + round + 1)
      }
      await log.compact(
        keeping((sequence) => sequence % 420 === 0),
        always(),
      )
      const expected = all.filter(([sequence]) => sequence % 420 === 0)
      const anew = reopen === null ? log : await again(log, reopen)
      const batches = await readAll(anew)
      checkDense(anew, batches)
      assert.deepEqual(eventsOf(batches), expected)
      if (reopen !== null) assert.ok(anew.statistics().segments < segments)
    })

    test('finds times, offsets and sequences in what is gone', async (t) => {
      const { log, maker, reopen } = await opened(t)
      const stored = await fill(log, maker, 200)
      await log.closeSegment()
      await log.compact(
        keeping((sequence) => sequence % 50 === 3),
        always(),
      )
      const anew = reopen === null ? log : await again(log, reopen)
      const left = eventsOf(await readAll(anew))
      for (const batch of stored.filter((_, index) => index % 9 === 0)) {
        const nextAfter = (from: number) => left.find(([sequence]) => sequence >= from)
        const first = async (from: number) => eventsOf(await anew.read(from, 1 << 20), from)[0]
        const byTime = await anew.findByTime(batch.enqueuedTimeMs)
        assert.deepEqual(await first(byTime), nextAfter(batch.baseSequence), `time of ${batch.baseSequence}`)
        const byOffset = await anew.findByOffset(batch.baseOffset)
        assert.deepEqual(
          eventsOf(await anew.read(byOffset, 1 << 20)).find(([, offset]) => offset >= batch.baseOffset),
          nextAfter(batch.baseSequence),
          `offset of ${batch.baseSequence}`,
        )
        assert.deepEqual(await first(batch.baseSequence), nextAfter(batch.baseSequence))
      }
    })

    test('keeps producer stamps, also of batches that are empty', async (t) => {
      const { log, maker, reopen } = await opened(t)
      const producer = { producerId: 7n, epoch: 1, firstSequence: 40 }
      await log.append([maker.batch(3, 3), maker.batch(4, 4, { producer }), maker.batch(2, 2)])
      await log.closeSegment()
      await log.compact(
        keeping(() => false),
        always(),
      )
      const anew = reopen === null ? log : await again(log, reopen)
      const batches = await readAll(anew)
      checkDense(anew, batches)
      assert.deepEqual(
        batches.map((batch) => [batch.baseSequence, batch.count, eventCount(batch), batch.producer]),
        [
          [0, 3, 0, null],
          [3, 6, 0, producer],
        ],
      )
    })

    test('leaves alone what is not asked for, and ends with the signal', async (t) => {
      const { log, maker } = await opened(t)
      const before = eventsOf(await fill(log, maker, 300))
      await log.closeSegment()
      const half = log.end.sequence >> 1
      await log.compact(
        keeping((sequence) => sequence >= half),
        always(half),
      )
      assert.deepEqual(
        eventsOf(await readAll(log)).filter(([sequence]) => sequence >= half),
        before.filter(([sequence]) => sequence >= half),
      )
      const controller = new AbortController()
      controller.abort(new Error('enough'))
      await assert.rejects(
        log.compact(
          keeping(() => false),
          { before: Infinity, signal: controller.signal },
        ),
        /enough/,
      )
      await log.trimBefore(half)
      await log.compact(
        keeping((sequence) => sequence % 2 === 0),
        always(),
      )
      assert.equal(log.start.sequence, half)
    })

    test('goes on beside appends, reads and trims', async (t) => {
      const { log, maker } = await opened(t)
      const all = [...eventsOf(await fill(log, maker, 200))]
      let isDone = false
      const compacting = log
        .compact(
          keeping((sequence) => sequence % 3 === 0),
          { ...always(), pace: () => Promise.resolve() },
        )
        .finally(() => (isDone = true))
      let from = 0
      while (!isDone) {
        all.push(...eventsOf(await fill(log, maker, 3)))
        for (let next = log.start.sequence; next < log.end.sequence; ) {
          const batches = await log.read(next, 2000)
          for (const [sequence, offset, byte] of eventsOf(batches, next))
            assert.deepEqual(all[sequence], [sequence, offset, byte])
          next = batches.at(-1)!.baseSequence + batches.at(-1)!.count
        }
        await log.trimBefore((from += 20))
      }
      const report = await compacting
      assert.ok(report.eventsKept > 0)
      const batches = await readAll(log)
      for (const event of eventsOf(batches)) assert.deepEqual(all[event[0]], event)
      for (const [sequence] of all.filter(([s]) => s % 3 === 0 && s >= log.start.sequence))
        assert.ok(
          eventsOf(batches).some(([s]) => s === sequence),
          `${sequence} is kept`,
        )
      assert.deepEqual(log.statistics().damaged, [])
    })
  })
}
