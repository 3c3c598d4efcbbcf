// Texts that name destinations, and what opens them:
//
//   dir:PATH                                      a folder; a relative path is below the data folder
//   blob:CONTAINER                                container of the storage account of the credentials
//   s3:BUCKET[/PREFIX][?region=R&endpoint=URL]    bucket; endpoint for anything but Amazon's own
//
// Credentials are references, never secrets: `env:NAME` is a variable of the daemon, `file:PATH` a file only its owner may read,
// `own` the daemon's own blob endpoint, `none` nothing. They are looked up when a destination is opened.

import { EhubError } from '../../../base/error.ts'
import type { CaptureSettings } from '../../broker/capture-settings.ts'

export type DestinationKind = 'dir' | 'blob' | 's3'

export interface DestinationName {
  readonly kind: DestinationKind
  /** Path, container or bucket with what follows. */
  readonly place: string
}

/** @throws EhubError `argument-error` naming the text. */
export function parseDestination(text: string): DestinationName {
  const colon = text.indexOf(':')
  const kind = text.slice(0, Math.max(0, colon))
  const place = text.slice(colon + 1)
  if ((kind === 'dir' || kind === 'blob' || kind === 's3') && place !== '') return { kind, place }
  throw new EhubError('argument-error', `"${text}" is no Capture destination`, {
    hint: 'write dir:PATH, blob:CONTAINER or s3:BUCKET/PREFIX?region=R&endpoint=URL',
  })
}

const credentialsDefaults = { dir: 'none', blob: 'env:AZURE_STORAGE_CONNECTION_STRING', s3: 'env:AWS' } as const

/** What is not said: a folder beside the data, and the variables everybody uses. */
export function destinationOrDefault(
  destination: string | undefined,
  credentials: string | undefined,
): Pick<CaptureSettings, 'destination' | 'credentials'> {
  const text = destination ?? 'dir:capture'
  const { kind } = parseDestination(text)
  return { destination: text, credentials: credentials ?? credentialsDefaults[kind] }
}
