import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isEhubError } from '../../../src/base/error.ts'
import type { Receiver, StartPosition } from '../../../src/daemon/broker/broker-api.ts'
import { batchOf, eventsIn, openTestBroker, publishStored, readAll, receiving, single } from './builders.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'

const contents = (events: readonly { readonly content: string }[]) => events.map(({ content }) => content)

test('a receiver from the beginning gets everything in order, then waits for what comes', async (t) => {
  const test = await openTestBroker(t)
  await publishStored(test, batchOf(['a', 'b']))
  await publishStored(test, single('c'))
  const receiver = test.broker.openReceiver(test.owner, receiving())
  assert.equal(receiver.nextSequence, 0)
  assert.deepEqual(contents(await readAll(receiver)), ['a', 'b', 'c'])
  assert.equal(receiver.nextSequence, 3)
  assert.deepEqual(receiver.next(1000), [])
  let ready = 0
  receiver.whenReady(() => ready++)
  await settleMicrotasks()
  assert.equal(ready, 0)
  await publishStored(test, single('d'))
  assert.equal(ready, 1)
  assert.deepEqual(contents(await readAll(receiver)), ['d'])
})

test('what is there already makes a waiter ready, and a second waiter replaces the first', async (t) => {
  const test = await openTestBroker(t)
  await publishStored(test, single('a'))
  const receiver = test.broker.openReceiver(test.owner, receiving())
  const ready: string[] = []
  receiver.whenReady(() => ready.push('first'))
  receiver.whenReady(() => ready.push('second'))
  assert.deepEqual(ready, [])
  await settleMicrotasks()
  assert.deepEqual(ready, ['second'])
})

test('only what is durable is handed over', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine })
  const receiver = test.broker.openReceiver(test.owner, receiving())
  engine.holds = ({ group }) => group !== '$state'
  const stored = publishStored(test, single('a'))
  await settleMicrotasks()
  assert.deepEqual(receiver.next(1000), [])
  await engine.release()
  await stored
  assert.deepEqual(contents(await readAll(receiver)), ['a'])
})

test('positions begin where they say', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner, clock } = test
  const offsets: number[] = []
  const times: number[] = []
  for (const events of [['a', 'b', 'c'], ['d', 'e'], ['f']]) {
    clock.advance(1000)
    times.push(clock.now())
    await publishStored(test, batchOf(events))
  }
  for (const { offset } of await readAll(broker.openReceiver(owner, receiving()))) offsets.push(offset)
  const from = async ({ position }: { position: StartPosition }) => {
    const receiver = broker.openReceiver(owner, receiving({ position }))
    const seen = contents(await readAll(receiver)).join('')
    receiver.close()
    return seen
  }
  const at = (index: number) => offsets[index] ?? -2
  const time = (index: number) => times[index] ?? -2
  assert.equal(await from({ position: { kind: 'end', isInclusive: false } }), '')
  assert.equal(await from({ position: { kind: 'end', isInclusive: true } }), 'f')
  assert.equal(await from({ position: { kind: 'sequence', sequence: 1, isInclusive: false } }), 'cdef')
  assert.equal(await from({ position: { kind: 'sequence', sequence: 1, isInclusive: true } }), 'bcdef')
  assert.equal(await from({ position: { kind: 'offset', offset: at(1), isInclusive: true } }), 'bcdef')
  assert.equal(await from({ position: { kind: 'offset', offset: at(1), isInclusive: false } }), 'cdef')
  assert.equal(await from({ position: { kind: 'offset', offset: at(2), isInclusive: false } }), 'def')
  assert.equal(await from({ position: { kind: 'offset', offset: at(5), isInclusive: true } }), 'f')
  assert.equal(await from({ position: { kind: 'offset', offset: at(5), isInclusive: false } }), '')
  assert.equal(await from({ position: { kind: 'time', timeMs: time(0), isInclusive: false } }), 'def')
  assert.equal(await from({ position: { kind: 'time', timeMs: time(1), isInclusive: true } }), 'def')
  assert.equal(await from({ position: { kind: 'time', timeMs: time(2), isInclusive: false } }), '')
})

test('a read from an offset gives nothing before it, though nobody could know the sequence number', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  for (const key of [null, 'k']) await publishStored(test, batchOf(['a', 'b', 'c'], key))
  const all = await readAll(broker.openReceiver(owner, receiving()))
  for (const [index, { offset }] of all.entries()) {
    const receiver = broker.openReceiver(
      owner,
      receiving({ group: '$Default', position: { kind: 'offset', offset, isInclusive: true } }),
    )
    const batches = await receiver.next(1 << 20)
    assert.deepEqual(eventsIn(batches), all.slice(index))
    receiver.close()
  }
})

test('a reader may stop anywhere and go back to there, at most to where its last read began', async (t) => {
  const test = await openTestBroker(t)
  await publishStored(test, batchOf(['a', 'b', 'c', 'd']))
  const receiver = test.broker.openReceiver(test.owner, receiving())
  await receiver.next(1000)
  receiver.rewind(2)
  assert.equal(receiver.nextSequence, 2)
  assert.deepEqual(contents(await readAll(receiver)), ['c', 'd'])
  assert.throws(() => receiver.rewind(1), /bug/)
  assert.throws(() => receiver.rewind(5), /bug/)
})

test('when what is next was trimmed, the earliest is next', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine, partitionCount: 1 })
  for (const content of ['a', 'b', 'c', 'd']) await publishStored(test, single(content))
  const receiver = test.broker.openReceiver(test.owner, receiving())
  await engine.trim('ns1/h2', 0, 3)
  assert.deepEqual(contents(await readAll(receiver)), ['d'])
  const other = test.broker.openReceiver(
    test.owner,
    receiving({ position: { kind: 'sequence', sequence: 0, isInclusive: true } }),
  )
  assert.equal(other.nextSequence, 3)
})

test('readers of all sorts see every event once, in order, with numbers that never change', async (t) => {
  const step = fc.oneof(
    fc.record({ publish: fc.array(fc.nat({ max: 300 }), { minLength: 1, maxLength: 6 }) }),
    fc.record({ read: fc.integer({ min: 1, max: 2000 }), keep: fc.nat({ max: 5 }) }),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const test = await openTestBroker(t)
      const receiver = test.broker.openReceiver(test.owner, receiving())
      const seen: number[] = []
      let published = 0
      const read = async (maxBytes: number, keep: number) => {
        const from = receiver.nextSequence
        const events = eventsIn(await receiver.next(maxBytes), from)
        const handed = events.slice(0, keep)
        for (const { sequence } of handed) seen.push(sequence)
        if (handed.length < events.length) receiver.rewind(from + handed.length)
        return handed.length
      }
      for (const action of steps) {
        if ('publish' in action) {
          await publishStored(test, batchOf(action.publish.map((size) => 'x'.repeat(size))))
          published += action.publish.length
        } else await read(action.read, action.keep)
      }
      while ((await read(5000, 7)) > 0);
      assert.deepEqual(
        seen,
        Array.from({ length: published }, (_, sequence) => sequence),
      )
    }),
    { numRuns: 40 },
  )
})

test('the metric is about the newest stored event, with the same numbers the event has', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner, clock } = test
  const receiver = broker.openReceiver(owner, receiving())
  assert.deepEqual(receiver.metric(), {
    lastSequence: -1,
    lastOffset: -1,
    lastEnqueuedTimeMs: null,
    retrievedAtMs: clock.now(),
  })
  await publishStored(test, batchOf(['a', 'b']))
  const last = (await readAll(receiver)).at(-1)
  clock.advance(500)
  assert.deepEqual(receiver.metric(), {
    lastSequence: last?.sequence,
    lastOffset: last?.offset,
    lastEnqueuedTimeMs: last?.timeMs,
    retrievedAtMs: clock.now(),
  })
})

test('a displaced receiver hands over nothing any more, also from a read under way', async (t) => {
  const test = await openTestBroker(t)
  const { broker, owner } = test
  const events = Array.from({ length: 3 }, () => single('x'))
  for (const event of events) await publishStored(test, event)
  const open = (ownerLevel: number | null): Receiver =>
    broker.openReceiver(owner, receiving({ ownerLevel, position: { kind: 'offset', offset: 0, isInclusive: true } }))
  const slow = open(1)
  const reading = slow.next(1000)
  const reasons: unknown[] = []
  slow.onDetached((reason) => reasons.push(reason))
  open(1)
  assert.equal(reasons.length, 1)
  await assert.rejects(
    async () => reading,
    (error) => isEhubError(error, 'receiver-stolen'),
  )
  assert.throws(
    () => slow.next(1000),
    (error) => isEhubError(error, 'receiver-stolen'),
  )
  // Closing afterwards is fine and tells nobody again.
  slow.close()
  assert.equal(reasons.length, 1)
})

test('a receiver displaced between the end of its read and the arrival of the result was handed events: now it gets nothing', async (t) => {
  const engine = new HeldEngine()
  const test = await openTestBroker(t, {}, { engine })
  const { broker, owner } = test
  await publishStored(test, single('x'))
  engine.isCold = true
  for (let ticks = 0; ticks < 15; ticks++) {
    const receiver = broker.openReceiver(owner, receiving({ ownerLevel: 1 }))
    let isDetached = false
    receiver.onDetached(() => {
      isDetached = true
    })
    let handedAfter = 0
    const reading = Promise.resolve(receiver.next(1000)).then(
      (batches) => {
        if (isDetached) handedAfter += batches.length
      },
      (error: unknown) => assert.ok(isEhubError(error, 'receiver-stolen')),
    )
    for (let tick = 0; tick < ticks; tick++) await Promise.resolve()
    broker.openReceiver(owner, receiving({ ownerLevel: 1 })).close()
    await reading
    assert.equal(handedAfter, 0, `displaced after ${ticks} ticks`)
  }
})

test('a closed receiver ends a read under way with nothing', async (t) => {
  const test = await openTestBroker(t)
  await publishStored(test, single('x'))
  const receiver = test.broker.openReceiver(
    test.owner,
    receiving({ position: { kind: 'offset', offset: 0, isInclusive: true } }),
  )
  const reading = receiver.next(1000)
  receiver.close()
  assert.deepEqual(await reading, [])
})
