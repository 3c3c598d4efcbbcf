// Finds the daemon to talk to: the one of a data folder, else the one started last of those that run. Reads only what the
// daemon wrote into the runtime folder (`wire/control/places.ts`); a record of a dead process is passed over.

import { readdirSync, readFileSync, realpathSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { EhubError } from '../base/error.ts'
import { type Environment, isProcessAlive, thisMachine } from '../base/machine.ts'
import {
  type DaemonRecord,
  daemonKey,
  decodeRecord,
  newestRecordName,
  recordPath,
  runtimeFolder,
} from '../wire/control/places.ts'

export interface DaemonQuery {
  readonly env: Environment
  /** Path of a data folder; null: the daemon started last. */
  readonly dataFolder: string | null
}

/** @throws EhubError `daemon-not-running` naming the command that starts one. */
export function findDaemon(query: DaemonQuery): DaemonRecord {
  const record = lookForDaemon(query)
  if (record !== null) return record
  throw query.dataFolder === null
    ? new EhubError('daemon-not-running', 'no daemon is running', { hint: 'Start one with: ehub daemon start' })
    : new EhubError('daemon-not-running', `no daemon is running on "${query.dataFolder}"`, {
        hint: `Start one with: ehub daemon start --data-dir ${query.dataFolder}`,
      })
}

/** As `findDaemon`, null when there is none. */
export function lookForDaemon({ env, dataFolder }: DaemonQuery): DaemonRecord | null {
  const folder = runtimeFolder(thisMachine(env))
  if (dataFolder !== null) return readRecord(recordPath(folder, daemonKey(canonicalFolder(dataFolder))))
  return readRecord(join(folder, newestRecordName)) ?? newestOf(folder)
}

/** Whether the daemon can still be found: it takes its record away when it has given everything back. */
export function isStillRecorded(daemon: DaemonRecord, env: Environment): boolean {
  const folder = runtimeFolder(thisMachine(env))
  return [join(folder, newestRecordName), ...recordsIn(folder)].some((path) => readRecord(path)?.pid === daemon.pid)
}

/** Absolute, with symbolic links followed as far as the path exists. */
export function canonicalFolder(folder: string): string {
  const path = resolve(folder)
  try {
    return realpathSync(path)
  } catch (error) {
    // What is wrong with it is for the daemon to say.
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR')) return path
    throw new EhubError('data-folder-unusable', `cannot look at "${path}"`, { cause: error })
  }
}

// The newest daemon may have been killed while older ones still run.
function newestOf(folder: string): DaemonRecord | null {
  return recordsIn(folder)
    .map(readRecord)
    .reduce((best, record) => ((record?.startedAtMs ?? -1) > (best?.startedAtMs ?? -1) ? record : best), null)
}

function recordsIn(folder: string): readonly string[] {
  let names: string[]
  try {
    names = readdirSync(folder)
  } catch {
    // No folder, or not ours to read: no daemon of ours.
    return []
  }
  return names.filter((name) => /^[0-9a-f]{16}\.json$/.test(name)).map((name) => join(folder, name))
}

function readRecord(path: string): DaemonRecord | null {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    // Whatever keeps us from reading it: there is no daemon to be found there.
    return null
  }
  const record = decodeRecord(text)
  return record !== null && isRunning(record.pid) ? record : null
}

/** Whether the process runs. One that ended but was not waited for by its parent does not: containers often keep those. */
export function isRunning(pid: number): boolean {
  if (!isProcessAlive(pid)) return false
  try {
    // proc(5): `pid (name) state …`; the name may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z'
  } catch {
    // No such file system here.
    return true
  }
}
