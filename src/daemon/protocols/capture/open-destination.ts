// From settings to the destination they name.

import { EhubError } from '../../../base/error.ts'
import type { CaptureSettings } from '../../broker/capture-settings.ts'
import type { Disk } from '../../storage/disk.ts'
import type { Destination } from './destination.ts'
import { parseDestination } from './destinations.ts'
import { DirDestination } from './dir-destination.ts'

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
}

/** @throws EhubError `argument-error` for what is no destination. */
export function openDestination(settings: CaptureSettings, parts: DestinationParts): Destination {
  const { kind, place } = parseDestination(settings.destination)
  switch (kind) {
    case 'dir': {
      const { disk, folder, path } = parts.openFolder(place)
      return new DirDestination(disk, folder, path)
    }
    case 'blob':
    case 's3':
      throw new EhubError('not-supported', `${kind} destinations`)
  }
}
