// Short scripts for crash points and failing operations: every ordered pair of what can be done to a log, after a
// common beginning. Most crash bugs need three operations or fewer (reliability §2).

import type { LogConfig } from '../../src/daemon/storage/storage-engine.ts'
import type { Outcome, StorageWorld, WorldLog } from './storage-world.ts'

const sync: LogConfig = { durability: 'sync', segmentBytes: 1500 }
const os: LogConfig = { durability: 'os', segmentBytes: 1500 }

type Step = (world: StorageWorld) => Promise<Outcome<unknown> | null>

export interface Script {
  readonly name: string
  readonly steps: readonly Step[]
}

/** The log, opened when it is not: its model decides what it must hold. */
function logOf(world: StorageWorld, partition: number, config = sync, group = 'ns/a'): WorldLog {
  return world.log({ group, partition }, config)
}

async function opened(world: StorageWorld, log: WorldLog): Promise<Outcome<unknown>> {
  if (world.engine === null) return { kind: 'stopped' }
  if (log.handle !== null && !log.isFailed) return { kind: 'done', value: null }
  if (log.handle !== null) {
    const closed = await world.closeLog(log)
    if (closed.kind === 'stopped') return closed
  }
  return world.openLog(log)
}

/** Appends without waiting, then waits for everything. */
async function send(world: StorageWorld, log: WorldLog, calls: number, bytes: number): Promise<Outcome<unknown>> {
  const ready = await opened(world, log)
  if (ready.kind !== 'done') return ready
  for (let i = 0; i < calls && log.handle !== null && !log.isFailed; i++) {
    world.append(log, world.makeBatches(log, 1 + (i % 2), bytes))
  }
  await world.quiesce()
  return { kind: 'done', value: null }
}

const verbs: Record<string, Step> = {
  send: (world) => send(world, logOf(world, 0), 2, 60),
  roll: (world) => send(world, logOf(world, 0), 4, 900),
  'send to two': async (world) => {
    const other = await opened(world, logOf(world, 1))
    if (other.kind !== 'done') return other
    world.append(logOf(world, 1), world.makeBatches(logOf(world, 1), 2, 200))
    return send(world, logOf(world, 0), 2, 200)
  },
  'send unsynced': async (world) => {
    const outcome = await send(world, logOf(world, 2, os), 3, 500)
    world.clock.advance(200)
    await world.quiesce()
    return outcome
  },
  trim: async (world) => {
    const log = logOf(world, 0)
    const ready = await opened(world, log)
    if (ready.kind !== 'done' || log.handle === null) return ready
    const { start, end } = log.handle
    return world.trim(log, start.sequence + Math.ceil((end.sequence - start.sequence) / 2))
  },
  'trim all': async (world) => {
    const log = logOf(world, 0)
    const ready = await opened(world, log)
    if (ready.kind !== 'done' || log.handle === null) return ready
    return world.trim(log, log.handle.end.sequence)
  },
  compact: async (world) => {
    const log = logOf(world, 0)
    const ready = await opened(world, log)
    if (ready.kind !== 'done' || log.handle === null) return ready
    return world.attempt(world.compact(log, 2, Infinity, true))
  },
  'compact more': async (world) => {
    const log = logOf(world, 0)
    const ready = await opened(world, log)
    if (ready.kind !== 'done' || log.handle === null) return ready
    return world.attempt(world.compact(log, 4, Infinity, false))
  },
  delete: (world) => (world.engine === null ? Promise.resolve(null) : world.deleteGroup('ns/a')),
  'reopen log': async (world) => {
    const log = logOf(world, 0)
    const closed = await world.closeLog(log)
    return closed.kind === 'stopped' ? closed : opened(world, log)
  },
  restart: async (world) => {
    if (world.engine === null) return null
    const closed = await world.attempt(world.engine.close())
    if (closed.kind === 'stopped') return closed
    return restarted(world)
  },
  kill: (world) => restarted(world),
}

async function restarted(world: StorageWorld): Promise<Outcome<unknown>> {
  // The faults of this run go on in the next process; the count of operations does, too.
  const { faults, stopAfter } = world.disk
  world.restart('kill')
  world.disk.stopAfter = stopAfter
  world.disk.faults = faults
  return world.open()
}

const beginning: readonly Step[] = [
  (world) => world.open(),
  (world) => send(world, logOf(world, 0, sync, 'ns/keep'), 2, 100),
  (world) => send(world, logOf(world, 0), 3, 300),
]

const names = Object.keys(verbs)

export const scripts: readonly Script[] = names.flatMap((first) =>
  names.map((second) => ({
    name: `${first}, ${second}`,
    steps: [...beginning, verbs[first]!, verbs[second]!],
  })),
)

/** Runs the steps until the power goes; false when it did. */
export async function runScript(world: StorageWorld, script: Script): Promise<boolean> {
  for (const step of script.steps) {
    if (world.disk.isStopped) return false
    const outcome = await step(world)
    if (outcome?.kind === 'stopped') return false
  }
  return !world.disk.isStopped
}

/**
 * Opens what the script left: everything certain is there, every log takes an event, and all of it is still there after
 * a clean restart with a power cut behind it.
 */
export async function verifyAfterwards(world: StorageWorld): Promise<void> {
  must(await world.open(), 'opening the engine')
  for (const log of world.logs.values()) {
    must(await world.openLog(log), `opening ${log.id.group}/${log.id.partition}`)
    must(await world.verify(log), 'reading')
    world.append(log, world.makeBatches(log, 2, 400))
  }
  await world.quiesce()
  for (const log of world.logs.values()) must(await world.verify(log), 'reading')
  must(await world.attempt(world.engine!.close()), 'closing')
  if (world.disk.openFiles !== 0) throw new Error(`${world.disk.openFiles} files are open after close`)
  world.restart('all-lost', undefined, true)
  must(await world.open(), 'opening the engine again')
  for (const log of world.logs.values()) {
    must(await world.openLog(log), 'opening again')
    must(await world.verify(log), 'reading again')
  }
}

function must(outcome: Outcome<unknown>, what: string): void {
  if (outcome.kind === 'failed') throw new Error(`${what} failed: ${outcome.error.message}`, { cause: outcome.error })
  if (outcome.kind === 'stopped') throw new Error(`${what}: the disk stopped`)
}
