// Connection strings: `Endpoint=sb://host[:port]/;SharedAccessKeyName=…;SharedAccessKey=…[;EntityPath=hub]…`, the keys the
// official SDKs know and no others. Strict: what we do not understand is an error, since a mistyped key otherwise shows up
// much later as a refused connection. No key or signature ever appears in an error.

import { EhubError } from '../base/error.ts'

export interface ConnectionString {
  /** Without port, as written; `[::1]` keeps its brackets. */
  readonly host: string
  /** null: the default of the transport. */
  readonly port: number | null
  readonly sharedAccessKeyName: string | null
  readonly sharedAccessKey: string | null
  /** A ready-made token, given instead of name and key. */
  readonly sharedAccessSignature: string | null
  /** The hub, when the string is for one. */
  readonly entityPath: string | null
  /** Plain TCP, port 5672 by default. */
  readonly useDevelopmentEmulator: boolean
}

const keys = [
  'Endpoint',
  'SharedAccessKeyName',
  'SharedAccessKey',
  'SharedAccessSignature',
  'EntityPath',
  'UseDevelopmentEmulator',
] as const
type Key = (typeof keys)[number]

const lengthMax = 8192
const endpointPattern = /^(?:sb|amqps?):\/\/(\[[0-9a-f:.]+\]|[a-z0-9](?:[a-z0-9._-]*[a-z0-9])?)(?::([0-9]{1,5}))?\/?$/i

/**
 * Keys in any order and case, values may contain `=`, one trailing `;` is fine.
 * @throws EhubError `argument-error` naming the key that is unknown, double, missing or wrong.
 */
export function parseConnectionString(text: string): ConnectionString {
  if (text.length > lengthMax) throw wrong(`it has ${text.length} characters, at most ${lengthMax} are allowed`)
  const values = new Map<Key, string>()
  for (const part of text.split(';')) {
    if (part.trim() === '') continue
    const equals = part.indexOf('=')
    if (equals < 0) throw wrong('it has a part without "="', 'parts look like Key=Value and are separated by ";"')
    const written = part.slice(0, equals).trim()
    const key = keys.find((candidate) => candidate.toLowerCase() === written.toLowerCase())
    if (key === undefined) throw wrong(`it has the unknown key ${JSON.stringify(written.slice(0, 40))}`, knownKeys)
    if (values.has(key)) throw wrong(`its key ${key} appears twice`)
    const value = part.slice(equals + 1).trim()
    if (value === '') throw wrong(`its key ${key} has no value`)
    values.set(key, value)
  }
  const endpoint = values.get('Endpoint')
  if (endpoint === undefined) throw wrong('it has no Endpoint', 'Endpoint=sb://<host>[:port]/ is always needed')
  return { ...parseEndpoint(endpoint), ...parseCredentials(values), ...parseRest(values) }
}

/** The canonical text, keys in the order the service's portal uses. */
export function formatConnectionString(value: ConnectionString): string {
  const parts = [`Endpoint=sb://${value.host}${value.port === null ? '' : `:${value.port}`}/`]
  const add = (key: Key, text: string | null) => {
    if (text !== null) parts.push(`${key}=${text}`)
  }
  add('SharedAccessKeyName', value.sharedAccessKeyName)
  add('SharedAccessKey', value.sharedAccessKey)
  add('SharedAccessSignature', value.sharedAccessSignature)
  // The JS SDK compares with the exact text `true`.
  if (value.useDevelopmentEmulator) parts.push('UseDevelopmentEmulator=true')
  add('EntityPath', value.entityPath)
  return parts.join(';')
}

const knownKeys = `the known keys are ${keys.join(', ')}`

function parseEndpoint(endpoint: string): { host: string; port: number | null } {
  const match = endpointPattern.exec(endpoint)
  const host = match?.[1]
  if (host === undefined) throw wrong('its Endpoint is not of the form sb://<host>[:port]/')
  const portText = match?.[2]
  if (portText === undefined) return { host, port: null }
  const port = Number(portText)
  if (port < 1 || port > 65535) throw wrong(`the port ${portText} of its Endpoint is not within 1 to 65,535`)
  return { host, port }
}

function parseCredentials(values: ReadonlyMap<Key, string>) {
  const sharedAccessKeyName = values.get('SharedAccessKeyName') ?? null
  const sharedAccessKey = values.get('SharedAccessKey') ?? null
  const sharedAccessSignature = values.get('SharedAccessSignature') ?? null
  if (sharedAccessSignature !== null && (sharedAccessKey !== null || sharedAccessKeyName !== null)) {
    throw wrong(
      'it has both a SharedAccessSignature and a SharedAccessKey or SharedAccessKeyName',
      'give one of the two',
    )
  }
  if (sharedAccessSignature === null && (sharedAccessKey === null || sharedAccessKeyName === null)) {
    throw wrong(
      `it has no ${sharedAccessKeyName === null ? 'SharedAccessKeyName' : 'SharedAccessKey'}`,
      'give SharedAccessKeyName and SharedAccessKey, or a SharedAccessSignature',
    )
  }
  return { sharedAccessKeyName, sharedAccessKey, sharedAccessSignature }
}

function parseRest(values: ReadonlyMap<Key, string>) {
  const emulator = (values.get('UseDevelopmentEmulator') ?? 'false').toLowerCase()
  if (emulator !== 'true' && emulator !== 'false') throw wrong('its UseDevelopmentEmulator is neither true nor false')
  return { entityPath: values.get('EntityPath') ?? null, useDevelopmentEmulator: emulator === 'true' }
}

function wrong(what: string, hint?: string): EhubError {
  return new EhubError('argument-error', `this is no connection string: ${what}`, hint === undefined ? {} : { hint })
}
