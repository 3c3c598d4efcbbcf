// A small data folder, damaged in every way at every place (reliability H11). Required: never a wrong payload or number,
// never a loop of failing starts, loss confined to what was hit and named.

import { isEhubError } from '../../src/base/error.ts'
import type { Log, LogFields } from '../../src/base/log.ts'
import type { LogConfig, PartitionLog } from '../../src/daemon/storage/storage-engine.ts'
import type { SweepFailure } from './crash-points.ts'
import { type Files, type Mutation, mutationsOf, type MutationSteps } from './mutations.ts'
import { settle } from './scheduler.ts'
import { SimClock } from './sim-clock.ts'
import { SimDisk } from './sim-disk.ts'
import { SimRandom } from './sim-random.ts'
import { ModelViolation, type OpenEngine, StorageWorld, type WorldLog } from './storage-world.ts'

/** How the process ended that left the folder. */
export type Ending = 'closed' | 'killed'

export interface SmallFolder {
  readonly files: Files
  readonly logs: readonly WorldLog[]
  readonly ending: Ending
  /** Events are also looked up one by one from the end: reads that go on where the last one stopped need no index. */
  readonly isLookedUp: boolean
}

const config: LogConfig = { durability: 'sync', segmentBytes: 2000 }

/** Three logs in two groups, several segments each, one of them trimmed, the files left by a close or a kill. */
export async function makeSmallFolder(openEngine: OpenEngine, ending: Ending): Promise<SmallFolder> {
  const world = new StorageWorld(openEngine, new SimRandom(11))
  await world.open()
  const logs = [
    world.log({ group: 'ns/a', partition: 0 }, config),
    world.log({ group: 'ns/a', partition: 1 }, config),
    world.log({ group: 'ns/b', partition: 0 }, config),
  ]
  for (const log of logs) await world.openLog(log)
  for (let round = 0; round < 10; round++) {
    for (const log of logs) world.append(log, world.makeBatches(log, 2, 500))
    await world.quiesce()
  }
  await world.trim(logs[1]!, 12)
  for (const log of logs) world.append(log, world.makeBatches(log, 1, 100))
  await world.quiesce()
  for (const log of logs) await world.verify(log)
  if (ending === 'closed') await world.attempt(world.engine!.close())
  return { files: world.disk.files(), logs, ending, isLookedUp: false }
}

/** One log with a sealed segment large enough to be looked up through its index file; the rest of it is sound. */
export async function makeIndexedFolder(openEngine: OpenEngine): Promise<SmallFolder> {
  const world = new StorageWorld(openEngine, new SimRandom(12))
  await world.open()
  const log = world.log({ group: 'ns/a', partition: 0 }, { durability: 'sync', segmentBytes: 400_000 })
  await world.openLog(log)
  for (let i = 0; i < 24; i++) {
    world.append(log, world.makeBatches(log, 1, 50_000))
    await world.quiesce()
  }
  await world.attempt(world.engine!.close())
  return { files: world.disk.files(), logs: [log], ending: 'closed', isLookedUp: true }
}

export interface CorruptionReport {
  readonly tried: number
  /** Nothing was lost. */
  readonly unharmed: number
  /** Something is missing, and the engine says what. */
  readonly named: number
  /** The engine or a log does not open, with an error that names the file or the range. */
  readonly refused: number
  readonly failures: readonly SweepFailure[]
}

const failuresMax = 20

export async function sweepCorruption(
  openEngine: OpenEngine,
  folder: SmallFolder,
  steps: MutationSteps,
): Promise<CorruptionReport> {
  const failures: SweepFailure[] = []
  const counts = { unharmed: 0, named: 0, refused: 0 }
  let tried = 0
  for (const mutation of mutationsOf(folder.files, steps)) {
    tried++
    try {
      counts[await tryMutation(openEngine, folder, mutation)]++
    } catch (error) {
      const name = `${folder.ending}: ${mutation.name}`
      failures.push({ name, error: error instanceof Error ? error : new Error(String(error)) })
      if (failures.length >= failuresMax) break
    }
  }
  return { tried, ...counts, failures }
}

type Verdict = 'unharmed' | 'named' | 'refused'

/** Starts twice on the damaged folder: the second start finds what the first one made of it. */
async function tryMutation(openEngine: OpenEngine, folder: SmallFolder, mutation: Mutation): Promise<Verdict> {
  // What the first start said counts for the second: the damage may be gone by then.
  const listening = new Listening()
  const first = await start(openEngine, folder, mutation, SimDisk.of(mutation.apply()), listening)
  const second = await start(openEngine, folder, mutation, first.disk.kill(), listening)
  if (first.verdict === 'unharmed' && second.verdict !== 'unharmed') {
    throw new ModelViolation(`the first start found everything, the second one says ${second.verdict}`)
  }
  return second.verdict
}

async function start(
  openEngine: OpenEngine,
  folder: SmallFolder,
  mutation: Mutation,
  disk: SimDisk,
  listening: Listening,
): Promise<{ verdict: Verdict; disk: SimDisk }> {
  const clock = new SimClock()
  const run = <T>(promise: Promise<T>) => settle(promise, disk.scheduler, clock)
  let verdict: Verdict = 'unharmed'
  try {
    const engine = await run(openEngine({ disk, clock, random: new SimRandom(3), log: listening }))
    for (const log of folder.logs) {
      try {
        const handle = await run(engine.openLog(log.id, log.config))
        const missing = await checkLog(run, log, handle)
        if (folder.isLookedUp) await lookUpAll(run, log, handle)
        checkLoss(folder, mutation, log, missing, listening.errors)
        if (missing.batches > 0) verdict = 'named'
      } catch (error) {
        checkRefusal(error)
        verdict = 'refused'
      }
    }
    await run(engine.close())
  } catch (error) {
    checkRefusal(error)
    verdict = 'refused'
  }
  return { verdict, disk }
}

function checkRefusal(error: unknown): void {
  const codes = ['storage-corrupt', 'data-folder-unusable', 'data-folder-newer'] as const
  if (!codes.some((code) => isEhubError(error, code))) throw error
}

/** Little, so that a read begins in the middle of a segment and needs its index. */
const readBytes = 3000

type Run = <T>(promise: Promise<T>) => Promise<T>

interface Missing {
  readonly batches: number
  /** Behind what the log says is its end. */
  readonly tail: number
}

/** Reads everything that can be read; what cannot must be declared. */
async function checkLog(run: Run, log: WorldLog, handle: PartitionLog): Promise<Missing> {
  const seen = new Set<number>()
  const { damaged } = handle.statistics()
  const declaredBehind = (sequence: number) =>
    damaged.find((range) => range.from <= sequence && sequence < range.to)?.to ?? null
  for (let next = handle.start.sequence; next < handle.end.sequence; ) {
    try {
      const batches = await run(handle.read(next, readBytes))
      if (batches.length === 0)
        throw new ModelViolation(`nothing at ${next}, though the log ends at ${handle.end.sequence}`)
      for (const batch of batches) {
        log.model.checkBatch(batch)
        seen.add(batch.baseSequence)
      }
      next = batches.at(-1)!.baseSequence + batches.at(-1)!.count
    } catch (error) {
      if (!isEhubError(error, 'storage-corrupt')) throw error
      const behind = declaredBehind(next) ?? handle.statistics().damaged.find((range) => range.to > next)?.to ?? null
      if (behind === null)
        throw new ModelViolation(`read(${next}) is damaged, yet no range is declared`, { cause: error })
      next = behind
    }
  }
  const expected = log.model.expectedBatches
  const lost = expected.filter((batch) => !seen.has(batch.baseSequence))
  const tail = lost.filter((batch) => batch.baseSequence >= handle.end.sequence).length
  for (const batch of lost) {
    if (batch.baseSequence + batch.count <= handle.start.sequence) {
      throw new ModelViolation(`${batch.baseSequence} is below the start ${handle.start.sequence}, nobody trimmed it`)
    }
  }
  if (handle.end.sequence > log.model.next.sequence) {
    throw new ModelViolation(`ends at ${handle.end.sequence}, only ${log.model.next.sequence} were sent`)
  }
  return { batches: lost.length, tail }
}

async function lookUpAll(run: Run, log: WorldLog, handle: PartitionLog): Promise<void> {
  for (const { baseSequence } of [...log.model.expectedBatches].reverse()) {
    const batches = await run(handle.read(baseSequence, 1))
    if (batches[0]?.baseSequence !== baseSequence) {
      throw new ModelViolation(`read(${baseSequence}) begins with ${batches[0]?.baseSequence}`)
    }
    for (const batch of batches) log.model.checkBatch(batch)
  }
}

/** Damage of one place may cost what overlaps it, in the log it lies in; the journal belongs to all of them. */
function checkLoss(
  folder: SmallFolder,
  mutation: Mutation,
  log: WorldLog,
  missing: Missing,
  said: readonly string[],
): void {
  if (missing.batches === 0) return
  const isOwnFile = mutation.path.startsWith(logFolderOf(log))
  const isJournal = mutation.path.startsWith('journal/')
  const where = `${log.id.group}/${log.id.partition}`
  if (!isOwnFile && !(isJournal && folder.ending === 'killed')) {
    throw new ModelViolation(`${where} lost ${missing.batches} batches to damage in another place`)
  }
  // What lies between two events can be declared; what was behind the last one is named by its file.
  if (missing.tail > 0 && !said.some((line) => line.includes(mutation.path))) {
    throw new ModelViolation(`${where} silently lost the last ${missing.tail} batches`)
  }
  if (mutation.kind === 'flip' && isOwnFile && missing.batches > 1) {
    throw new ModelViolation(`${where} lost ${missing.batches} batches to one bit`)
  }
}

const logFolderOf = (log: WorldLog) => `logs/${log.id.group.replace('/', '.')}/${log.id.partition}/`

/** Keeps what the engine says to the operator. */
class Listening implements Log {
  readonly errors: string[] = []

  debug(): void {}
  info(message: string, fields?: LogFields): void {
    this.error(message, fields)
  }
  warn(message: string, fields?: LogFields): void {
    this.error(message, fields)
  }
  error(message: string, fields?: LogFields): void {
    this.errors.push(`${message} ${JSON.stringify(fields)}`)
  }
  with(): Log {
    return this
  }
}
