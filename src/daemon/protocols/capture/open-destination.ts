// From settings to the destination they name.

import type { Clock } from '../../../base/clock.ts'
import { EhubError } from '../../../base/error.ts'
import { type BlobAccount, parseAccountString } from '../../../wire/blob/account-string.ts'
import type { CaptureSettings } from '../../broker/capture-settings.ts'
import type { Disk } from '../../storage/disk.ts'
import { BlobDestination } from './blob-destination.ts'
import type { Destination } from './destination.ts'
import { parseDestination } from './destinations.ts'
import { DirDestination } from './dir-destination.ts'
import { parseS3Place, readS3Credentials, S3Destination, type S3Credentials } from './s3-destination.ts'

export interface OpenFolder {
  /** Its root exists and is durable. */
  readonly disk: Disk
  /** Below the root. */
  readonly folder: string
  /** The whole path. */
  readonly path: string
}

export interface DestinationParts {
  /** Opens the folder of a `dir:` text; relative ones are below the data folder. @throws EhubError `argument-error`. */
  readonly openFolder: (path: string) => OpenFolder
  /** The text of `env:NAME` or `file:PATH`. @throws EhubError `argument-error`. */
  readonly readSecret: (reference: string) => string
  /** The account of the daemon's own blob endpoint. @throws EhubError `argument-error` when it does not listen. */
  readonly ownAccount: () => BlobAccount
  readonly clock: Clock
}

/** @throws EhubError `argument-error` for what is no destination, or has credentials of another kind. */
export function openDestination({ destination, credentials }: CaptureSettings, parts: DestinationParts): Destination {
  const { kind, place } = parseDestination(destination)
  const { clock, readSecret, ownAccount } = parts
  switch (kind) {
    case 'dir': {
      if (credentials !== 'none') throw wrong(credentials, 'a folder needs none')
      const { disk, folder, path } = parts.openFolder(place)
      return new DirDestination(disk, folder, path)
    }
    case 'blob': {
      if (!/^[a-z0-9]+(?:-[a-z0-9]+)*$/.test(place) || place.length < 3 || place.length > 63) {
        throw new EhubError('argument-error', `"${place}" cannot be the name of a container`)
      }
      if (credentials !== 'own') checkReference(credentials)
      const account = () => (credentials === 'own' ? ownAccount() : parseAccountString(readSecret(credentials)))
      return new BlobDestination({ container: place, account, clock })
    }
    case 's3': {
      if (credentials !== 'env:AWS') checkReference(credentials)
      return new S3Destination({
        place: parseS3Place(place),
        credentials: () => s3Credentials(credentials, readSecret),
        clock,
      })
    }
  }
}

function s3Credentials(reference: string, readSecret: (reference: string) => string): S3Credentials {
  if (reference === 'env:AWS') return readS3Credentials((name) => optional(() => readSecret(`env:${name}`)))
  const values = new Map(
    readSecret(reference)
      .split('\n')
      .map((line): [string, string] => [line.split('=', 1)[0]?.trim() ?? '', line.slice(line.indexOf('=') + 1).trim()]),
  )
  return readS3Credentials((name) => values.get(name))
}

/** undefined when it is not set. */
function optional(read: () => string): string | undefined {
  try {
    return read()
  } catch (error) {
    if (error instanceof EhubError) return undefined
    throw error
  }
}

function checkReference(credentials: string): void {
  if (!/^(?:env|file):./.test(credentials)) throw wrong(credentials, 'write env:NAME or file:PATH')
}

function wrong(credentials: string, hint: string): EhubError {
  return new EhubError('argument-error', `"${credentials}" are no credentials for this destination`, { hint })
}
