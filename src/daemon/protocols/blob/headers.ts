// What headers of a request say: conditions, metadata, a range.

import type { BlobMetadata } from '../../../wire/checkpoint-blobs.ts'
import type { BlobConditions } from '../../broker/blobs-api.ts'
import { BlobRefusal } from './refusals.ts'

type Headers = ReadonlyMap<string, string>

/** @throws BlobRefusal `InvalidHeaderValue` for a date that is none. */
export function readConditions(headers: Headers): BlobConditions {
  const ifMatch = etags(headers.get('if-match'))
  const ifNoneMatch = etags(headers.get('if-none-match'))
  const modified = date(headers, 'if-modified-since')
  const unmodified = date(headers, 'if-unmodified-since')
  return {
    ...(ifMatch === undefined ? {} : { ifMatch }),
    ...(ifNoneMatch === undefined ? {} : { ifNoneMatch }),
    ...(modified === undefined ? {} : { ifModifiedSinceMs: modified }),
    ...(unmodified === undefined ? {} : { ifUnmodifiedSinceMs: unmodified }),
  }
}

const metadataPrefix = 'x-ms-meta-'

/** Names in lower case, as the SDKs that read them compare them. */
export function readMetadata(headers: Headers): BlobMetadata {
  return Object.fromEntries(
    [...headers]
      .filter(([name]) => name.startsWith(metadataPrefix))
      .map(([name, value]) => [name.slice(metadataPrefix.length), value]),
  )
}

/**
 * The bytes asked for, both ends inclusive; null: all.
 * @throws BlobRefusal `InvalidRange` when it begins behind the content.
 */
export function readRange(
  headers: Headers,
  contentBytes: number,
): { readonly first: number; readonly last: number } | null {
  const text = headers.get('x-ms-range') ?? headers.get('range')
  const match = text === undefined ? null : /^bytes=(\d{1,15})-(\d{1,15})?$/.exec(text.trim())
  // RFC 9110 §14.2: what is no range of ours is as if it were not there.
  if (match === null) return null
  const first = Number(match[1])
  const last = Math.min(match[2] === undefined ? Number.MAX_SAFE_INTEGER : Number(match[2]), contentBytes - 1)
  if (first > last) throw new BlobRefusal(416, 'InvalidRange', `the blob has ${contentBytes} bytes`)
  return { first, last }
}

// Some SDKs send back the etag of a listing, which has no quotation marks.
function etags(text: string | undefined): '*' | readonly string[] | undefined {
  if (text === undefined) return undefined
  if (text.trim() === '*') return '*'
  return text.split(',').map((part) => part.trim().replace(/^"(.*)"$/, '$1'))
}

function date(headers: Headers, name: string): number | undefined {
  const text = headers.get(name)
  if (text === undefined) return undefined
  const ms = Date.parse(text)
  if (Number.isNaN(ms)) throw new BlobRefusal(400, 'InvalidHeaderValue', `"${name}" is no date`)
  return ms
}
