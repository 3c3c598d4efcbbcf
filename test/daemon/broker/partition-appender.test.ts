import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { EhubError, isEhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import type { Publication, Receipt } from '../../../src/daemon/broker/broker-api.ts'
import { BufferPool } from '../../../src/daemon/broker/buffer-pool.ts'
import { BrokerFigures } from '../../../src/daemon/broker/figures.ts'
import { Congestion, InFlight } from '../../../src/daemon/broker/in-flight.ts'
import { openPartition } from '../../../src/daemon/broker/partition.ts'
import { Turns } from '../../../src/daemon/broker/turns.ts'
import { PayloadReader } from '../../../src/wire/amqp/batch-payload.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { annotationsSection, batchOf, dataSection, eventsIn, single } from './builders.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'

interface Marks {
  readonly bytesMax?: number
  readonly partitionBytesMax?: number
  readonly onBug?: (error: unknown) => void
}

async function open(
  t: TestContext,
  { bytesMax = 1 << 26, partitionBytesMax = 1 << 23, onBug = (error) => assert.ifError(error) }: Marks = {},
) {
  const engine = new HeldEngine()
  t.after(() => engine.close())
  const clock = new SimClock(1000)
  const inFlight = new InFlight(bytesMax)
  const congestion = new Congestion()
  const turns = new Turns()
  const partition = await openPartition({
    engine,
    folder: 'ns1/h1',
    index: 0,
    hub: 'orders',
    config: { durability: 'memory', segmentBytes: 1 << 20 },
    context: {
      clock,
      figures: new BrokerFigures(),
      pool: new BufferPool(1 << 24),
      reader: new PayloadReader(),
      inFlight,
      partitionBytesMax,
      onBug,
      becameDirty: (appender) => turns.becameDirty(appender),
    },
    congestion,
    lines: quietLog,
    cutoff: () => -Infinity,
  })
  const { appender, log } = partition
  const publish = ({ payload, count }: Publication): Receipt => appender.append(payload, count)
  const stored = () => log.readCached(log.start.sequence, 1 << 26) ?? []
  return { engine, clock, inFlight, congestion, turns, appender, log, publish, stored }
}

const outcomeOf = (receipt: Receipt) => new Promise((resolve) => receipt.group.whenSettled(resolve))

test('publications of one turn become one batch and share one fate', async (t) => {
  const { publish, turns, stored } = await open(t)
  const receipts = ['a', 'bb', 'ccc'].map((content) => publish(single(content)))
  assert.equal(new Set(receipts.map(({ group }) => group)).size, 1)
  assert.equal(receipts[0]?.group.outcome, null)
  turns.flush()
  assert.equal(await outcomeOf(receipts[2]!), 'stored')
  assert.equal(stored().length, 1)
  assert.deepEqual(
    eventsIn(stored()).map(({ sequence, offset, content }) => [sequence, offset, content]),
    [
      [0, 0, 'a'],
      [1, 6, 'bb'],
      [2, 13, 'ccc'],
    ],
  )
})

test('what nobody flushes leaves on the next microtask', async (t) => {
  const { publish } = await open(t)
  assert.equal(await outcomeOf(publish(single('a'))), 'stored')
})

test('annotations of a whole batch are never shared with events that had none or others', async (t) => {
  const { publish, turns, stored } = await open(t)
  const receipts = [
    publish(single('plain')),
    publish(batchOf(['x1', 'x2'], 'x')),
    publish(batchOf(['x3'], 'x')),
    publish(batchOf(['y1'], 'y')),
    publish(single('plain again')),
  ]
  assert.equal(new Set(receipts.map(({ group }) => group)).size, 1)
  turns.flush()
  await outcomeOf(receipts[0]!)
  const x = annotationsSection('x').toString('hex')
  const y = annotationsSection('y').toString('hex')
  const seen = eventsIn(stored())
  assert.deepEqual(
    seen.map(({ content, shared }) => [content, shared]),
    [
      ['plain', ''],
      ['x1', x],
      ['x2', x],
      ['x3', x],
      ['y1', y],
      ['plain again', ''],
    ],
  )
  // Two publications with the same annotations share a batch, and receipts know where their first events are.
  assert.equal(stored().length, 4)
  assert.deepEqual(
    receipts.map(({ sequence, offset }) => [sequence, offset]),
    [0, 1, 3, 4, 5].map((sequence) => [sequence, seen[sequence]?.offset]),
  )
})

test('sequences are dense, offsets strictly rise, receipts tell the truth, whatever is published', async (t) => {
  const publication = fc.oneof(
    fc.nat({ max: 3000 }).map((size) => single(Buffer.alloc(size, 's'))),
    fc
      .tuple(fc.array(fc.nat({ max: 400 }), { minLength: 1, maxLength: 5 }), fc.constantFrom(null, 'k', 'longer key'))
      .map(([sizes, key]) =>
        batchOf(
          sizes.map((size) => 'b'.repeat(size)),
          key,
        ),
      ),
    fc.constant(single(Buffer.alloc(300_000, 'L'))),
  )
  const turn = fc.record({
    publications: fc.array(publication, { maxLength: 12 }),
    passMs: fc.integer({ min: -50, max: 50 }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(turn, { maxLength: 8 }), async (turnsOfTest) => {
      const { clock, publish, turns, stored, log, appender } = await open(t)
      const receipts: { receipt: Receipt; count: number; first: string }[] = []
      for (const { publications, passMs } of turnsOfTest) {
        clock.jumpWall(passMs)
        for (const { payload, count, partitionKey } of publications) {
          const [first] = eventsIn([
            { baseSequence: 0, baseOffset: 0, count, enqueuedTimeMs: 0, encoding: 'amqp', payload, producer: null },
          ])
          receipts.push({ receipt: publish({ payload, count, partitionKey }), count, first: first?.content ?? '' })
        }
        turns.flush()
      }
      await settleMicrotasks()
      const seen = eventsIn(stored())
      assert.equal(seen.length, log.end.sequence)
      for (const [index, event] of seen.entries()) {
        assert.equal(event.sequence, index)
        const before = seen[index - 1]
        if (before === undefined) continue
        assert.ok(event.offset > before.offset)
        assert.ok(event.timeMs >= before.timeMs)
      }
      for (const { receipt, first } of receipts) {
        const event = seen[receipt.sequence]
        assert.equal(event?.offset, receipt.offset)
        assert.equal(event?.timeMs, receipt.enqueuedTimeMs)
        assert.equal(event?.content, first)
        assert.equal(receipt.group.outcome, 'stored')
      }
      const last = seen.at(-1)
      assert.deepEqual(appender.lastStored(), {
        sequence: last?.sequence ?? -1,
        offset: last?.offset ?? -1,
        timeMs: last?.timeMs ?? null,
      })
    }),
    { numRuns: 60 },
  )
})

test('a wall clock that jumps back freezes the enqueued time until it is passed', async (t) => {
  const { clock, publish, turns } = await open(t)
  const times: number[] = []
  for (const jump of [0, -500, 0, 400, 200]) {
    clock.jumpWall(jump)
    times.push(publish(single('a')).enqueuedTimeMs)
    turns.flush()
  }
  await settleMicrotasks()
  assert.deepEqual(times, [1000, 1000, 1000, 1000, 1100])
})

test('after a failed append everything in flight and open fails, and numbering goes on at the end of the log', async (t) => {
  const { engine, publish, turns, stored, inFlight } = await open(t)
  const first = publish(single('kept'))
  turns.flush()
  await outcomeOf(first)

  engine.holds = () => true
  const lost = publish(single('lost'))
  turns.flush()
  const alsoLost = publish(single('also lost'))
  turns.flush()
  const full = new EhubError('disk-full', 'no room')
  engine.fail(full)
  const stillOpen = publish(single('still open'))
  const outcomes = [outcomeOf(lost), outcomeOf(alsoLost), outcomeOf(stillOpen)]
  assert.deepEqual(await Promise.all(outcomes), [full, full, full])
  assert.equal(inFlight.bytes, 0)

  engine.holds = () => false
  const next = publish(single('next'))
  assert.equal(next.sequence, 1)
  turns.flush()
  assert.equal(await outcomeOf(next), 'stored')
  assert.deepEqual(
    eventsIn(stored()).map(({ content }) => content),
    ['kept', 'next'],
  )
})

test('between a failed append and the last one in flight, publications are refused rather than numbered', async (t) => {
  const { engine, publish, turns, congestion, log } = await open(t)
  engine.holds = () => true
  const first = publish(single('first'))
  turns.flush()
  const second = publish(single('second'))
  turns.flush()
  // The second fails at once, as one does that cannot continue the log; the first is still in flight.
  const settled: unknown[] = []
  second.group.whenSettled((outcome) => settled.push(outcome))
  const failing = new EhubError('storage-failed', 'cannot sync')
  engine.failLast(failing)
  await settleMicrotasks()
  assert.deepEqual(settled, [failing])
  assert.equal(congestion.partitions, 1)
  assert.throws(
    () => publish(single('third')),
    (error) => isEhubError(error, 'server-busy') && error.cause === failing,
  )
  await engine.release()
  assert.equal(await outcomeOf(first), 'stored')
  assert.equal(congestion.partitions, 0)
  engine.holds = () => false
  assert.equal(publish(single('third')).sequence, log.end.sequence)
})

test('whatever fails in between: what was acknowledged is stored where its receipt says, and nothing else is', async (t) => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ publish: fc.integer({ min: 1, max: 4 }) }) },
    { weight: 4, arbitrary: fc.constant('flush' as const) },
    { weight: 3, arbitrary: fc.record({ release: fc.integer({ min: 1, max: 3 }) }) },
    { weight: 1, arbitrary: fc.constant('fail' as const) },
    { weight: 1, arbitrary: fc.constant('fail the last' as const) },
    { weight: 2, arbitrary: fc.constant('wait' as const) },
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), async (steps) => {
      const { engine, appender, publish, turns, stored, inFlight, congestion } = await open(t)
      engine.holds = () => true
      const receipts: { receipt: Receipt; contents: string[] }[] = []
      let name = 0
      const take = (count: number) => {
        const contents = Array.from({ length: count }, () => `event ${name++}`)
        try {
          receipts.push({ receipt: publish(batchOf(contents)), contents })
        } catch (error) {
          assert.ok(isEhubError(error, 'server-busy'))
        }
      }
      for (const action of steps) {
        if (action === 'flush') turns.flush()
        else if (action === 'fail') engine.fail(new EhubError('disk-full', 'no room'))
        else if (action === 'fail the last') engine.failLast(new EhubError('storage-failed', 'cannot write'))
        else if (action === 'wait') await settleMicrotasks()
        else if ('publish' in action) take(action.publish)
        else await engine.release(action.release)
      }
      await settleMicrotasks()
      engine.holds = () => false
      await engine.release()
      await settleMicrotasks()
      // Whatever happened, it goes on.
      take(1)
      turns.flush()
      await settleMicrotasks()

      const expected = receipts.flatMap(({ receipt, contents }) =>
        receipt.group.outcome === 'stored' ? contents.map((content, index) => [receipt.sequence + index, content]) : [],
      )
      assert.deepEqual(
        eventsIn(stored()).map(({ sequence, content }) => [sequence, content]),
        expected,
      )
      assert.equal(receipts.at(-1)?.receipt.group.outcome, 'stored')
      assert.ok(receipts.every(({ receipt }) => receipt.group.outcome !== null))
      assert.equal(inFlight.bytes, 0)
      assert.equal(congestion.partitions, 0)
      const last = eventsIn(stored()).at(-1)
      assert.deepEqual(
        { ...appender.lastStored() },
        { sequence: last?.sequence, offset: last?.offset, timeMs: last?.timeMs },
      )
    }),
    { numRuns: 300 },
  )
})

test('an error that is no operating error fails the group and goes on as the bug it is', async (t) => {
  const bugs: unknown[] = []
  const { engine, publish, turns } = await open(t, { onBug: (error) => bugs.push(error) })
  engine.holds = () => true
  const receipt = publish(single('a'))
  turns.flush()
  const bug = new Error('a bug')
  engine.fail(bug)
  const outcome = await outcomeOf(receipt)
  assert.ok(isEhubError(outcome, 'internal-error') && outcome.cause === bug)
  await settleMicrotasks()
  assert.deepEqual(bugs, [bug])
})

test('above its mark a partition is not writable, at twice the mark it refuses', async (t) => {
  const { engine, appender, publish, turns, congestion } = await open(t, { partitionBytesMax: 10_000 })
  engine.holds = () => true
  const event = single(Buffer.alloc(4000))
  publish(event)
  publish(event)
  assert.equal(appender.isWritable, true)
  publish(event)
  assert.equal(appender.isWritable, false)
  assert.equal(congestion.partitions, 1)
  publish(event)
  publish(event)
  assert.throws(
    () => publish(event),
    (error) =>
      isEhubError(error, 'server-busy') && error.message === 'partition 0 of hub "orders" has too many bytes in flight',
  )
  turns.flush()
  await engine.release()
  await settleMicrotasks()
  assert.equal(appender.isWritable, true)
  assert.equal(congestion.partitions, 0)
})

test('a payload that is not what it says is refused and leaves no trace', async (t) => {
  const { publish, turns, stored, inFlight } = await open(t)
  const wrong: readonly Publication[] = [
    { payload: Buffer.alloc(0), count: 1, partitionKey: null },
    { payload: Buffer.alloc(0), count: 0, partitionKey: null },
    { payload: annotationsSection('k'), count: 0, partitionKey: null },
    { payload: dataSection('a'), count: 2, partitionKey: null },
    { payload: batchOf(['a', 'b']).payload, count: 1, partitionKey: null },
    { payload: dataSection('abc').subarray(0, 6), count: 1, partitionKey: null },
    { payload: Buffer.from('nonsense'), count: 1, partitionKey: null },
  ]
  for (const publication of wrong) {
    assert.throws(
      () => publish(publication),
      (error) => isEhubError(error, 'decode-error'),
    )
  }
  assert.equal(inFlight.bytes, 0)
  turns.flush()
  const good = publish(single('good'))
  turns.flush()
  await outcomeOf(good)
  assert.equal(good.sequence, 0)
  assert.equal(stored().length, 1)
})

test('a group that is full leaves within the turn; the next publication begins another', async (t) => {
  const { publish, turns, stored } = await open(t)
  const receipts = Array.from({ length: 5 }, () => publish(single(Buffer.alloc(400_000))))
  assert.equal(new Set(receipts.map(({ group }) => group)).size, 3)
  turns.flush()
  await outcomeOf(receipts[4]!)
  assert.equal(eventsIn(stored()).length, 5)
})

test('what readers are told as the last event follows the log while an append is about to settle', async (t) => {
  const { publish, turns, appender, log } = await open(t)
  const seen: number[] = []
  log.gate.whenAbove(0, () => seen.push(appender.lastStored().sequence))
  publish(batchOf(['a', 'b', 'c']))
  turns.flush()
  await settleMicrotasks()
  assert.deepEqual(seen, [2])
  assert.equal(appender.lastStored().offset, 12)
})
