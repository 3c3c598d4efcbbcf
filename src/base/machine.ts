// The machine and user a process runs as: the one place that asks. Everything that depends on it takes a `Machine`.

import { homedir, hostname, tmpdir } from 'node:os'
import { isSea } from 'node:sea'

export type Environment = Readonly<Record<string, string | undefined>>

export interface Machine {
  readonly env: Environment
  readonly homeFolder: string
  readonly temporaryFolder: string
  readonly hostName: string
  /** Numeric id of the user, -1 where there is none. */
  readonly userId: number
  readonly platform: string
}

export function thisMachine(env: Environment): Machine {
  return {
    env,
    homeFolder: env.HOME === undefined || env.HOME === '' ? homedir() : env.HOME,
    temporaryFolder: tmpdir(),
    hostName: hostname(),
    userId: process.getuid?.() ?? -1,
    platform: process.platform,
  }
}

/** Whether a process with this id runs, as whoever. */
export function isProcessAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it runs, as somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Command and first words that run this program again: the executable itself, or a runtime with its script. */
export function selfCommand(): readonly string[] {
  return isSea() ? [process.execPath] : [process.execPath, ...process.execArgv, process.argv[1] ?? '']
}
