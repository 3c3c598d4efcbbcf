import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EhubError } from '../../src/base/error.ts'
import { GuardedCheckpoints } from '../../src/cli/guarded-checkpoints.ts'
import { Processor } from '../../src/cli/processor.ts'
import type { ControlClient } from '../../src/client/control-client.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimRandom } from '../sim/sim-random.ts'

const cycleMs = 10_000
const expiresMs = 60_000

interface Row {
  owner: string | null
  etag: string
  updatedAtMs: number
}

/** Claims and checkpoints with etags, as the daemon keeps them. */
class Store {
  readonly clock = new SimClock()
  readonly claims = new Map<number, Row>()
  readonly checkpoints = new Map<number, { sequence: number; etag: string }>()
  failure: EhubError | null = null
  /** Run once before the next call of this operation. */
  before: { readonly operation: string; readonly run: () => void } | null = null
  #revision = 0

  claim(partition: number, owner: string | null): void {
    this.claims.set(partition, { owner, etag: String(++this.#revision), updatedAtMs: this.clock.now() })
  }

  checkpoint(partition: number, sequence: number): void {
    this.checkpoints.set(partition, { sequence, etag: String(++this.#revision) })
  }

  get owners(): readonly (string | null)[] {
    return [...this.claims].toSorted(([one], [other]) => one - other).map(([, { owner }]) => owner)
  }

  readonly control = {
    call: async (operation: string, request: Record<string, unknown>) => {
      if (this.before?.operation === operation) {
        const { run } = this.before
        this.before = null
        run()
      }
      if (this.failure !== null) throw this.failure
      const partition = Number(request.partition)
      switch (operation) {
        case 'listOwners':
          return {
            owners: Array.from(this.claims, ([index, row]) => ({ partition: index, ...row })),
            nowMs: this.clock.now(),
          }
        case 'claimOwnership':
          if ((this.claims.get(partition)?.etag ?? null) !== request.ifMatch) {
            throw new EhubError('ownership-conflict', 'another one was faster')
          }
          this.claim(partition, request.owner as string | null)
          return {}
        case 'listCheckpoints':
          return { checkpoints: Array.from(this.checkpoints, ([index, row]) => ({ partition: index, ...row })) }
        case 'setCheckpoint':
          if ((this.checkpoints.get(partition)?.etag ?? null) !== request.ifMatch) {
            throw new EhubError('checkpoint-conflict', 'somebody else wrote it')
          }
          this.checkpoint(partition, Number(request.sequence))
          return { etag: this.checkpoints.get(partition)?.etag }
        default:
          throw new Error(operation)
      }
    },
  } as unknown as ControlClient
}

const settled = async () => {
  for (let turn = 0; turn < 20; turn++) await new Promise<void>((resolve) => setImmediate(resolve))
}

function join(store: Store, owner: string, partitionCount = 4, strategy: 'balanced' | 'greedy' = 'balanced') {
  const reading = new Set<number>()
  const events: string[] = []
  let refusal: EhubError | null = null
  const processor = new Processor({
    clock: store.clock,
    random: new SimRandom(1),
    control: store.control,
    ...{ hub: 'orders', group: 'g', store: '$daemon', owner, strategy, cycleMs, expiresMs },
    partitions: async () => Array.from({ length: partitionCount }, (_, index) => index),
    onClaimed: async (partition) => {
      if (refusal !== null) throw refusal
      reading.add(partition)
    },
    onLost: (partition) => void reading.delete(partition),
    onTrouble: (error) => void events.push(`trouble ${error.code}`),
    onFailed: (error) => void events.push(`failed ${(error as EhubError).code}`),
  })
  const refuse = (error: EhubError | null) => {
    refusal = error
  }
  return { processor, reading, events, refuse }
}

async function passes(store: Store, ms: number): Promise<void> {
  // In small steps, so that what a cycle schedules is met within the time.
  for (let passed = 0; passed < ms; passed += 250) {
    store.clock.advance(250)
    await settled()
  }
}

test('alone, a processor has everything soon, though it claims one partition a cycle', async () => {
  const store = new Store()
  const { processor, reading } = join(store, 'a')
  await processor.start()
  assert.equal(reading.size, 1)
  await passes(store, 1000)
  assert.deepEqual(
    [...reading].toSorted((one, other) => one - other),
    [0, 1, 2, 3],
  )
  await processor.stop()
})

test('a second one takes its half, one partition a cycle, and the first one lets go', async () => {
  const store = new Store()
  const one = join(store, 'a', 4, 'greedy')
  await one.processor.start()
  const two = join(store, 'b')
  await two.processor.start()
  assert.equal(two.reading.size, 1)
  await passes(store, cycleMs)
  assert.equal(two.reading.size, 2)
  await passes(store, cycleMs)
  assert.deepEqual(
    [...one.reading, ...two.reading].toSorted((one, other) => one - other),
    [0, 1, 2, 3],
  )
  assert.equal(one.reading.size, 2)
  const before = [...store.owners]
  await passes(store, 5 * cycleMs)
  assert.deepEqual(store.owners, before, 'then nothing moves')
})

test('what a dead one had is taken over when it lapses, not before', async () => {
  const store = new Store()
  store.claim(0, 'dead')
  store.claim(1, 'dead')
  const { processor, reading } = join(store, 'a', 4, 'greedy')
  await processor.start()
  assert.deepEqual(
    [...reading].toSorted((one, other) => one - other),
    [2, 3],
  )
  await passes(store, expiresMs - 1000)
  assert.equal(reading.size, 2)
  await passes(store, cycleMs + 1000)
  assert.equal(reading.size, 4)
})

test('claims are renewed before they lapse, and given back at the end', async () => {
  const store = new Store()
  const { processor } = join(store, 'a', 2, 'greedy')
  await processor.start()
  await passes(store, 3 * expiresMs)
  for (const { updatedAtMs } of store.claims.values()) assert.ok(store.clock.now() - updatedAtMs <= cycleMs)
  await processor.stop()
  assert.deepEqual(store.owners, [null, null])
})

test('of two that want the same partition one gets it', async () => {
  const store = new Store()
  const { processor, reading } = join(store, 'a', 1)
  store.before = { operation: 'claimOwnership', run: () => store.claim(0, 'b') }
  await processor.start()
  assert.equal(reading.size, 0)
  assert.deepEqual(store.owners, ['b'])
})

test('a partition whose reader was taken away is read again while it is ours in the store', async () => {
  const store = new Store()
  const { processor, reading } = join(store, 'a', 1)
  await processor.start()
  reading.delete(0)
  processor.readingEnded(0)
  await passes(store, cycleMs)
  assert.deepEqual([...reading], [0])
})

test('an error that passes is told and the next cycle goes on, one that does not ends it', async () => {
  const store = new Store()
  const { processor, events, reading, refuse } = join(store, 'a', 1)
  refuse(new EhubError('receiver-stolen', 'a reader of a higher level'))
  await processor.start()
  assert.deepEqual(events, ['trouble receiver-stolen'])
  refuse(null)
  store.failure = new EhubError('daemon-not-running', 'no daemon')
  await passes(store, cycleMs)
  assert.equal(events.at(-1), 'trouble daemon-not-running')
  store.failure = null
  await passes(store, cycleMs)
  assert.deepEqual([...reading], [0])
  store.failure = new EhubError('hub-not-found', 'no hub')
  await passes(store, cycleMs)
  assert.equal(events.at(-1), 'failed hub-not-found')
})

test('a daemon that stays away ends it', async () => {
  const store = new Store()
  const { processor, events } = join(store, 'a', 1)
  await processor.start()
  store.failure = new EhubError('daemon-not-running', 'no daemon')
  await passes(store, 2 * expiresMs + 2 * cycleMs)
  assert.equal(events.at(-1), 'failed daemon-not-running')
})

function guarded(store: Store, owner: string): GuardedCheckpoints {
  return new GuardedCheckpoints({ control: store.control, hub: 'orders', group: 'g', store: '$daemon', owner })
}

const mark = (sequence: number) => ({ partition: '0', sequence, offset: null })

test('a checkpoint that comes late from the owner before sets nothing back', async () => {
  const store = new Store()
  store.claim(0, 'a')
  const one = guarded(store, 'a')
  assert.equal(await one.read(0), null)
  await one.keep(mark(5))
  store.claim(0, 'b')
  const two = guarded(store, 'b')
  assert.equal(await two.read(0), 5)
  await two.keep(mark(9))
  await one.keep(mark(20))
  assert.equal(store.checkpoints.get(0)?.sequence, 9)
  await one.keep(mark(7))
  assert.equal(store.checkpoints.get(0)?.sequence, 9)
})

test('a new owner that reads again what was kept meanwhile does not set it back either', async () => {
  const store = new Store()
  store.claim(0, 'a')
  const one = guarded(store, 'a')
  await one.read(0)
  store.claim(0, 'b')
  const two = guarded(store, 'b')
  await two.read(0)
  await one.keep(mark(30))
  await two.keep(mark(10))
  await two.keep(mark(20))
  assert.equal(store.checkpoints.get(0)?.sequence, 30)
  await two.keep(mark(31))
  assert.equal(store.checkpoints.get(0)?.sequence, 31)
})

test('who owns the partition goes on after a person has moved the checkpoint back', async () => {
  const store = new Store()
  store.claim(0, 'a')
  const one = guarded(store, 'a')
  await one.read(0)
  await one.keep(mark(50))
  store.checkpoint(0, 3)
  await one.keep(mark(51))
  assert.equal(store.checkpoints.get(0)?.sequence, 51)
})
