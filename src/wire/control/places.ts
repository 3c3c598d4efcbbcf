// Where a daemon keeps its data and leaves word of itself. Pure, so that the daemon that writes and the client that looks
// agree by construction.
//
//   <runtime folder>/daemon.json    the daemon started last, of those that run
//   <runtime folder>/<key>.json     one for each running daemon
//   <runtime folder>/<key>.sock     its control socket; elsewhere when that path is too long for a socket
//
// The key is made from the data folder's path: a data folder names its daemon without anything being read from it.

import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Machine } from '../../base/machine.ts'

/** What a daemon writes about itself, once it is ready. */
export interface DaemonRecord {
  readonly pid: number
  readonly version: string
  readonly socketPath: string
  /** Canonical path; null: nothing is kept. */
  readonly dataFolder: string | null
  readonly startedAtMs: number
  /** Words after `daemon run`, and the folder they are relative to: what a restart needs. */
  readonly argv: readonly string[]
  readonly startedIn: string
}

export const newestRecordName = 'daemon.json'

/** `EHUB_RUNTIME_DIR`, else the session's runtime folder, else a private one in the system's temporary folder. */
export function runtimeFolder(machine: Machine): string {
  const { EHUB_RUNTIME_DIR: own = '', XDG_RUNTIME_DIR: session = '' } = machine.env
  if (own !== '') return own
  return session === '' ? privateTemporaryFolder(machine) : join(session, 'ehub')
}

export function privateTemporaryFolder({ temporaryFolder, userId }: Machine): string {
  return join(temporaryFolder, `ehub-${userId}`)
}

/** `$XDG_DATA_HOME/ehub`, by default `~/.local/share/ehub` (on macOS `~/Library/Application Support/ehub`). */
export function defaultDataFolder({ env, homeFolder, platform }: Machine): string {
  const { XDG_DATA_HOME: data = '' } = env
  if (data !== '') return join(data, 'ehub')
  return platform === 'darwin'
    ? join(homeFolder, 'Library', 'Application Support', 'ehub')
    : join(homeFolder, '.local', 'share', 'ehub')
}

/** `$XDG_STATE_HOME/ehub`, by default `~/.local/state/ehub`: logs. */
export function stateFolder({ env, homeFolder }: Machine): string {
  const { XDG_STATE_HOME: state = '' } = env
  return state === '' ? join(homeFolder, '.local', 'state', 'ehub') : join(state, 'ehub')
}

/** Log of the background daemon with this key. */
export function logPath(folder: string, key: string): string {
  return join(folder, `${key}.log`)
}

/** Where a background daemon's process writes when it cannot write its log any more. */
export function crashLogPath(folder: string, key: string): string {
  return join(folder, `${key}.crash.log`)
}

/** Stands for the data folder of daemons that have none, where they share something. */
export const ephemeralKeyText = 'ephemeral'

/** @param dataFolder Canonical path, or for a daemon without one a text of its own. */
export function daemonKey(dataFolder: string): string {
  return createHash('sha256').update(dataFolder).digest('hex').slice(0, 16)
}

export function recordPath(folder: string, key: string): string {
  return join(folder, `${key}.json`)
}

// sockaddr_un holds 108 bytes on Linux and 104 on macOS, with the final zero.
const socketPathBytesMax = 103

/** The control socket's path: in the runtime folder, or in a private temporary one when that path is too long. */
export function socketPath(folder: string, key: string, machine: Machine): string {
  const path = join(folder, `${key}.sock`)
  if (Buffer.byteLength(path) <= socketPathBytesMax) return path
  // Two runtime folders may hold the same key.
  const name = `${daemonKey(folder).slice(0, 8)}-${key}.sock`
  const temporary = join(privateTemporaryFolder(machine), name)
  if (Buffer.byteLength(temporary) <= socketPathBytesMax) return temporary
  return join(privateTemporaryFolder({ ...machine, temporaryFolder: '/tmp' }), name)
}

export function encodeRecord(record: DaemonRecord): string {
  return `${JSON.stringify(record)}\n`
}

/** The record in `text`, null when it is none: half written, or of a version we do not know. */
export function decodeRecord(text: string): DaemonRecord | null {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return null
  }
  if (typeof value !== 'object' || value === null) return null
  const {
    pid,
    version,
    socketPath: path,
    dataFolder,
    startedAtMs,
    argv,
    startedIn,
  } = value as Partial<Record<string, unknown>>
  if (typeof pid !== 'number' || !Number.isSafeInteger(pid) || pid < 1) return null
  if (typeof version !== 'string' || typeof path !== 'string' || typeof startedAtMs !== 'number') return null
  if (dataFolder !== null && typeof dataFolder !== 'string') return null
  if (!Array.isArray(argv) || !argv.every((word) => typeof word === 'string')) return null
  if (typeof startedIn !== 'string') return null
  return { pid, version, socketPath: path, dataFolder, startedAtMs, argv, startedIn }
}
