// How a daemon can be found: its record and control socket in the runtime folder (`wire/control/places.ts`). Written once it
// is ready, taken away when it ends; what a killed daemon left behind is passed over by readers and replaced by the next.

import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { EhubError } from '../base/error.ts'
import { isProcessAlive, type Machine } from '../base/machine.ts'
import {
  type DaemonRecord,
  decodeRecord,
  encodeRecord,
  newestRecordName,
  recordPath,
  runtimeFolder,
  socketPath,
} from '../wire/control/places.ts'

export interface Rendezvous {
  readonly folder: string
  readonly key: string
  readonly socketPath: string
}

/**
 * Makes the private folders a daemon with this key uses and clears what a killed one left of its socket. The caller holds
 * the data folder's lock, so nobody else uses the key.
 * @throws EhubError `data-folder-unusable` when the runtime folder is somebody else's or open to others.
 */
export function prepareRendezvous(machine: Machine, key: string): Rendezvous {
  const folder = runtimeFolder(machine)
  makePrivateFolder(folder, machine, 'EHUB_RUNTIME_DIR')
  const socket = socketPath(folder, key, machine)
  makePrivateFolder(dirname(socket), machine, 'EHUB_RUNTIME_DIR')
  rmSync(socket, { force: true })
  return { folder, key, socketPath: socket }
}

/** Lets clients find this daemon, by its data folder and as the newest. */
export function publishRecord({ folder, key }: Rendezvous, record: DaemonRecord): void {
  const text = encodeRecord(record)
  replaceFile(recordPath(folder, key), text)
  replaceFile(join(folder, newestRecordName), text)
}

/** Takes the record away; the newest of the daemons that still run becomes the one found without a data folder. */
export function withdrawRecord({ folder, key, socketPath: socket }: Rendezvous, pid: number): void {
  rmSync(socket, { force: true })
  rmSync(recordPath(folder, key), { force: true })
  const newestPath = join(folder, newestRecordName)
  if (readRecord(newestPath)?.pid !== pid) return
  const next = readdirSync(folder)
    .filter((name) => name.endsWith('.json') && name !== newestRecordName)
    .map((name) => readRecord(join(folder, name)))
    .filter((record) => record !== null && isProcessAlive(record.pid))
    .toSorted((a, b) => (b?.startedAtMs ?? 0) - (a?.startedAtMs ?? 0))
    .at(0)
  if (next === undefined || next === null) rmSync(newestPath, { force: true })
  else replaceFile(newestPath, encodeRecord(next))
}

/**
 * A folder only its owner may enter, made when missing.
 * @param remedy Variable that names another place.
 * @throws EhubError `data-folder-unusable`.
 */
export function makePrivateFolder(folder: string, machine: Machine, remedy: string): void {
  const hint = `Name another place with ${remedy}.`
  try {
    makeFolder(folder)
    const facts = lstatSync(folder)
    if (!facts.isDirectory()) throw new EhubError('data-folder-unusable', `"${folder}" is not a folder`, { hint })
    if (machine.userId >= 0 && facts.uid !== machine.userId) {
      throw new EhubError('data-folder-unusable', `"${folder}" belongs to another user (${facts.uid})`, { hint })
    }
    if ((facts.mode & 0o077) !== 0) {
      throw new EhubError('data-folder-unusable', `"${folder}" is open to other users`, {
        hint: `Close it with: chmod 700 ${folder}`,
      })
    }
  } catch (error) {
    if (error instanceof EhubError) throw error
    const reason = error instanceof Error ? error.message : String(error)
    throw new EhubError('data-folder-unusable', `cannot use "${folder}": ${reason}`, { hint, cause: error })
  }
}

// Not `recursive`, with which Node tries for ever where no folder can be made, as in /proc.
function makeFolder(folder: string): void {
  if (existsSync(folder)) return
  const parent = dirname(folder)
  if (parent !== folder) makeFolder(parent)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    // Somebody else was faster.
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}

function replaceFile(path: string, text: string): void {
  const unfinished = `${path}.${process.pid}`
  writeFileSync(unfinished, text, { mode: 0o600 })
  renameSync(unfinished, path)
}

function readRecord(path: string): DaemonRecord | null {
  try {
    return decodeRecord(readFileSync(path, 'utf8'))
  } catch {
    // Another daemon may be taking it away right now.
    return null
  }
}

/**
 * The data folder's one true path, after making it with mode 0700 when missing.
 * @throws EhubError `data-folder-unusable`.
 */
export function canonicalDataFolder(folder: string, machine: Machine): string {
  makePrivateFolder(folder, machine, '--data-dir')
  return realpathSync(folder)
}
