// Where the daemon says a hub is captured to, as a source to read from. Credentials are references to the daemon's variables and
// files; here the same variables of this process count.

import { isAbsolute, join } from 'node:path'
import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { accountOfConnectionString, blobSource } from '../client/capture/blob-source.ts'
import { type CaptureSource, openCaptureSource } from '../client/capture/capture-source.ts'
import type { ControlClient } from '../client/control-client.ts'
import { blobConnectionString } from './connection-string-view.ts'

export interface CapturedFiles {
  readonly source: CaptureSource
  readonly nameFormat: string
}

/** @throws EhubError `hub-not-found`, `file-not-found` when the hub is not captured. */
export async function capturedFiles(
  control: ControlClient,
  hub: string,
  env: Readonly<Record<string, string | undefined>>,
  clock: Clock,
): Promise<CapturedFiles> {
  const { capture } = await control.call('describeCapture', { hub })
  if (capture === null) {
    throw new EhubError('file-not-found', `hub "${hub}" was never captured`, {
      hint: `switch it on with: ehub capture ${hub} --enable; or export what is there with --out DIR`,
    })
  }
  const { destination, credentials, nameFormat } = capture
  if (destination.startsWith('dir:')) {
    const path = destination.slice('dir:'.length)
    const { dataFolder } = await control.call('status', {})
    const folder = isAbsolute(path) || dataFolder === null ? path : join(dataFolder, path)
    return { source: await openCaptureSource(folder, env, clock), nameFormat }
  }
  if (destination.startsWith('blob:') && credentials === 'own') {
    const [account, status] = await Promise.all([control.call('storageAccount', {}), control.call('status', {})])
    const own = accountOfConnectionString(blobConnectionString(status, account))
    return { source: blobSource(own, destination.slice('blob:'.length), clock), nameFormat }
  }
  const variable = /^env:(\w+)$/.exec(credentials)?.[1]
  const given =
    variable === undefined || destination.startsWith('s3:') ? {} : { AZURE_STORAGE_CONNECTION_STRING: env[variable] }
  return { source: await openCaptureSource(destination, { ...env, ...given }, clock), nameFormat }
}
