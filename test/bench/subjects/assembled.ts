// Engine, broker and AMQP server from the sources in one process, without control API and command line: what is profiled.
// EHUB_BENCH_ENGINE=memory keeps events in memory, `none` forgets them: what is left is the protocol's own cost.

import { mkdirSync, openSync, writeSync } from 'node:fs'
import { SystemClock } from '../../../src/base/clock.ts'
import { quietLog } from '../../../src/base/log.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { openBroker } from '../../../src/daemon/broker/broker.ts'
import { captureDefaults } from '../../../src/daemon/broker/capture-settings.ts'
import { openCapture } from '../../../src/daemon/capture.ts'
import { countBuffersWithHeap } from '../../../src/daemon/collector.ts'
import { AmqpServer } from '../../../src/daemon/protocols/amqp/server.ts'
import { useThreads } from '../../../src/daemon/threads.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { NodeDisk } from '../../../src/daemon/storage/node-disk.ts'
import type { StorageEngine } from '../../../src/daemon/storage/storage-engine.ts'
import { work } from '../load/job.ts'
import { NullEngine } from './null-engine.ts'
import type { HubSpec } from './ehub.ts'

export interface AssembledJob {
  readonly folder: string
  readonly hubs: readonly HubSpec[]
  /** Holds the number of files synced so far, a float64, little-endian. */
  readonly syncsFile?: string
}

/** Counts every sync of a file's content into `path`. */
function countSyncs(disk: NodeDisk, path: string): void {
  const counter = openSync(path, 'w')
  const count = Buffer.alloc(8)
  const note = (more: number) => {
    count.writeDoubleLE(count.readDoubleLE(0) + more)
    writeSync(counter, count, 0, 8, 0)
  }
  note(0)
  const open = disk.open.bind(disk)
  disk.open = async (name, mode) => {
    const file = await open(name, mode)
    const sync = file.sync.bind(file)
    file.sync = () => {
      note(1)
      return sync()
    }
    return file
  }
}

async function openEngine(folder: string, syncsFile: string | null): Promise<StorageEngine> {
  switch (process.env['EHUB_BENCH_ENGINE']) {
    case 'memory':
      return new MemoryEngine()
    case 'none':
      return new NullEngine()
    default: {
      const { openEmbeddedEngine } = await import('../../../src/daemon/storage/embedded-engine.ts')
      const disk = new NodeDisk(folder)
      if (syncsFile !== null) countSyncs(disk, syncsFile)
      return openEmbeddedEngine({
        disk,
        clock: new SystemClock(),
        random: new SystemRandom(),
        log: quietLog,
        options: {},
      })
    }
  }
}

work<AssembledJob>(async ({ folder, hubs, syncsFile }, runner) => {
  countBuffersWithHeap()
  useThreads()
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const clock = new SystemClock()
  const random = new SystemRandom()
  const log = quietLog
  const engine = await openEngine(folder, syncsFile ?? null)
  const broker = await openBroker({ engine, clock, random, log, options: { tier: 'unlimited' } })
  const owner = broker.ownerCaller('')
  const capture = openCapture({
    ...{ broker, dataFolder: folder, env: {}, blobOrigin: () => null, clock, machineClock: clock, log },
    onBug: (error) => {
      throw error
    },
  })
  for (const { name, partitionCount, durability, isCaptured = false } of hubs) {
    await broker.createHub(owner, { name, partitionCount, durability })
    const size = { intervalMs: 900_000, sizeBytes: 100 * 1024 * 1024 }
    const place = { destination: 'dir:capture', credentials: 'none' }
    if (isCaptured) await capture.enable(owner.namespace, name, { ...captureDefaults, ...size, ...place })
  }
  const server = new AmqpServer({ broker, clock, random, log, options: {} })
  const { port } = await server.listen({ host: '127.0.0.1', port: 0 })
  const rule = broker.listRules(owner)[0]
  if (rule === undefined) throw new Error('no authorization rule')
  runner.ready({ port, user: rule.name, key: rule.primaryKey })
})
