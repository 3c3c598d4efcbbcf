// Shared access signatures: `SharedAccessSignature sr=…&sig=…&se=…&skn=…`. Pure text and hashing; which rule may sign what,
// and for how long, is the broker's business. Source: docs of SAS for Event Hubs and the official SDKs' code.
// No token, key or signature ever appears in an error.

import { createHmac, timingSafeEqual } from 'node:crypto'
import { EhubError } from '../base/error.ts'

export interface SasToken {
  /** `sr` exactly as transmitted, still percent-encoded: the signature is over this text. */
  readonly resource: string
  /** Path of the entity the token is for: decoded, lower-case, without slashes at the ends; empty: the namespace. */
  readonly resourcePath: string
  /** 32 bytes. */
  readonly signature: Buffer
  /** Digits of `se` as transmitted: part of what is signed. */
  readonly expiry: string
  readonly expiresAtSeconds: number
  readonly ruleName: string
}

/** Longer than any token for a 256-character hub and a 50-character group, all percent-encoded twice over. */
export const sasTokenLengthMax = 4096

const scheme = 'SharedAccessSignature '
const fieldNames = ['sr', 'sig', 'se', 'skn'] as const
type FieldName = (typeof fieldNames)[number]

/**
 * Splits a token; fields may come in any order, each exactly once, no others.
 * @throws EhubError `argument-error` when the text is no such token; the message names the field, never its value.
 */
export function parseSasToken(text: string): SasToken {
  if (text.length > sasTokenLengthMax) {
    throw malformed(`it has ${text.length} characters, at most ${sasTokenLengthMax} are allowed`)
  }
  if (!text.startsWith(scheme)) throw malformed(`it does not begin with "${scheme}"`)
  const fields = new Map<FieldName, string>()
  for (const part of text.slice(scheme.length).split('&')) {
    const equals = part.indexOf('=')
    const name = fieldNames.find((candidate) => equals > 0 && candidate === part.slice(0, equals))
    if (name === undefined) throw malformed(`it has a field other than ${fieldNames.join(', ')}`)
    if (fields.has(name)) throw malformed(`its field "${name}" appears twice`)
    fields.set(name, part.slice(equals + 1))
  }
  const field = (name: FieldName): string => {
    const value = fields.get(name)
    if (value === undefined || value === '') throw malformed(`its field "${name}" is missing or empty`)
    return value
  }
  const resource = field('sr')
  const expiry = field('se')
  // 12 digits reach the year 33,658.
  if (!/^[0-9]{1,12}$/.test(expiry)) throw malformed('its field "se" is not a number of seconds')
  const signatureText = decodePercent(field('sig'))
  if (signatureText === null || !/^[A-Za-z0-9+/]{43}=$/.test(signatureText)) {
    throw malformed('its field "sig" is not the base64 text of 32 bytes')
  }
  const ruleName = decodePercent(field('skn'))
  if (ruleName === null) throw malformed('its field "skn" is not percent-encoded text')
  const uri = decodePercent(resource)
  const resourcePath = uri === null ? null : entityPathOfUri(uri)
  if (resourcePath === null) throw malformed('its field "sr" is not the URI of an entity')
  return {
    resource,
    resourcePath,
    signature: Buffer.from(signatureText, 'base64'),
    expiry,
    expiresAtSeconds: Number(expiry),
    ruleName,
  }
}

/** Whether `key` signed the token: HMAC-SHA256 keyed with the UTF-8 bytes of the key's text, in constant time. */
export function verifySasSignature(token: SasToken, key: string): boolean {
  return timingSafeEqual(sign(token.resource, token.expiry, key), token.signature)
}

export interface SasTokenInput {
  /** URI of the entity, not encoded, e.g. `sb://localhost/orders`. */
  readonly resource: string
  readonly ruleName: string
  readonly key: string
  /** Unix seconds. */
  readonly expiresAtSeconds: number
}

/** A token as the official SDKs make it. */
export function makeSasToken({ resource, ruleName, key, expiresAtSeconds }: SasTokenInput): string {
  const encoded = encodeURIComponent(resource)
  const signature = encodeURIComponent(sign(encoded, `${expiresAtSeconds}`, key).toString('base64'))
  return `${scheme}sr=${encoded}&sig=${signature}&se=${expiresAtSeconds}&skn=${encodeURIComponent(ruleName)}`
}

/**
 * Entity path of a resource URI: without scheme, host and port, lower-case, no slashes at the ends; `''` is the namespace.
 * A text without a scheme is a host followed by a path when its first segment looks like a host (a dot, a colon, `localhost`),
 * else a path: so a bare `orders` never widens to the whole namespace. Already percent-decoded.
 * @returns null for what no entity can be called: empty, `.` or `..` segments, backslashes, control characters.
 */
export function entityPathOfUri(uri: string): string | null {
  const text = uri.toLowerCase()
  const withoutScheme = /^[a-z][a-z0-9+.-]*:\/\//.exec(text)
  let path = text
  if (withoutScheme !== null) {
    const afterScheme = text.slice(withoutScheme[0].length)
    const slash = afterScheme.indexOf('/')
    if (slash === 0 || afterScheme === '') return null
    path = slash < 0 ? '' : afterScheme.slice(slash)
  } else if (!text.startsWith('/')) {
    const slash = text.indexOf('/')
    const first = slash < 0 ? text : text.slice(0, slash)
    if (first === 'localhost' || /[.:]/.test(first)) path = slash < 0 ? '' : text.slice(slash)
  }
  if (path.startsWith('/')) path = path.slice(1)
  if (path.endsWith('/')) path = path.slice(0, -1)
  if (path === '') return ''
  // oxlint-disable-next-line no-control-regex -- refusing them is the point
  if (/[\u0000-\u001f\u007f\\?#]/.test(path)) return null
  for (const segment of path.split('/')) {
    if (segment === '' || segment === '.' || segment === '..') return null
  }
  return path
}

/** Whether an entity path lies at or below `scope`, compared by whole segments: `hub1` does not cover `hub10`. */
export function coversEntityPath(scope: string, path: string): boolean {
  return scope === '' || path === scope || (path.startsWith(scope) && path[scope.length] === '/')
}

function sign(resource: string, expiry: string, key: string): Buffer {
  return createHmac('sha256', Buffer.from(key, 'utf8')).update(`${resource}\n${expiry}`, 'utf8').digest()
}

function decodePercent(text: string): string | null {
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return null
    throw error
  }
}

function malformed(what: string): EhubError {
  return new EhubError('argument-error', `malformed shared access signature: ${what}`)
}
