import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { EhubError, isEhubError } from '../../../src/base/error.ts'
import { quietLog } from '../../../src/base/log.ts'
import { createNamespace } from '../../../src/daemon/broker/commands.ts'
import { StateJournal, type StateJournalOptions, stateLogId } from '../../../src/daemon/broker/state-journal.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import type { StorageEngine } from '../../../src/daemon/storage/storage-engine.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { HeldEngine, settleMicrotasks } from './held-engine.ts'
import { anyCommand, checkpointAt, contentOf, newHub, rule } from './state-builders.ts'

const open = (engine: StorageEngine, options: StateJournalOptions = {}) =>
  StateJournal.open(engine, new SimClock(), quietLog, options)

async function held(t: TestContext) {
  const engine = new HeldEngine()
  t.after(() => engine.close())
  const journal = await open(engine)
  await journal.run(createNamespace('local', rule))
  const { number } = await journal.run(newHub('orders'))
  return { engine, journal, number }
}

/** The `$state` log as it lies in the engine, opened beside nobody. */
async function stateLog(engine: StorageEngine) {
  return engine.openLog(stateLogId, { durability: 'sync', segmentBytes: 1 << 20 })
}

test('a replayed journal holds the same state as the one that lived', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyCommand, { maxLength: 6 }), { maxLength: 10 }),
      fc.constantFrom(1, 400, 1 << 20),
      async (turns, snapshotEveryBytes) => {
        const engine = new MemoryEngine()
        const journal = await open(engine, { snapshotEveryBytes })
        await journal.run(createNamespace('local', rule))
        for (const commands of turns) {
          const results = await Promise.allSettled(commands.map((command) => journal.run(command)))
          for (const result of results) if (result.status === 'rejected') assert.ok(isEhubError(result.reason))
        }
        const lived = structuredClone(contentOf(journal.state))
        await journal.close()
        const replayed = await open(engine, { snapshotEveryBytes })
        assert.deepEqual(contentOf(replayed.state), lived)
        await replayed.close()
        await engine.close()
      },
    ),
    { numRuns: 60 },
  )
})

test('nothing is to be seen and nothing is answered before it is durable', async (t) => {
  const { engine, journal, number } = await held(t)
  engine.holds = () => true
  let answered = false
  const answer = journal.run(checkpointAt(number, 1)).then(() => (answered = true))
  await settleMicrotasks()
  const checkpoints = () => journal.state.hubsByNumber.get(number)?.groups.get('$default')?.checkpoints.size
  assert.equal(engine.heldCount, 1)
  assert.equal(answered, false)
  assert.equal(checkpoints(), 0)
  await engine.release()
  await answer
  assert.equal(checkpoints(), 1)
})

test('what is asked while an append is in flight shares the next one, and sees what came before it', async (t) => {
  const { engine, journal, number } = await held(t)
  engine.holds = () => true
  const first = journal.run(checkpointAt(number, 1))
  await settleMicrotasks()
  const rest = Array.from({ length: 1000 }, (_, index) =>
    journal.run(checkpointAt(number, index, { ifMatch: String(index + 1) })),
  )
  await settleMicrotasks()
  assert.equal(engine.heldCount, 1)
  await engine.release()
  await first
  await settleMicrotasks()
  // All thousand in one append: each one's etag is the one the one before it made.
  assert.equal(engine.heldCount, 1)
  await engine.release()
  const revisions = (await Promise.all(rest)).map(({ revision }) => revision)
  assert.deepEqual(
    revisions,
    Array.from({ length: 1000 }, (_, index) => index + 2),
  )
})

test('when an append fails its commands are refused, the state stays, and the next command goes on from there', async (t) => {
  const { engine, journal, number } = await held(t)
  const before = structuredClone(contentOf(journal.state))
  engine.holds = () => true
  const full = new EhubError('disk-full', 'no room')
  const lost = Promise.allSettled([
    journal.run(checkpointAt(number, 1)),
    journal.run(newHub('lost')),
    journal.run(newHub('lost')),
  ])
  await settleMicrotasks()
  engine.fail(full)
  for (const result of await lost) assert.equal(result.status === 'rejected' && result.reason, full)
  assert.deepEqual(contentOf(journal.state), before)

  engine.holds = () => false
  assert.equal((await journal.run(checkpointAt(number, 1, { ifMatch: null }))).revision, 1)
  assert.equal((await journal.run(newHub('lost'))).isNew, true)
  const lived = structuredClone(contentOf(journal.state))
  await journal.close()
  assert.deepEqual(contentOf((await open(engine)).state), lived)
})

test('a crash between append and answer loses nothing: the record is there after the restart', async (t) => {
  const { engine, journal, number } = await held(t)
  engine.holds = () => true
  void journal.run(checkpointAt(number, 7))
  await settleMicrotasks()
  // The bytes reach the disk, the process ends before it hears of it.
  assert.equal(await engine.crashAfterWriting(), 1)
  const replayed = await open(engine)
  assert.equal(replayed.state.hubsByNumber.get(number)?.groups.get('$default')?.checkpoints.get(0)?.sequence, 7)
})

test('a refused command harms no other of its group', async (t) => {
  const { journal, number } = await held(t)
  const results = await Promise.allSettled([
    journal.run(newHub('a')),
    journal.run(newHub('a')),
    journal.run(checkpointAt(number, 1, { ifMatch: 'never' })),
    journal.run(newHub('b')),
  ])
  assert.deepEqual(
    results.map((result) => (result.status === 'rejected' ? (result.reason as EhubError).code : 'done')),
    ['done', 'hub-exists', 'checkpoint-conflict', 'done'],
  )
})

test('the state log stays small, however much is written', async () => {
  const engine = new MemoryEngine()
  const journal = await open(engine, { snapshotEveryBytes: 10_000 })
  await journal.run(createNamespace('local', rule))
  const { number } = await journal.run(newHub('orders'))
  for (let round = 0; round < 50; round++) {
    await Promise.all(Array.from({ length: 50 }, (_, index) => journal.run(checkpointAt(number, round * 50 + index))))
  }
  const lived = structuredClone(contentOf(journal.state))
  await journal.close()
  const log = await stateLog(engine)
  assert.ok(log.start.sequence > 0)
  assert.ok(log.statistics().storedBytes < 40_000, `${log.statistics().storedBytes} bytes`)
  await log.close()
  const replayed = await open(engine)
  assert.deepEqual(contentOf(replayed.state), lived)
  assert.equal((await replayed.run(checkpointAt(number, 1))).revision, 2501)
})

test('a state log whose beginning is missing is refused rather than half read', async () => {
  const engine = new MemoryEngine()
  const journal = await open(engine)
  await journal.run(createNamespace('local', rule))
  await journal.run(newHub('orders'))
  await journal.close()
  const log = await stateLog(engine)
  await log.trimBefore(2)
  await log.close()
  await assert.rejects(open(engine), (error) => isEhubError(error, 'storage-corrupt'))
})

test('after closing nothing more is taken, what was asked before is done', async (t) => {
  const { journal, number } = await held(t)
  const asked = journal.run(checkpointAt(number, 3))
  const closing = journal.close()
  await assert.rejects(journal.run(checkpointAt(number, 4)), (error) => isEhubError(error, 'shutting-down'))
  await closing
  assert.equal((await asked).sequence, 3)
})

test('more commands than the queue takes are refused with a time to come back', async (t) => {
  const { engine, journal, number } = await held(t)
  engine.holds = () => true
  const results = Promise.allSettled(Array.from({ length: 50_001 }, () => journal.run(checkpointAt(number, 1))))
  // The first group is taken out of the queue only after this turn.
  await settleMicrotasks()
  engine.holds = () => false
  await engine.release()
  const refused = (await results).filter((result) => result.status === 'rejected')
  assert.equal(refused.length, 1)
  assert.ok(refused.every(({ reason }) => isEhubError(reason, 'server-busy') && reason.retryAfterMs === 1000))
})
