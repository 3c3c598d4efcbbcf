// Starts the daemon as a process of its own and waits until it says that it is ready. The same program, the same flags.

import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Clock, Timer } from '../base/clock.ts'
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
 * @throws EhubError what the daemon failed with, `timeout`, or `internal-error` with the end of what it wrote.
 */
export async function spawnDaemon({ argv, folder, crashLog, clock, timeoutMs }: SpawnOptions): Promise<StatusReply> {
  mkdirSync(dirname(crashLog), { recursive: true, mode: 0o700 })
  const output = openSync(crashLog, 'w', 0o600)
  const [command = process.execPath, ...words] = selfCommand()
  const child = spawn(command, [...words, 'daemon', 'run', '--background', ...argv], {
    cwd: folder,
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
  })
  closeSync(output)
  let deadline: Timer | null = null
  try {
    return await new Promise<StatusReply>((resolve, reject) => {
      child.on('error', (error) =>
        reject(new EhubError('internal-error', 'the daemon could not be started', { cause: error })),
      )
      child.on('exit', (code, signal) => reject(endedEarly(code, signal, crashLog)))
      child.on('message', (message: ReadyMessage) => {
        if (message.kind === 'ready') resolve(message.status)
        else reject(startFailure(message))
      })
      deadline = clock.schedule(timeoutMs, () => {
        child.kill('SIGTERM')
        reject(
          new EhubError('timeout', `the daemon was not ready within ${timeoutMs} ms`, {
            hint: 'Recovery after a crash may take longer: raise --timeout. "ehub daemon logs" says what it did.',
          }),
        )
      })
    })
  } finally {
    // The timer's type is lost across the closure.
    ;(deadline as Timer | null)?.cancel()
    child.removeAllListeners()
    if (child.connected) child.disconnect()
    child.unref()
  }
}

const knownCodes: ReadonlySet<string> = new Set(errorCodes)

function startFailure({ code, message, hint }: Extract<ReadyMessage, { kind: 'failed' }>): EhubError {
  const known = knownCodes.has(code) ? (code as EhubErrorCode) : 'internal-error'
  return new EhubError(known, message, hint === null ? {} : { hint })
}

function endedEarly(code: number | null, signal: string | null, crashLog: string): EhubError {
  const how = signal === null ? `with exit code ${code}` : `by ${signal}`
  const last = readFileSync(crashLog, 'utf8').trim().split('\n').slice(-5).join('\n')
  return new EhubError(
    'internal-error',
    `the daemon ended ${how} before it was ready${last === '' ? '' : `:\n${last}`}`,
  )
}
