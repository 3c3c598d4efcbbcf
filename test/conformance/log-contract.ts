// What every storage engine promises (storage-engine.ts, engine.md §7), as one suite. An engine's test file calls
// `logContract` with a way to open it; what cannot survive the engine is asked only when `reopen` is given.

import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { isEhubError } from '../../src/base/error.ts'
import type {
  Batch,
  Encoding,
  LogConfig,
  LogId,
  PartitionLog,
  ProducerStamp,
  StorageEngine,
} from '../../src/daemon/storage/storage-engine.ts'

export interface EngineUnderTest {
  readonly engine: StorageEngine
  /** Closes the engine and opens it again on the same data; null: nothing outlives it. */
  readonly reopen: (() => Promise<StorageEngine>) | null
}

export const logId = (partition = 0, group = 'ns1/h1'): LogId => ({ group, partition })
export const logConfig: LogConfig = { durability: 'sync', segmentBytes: 4096 }

/** Makes batches that continue each other, with payloads that tell where they belong. */
export class BatchMaker {
  sequence: number
  offset: number
  timeMs = 1_700_000_000_000

  constructor(sequence = 0, offset = 0) {
    this.sequence = sequence
    this.offset = offset
  }

  batch(count = 1, bytes = 100, more: { timeMs?: number; encoding?: Encoding; producer?: ProducerStamp } = {}): Batch {
    this.timeMs = more.timeMs ?? this.timeMs + 1
    const payload = Buffer.alloc(bytes)
    for (let i = 0; i < bytes; i++) payload[i] = (this.sequence * 31 + i * 7 + (i >> 8)) & 0xff
    const batch: Batch = {
      baseSequence: this.sequence,
      baseOffset: this.offset,
      count,
      enqueuedTimeMs: this.timeMs,
      encoding: more.encoding ?? 'amqp',
      payload,
      producer: more.producer ?? null,
    }
    this.sequence += count
    this.offset += bytes
    return batch
  }

  batches(count: number, bytes = 100): Batch[] {
    return Array.from({ length: count }, () => this.batch(1, bytes))
  }
}

/** Everything from `start` to `end`. */
export async function readAll(log: PartitionLog, maxBytes = 1000): Promise<Batch[]> {
  const all: Batch[] = []
  for (let next = log.start.sequence; next < log.end.sequence; ) {
    const batches = await log.read(next, maxBytes)
    assert.ok(batches.length > 0, `nothing at ${next}, though the log ends at ${log.end.sequence}`)
    all.push(...batches)
    next = batches.at(-1)!.baseSequence + batches.at(-1)!.count
  }
  return all
}

/** As plain values, so that a difference shows as text. */
export function plain(batches: readonly Batch[]): unknown[] {
  return batches.map((batch) => ({
    baseSequence: batch.baseSequence,
    baseOffset: batch.baseOffset,
    count: batch.count,
    enqueuedTimeMs: batch.enqueuedTimeMs,
    encoding: batch.encoding,
    payload: Buffer.from(batch.payload).toString('base64'),
    producer: batch.producer,
  }))
}

const failsWith = (code: Parameters<typeof isEhubError>[1]) => (error: unknown) => {
  assert.ok(isEhubError(error, code), `${String(error)} should have been ${code}`)
  return true
}

export function logContract(name: string, open: (t: TestContext) => Promise<EngineUnderTest>, logsMany = 1000): void {
  const contractTest = (
    what: string,
    run: (context: { engine: StorageEngine; log: PartitionLog; maker: BatchMaker } & EngineUnderTest) => Promise<void>,
  ) =>
    void test(what, async (t) => {
      const under = await open(t)
      const log = await under.engine.openLog(logId(), logConfig)
      await run({ ...under, log, maker: new BatchMaker() })
    })

  void describe(`${name} keeps the contract of a log`, () => {
    contractTest('a new log is empty and begins at 0', async ({ log }) => {
      assert.deepEqual(log.start, { sequence: 0, offset: 0 })
      assert.deepEqual(log.end, { sequence: 0, offset: 0 })
      assert.equal(log.lastEnqueuedTimeMs, null)
      assert.deepEqual(await log.read(0, 1000), [])
    })

    contractTest('64 appends in flight are dense and in the order of their calls', async ({ log, maker }) => {
      const batches = maker.batches(64)
      const settled: number[] = []
      await Promise.all(batches.map((batch, i) => log.append([batch]).then(() => settled.push(i))))
      assert.deepEqual(
        settled,
        batches.map((_, i) => i),
      )
      assert.deepEqual(plain(await readAll(log)), plain(batches))
      assert.equal(log.end.sequence, 64)
      assert.equal(log.end.offset, maker.offset)
    })

    contractTest('batches of every size come back byte for byte', async ({ log, maker }) => {
      const sizes = [1, 7, 8, 9, 511, 512, 513, 4095, 4096, 4097, 65_535, 65_536, 70_000, 1_048_576]
      const batches = sizes.map((bytes, i) => maker.batch(1 + i * 3, bytes))
      for (const batch of batches) await log.append([batch])
      assert.deepEqual(plain(await readAll(log)), plain(batches))
    })

    contractTest('encodings, counts, times and producer stamps are kept', async ({ log, maker }) => {
      const batches = [
        maker.batch(1, 10, { encoding: 'amqp', timeMs: 0 }),
        maker.batch(2, 10, { encoding: 'kafka', timeMs: 0 }),
        maker.batch(3, 10, { encoding: 'state', timeMs: 5 }),
        maker.batch(1000, 10, { producer: { producerId: 0n, epoch: 0, firstSequence: 0 } }),
        maker.batch(1, 10, { producer: { producerId: 2n ** 62n + 1n, epoch: 32_767, firstSequence: 2 ** 31 - 1 } }),
      ]
      await log.append(batches)
      assert.deepEqual(plain(await readAll(log)), plain(batches))
      assert.equal(log.lastEnqueuedTimeMs, batches.at(-1)!.enqueuedTimeMs)
    })

    contractTest('offsets may leave gaps between batches', async ({ log, maker }) => {
      const first = maker.batch(1, 10)
      maker.offset += 1000
      const second = maker.batch(1, 10)
      await log.append([first])
      await log.append([second])
      assert.deepEqual(plain(await readAll(log)), plain([first, second]))
      assert.equal(await log.findByOffset(9), 0)
      assert.equal(await log.findByOffset(10), 1)
      assert.equal(await log.findByOffset(1010), 1)
    })

    contractTest('what is not yet acknowledged is not readable', async ({ log, maker }) => {
      const append = log.append(maker.batches(3))
      assert.equal(log.end.sequence, 0)
      assert.deepEqual(await log.read(0, 1000).then((batches) => batches.slice(log.end.sequence)), [])
      await append
      assert.equal(log.end.sequence, 3)
    })

    contractTest('the gate opens before the append resolves', async ({ log, maker }) => {
      const order: string[] = []
      log.gate.whenAbove(0, () => order.push(`gate at ${log.end.sequence}`))
      await log.append(maker.batches(2)).then(() => order.push('resolved'))
      assert.deepEqual(order, ['gate at 2', 'resolved'])
      assert.equal(log.gate.passed, 2)
    })

    contractTest('a follower sees everything exactly once', async ({ log, maker }) => {
      const seen: number[] = []
      const follow = async () => {
        while (seen.length < 200) {
          await log.gate.passes(seen.length)
          for (const batch of await log.read(seen.length, 350)) seen.push(batch.baseSequence)
        }
      }
      const following = follow()
      for (let i = 0; i < 200; i += 1 + (i % 7)) await log.append(maker.batches(Math.min(1 + (i % 7), 200 - i)))
      await following
      assert.deepEqual(
        seen,
        Array.from({ length: 200 }, (_, i) => i),
      )
    })

    contractTest('reads return whole batches, the first in full, then as long as they fit', async ({ log, maker }) => {
      const batches = [maker.batch(5, 100), maker.batch(5, 100), maker.batch(5, 100)]
      await log.append(batches)
      const sequences = async (from: number, maxBytes: number) =>
        (await log.read(from, maxBytes)).map((batch) => batch.baseSequence)
      assert.deepEqual(await sequences(0, 1), [0])
      assert.deepEqual(await sequences(3, 1), [0])
      assert.deepEqual(await sequences(7, 199), [5])
      assert.deepEqual(await sequences(7, 200), [5, 10])
      assert.deepEqual(await sequences(4, 10_000), [0, 5, 10])
      assert.deepEqual(await sequences(15, 100), [])
      assert.deepEqual(await sequences(99, 100), [])
    })

    contractTest('cached reads agree with reads', async ({ log, maker }) => {
      await log.append(maker.batches(50, 300))
      for (let from = 0; from <= 50; from++) {
        const cached = log.readCached(from, 700)
        if (cached === null) continue
        const read = await log.read(from, 700)
        assert.deepEqual(plain(cached), plain(read.slice(0, cached.length)))
        assert.equal(cached.length === 0, read.length === 0, `at ${from}`)
      }
    })

    contractTest('times are found, also equal ones, before the first and after the last', async ({ log, maker }) => {
      for (const timeMs of [10, 10, 20, 20, 20, 30]) await log.append([maker.batch(2, 600, { timeMs })])
      const cases: [timeMs: number, sequence: number][] = [
        [-5, 0],
        [10, 0],
        [11, 4],
        [20, 4],
        [21, 10],
        [30, 10],
        [31, 12],
      ]
      for (const [timeMs, sequence] of cases) assert.equal(await log.findByTime(timeMs), sequence, `at ${timeMs}`)
    })

    contractTest('every offset is found in its batch', async ({ log, maker }) => {
      const batches = [100, 1, 3000, 5000, 2, 64].map((bytes) => maker.batch(3, bytes))
      await log.append(batches)
      for (const batch of batches) {
        assert.equal(await log.findByOffset(batch.baseOffset), batch.baseSequence)
        assert.equal(await log.findByOffset(batch.baseOffset + batch.payload.length - 1), batch.baseSequence)
      }
      assert.equal(await log.findByOffset(maker.offset), log.end.sequence)
    })

    contractTest('trimming moves the start and nothing else', async ({ log, maker }) => {
      const batches = maker.batches(60, 500)
      await log.append(batches)
      await log.trimBefore(40)
      assert.equal(log.start.sequence, 40)
      assert.equal(log.end.sequence, 60)
      await assert.rejects(log.read(39, 1000), failsWith('sequence-trimmed'))
      assert.deepEqual(plain(await readAll(log)), plain(batches.slice(40)))
      assert.equal(await log.findByTime(0), 40)
      await log.trimBefore(10)
      assert.equal(log.start.sequence, 40, 'never moves back')
    })

    contractTest('a log trimmed to its end is empty and goes on counting', async ({ log, maker, engine, reopen }) => {
      await log.append(maker.batches(20, 500))
      await log.trimBefore(1_000_000)
      assert.deepEqual(log.start, log.end)
      assert.equal(log.end.sequence, 20)
      assert.equal(log.end.offset, maker.offset)
      assert.deepEqual(await log.read(20, 1000), [])
      const next = reopen === null ? engine : await reopen()
      const again = reopen === null ? log : await next.openLog(logId(), logConfig)
      assert.equal(again.lastEnqueuedTimeMs, maker.timeMs)
      assert.equal(again.end.sequence, 20)
      assert.equal(again.end.offset, maker.offset)
      await again.append([maker.batch()])
      assert.equal((await readAll(again))[0]?.baseSequence, 20)
    })

    contractTest('statistics count what is stored', async ({ log, maker }) => {
      await log.append(maker.batches(30, 500))
      const { segments, storedBytes, damaged, lastEnqueuedTimeMs } = log.statistics()
      assert.ok(segments >= 1)
      assert.ok(storedBytes >= 30 * 500, `${storedBytes} bytes`)
      assert.deepEqual(damaged, [])
      assert.equal(lastEnqueuedTimeMs, maker.timeMs)
    })

    contractTest('a closed log refuses, closing twice is fine', async ({ log, maker }) => {
      const inFlight = log.append(maker.batches(1))
      await log.close()
      await inFlight
      await log.close()
      await assert.rejects(log.append(maker.batches(1)), failsWith('storage-closed'))
      await assert.rejects(log.read(0, 1000), failsWith('storage-closed'))
    })

    contractTest('a log closed and opened again is the same', async ({ engine, log, maker }) => {
      const batches = maker.batches(30, 500)
      await log.append(batches)
      await log.trimBefore(5)
      await log.close()
      const again = await engine.openLog(logId(), logConfig)
      assert.equal(again.start.sequence, 5)
      assert.deepEqual(plain(await readAll(again)), plain(batches.slice(5)))
    })

    contractTest('a deleted group is gone and made again fresh', async ({ engine, log, maker }) => {
      await log.append(maker.batches(30, 500))
      const other = await engine.openLog(logId(0, 'ns1/h2'), logConfig)
      await other.append(new BatchMaker().batches(1))
      await engine.deleteGroup('ns1/h1')
      await assert.rejects(log.read(0, 1000), failsWith('storage-closed'))
      assert.deepEqual(await engine.listLogs(), [logId(0, 'ns1/h2')])
      const fresh = await engine.openLog(logId(), logConfig)
      assert.equal(fresh.end.sequence, 0)
      assert.equal(fresh.lastEnqueuedTimeMs, null)
      await fresh.append(new BatchMaker().batches(2))
      assert.equal((await readAll(fresh)).length, 2)
      await engine.deleteGroup('ns1/never-there')
    })

    contractTest('logs are listed in order of group and partition', async ({ engine }) => {
      for (const [partition, group] of [
        [10, 'b'],
        [2, 'b'],
        [0, 'a/b'],
        [1, 'ns1/h1'],
      ] as const) {
        await engine.openLog(logId(partition, group), logConfig)
      }
      assert.deepEqual(await engine.listLogs(), [
        logId(0, 'a/b'),
        logId(2, 'b'),
        logId(10, 'b'),
        logId(0, 'ns1/h1'),
        logId(1, 'ns1/h1'),
      ])
    })

    contractTest(`${logsMany} logs at once`, async ({ engine }) => {
      const logs = await Promise.all(
        Array.from({ length: logsMany }, (_, i) =>
          engine.openLog(logId(i % 500, `ns1/m${Math.floor(i / 500)}`), logConfig),
        ),
      )
      const makers = logs.map(() => new BatchMaker())
      await Promise.all(logs.map((log, i) => log.append(makers[i]!.batches(2))))
      await Promise.all(logs.map((log, i) => log.append(makers[i]!.batches(1))))
      for (const log of logs) assert.equal((await readAll(log)).length, 3)
    })

    contractTest('everything is there after the engine was closed and opened', async ({ log, maker, reopen }) => {
      if (reopen === null) return
      const batches = maker.batches(50, 500)
      await log.append(batches)
      await log.trimBefore(7)
      const again = await (await reopen()).openLog(logId(), logConfig)
      assert.equal(again.start.sequence, 7)
      assert.equal(again.lastEnqueuedTimeMs, maker.timeMs)
      assert.deepEqual(plain(await readAll(again)), plain(batches.slice(7)))
      await again.append([maker.batch()])
      assert.equal(again.end.sequence, 51)
    })

    contractTest('a closed engine refuses', async ({ engine, log, maker }) => {
      await log.append(maker.batches(1))
      await engine.close()
      await assert.rejects(engine.openLog(logId(1), logConfig), failsWith('storage-closed'))
      await assert.rejects(log.append(maker.batches(1)), failsWith('storage-closed'))
    })
  })
}
