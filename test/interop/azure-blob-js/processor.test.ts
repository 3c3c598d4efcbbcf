// The SDK's consumer with its blob checkpoint store, both unmodified, in processes of their own, against hubs and blobs of one
// broker: they share the partitions, one is killed, the others go on where it was.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EventHubProducerClient } from '@azure/event-hubs'
import { quietLog } from '../../../src/base/log.ts'
import { SystemClock } from '../../../src/base/clock.ts'
import { LagSampler } from '../../../src/daemon/observe/lag-sampler.ts'
import { noRetries } from '../azure-event-hubs-js/clients.ts'
import { startServer } from '../server.ts'
import { startBlobEndpoint } from './blob-endpoint.ts'

const partitionCount = 8
const program = fileURLToPath(new URL('processor.mjs', import.meta.url))

interface Line {
  readonly did: 'begin' | 'end' | 'event' | 'error'
  readonly partition?: string
  readonly sequence?: number
}

/** What all processors said, and a wait for it to be enough. */
class Transcript {
  readonly #check = new Set<() => void>()
  readonly events = new Map<string, number[]>()
  readonly held = new Map<string, Set<string>>()

  add(who: string, { did, partition = '', sequence = -1 }: Line): void {
    const mine = this.held.get(who) ?? new Set()
    this.held.set(who, mine)
    if (did === 'begin') mine.add(partition)
    if (did === 'end') mine.delete(partition)
    if (did === 'event') this.events.set(partition, [...(this.events.get(partition) ?? []), sequence])
    for (const check of this.#check) check()
  }

  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!holds()) return
        this.#check.delete(check)
        resolve()
      }
      this.#check.add(check)
      check()
    })
  }

  countOf(who: string): number {
    return this.held.get(who)?.size ?? 0
  }
}

async function open(t: TestContext, strategy: 'balanced' | 'greedy') {
  const server = await startServer(t)
  await server.createHub('orders', partitionCount, ['billing'])
  const endpoint = await startBlobEndpoint(t, server.broker)
  const transcript = new Transcript()
  const start = (who: string): ChildProcess => {
    const child = spawn(process.execPath, [program], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...process.env,
        HUB_STRING: server.connectionString,
        BLOB_STRING: endpoint.connectionString,
        CONTAINER: 'checkpoints',
        HUB: 'orders',
        GROUP: 'billing',
        INTERVAL_MS: '300',
        EXPIRY_MS: '2000',
        STRATEGY: strategy,
      },
    })
    createInterface({ input: child.stdout }).on('line', (line) => transcript.add(who, JSON.parse(line)))
    t.after(() => child.kill('SIGKILL'))
    return child
  }
  const producer = new EventHubProducerClient(server.connectionString, 'orders', noRetries)
  t.after(() => producer.close())
  const sendToAll = async () => {
    for (let partition = 0; partition < partitionCount; partition++) {
      await producer.sendBatch([{ body: 'a' }, { body: 'b' }], { partitionId: String(partition) })
    }
  }
  const sampler = new LagSampler({
    broker: server.broker,
    caller: server.owner,
    clock: new SystemClock(),
    log: quietLog,
    sampleMs: 60_000,
  })
  t.after(() => sampler.stop())
  const lag = async () => {
    await sampler.sample()
    return sampler.snapshot.partitions.filter(({ group }) => group === 'billing')
  }
  const checkpoints = () => server.broker.checkpoints(server.owner, 'orders', 'billing')
  return { ...server, endpoint, transcript, start, sendToAll, lag, checkpoints }
}

for (const strategy of ['balanced', 'greedy'] as const) {
  test(`two ${strategy} processors share 8 partitions, and one takes over when the other is killed`, async (t) => {
    const { broker, owner, transcript, start, sendToAll, lag, checkpoints } = await open(t, strategy)
    await sendToAll()
    const one = start('one')
    await transcript.until(() => transcript.countOf('one') === partitionCount)
    start('two')
    await transcript.until(() => transcript.countOf('one') === 4 && transcript.countOf('two') === 4)

    const allHave = (count: number) => () =>
      Array.from({ length: partitionCount }, (_, index) => transcript.events.get(String(index)) ?? []).every((seen) =>
        seen.includes(count - 1),
      )
    await sendToAll()
    await transcript.until(allHave(4))
    // Said after each checkpoint was written.
    assert.deepEqual(
      checkpoints().map(({ store, partition, sequence }) => [store, partition, sequence]),
      Array.from({ length: partitionCount }, (_, index) => ['checkpoints', index, 3]),
    )
    assert.deepEqual(
      (await lag()).map((row) => [row.checkpoint, row.lag]),
      Array.from({ length: partitionCount }, () => [3, 0]),
    )
    const owners = broker.owners(owner, 'orders', 'billing')
    assert.equal(owners.length, partitionCount)
    assert.equal(new Set(owners.map((row) => row.owner)).size, 2)

    one.kill('SIGKILL')
    await once(one, 'exit')
    await sendToAll()
    await transcript.until(() => transcript.countOf('two') === partitionCount)
    await transcript.until(allHave(6))
    assert.deepEqual(
      (await lag()).map((row) => [row.checkpoint, row.lag]),
      Array.from({ length: partitionCount }, () => [5, 0]),
    )
    // Everybody went on behind what was checkpointed: nothing was left out, and nothing came in another order.
    for (const seen of transcript.events.values()) {
      assert.deepEqual([...new Set(seen)], [0, 1, 2, 3, 4, 5])
    }
  })
}

test('a processor that ends gives its partitions back, and a moved checkpoint is where the next one begins', async (t) => {
  const { broker, owner, transcript, start, sendToAll, checkpoints } = await open(t, 'greedy')
  await sendToAll()
  const one = start('one')
  await transcript.until(() => transcript.countOf('one') === partitionCount)
  await transcript.until(() => [...transcript.events.values()].filter((seen) => seen.includes(1)).length === 8)
  one.stdin?.end()
  await once(one, 'exit')
  assert.deepEqual(
    broker.owners(owner, 'orders', 'billing').map((row) => row.owner),
    Array.from({ length: partitionCount }, () => null),
  )
  const before = checkpoints()[3]
  await broker.setCheckpoint(owner, 'orders', 'billing', 3, { sequence: 0, ifMatch: before?.etag ?? null })
  transcript.events.clear()
  start('two')
  await transcript.until(() => transcript.events.get('3')?.includes(1) === true)
  assert.deepEqual(transcript.events.get('3'), [1])
  assert.equal(checkpoints()[3]?.sequence, 1)
})
