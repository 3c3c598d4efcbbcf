// What the tests of storage share: an engine on a simulated disk, and batches that continue each other.

import type { TestContext } from 'node:test'
import { quietLog } from '../../../src/base/log.ts'
import type { Disk } from '../../../src/daemon/storage/disk.ts'
import { openEmbeddedEngine } from '../../../src/daemon/storage/embedded-engine.ts'
import type { EmbeddedEngineOptions } from '../../../src/daemon/storage/embedded-options.ts'
import type { LogConfig, PartitionLog, StorageEngine } from '../../../src/daemon/storage/storage-engine.ts'
import { readAll } from '../../conformance/log-contract.ts'
import { SimClock } from '../../sim/sim-clock.ts'
import { SimRandom } from '../../sim/sim-random.ts'

export const id = { group: 'ns1/h1', partition: 0 }
export const sync: LogConfig = { durability: 'sync', segmentBytes: 4096 }
export const os: LogConfig = { durability: 'os', segmentBytes: 4096 }

/** Small enough that a handful of batches rolls everything; the disk counts as never full. */
export const smallOptions: EmbeddedEngineOptions = {
  journalFileBytes: 16_384,
  tailBytesMax: 1024 * 1024,
  // Nothing but what is not yet written stays in memory: reads come from the files.
  tailBytesPerLogMax: 0,
  lowWaterBytes: 0,
  reserveBytes: 0,
}

export interface OpenedEngine {
  readonly engine: StorageEngine
  readonly clock: SimClock
}

export async function openOn(disk: Disk, options: EmbeddedEngineOptions = smallOptions): Promise<OpenedEngine> {
  const clock = new SimClock()
  const random = new SimRandom(1)
  return { engine: await openEmbeddedEngine({ disk, clock, random, log: quietLog, options }), clock }
}

/** Opens engine and log, and closes the engine when the test is over. */
export async function openLogOn(
  t: TestContext,
  disk: Disk,
  config: LogConfig = sync,
  options: EmbeddedEngineOptions = smallOptions,
): Promise<{ log: PartitionLog } & OpenedEngine> {
  const opened = await openOn(disk, options)
  t.after(() => opened.engine.close().catch(() => undefined))
  return { ...opened, log: await opened.engine.openLog(id, config) }
}

export async function sequencesOf(log: PartitionLog): Promise<number[]> {
  return (await readAll(log)).map(({ baseSequence }) => baseSequence)
}
