// Ends a daemon and waits until it is gone.

import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import type { Environment } from '../base/machine.ts'
import type { ControlClient } from '../client/control-client.ts'
import { isRunning, isStillRecorded } from '../client/discovery.ts'
import type { DaemonRecord } from '../wire/control/places.ts'
import { pollUntil } from './poll.ts'

export interface StopOptions {
  readonly daemon: DaemonRecord
  readonly control: ControlClient
  readonly env: Environment
  readonly clock: Clock
  /** How long it waits for what is in flight. */
  readonly graceMs: number
  /** How long to wait for its end; null: as long as it may take. */
  readonly limitMs: number | null
}

/** A daemon is gone this long after its grace, whatever happens. */
const endingMsMax = 15_000
// It has given everything back by then; only its process has to end.
const leftoverMsMax = 1000

/** @throws EhubError `timeout` when it is not gone in time, `daemon-not-running`. */
export async function stopDaemon({ daemon, control, env, clock, graceMs, limitMs }: StopOptions): Promise<void> {
  const { pid } = daemon
  await control.call('shutdown', { graceMs })
  const waitMs = limitMs ?? graceMs + endingMsMax
  const isGone = await pollUntil(clock, () => !isRunning(pid) || !isStillRecorded(daemon, env), waitMs)
  if (!isGone) {
    throw new EhubError('timeout', `the daemon (pid ${pid}) was not gone within ${waitMs} ms`, {
      hint: `End it with: kill -9 ${pid} (nothing acknowledged is lost)`,
    })
  }
  await pollUntil(clock, () => !isRunning(pid), leftoverMsMax)
}
