// Publishing to a hub of many partitions, in turns with and without a retention that expires everything within seconds, in one
// broker without sockets: what is measured is what the janitor's work takes from the loop.

import { mkdirSync } from 'node:fs'
import { SystemClock } from '../../../src/base/clock.ts'
import { quietLog } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import type { Receipt } from '../../../src/daemon/broker/broker-api.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import { dataSection } from '../../daemon/broker/builders.ts'
import { work } from './job.ts'

export interface RetentionJob {
  readonly folder: string
  readonly partitions: number
  readonly retentionMs: number
  readonly segmentBytes: number
  readonly bodyBytes: number
  readonly rounds: number
  readonly roundMs: number
}

export interface RetentionSample {
  /** Processor microseconds for an event, one a round. */
  readonly without: readonly number[]
  readonly beside: readonly number[]
  readonly eventsPerSecond: number
  readonly trimmedEvents: number
  readonly trimmedBytes: number
}

work<RetentionJob>(async (job, runner) => {
  mkdirSync(job.folder, { recursive: true, mode: 0o700 })
  const clock = new SystemClock()
  const random = new SystemRandom()
  const engine = await openEmbeddedEngine({ disk: new NodeDisk(job.folder), clock, random, log: quietLog, options: {} })
  const options = { durability: 'os', segmentBytes: job.segmentBytes } as const
  const broker = await openBroker({ engine, clock, random, log: quietLog, options })
  const caller = broker.ownerCaller('')
  await broker.createHub(caller, { name: 'orders', partitionCount: job.partitions, retentionMs: null })
  const publisher = broker.openPublisher(caller, 'orders', null)
  const payload = dataSection(Buffer.alloc(job.bodyBytes, 0x61))
  runner.ready({})
  await runner.go()
  let events = 0
  let measuredMs = 0

  /** Processor microseconds for an event. */
  const round = async (): Promise<number> => {
    const cpu = process.cpuUsage()
    const beganMs = performance.now()
    let count = 0
    while (performance.now() - beganMs < job.roundMs) {
      let last: Receipt | null = null
      for (let turn = 0; turn < 256; turn++) {
        last = publisher.publish({ payload, count: 1, partitionKey: null })
        broker.flush()
      }
      count += 256
      const { group } = last ?? { group: null }
      await new Promise<unknown>((resolve) => group?.whenSettled(resolve))
      // A turn for timers, as sockets would give.
      await new Promise<void>((resolve) => clock.schedule(0, resolve))
    }
    const { user, system } = process.cpuUsage(cpu)
    events += count
    measuredMs += performance.now() - beganMs
    return (user + system) / count
  }

  const without: number[] = []
  const beside: number[] = []
  await round()
  for (let index = 0; index < job.rounds; index++) {
    without.push(await round())
    await broker.updateHub(caller, 'orders', { retentionMs: job.retentionMs })
    beside.push(await round())
    await broker.updateHub(caller, 'orders', { retentionMs: null })
  }
  const [trimmed] = broker.retention.status(caller).hubs
  publisher.close()
  await broker.close()
  await engine.close()
  runner.result({
    without,
    beside,
    eventsPerSecond: (events / measuredMs) * 1000,
    trimmedEvents: trimmed?.trimmedEvents ?? 0,
    trimmedBytes: trimmed?.trimmedBytes ?? 0,
  })
})
