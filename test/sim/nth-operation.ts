// Every disk operation of every script failing with every error, once and from then on (reliability H6). While the fault
// lasts the engine may refuse; nothing acknowledged may be lost, and afterwards a restart must bring everything back.

import { countOperations, type SweepFailure, type SweepReport } from './crash-points.ts'
import { type Fault, failAt } from './faults.ts'
import { runScript, type Script, verifyAfterwards } from './scripts.ts'
import { SimRandom } from './sim-random.ts'
import { type OpenEngine, StorageWorld } from './storage-world.ts'

export const operationFaults: readonly (readonly [name: string, fault: Fault])[] = [
  ['EIO', { kind: 'error', code: 'EIO' }],
  ['ENOSPC', { kind: 'error', code: 'ENOSPC' }],
  ['EFBIG', { kind: 'error', code: 'EFBIG' }],
  ['EMFILE', { kind: 'error', code: 'EMFILE' }],
  ['short, then ENOSPC', { kind: 'partial', code: 'ENOSPC' }],
  ['short, then EIO', { kind: 'partial', code: 'EIO' }],
  ['30 s late', { kind: 'delay', ms: 30_000 }],
]

const extents = ['once', 'onwards'] as const
const failuresMax = 20

export interface FaultPoint {
  readonly script: Script
  readonly index: number
  readonly fault: Fault
  readonly extent: 'once' | 'onwards'
}

/** @param isSlice One error a point, another one at each: for quick runs. */
export async function sweepOperations(
  openEngine: OpenEngine,
  scripts: readonly Script[],
  isSlice: boolean,
): Promise<SweepReport> {
  const failures: SweepFailure[] = []
  let points = 0
  let runs = 0
  for (const [scriptIndex, script] of scripts.entries()) {
    const operations = await countOperations(openEngine, script)
    points += operations
    for (let index = 0; index < operations; index++) {
      for (const [faultIndex, [faultName, fault]] of operationFaults.entries()) {
        for (const [extentIndex, extent] of extents.entries()) {
          const turn = faultIndex * extents.length + extentIndex
          if (isSlice && turn !== (index + scriptIndex) % (operationFaults.length * extents.length)) continue
          runs++
          const error = await runFaultPoint(openEngine, { script, index, fault, extent })
          if (error !== null)
            failures.push({ name: `${script.name} / operation ${index} / ${faultName} ${extent}`, error })
          if (failures.length >= failuresMax) return { scripts: scripts.length, points, runs, failures }
        }
      }
    }
  }
  return { scripts: scripts.length, points, runs, failures }
}

export async function runFaultPoint(openEngine: OpenEngine, point: FaultPoint): Promise<Error | null> {
  const world = new StorageWorld(openEngine, new SimRandom(1))
  try {
    world.setFaults(failAt(point.index, point.fault, point.extent))
    await runScript(world, point.script)
    await world.quiesce()
    // What was acknowledged must outlive the machine, whatever its cache pretended. Un-synced logs outlive the process.
    const outcome = point.index % 2 === 0 ? 'all-lost' : 'all-kept'
    world.restart(outcome)
    world.setFaults()
    await verifyAfterwards(world)
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
