// Pure builders for the broker's tests: payloads as adapters hand them over, and a broker over the memory engine.

import type { TestContext } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import { type BrokerOptions, openBroker } from '../../../src/daemon/broker/broker.ts'
import type { Broker, Caller, Publication, ReceiverOptions } from '../../../src/daemon/broker/broker-api.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import type { Batch, StorageEngine } from '../../../src/daemon/storage/storage-engine.ts'
import { PayloadReader } from '../../../src/wire/amqp/batch-payload.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'

/** A data section around the bytes; storage and broker never look inside. */
export function dataSection(content: string | Buffer): Buffer {
  const bytes = Buffer.from(content)
  if (bytes.length < 256) return Buffer.concat([Buffer.from([0, 0x53, 0x75, 0xa0, bytes.length]), bytes])
  const head = Buffer.from([0, 0x53, 0x75, 0xb0, 0, 0, 0, 0])
  head.writeUInt32BE(bytes.length, 4)
  return Buffer.concat([head, bytes])
}

/** `{ x-opt-partition-key: key }` as a message-annotations section. */
export function annotationsSection(key: string): Buffer {
  const name = 'x-opt-partition-key'
  const entries = Buffer.concat([
    Buffer.from([2, 0xa3, name.length]),
    Buffer.from(name),
    Buffer.from([0xa1, key.length]),
    Buffer.from(key),
  ])
  return Buffer.concat([Buffer.from([0, 0x53, 0x72, 0xc1, entries.length]), entries])
}

export function single(content: string | Buffer, partitionKey: string | null = null): Publication {
  return { payload: dataSection(content), count: 1, partitionKey }
}

/** @param sharedKey Put in front as annotations of the whole batch. */
export function batchOf(contents: readonly string[], sharedKey: string | null = null): Publication {
  const sections = contents.map((content) => dataSection(content))
  const shared = sharedKey === null ? [] : [annotationsSection(sharedKey)]
  return { payload: Buffer.concat([...shared, ...sections]), count: contents.length, partitionKey: sharedKey }
}

export interface SeenEvent {
  readonly sequence: number
  readonly offset: number
  readonly timeMs: number
  readonly content: string
  /** The shared annotations of its batch, hexadecimal, empty without. */
  readonly shared: string
}

/** The events of batches from `fromSequence` on. */
export function eventsIn(batches: readonly Batch[], fromSequence = 0): SeenEvent[] {
  const seen: SeenEvent[] = []
  const reader = new PayloadReader()
  for (const { baseSequence, baseOffset, enqueuedTimeMs, payload } of batches) {
    reader.open(payload)
    const shared =
      reader.annotationsEnd < 0 ? '' : payload.toString('hex', reader.annotationsStart, reader.annotationsEnd)
    while (reader.next()) {
      const sequence = baseSequence + reader.index
      if (sequence < fromSequence) continue
      seen.push({
        sequence,
        offset: baseOffset + reader.sectionStart,
        timeMs: enqueuedTimeMs,
        content: payload.toString('latin1', reader.messageStart, reader.messageEnd),
        shared,
      })
    }
  }
  return seen
}

export interface TestBroker {
  readonly broker: Broker
  readonly owner: Caller
  readonly clock: SimClock
  readonly engine: StorageEngine
}

/** A broker of its own with hub `orders`; closed when the test ends. */
export async function openTestBroker(
  t: TestContext,
  options: BrokerOptions = {},
  { partitionCount = 4, engine = new MemoryEngine() as StorageEngine, clock = new SimClock() } = {},
): Promise<TestBroker> {
  const broker = await openBroker({ engine, clock, random: new SimRandom(1), log: quietLog, options })
  t.after(async () => {
    await broker.close()
    await engine.close()
  })
  const owner = broker.ownerCaller('')
  if (partitionCount > 0) await broker.createHub(owner, { name: 'orders', partitionCount, ifNotExists: true })
  return { broker, owner, clock, engine }
}

/** Options of a receiver of partition 0 of `orders` from the beginning, unless said otherwise. */
export function receiving(options: Partial<ReceiverOptions> = {}): ReceiverOptions {
  return {
    hub: 'orders',
    group: '$Default',
    partition: '0',
    position: { kind: 'beginning' },
    ownerLevel: null,
    name: null,
    origin: 'test',
    ...options,
  }
}

/** Publishes to one partition and waits until it is stored; the sequence number of the first event. */
export async function publishStored(
  { broker, owner }: Pick<TestBroker, 'broker' | 'owner'>,
  publication: Publication,
  partition: string | null = '0',
  hub = 'orders',
): Promise<number> {
  const publisher = broker.openPublisher(owner, hub, partition)
  const { group, sequence } = publisher.publish(publication)
  broker.flush()
  const outcome = await new Promise((resolve) => group.whenSettled(resolve))
  publisher.close()
  if (outcome !== 'stored') throw outcome
  return sequence
}

/** Everything a receiver has at present. */
export async function readAll(receiver: {
  readonly nextSequence: number
  next(maxBytes: number): readonly Batch[] | Promise<readonly Batch[]>
}): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = []
  for (;;) {
    const from = receiver.nextSequence
    const batches = await receiver.next(1 << 20)
    if (batches.length === 0) return seen
    seen.push(...eventsIn(batches, from))
  }
}
