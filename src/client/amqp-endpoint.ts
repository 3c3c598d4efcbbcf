// Where an AMQP namespace is and how to prove who we are: made from a connection string, or from what a local daemon says
// of itself. Values only.

import { isIP } from 'node:net'
import { EhubError } from '../base/error.ts'
import { type ConnectionString, parseConnectionString } from '../wire/connection-string.ts'

export type AmqpTransport = 'amqp' | 'ws'

export type AmqpCredentials =
  /** A rule's key, from which tokens are made and renewed. */
  | { readonly kind: 'key'; readonly ruleName: string; readonly key: string }
  /** A ready-made token, good until it expires. */
  | { readonly kind: 'token'; readonly token: string }
  | { readonly kind: 'none' }

export interface AmqpEndpoint {
  /** Without brackets. */
  readonly host: string
  readonly port: number
  readonly transport: AmqpTransport
  readonly isTls: boolean
  /** PEM of a certificate authority to trust beside the system's; null: none. */
  readonly certificateAuthority: string | null
  readonly credentials: AmqpCredentials
  /** How far its clock is known to be ahead of ours, milliseconds: tokens made for it expire by its time. */
  readonly clockAheadMs?: number
  /** For people: never holds a secret. */
  readonly label: string
}

export interface EndpointChoices {
  readonly transport: AmqpTransport
  readonly certificateAuthority: string | null
}

// Event Hubs: 5671 TLS, 5672 plain (emulator), 443 AMQP over WebSockets.
const defaultPorts = { amqp: 5672, amqps: 5671, ws: 80, wss: 443 } as const

/** Endpoint of a connection string, and the hub it names. @throws EhubError `argument-error`. */
export function endpointOfConnectionString(
  text: string,
  choices: EndpointChoices,
): { readonly endpoint: AmqpEndpoint; readonly hub: string | null } {
  const parsed = parseConnectionString(text)
  const isTls = !parsed.useDevelopmentEmulator
  const scheme = choices.transport === 'ws' ? (isTls ? 'wss' : 'ws') : isTls ? 'amqps' : 'amqp'
  const host = parsed.host.replace(/^\[|\]$/g, '')
  const port = parsed.port ?? defaultPorts[scheme]
  const endpoint: AmqpEndpoint = {
    host,
    port,
    isTls,
    transport: choices.transport,
    certificateAuthority: choices.certificateAuthority,
    credentials: credentialsOf(parsed),
    label: `${scheme}://${parsed.host}:${port}`,
  }
  return { endpoint, hub: parsed.entityPath }
}

function credentialsOf(parsed: ConnectionString): AmqpCredentials {
  if (parsed.sharedAccessSignature !== null) return { kind: 'token', token: parsed.sharedAccessSignature }
  if (parsed.sharedAccessKeyName !== null && parsed.sharedAccessKey !== null) {
    return { kind: 'key', ruleName: parsed.sharedAccessKeyName, key: parsed.sharedAccessKey }
  }
  throw new EhubError('argument-error', 'this connection string has no credentials')
}

/** Name for TLS's server name indication; none for an address (RFC 6066 §3). */
export function serverNameOf(endpoint: AmqpEndpoint): string | undefined {
  return isIP(endpoint.host) === 0 ? endpoint.host : undefined
}

/** URI that tokens are for: `sb://host/path`. */
export function audienceOf(endpoint: AmqpEndpoint, path: string): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  return `sb://${host}/${path}`
}
