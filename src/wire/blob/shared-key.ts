// Requests signed with the account's key: `Authorization: SharedKey <account>:<signature>`. Source: "Authorize with Shared Key",
// version 2015-02-21 and later, and the official SDKs' code. No key or signature ever appears in an error.

import { createHmac, timingSafeEqual } from 'node:crypto'
import type { BlobRequest } from './request.ts'

export interface SigningAccount {
  readonly name: string
  /** Base64. */
  readonly key: string
}

const signedHeaders = [
  'content-language',
  'content-encoding',
  'content-length',
  'content-md5',
  'content-type',
  'date',
  'if-modified-since',
  'if-match',
  'if-none-match',
  'if-unmodified-since',
  'range',
] as const

/** Whether the request's `Authorization` was made with the account's key; in constant time for signatures of one length. */
export function isSignedWithKey(request: BlobRequest, account: SigningAccount): boolean {
  const match = /^SharedKey ([^:\s]{1,64}):([A-Za-z0-9+/]{43}=)$/.exec(request.headers.get('authorization') ?? '')
  const [, name, text] = match ?? []
  if (name !== account.name || text === undefined) return false
  const signature = Buffer.from(text, 'base64')
  // The SDKs disagree on the order of header names; each is one order of the same headers, so both are safe to take.
  return [byCodeUnit, byLocale].some((order) =>
    timingSafeEqual(hmacOf(stringToSign(request, account.name, order), account.key), signature),
  )
}

/** HMAC-SHA256 with the bytes of a base64 key. */
export function hmacOf(text: string, key: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'base64')).update(text, 'utf8').digest()
}

type Order = (one: string, other: string) => number

/** What is signed, with the names of `x-ms-` headers in the given order. */
export function stringToSign(request: BlobRequest, account: string, order: Order = byCodeUnit): string {
  const { method, path, query, headers } = request
  const values = signedHeaders.map((name) => {
    const value = headers.get(name) ?? ''
    return name === 'content-length' && value === '0' ? '' : value
  })
  const own = [...headers]
    .filter(([name]) => name.startsWith('x-ms-'))
    .sort(([one], [other]) => order(one, other))
    .map(([name, value]) => `${name}:${value.replace(/\s+/g, ' ').trim()}\n`)
  const parameters = [...query]
    .sort(([one], [other]) => byCodeUnit(one, other))
    .map(([name, value]) => `\n${name}:${value}`)
  return `${[method, ...values].join('\n')}\n${own.join('')}/${account}${path}${parameters.join('')}`
}

function byCodeUnit(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0
}

// As the service's own language sorts: hyphens count only among equals, an underscore comes before digits. JavaScript does so.
function byLocale(one: string, other: string): number {
  const key = (name: string) => name.replaceAll('-', '').replaceAll('_', '\u0001')
  return byCodeUnit(key(one), key(other)) || byCodeUnit(one, other)
}
