// Shared access signatures of the blob service, in the query of a request: of the account (`ss`, `srt`) and of a container or
// blob (`sr=c`, `sr=b`). Pure text and hashing. Source: "Create an account SAS", "Create a service SAS", versions 2018-11-09 and
// later, and the official SDKs' code. Stored access policies, directories, snapshots and user delegation are not known.

import { timingSafeEqual } from 'node:crypto'
import type { BlobRequest } from './request.ts'
import { hmacOf, type SigningAccount } from './shared-key.ts'

export interface BlobSas {
  /** Letters of what may be done: `racwdl…`. */
  readonly permissions: string
  /** Of an account's signature: letters of what it reaches, `s` the account, `c` containers, `o` blobs; null: of a service's. */
  readonly resourceTypes: string | null
  /** Of a service's signature: the blob alone, or every blob of the container. */
  readonly isOneBlob: boolean
  /** Unix milliseconds; null: at once. */
  readonly startsAtMs: number | null
  readonly expiresAtMs: number
  /** An address or two with a hyphen between them; empty: from everywhere. */
  readonly ipRange: string
  /** `https`, `https,http`, or empty for both. */
  readonly protocol: string
}

const versionMin = '2018-11-09'
const scopeVersion = '2020-12-06'

/**
 * What a request's signature allows, when this account's key made it for this container or blob. Its times, addresses and
 * permissions are still to be looked at.
 * @returns null when there is none, it is of a kind we do not know, or it is not this account's.
 */
export function verifyBlobSas(request: BlobRequest, account: SigningAccount): BlobSas | null {
  const { query } = request
  const value = (name: string) => query.get(name) ?? ''
  const version = value('sv')
  const expiresAtMs = timeOf(value('se'))
  const startsAtMs = value('st') === '' ? null : timeOf(value('st'))
  if (!/^\d{4}-\d{2}-\d{2}$/.test(version) || version < versionMin) return null
  if (!/^[A-Za-z0-9+/]{43}=$/.test(value('sig')) || Number.isNaN(expiresAtMs) || Number.isNaN(startsAtMs)) return null
  // A stored access policy or a delegated user: nothing here could look them up.
  if (['si', 'skoid', 'snapshot', 'versionid'].some((name) => query.has(name))) return null
  const text = query.has('srt') ? accountText(value, account.name) : serviceText(value, account.name, request)
  if (text === null) return null
  if (!timingSafeEqual(hmacOf(text, account.key), Buffer.from(value('sig'), 'base64'))) return null
  return {
    permissions: value('sp'),
    resourceTypes: query.has('srt') ? value('srt') : null,
    isOneBlob: value('sr') === 'b',
    startsAtMs,
    expiresAtMs,
    ipRange: value('sip'),
    protocol: value('spr'),
  }
}

type Value = (name: string) => string

function accountText(value: Value, account: string): string | null {
  if (!value('ss').includes('b')) return null
  const lines = ['sp', 'ss', 'srt', 'st', 'se', 'sip', 'spr', 'sv'].map(value)
  const scope = value('sv') >= scopeVersion ? [value('ses')] : []
  return [account, ...lines, ...scope, ''].join('\n')
}

function serviceText(value: Value, account: string, { container, blob }: BlobRequest): string | null {
  const kind = value('sr')
  if (container === null || (kind !== 'c' && (kind !== 'b' || blob === null))) return null
  const resource = `/blob/${account}/${container}${kind === 'b' ? `/${blob}` : ''}`
  const scope = value('sv') >= scopeVersion ? [value('ses')] : []
  return [
    value('sp'),
    value('st'),
    value('se'),
    resource,
    '',
    ...['sip', 'spr', 'sv', 'sr'].map(value),
    '',
    ...scope,
    ...['rscc', 'rscd', 'rsce', 'rscl', 'rsct'].map(value),
  ].join('\n')
}

// A day alone is its beginning, in UTC.
function timeOf(text: string): number {
  if (!/^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,7})?)?Z)?$/.test(text)) return Number.NaN
  return Date.parse(text.replace(/T(\d{2}:\d{2})Z$/, 'T$1:00Z'))
}
