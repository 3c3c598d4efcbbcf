// Applications of the official SDKs with the blob checkpoint stores of their own packages, in processes of their own, against hubs
// and blobs of one broker. Each application says what it does on standard output, one JSON object a line (`Line`), and ends
// properly when its standard input does.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { EventHubProducerClient } from '@azure/event-hubs'
import { quietLog } from '../../src/base/log.ts'
import { SystemClock } from '../../src/base/clock.ts'
import { LagSampler } from '../../src/daemon/observe/lag-sampler.ts'
import { startBlobEndpoint } from './azure-blob-js/blob-endpoint.ts'
import { noRetries } from './azure-event-hubs-js/clients.ts'
import { startServer } from './server.ts'

/** What to start, and what its standard input, output and environment are. */
export type Application = readonly [program: string, ...argv: string[]]

/** The one of the JavaScript SDK. */
export const javaScript: Application = [
  process.execPath,
  fileURLToPath(new URL('azure-blob-js/processor.mjs', import.meta.url)),
]

interface Line {
  readonly did: 'begin' | 'end' | 'event' | 'error'
  readonly partition?: string
  readonly sequence?: number
}

/** What all processors said, and a wait for it to be enough. */
export class Transcript {
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

export interface ProcessorsOptions {
  readonly partitionCount: number
  readonly strategy: 'balanced' | 'greedy'
}

/** A hub `orders` with the group `billing`, and processors that share it. All of it ends with the test. */
export async function openProcessors(t: TestContext, { partitionCount, strategy }: ProcessorsOptions) {
  const server = await startServer(t)
  await server.createHub('orders', partitionCount, ['billing'])
  const endpoint = await startBlobEndpoint(t, server.broker)
  const transcript = new Transcript()
  const start = (who: string, [program, ...argv]: Application = javaScript): ChildProcess => {
    const child = spawn(program, argv, {
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
  const partitions = Array.from({ length: partitionCount }, (_, index) => index)
  const sendToAll = async () => {
    for (const partition of partitions) {
      await producer.sendBatch([{ body: 'a' }, { body: 'b' }], { partitionId: String(partition) })
    }
  }
  /** Resolves when every partition's event of this number was handled. */
  const allHave = (sequence: number) =>
    transcript.until(() =>
      partitions.every((partition) => transcript.events.get(String(partition))?.includes(sequence) === true),
    )
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
  const owners = () => server.broker.owners(server.owner, 'orders', 'billing')
  return { ...server, endpoint, transcript, start, sendToAll, allHave, lag, checkpoints, owners }
}

/**
 * Applications of one SDK through everything they ask of the blob endpoint: one alone, another beside it in the same group, the first killed and
 * followed, the second ended properly, the first started again behind what that one has written. Two of one SDK, since SDKs call a namespace
 * on this machine by different names (docs/OPERATIONS.md, "Processors of several languages").
 */
export async function proveProcessors(t: TestContext, one: Application, other: Application): Promise<void> {
  const partitionCount = 4
  const opened = await openProcessors(t, { partitionCount, strategy: 'greedy' })
  const { transcript, start, sendToAll, allHave, lag, checkpoints, owners } = opened
  const expectCheckpoints = (sequence: number) =>
    assert.deepEqual(
      checkpoints().map((row) => [row.store, row.partition, row.sequence]),
      Array.from({ length: partitionCount }, (_, index) => ['checkpoints', index, sequence]),
    )

  await sendToAll()
  const killed = start('killed', one)
  await allHave(1)
  expectCheckpoints(1)
  assert.deepEqual(
    (await lag()).map((row) => [row.checkpoint, row.lag]),
    Array.from({ length: partitionCount }, () => [1, 0]),
  )

  const ended = start('ended', other)
  await transcript.until(() => transcript.countOf('killed') === 2 && transcript.countOf('ended') === 2)
  assert.equal(new Set(owners().map((row) => row.owner)).size, 2)
  await sendToAll()
  await allHave(3)
  expectCheckpoints(3)

  killed.kill('SIGKILL')
  await once(killed, 'exit')
  await sendToAll()
  await allHave(5)
  expectCheckpoints(5)

  ended.stdin?.end()
  await once(ended, 'exit')
  await sendToAll()
  const last = start('last', one)
  await allHave(7)
  expectCheckpoints(7)
  // Everybody went on behind what was checkpointed: nothing was left out, and nothing came in another order.
  for (const seen of transcript.events.values()) assert.deepEqual([...new Set(seen)], [0, 1, 2, 3, 4, 5, 6, 7])
  last.stdin?.end()
  await once(last, 'exit')
}
