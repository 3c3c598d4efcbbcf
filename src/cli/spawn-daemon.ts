// Starts the daemon as a process of its own and waits until it says that it is ready. The same program, the same flags.

import { spawn } from 'node:child_process'
import { closeSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { EhubError, errorCodes, type EhubErrorCode } from '../base/error.ts'
import { selfCommand } from '../base/machine.ts'
import type { StatusReply } from '../wire/control/contract.ts'
import type { ReadyMessage } from '../wire/control/ready-message.ts'

export interface SpawnOptions {
  /** Words after `daemon run --background`. */
  readonly argv: readonly string[]
  /** Folder it is started in: relative paths among the words are relative to it. */
  readonly folder: string
  /** Takes what the process writes when it cannot log any more. */
  readonly crashLog: string
  readonly clock: Clock
  readonly timeoutMs: number
}

/** Recovery after a crash is part of a start. */
export const startTimeoutMs = 30_000

/**
 * Resolves to the daemon's state once it is ready.
 * @throws EhubError what the daemon failed with, `timeout`, `interrupted`, or `internal-error` with what it wrote last.
 */
export async function spawnDaemon({ argv, folder, crashLog, clock, timeoutMs }: SpawnOptions): Promise<StatusReply> {
  const output = openCrashLog(crashLog)
  const [command = process.execPath, ...words] = selfCommand()
  const child = spawn(command, [...words, 'daemon', 'run', '--background', ...argv], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', output.descriptor, output.descriptor, 'ipc'],
  })
  closeSync(output.descriptor)
  const { promise, resolve, reject } = Promise.withResolvers<StatusReply>()
  const giveUp = (error: EhubError) => {
    child.kill('SIGTERM')
    reject(error)
  }
  child.on('error', (cause) => reject(new EhubError('internal-error', 'the daemon could not be started', { cause })))
  child.on('exit', (code, signal) => reject(endedEarly(code, signal, crashLog, output.bytes)))
  child.on('message', (message: ReadyMessage) => {
    if (message.kind === 'ready') resolve(message.status)
    else reject(startFailure(message))
  })
  const interrupt = () => giveUp(new EhubError('interrupted', 'interrupted before the daemon was ready'))
  process.once('SIGINT', interrupt)
  const deadline = clock.schedule(timeoutMs, () => giveUp(late(timeoutMs)))
  try {
    return await promise
  } finally {
    deadline.cancel()
    process.off('SIGINT', interrupt)
    child.removeAllListeners()
    if (child.connected) child.disconnect()
    child.unref()
  }
}

// Holds what crashes of earlier runs left, until it is long.
const crashLogBytesMax = 1024 * 1024

interface CrashLog {
  readonly descriptor: number
  /** What it held already. */
  readonly bytes: number
}

function openCrashLog(path: string): CrashLog {
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    const descriptor = openSync(path, 'a', 0o600)
    const { size } = fstatSync(descriptor)
    if (size > crashLogBytesMax) ftruncateSync(descriptor)
    return { descriptor, bytes: size > crashLogBytesMax ? 0 : size }
  } catch (error) {
    throw new EhubError('data-folder-unusable', `cannot write to the folder for logs "${dirname(path)}"`, {
      hint: 'Name another with XDG_STATE_HOME.',
      cause: error,
    })
  }
}

function late(timeoutMs: number): EhubError {
  return new EhubError('timeout', `the daemon was not ready within ${timeoutMs} ms`, {
    hint: 'Recovery after a crash may take longer: raise --timeout. "ehub daemon logs" says what it did.',
  })
}

const knownCodes: ReadonlySet<string> = new Set(errorCodes)

function startFailure({ code, message, hint }: Extract<ReadyMessage, { kind: 'failed' }>): EhubError {
  const known = knownCodes.has(code) ? (code as EhubErrorCode) : 'internal-error'
  return new EhubError(known, message, hint === null ? {} : { hint })
}

function endedEarly(code: number | null, signal: string | null, crashLog: string, before: number): EhubError {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`
  const last = readFileSync(crashLog).subarray(before).toString('utf8').trim().split('\n').slice(-5).join('\n')
  return new EhubError(
    'internal-error',
    `the daemon ended ${how} before it was ready${last === '' ? '' : `:\n${last}`}`,
  )
}
