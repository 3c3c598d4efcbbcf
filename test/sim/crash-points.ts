// Every script, crashed after every disk operation, with every outcome for what was not synced.

import { runScript, type Script, verifyAfterwards } from './scripts.ts'
import { type CrashOutcome, crashOutcomes } from './sim-disk.ts'
import { SimRandom } from './sim-random.ts'
import { type OpenEngine, StorageWorld } from './storage-world.ts'

export interface SweepFailure {
  /** Enough to run it again. */
  readonly name: string
  readonly error: Error
}

export interface SweepReport {
  readonly scripts: number
  readonly points: number
  readonly runs: number
  readonly failures: readonly SweepFailure[]
}

export type CrashKind = CrashOutcome | 'kill'
export const crashKinds: readonly CrashKind[] = [...crashOutcomes, 'kill']

export interface CrashPoint {
  readonly script: Script
  /** Operations that take effect; infinite: none is cut off. */
  readonly after: number
  readonly outcome: CrashKind
}

/** Failures beyond these are not looked for. */
const failuresMax = 20

/** @param isSlice One outcome a point, another one at each: for quick runs. */
export async function sweepCrashPoints(
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
    for (let after = 1; after <= operations; after++) {
      for (const [index, outcome] of crashKinds.entries()) {
        if (isSlice && index !== (after + scriptIndex) % crashKinds.length) continue
        runs++
        const error = await runCrashPoint(openEngine, { script, after, outcome })
        if (error !== null) failures.push({ name: `${script.name} / after ${after} / ${outcome}`, error })
        if (failures.length >= failuresMax) return { scripts: scripts.length, points, runs, failures }
      }
    }
  }
  return { scripts: scripts.length, points, runs, failures }
}

export async function countOperations(openEngine: OpenEngine, script: Script): Promise<number> {
  const world = new StorageWorld(openEngine, new SimRandom(1))
  if (!(await runScript(world, script))) throw new Error(`script "${script.name}" does not run through`)
  return world.disk.operationCount
}

export async function runCrashPoint(openEngine: OpenEngine, point: CrashPoint): Promise<Error | null> {
  const world = new StorageWorld(openEngine, new SimRandom(1))
  try {
    world.disk.stopAfter = point.after
    await runScript(world, point.script)
    world.restart(point.outcome, (point.after * 0.37) % 1)
    await verifyAfterwards(world)
    return null
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}
