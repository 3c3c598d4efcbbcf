// The real engine and broker as the simulations open them: small files and bounds, chosen by the run's chance, so that
// short runs roll, recycle, evict and overflow everything.

import { quietLog } from '../../src/base/log.ts'
import { openBroker } from '../../src/daemon/broker/broker.ts'
import { openEmbeddedEngine } from '../../src/daemon/storage/embedded-engine.ts'
import type { EmbeddedEngineOptions } from '../../src/daemon/storage/embedded-options.ts'
import type { OpenBroker } from './broker-world.ts'
import { SimRandom } from './sim-random.ts'
import type { OpenEngine } from './storage-world.ts'

function drawOptions(random: SimRandom): EmbeddedEngineOptions {
  const tailBytesMax = random.pick([16_384, 65_536, 262_144])
  return {
    journalFileBytes: random.pick([2000, 8000, 8000, 40_000]),
    tailBytesMax,
    tailBytesPerLogMax: random.pick([1000, 10_000, tailBytesMax]),
    openFilesMax: random.pick([3, 6, 50]),
    syncIntervalMs: 100,
    unsyncedBytesMax: random.pick([5000, 50_000]),
    poolFilesMax: random.pick([0, 2]),
    poolBytesMax: 8 * 1024 * 1024,
    lowWaterBytes: 8192,
    reserveBytes: 16_384,
  }
}

export const openSimEngine: OpenEngine = ({ disk, clock, random }) =>
  openEmbeddedEngine({ disk, clock, random, log: quietLog, options: drawOptions(new SimRandom(random.uint32())) })

/** Always the same, for sweeps that compare places. */
export const openPlainEngine: OpenEngine = ({ disk, clock, random, log = quietLog }) =>
  openEmbeddedEngine({ disk, clock, random, log, options: plainOptions })

const plainOptions: EmbeddedEngineOptions = {
  journalFileBytes: 4000,
  tailBytesMax: 65_536,
  tailBytesPerLogMax: 2000,
  openFilesMax: 8,
  unsyncedBytesMax: 20_000,
  lowWaterBytes: 8192,
  reserveBytes: 4096,
}

/** For runs on a real disk: everything rolls and is recycled within seconds. */
export const smallEngineOptions: EmbeddedEngineOptions = {
  journalFileBytes: 300_000,
  tailBytesMax: 2_000_000,
  tailBytesPerLogMax: 200_000,
  openFilesMax: 16,
  unsyncedBytesMax: 1_000_000,
  lowWaterBytes: 500_000,
  reserveBytes: 200_000,
}

export const openSimBroker: OpenBroker = (parts) =>
  openBroker({ ...parts, options: { segmentBytes: 4000, snapshotEveryBytes: 3000 } })
