// Capture put together: its writer on the broker, its folders below the data folder, its secrets from where they are.

import { existsSync } from 'node:fs'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { EhubError } from '../base/error.ts'
import type { Clock } from '../base/clock.ts'
import type { Log } from '../base/log.ts'
import type { BlobAccount } from '../wire/blob/account-string.ts'
import type { Broker } from './broker/broker-api.ts'
import { CaptureService } from './protocols/capture/capture-service.ts'
import { openDestination, type OpenFolder } from './protocols/capture/open-destination.ts'
import { readSecret } from './secrets.ts'
import { NodeDisk } from './storage/node-disk.ts'

export interface CaptureParts {
  readonly broker: Broker
  /** null: nothing is kept. */
  readonly dataFolder: string | null
  readonly env: Readonly<Record<string, string | undefined>>
  /** The daemon's own blob endpoint, null while it does not listen. */
  readonly blobOrigin: () => string | null
  /** What windows go by. */
  readonly clock: Clock
  /** What signatures, looks and retries go by. */
  readonly machineClock: Clock
  readonly log: Log
  readonly onBug: (error: unknown) => void
}

export function openCapture({
  broker,
  dataFolder,
  env,
  blobOrigin,
  clock,
  machineClock,
  log,
  onBug,
}: CaptureParts): CaptureService {
  const openFolder = (place: string): OpenFolder => {
    if (isAbsolute(place)) return folderBelow(existingAbove(resolve(place)), resolve(place))
    if (dataFolder !== null) return folderBelow(dataFolder, join(dataFolder, place))
    throw new EhubError('argument-error', `"dir:${place}" is below the data folder, and this daemon has none`, {
      hint: 'name a folder by its whole path: dir:/…',
    })
  }
  const ownAccount = (): BlobAccount => {
    const origin = blobOrigin()
    const { account } = broker.blobs
    if (origin !== null) return { endpoint: `${origin}/${account.name}`, credentials: { kind: 'key', account } }
    throw new EhubError('argument-error', 'this daemon has no blob endpoint to capture to', {
      hint: 'start it with --blob-port',
    })
  }
  return new CaptureService({
    captures: broker.captures,
    openDestination: (settings) =>
      openDestination(settings, {
        openFolder,
        readSecret: (reference) => readSecret(reference, env),
        ownAccount,
        clock: machineClock,
      }),
    clock,
    machineClock,
    log,
    onBug,
  })
}

/** Folders that Capture makes are made durable by it: it is given one that is there already. */
function existingAbove(path: string): string {
  const parent = dirname(path)
  return parent === path || existsSync(parent) ? parent : existingAbove(parent)
}

function folderBelow(root: string, path: string): OpenFolder {
  return { disk: new NodeDisk(root), folder: relative(root, path).replaceAll('\\', '/'), path }
}
