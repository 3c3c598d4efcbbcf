// The built executable as users run it: `ehub daemon start` on a folder of its own, with its own runtime folder, so that no
// other daemon of this user is met. Hubs are made over the control socket.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { SystemClock } from '../../../src/base/clock.ts'
import { ControlClient } from '../../../src/client/control-client.ts'
import { findDaemon } from '../../../src/client/discovery.ts'
import type { Ehub, StartEhub } from './ehub.ts'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** What users run, and the executable it starts. */
export const launcher = join(root, 'bin/ehub')
export const executable = join(root, 'build/ehub')

export function daemonExists(): boolean {
  return existsSync(executable)
}

/** Variables that keep a daemon and its commands inside `folder`. */
export function environmentIn(folder: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'],
    HOME: folder,
    EHUB_DATA_DIR: join(folder, 'data'),
    EHUB_RUNTIME_DIR: join(folder, 'run'),
    XDG_STATE_HOME: join(folder, 'state'),
  }
}

/** Any free port, so that daemons of the user are not met. */
export const startFlags = ['daemon', 'start', '--amqp-port', '0', '--tls', 'off', '--tier', 'unlimited']

/** Runs one command of ehub to its end; rejects with its stderr when it fails. */
export async function ehubCommand(folder: string, argv: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(launcher, argv, {
    env: environmentIn(folder),
    timeout: 120_000,
    maxBuffer: 64 * 1024 * 1024,
  })
  return stdout
}

export async function startDaemon({ folder, hubs }: StartEhub): Promise<Ehub> {
  await ehubCommand(folder, startFlags)
  const record = findDaemon({ env: environmentIn(folder), dataFolder: join(folder, 'data') })
  const control = new ControlClient({ socketPath: record.socketPath, clock: new SystemClock(), timeoutMs: 60_000 })
  for (const { name, partitionCount, durability, isCaptured = false } of hubs) {
    await control.call('createHub', { hub: name, partitionCount, durability })
    if (isCaptured)
      await control.call('enableCapture', { hub: name, intervalMs: 900_000, sizeBytes: 100 * 1024 * 1024 })
  }
  const { ports } = await control.call('status', {})
  const { rules } = await control.call('listRules', {})
  const rule = rules[0]
  if (ports.amqp === null || rule === undefined) throw new Error('the daemon has no AMQP port or no rule')
  const onExit = () => process.kill(record.pid, 'SIGKILL')
  process.once('exit', onExit)
  return {
    port: ports.amqp,
    user: rule.name,
    key: rule.primaryKey,
    pid: record.pid,
    stop: async () => {
      process.off('exit', onExit)
      await ehubCommand(folder, ['daemon', 'stop'])
    },
  }
}
