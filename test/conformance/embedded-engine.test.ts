import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { quietLog } from '../../src/base/log.ts'
import type { Disk } from '../../src/daemon/storage/disk.ts'
import { openEmbeddedEngine } from '../../src/daemon/storage/embedded-engine.ts'
import type { EmbeddedEngineOptions } from '../../src/daemon/storage/embedded-options.ts'
import { NodeDisk } from '../../src/daemon/storage/node-disk.ts'
import { SimClock } from '../sim/sim-clock.ts'
import { SimDisk } from '../sim/sim-disk.ts'
import { SimRandom } from '../sim/sim-random.ts'
import { compactContract } from './compact-contract.ts'
import { type EngineUnderTest, logContract } from './log-contract.ts'

async function open(t: TestContext, disk: Disk, options: EmbeddedEngineOptions): Promise<EngineUnderTest> {
  const openOnce = () =>
    openEmbeddedEngine({ disk, clock: new SimClock(), random: new SimRandom(1), log: quietLog, options })
  let engine = await openOnce()
  t.after(() => engine.close())
  const reopen = async () => {
    await engine.close()
    engine = await openOnce()
    return engine
  }
  return { engine, reopen }
}

// Without marks derived from the size of the disk the tests run on.
const roomy: EmbeddedEngineOptions = { lowWaterBytes: 4096, reserveBytes: 4096 }
const tiny: EmbeddedEngineOptions = {
  ...roomy,
  journalFileBytes: 8000,
  tailBytesMax: 65_536,
  tailBytesPerLogMax: 500,
  openFilesMax: 3,
  unsyncedBytesMax: 10_000,
}

logContract('the embedded engine on a simulated disk', (t) => open(t, new SimDisk(), roomy))

logContract('the embedded engine with tiny files and hardly any memory', (t) => open(t, new SimDisk(), tiny), 100)

logContract(
  'the embedded engine on a real disk',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'ehub-contract-'))
    const opened = await open(t, new NodeDisk(join(folder, 'data')), roomy)
    // Behind the closing of the engine, which still writes.
    t.after(() => rmSync(folder, { recursive: true, force: true }))
    return opened
  },
  200,
)

compactContract('the embedded engine on a simulated disk', (t) => open(t, new SimDisk(), roomy))

compactContract('the embedded engine with tiny files and hardly any memory', (t) => open(t, new SimDisk(), tiny))
