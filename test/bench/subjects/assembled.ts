// Engine, broker and AMQP server from the sources in one process, without control API and command line: what is profiled.
// EHUB_BENCH_ENGINE=memory keeps events in memory, `none` forgets them: what is left is the protocol's own cost.

import { mkdirSync } from 'node:fs'
import { SystemClock } from '../../../src/base/clock.ts'
import { quietLog } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import { countBuffersWithHeap } from '../../../src/daemon/collector.ts'
import { AmqpServer } from '../../../src/daemon/protocols/amqp/server.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import type { StorageEngine } from '../../../src/daemon/storage/storage-engine.ts'
import { work } from '../load/job.ts'
import { NullEngine } from './null-engine.ts'
import type { HubSpec } from './ehub.ts'

interface Job {
  readonly folder: string
  readonly hubs: readonly HubSpec[]
}

async function openEngine(folder: string): Promise<StorageEngine> {
  switch (process.env['EHUB_BENCH_ENGINE']) {
    case 'memory':
      return new MemoryEngine()
    case 'none':
      return new NullEngine()
    default: {
      const { openEmbeddedEngine } = await import('../../../src/daemon/storage/embedded-engine.ts')
      return openEmbeddedEngine({
        disk: new NodeDisk(folder),
        clock: new SystemClock(),
        random: new SystemRandom(),
        log: quietLog,
        options: {},
      })
    }
  }
}

work<Job>(async ({ folder, hubs }, runner) => {
  countBuffersWithHeap()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const clock = new SystemClock()
  const random = new SystemRandom()
  const log = quietLog
  const engine = await openEngine(folder)
  const broker = await openBroker({ engine, clock, random, log, options: { tier: 'unlimited' } })
  const owner = broker.ownerCaller('')
  for (const { name, partitionCount, durability } of hubs) {
    await broker.createHub(owner, { name, partitionCount, durability })
  }
  const server = new AmqpServer({ broker, clock, random, log, options: {} })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const rule = broker.listRules(owner)[0]
  if (rule === undefined) throw new Error('no authorization rule')
  runner.ready({ port, user: rule.name, key: rule.primaryKey })
})
