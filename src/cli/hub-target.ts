// Which hub of which namespace a data command means, and how to get there: a connection string from a flag or the
// environment, else the local daemon.

import { readFileSync } from 'node:fs'
import { EhubError } from '../base/error.ts'
import { type AmqpEndpoint, type AmqpTransport, endpointOfConnectionString } from '../client/amqp-endpoint.ts'
import type { ControlClient } from '../client/control-client.ts'
import { checkEntityName } from '../wire/entity-names.ts'
import type { RuleReply, StatusReply } from '../wire/control/contract.ts'

export interface NamespaceTarget {
  /** null: none was named. */
  readonly hub: string | null
  /** Asked for each connection: a restarted daemon may listen elsewhere. */
  readonly findEndpoint: () => Promise<AmqpEndpoint>
  /** The local daemon's control API; null for a namespace elsewhere. */
  readonly control: ControlClient | null
}

export interface HubTarget extends NamespaceTarget {
  readonly hub: string
}

export interface TargetRequest {
  /** The argument; undefined when it was left out. */
  readonly hub: string | undefined
  /** `--connection-string`: the string, `@FILE` or `-`. */
  readonly connectionString: string | undefined
  /** `--data-dir` was given: the local daemon is meant, whatever the environment says. */
  readonly isLocalAsked: boolean
  readonly caFile: string | undefined
  readonly transport: AmqpTransport
  readonly env: Readonly<Record<string, string | undefined>>
  /** @throws EhubError `daemon-not-running`. */
  readonly findControl: () => ControlClient
  readonly warn: (text: string) => void
}

// In this order; the second is the SDK samples', the others are common variants.
const environmentNames = ['EHUB_CONNECTION_STRING', 'EVENTHUB_CONNECTION_STRING', 'EVENT_HUB_CONNECTION_STRING']

/** @throws EhubError `usage`, `argument-error`, `file-not-found`, `daemon-not-running`. */
export function resolveHubTarget(request: TargetRequest): HubTarget {
  const target = resolveNamespaceTarget(request)
  return { ...target, hub: hubName(target.hub) }
}

/** The same where a hub need not be named. */
export function resolveNamespaceTarget(request: TargetRequest): NamespaceTarget {
  const text = connectionStringOf(request)
  if (text === null) return localTarget(request)
  const { endpoint, hub: named } = endpointOfConnectionString(text, {
    transport: request.transport,
    certificateAuthority: request.caFile === undefined ? null : readText(request.caFile),
  })
  if (request.hub !== undefined && named !== null && request.hub.toLowerCase() !== named.toLowerCase()) {
    throw new EhubError('usage', `hub "${request.hub}" was given, the connection string is for "${named}"`)
  }
  const hub = request.hub ?? named
  const needsLocalAuthority = endpoint.isTls && endpoint.certificateAuthority === null && isLoopback(endpoint.host)
  const findEndpoint = async () => (needsLocalAuthority ? await withLocalAuthority(endpoint, request) : endpoint)
  return { hub, findEndpoint, control: null }
}

function connectionStringOf({ connectionString, isLocalAsked, env, warn }: TargetRequest): string | null {
  if (connectionString === '-') return readText(0)
  if (connectionString?.startsWith('@')) return readText(connectionString.slice(1))
  if (connectionString !== undefined) {
    if (/SharedAccess(Key|Signature)=/i.test(connectionString)) {
      warn('a key in an argument shows up in `ps` and in the shell history: give @FILE, or - to read it from stdin')
    }
    return connectionString
  }
  if (isLocalAsked) return null
  for (const name of environmentNames) {
    const value = (env[name] ?? '').trim()
    if (value !== '') return value
  }
  return null
}

function localTarget(request: TargetRequest): NamespaceTarget {
  const hub = request.hub ?? null
  const control = request.findControl()
  const findEndpoint = async () => {
    const [status, { rules }] = await Promise.all([
      request.findControl().call('status', {}),
      request.findControl().call('listRules', {}),
    ])
    return localEndpoint(status, rules, request.transport)
  }
  return { hub, findEndpoint, control }
}

/** How to reach a daemon on this machine by what it says of itself. @throws EhubError `not-allowed`, `rule-not-found`. */
export function localEndpoint(
  status: StatusReply,
  rules: readonly RuleReply[],
  transport: AmqpTransport,
): AmqpEndpoint {
  const rule =
    rules.find(({ rights }) => rights.includes('manage')) ??
    rules.find(({ rights }) => rights.includes('send') && rights.includes('listen'))
  if (rule === undefined) throw new EhubError('rule-not-found', 'the daemon has no rule that may send and listen')
  const { amqp, amqps, https } = status.ports
  const port = transport === 'ws' ? https : (amqp ?? amqps)
  if (port === null) {
    throw new EhubError('not-allowed', `the daemon does not listen for ${transport === 'ws' ? 'WebSockets' : 'AMQP'}`)
  }
  const isTls = transport === 'ws' || amqp === null
  const host = hostOf(status.bind)
  return {
    host,
    port,
    transport,
    isTls,
    certificateAuthority: isTls && status.caFile !== null ? readText(status.caFile) : null,
    credentials: { kind: 'key', ruleName: rule.name, key: rule.primaryKey },
    clockAheadMs: status.clockAheadMs,
    label: `the daemon at ${host}:${port}`,
  }
}

/** A local daemon signs with its own authority; its connection string cannot carry it, but the daemon can be asked. */
async function withLocalAuthority(endpoint: AmqpEndpoint, { findControl }: TargetRequest): Promise<AmqpEndpoint> {
  try {
    const { caFile } = await findControl().call('status', {})
    return caFile === null ? endpoint : { ...endpoint, certificateAuthority: readText(caFile) }
  } catch (error) {
    if (error instanceof EhubError && error.code === 'daemon-not-running') return endpoint
    throw error
  }
}

function hubName(hub: string | null): string {
  if (hub === null) {
    throw new EhubError('usage', 'no hub given', { hint: 'name it, or use a connection string with EntityPath' })
  }
  checkEntityName('hub', hub)
  return hub
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

function hostOf(bind: string): string {
  if (bind === '0.0.0.0') return '127.0.0.1'
  return bind === '::' ? '::1' : bind
}

/** @param file Path, or 0 for stdin. */
function readText(file: string | number): string {
  try {
    return readFileSync(file, 'utf8').trim()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new EhubError('file-not-found', `cannot read ${file === 0 ? 'stdin' : `"${file}"`}: ${reason}`, {
      cause: error,
    })
  }
}
