// Compaction of one partition in a broker of its own, and what publishing to another hub of the same broker costs meanwhile. Without
// sockets: what is measured is the loop and the disk they share.

import { mkdirSync } from 'node:fs'
import { SystemClock } from '../../../src/base/clock.ts'
import { quietLog } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { ByteWriter } from '../../../src/base/byte-writer.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import type { Publisher, Receipt } from '../../../src/daemon/broker/broker-api.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import { writeDataSection, writeMessage } from '../../../src/wire/amqp/message.ts'
import { stringValue, symbolValue } from '../../../src/wire/amqp/types.ts'
import { latencies, type Latencies } from '../frame/statistics.ts'
import { work } from './job.ts'

export interface CompactionJob {
  readonly folder: string
  readonly bytes: number
  readonly keys: number
  readonly bodyBytes: number
}

export interface CompactionSample {
  readonly seconds: number
  /** Processor time of the process, publishing beside it included. */
  readonly cpuSeconds: number
  readonly bytesBefore: number
  readonly bytesAfter: number
  readonly eventsRemoved: number
  readonly passes: number
  /** Largest resident memory while it ran, and before. */
  readonly rssMax: number
  readonly rssBefore: number
  readonly without: Latencies
  readonly during: Latencies
}

const settled = ({ group }: Receipt) => new Promise<unknown>((resolve) => group.whenSettled(resolve))

work<CompactionJob>(async (job, runner) => {
  mkdirSync(job.folder, { recursive: true, mode: 0o700 })
  const clock = new SystemClock()
  const random = new SystemRandom()
  const disk = new NodeDisk(job.folder)
  const engine = await openEmbeddedEngine({ disk, clock, random, log: quietLog, options: {} })
  const broker = await openBroker({ engine, clock, random, log: quietLog, options: {} })
  const caller = broker.ownerCaller('')
  await broker.createHub(caller, {
    ...{ name: 'keyed', partitionCount: 1, cleanup: 'compact', durability: 'os' },
    // The janitor leaves it alone while it is filled.
    minCompactionLagMs: 86_400_000,
  })
  await broker.createHub(caller, { name: 'other', partitionCount: 1, durability: 'sync' })
  const body = Buffer.alloc(job.bodyBytes, 0x61)
  const payloadOf = (key: string) => {
    const message = new ByteWriter(job.bodyBytes + 100)
    writeMessage(message, {
      messageAnnotations: [[symbolValue('x-opt-partition-key'), stringValue(key)]],
      body: { kind: 'data', sections: [body] },
    })
    const writer = new ByteWriter(job.bodyBytes + 120)
    writeDataSection(writer, message.taken())
    return writer.takeCopy()
  }
  const filling = broker.openPublisher(caller, 'keyed', '0')
  for (let written = 0, number = 0; written < job.bytes; ) {
    const receipts = Array.from({ length: 512 }, () => {
      const payload = payloadOf(`key-${number++ % job.keys}`)
      written += payload.length
      return filling.publish({ payload, count: 1, partitionKey: null })
    })
    broker.flush()
    await Promise.all(receipts.slice(-1).map(settled))
  }
  filling.close()
  await broker.updateHub(caller, 'keyed', { minCompactionLagMs: 0 })
  const publisher = broker.openPublisher(caller, 'other', '0')
  const one = payloadOf('one')
  runner.ready({})
  await runner.go()
  const rssBefore = process.memoryUsage.rss()
  const without = await publishUntil(publisher, () => performance.now(), 4000)
  const beganMs = performance.now()
  const cpu = process.cpuUsage()
  let rssMax = rssBefore
  let isDone = false
  const compacting = (async () => {
    for (;;) {
      const step = await broker.compaction.run(caller, 'keyed', 0)
      rssMax = Math.max(rssMax, process.memoryUsage.rss())
      if (step.isDone) return step
    }
  })().finally(() => (isDone = true))
  const during = await publishUntil(publisher, () => (isDone ? Infinity : 0), 1)
  const step = await compacting
  const seconds = (performance.now() - beganMs) / 1000
  const { user, system } = process.cpuUsage(cpu)
  publisher.close()
  await broker.close()
  await engine.close()
  const { bytesBefore, bytesAfter, eventsRemoved, passes } = step
  runner.result({
    seconds,
    cpuSeconds: (user + system) / 1e6,
    bytesBefore,
    bytesAfter,
    eventsRemoved,
    passes,
    rssMax,
    rssBefore,
    without,
    during,
  })

  /** One event after the other, a millisecond apart, until the time is over. */
  async function publishUntil(to: Publisher, now: () => number, lasts: number): Promise<Latencies> {
    const took: number[] = []
    const until = now() + lasts
    while (now() < until) {
      const atMs = performance.now()
      const receipt = to.publish({ payload: one, count: 1, partitionKey: null })
      broker.flush()
      await settled(receipt)
      took.push(performance.now() - atMs)
      await new Promise<void>((resolve) => clock.schedule(1, resolve))
    }
    return latencies(took)
  }
})
