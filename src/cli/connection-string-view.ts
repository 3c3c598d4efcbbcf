// Connection strings of a local daemon, as seen from here, from a container or from another machine.

import { networkInterfaces } from 'node:os'
import { EhubError } from '../base/error.ts'
import { type ConnectionString, formatConnectionString } from '../wire/connection-string.ts'
import type { RuleReply, StatusReply, StorageAccountReply } from '../wire/control/contract.ts'

export const audiences = ['host', 'docker', 'lan', 'blob'] as const
export type Audience = (typeof audiences)[number]

export interface ConnectionStringRequest {
  readonly status: StatusReply
  readonly rules: readonly RuleReply[]
  readonly ruleName: string
  readonly hub: string | null
  readonly audience: Exclude<Audience, 'blob'>
  readonly isTls: boolean
}

export interface ConnectionStringView {
  readonly text: string
  /** Why it may not work from there; null when nothing speaks against it. */
  readonly warning: string | null
}

const amqpPort = 5672
const amqpsPort = 5671

/** @throws EhubError `rule-not-found`, `not-allowed` when the daemon does not listen for what was asked. */
export function connectionStringFor(request: ConnectionStringRequest): ConnectionStringView {
  const { status, rules, ruleName, hub, audience, isTls } = request
  const rule = rules.find((candidate) => candidate.name.toLowerCase() === ruleName.toLowerCase())
  if (rule === undefined) {
    throw new EhubError('rule-not-found', `no rule "${ruleName}"`, {
      hint: `There are ${rules.map((candidate) => candidate.name).join(', ')}.`,
    })
  }
  const port = isTls ? status.ports.amqps : status.ports.amqp
  if (port === null) throw new EhubError('not-allowed', 'the daemon does not listen for AMQP over TLS')
  const usualPort = isTls ? amqpsPort : amqpPort
  const value: ConnectionString = {
    host: hostFor(audience, status.bind),
    port: port === usualPort ? null : port,
    sharedAccessKeyName: rule.name,
    sharedAccessKey: rule.primaryKey,
    sharedAccessSignature: null,
    entityPath: hub,
    useDevelopmentEmulator: !isTls,
  }
  const isReachable = audience === 'host' || !isLoopback(status.bind)
  return {
    text: formatConnectionString(value),
    warning: isReachable
      ? null
      : `the daemon listens on ${status.bind} only: start it with --bind 0.0.0.0 to be reached from there`,
  }
}

/**
 * Of the account in which processors keep checkpoints, for clients on this machine; in the path style every SDK takes.
 * @throws EhubError `not-allowed` when the daemon does not listen for it.
 */
export function blobConnectionString({ ports, bind }: StatusReply, { name, key }: StorageAccountReply): string {
  if (ports.blob === null) {
    throw new EhubError('not-allowed', 'the daemon does not listen for checkpoints in blobs', {
      hint: 'Its port was taken when the daemon started: see "ehub daemon status", move it with --blob-port.',
    })
  }
  const host = isAny(bind) || isLoopback(bind) ? (bind === '::1' ? '[::1]' : '127.0.0.1') : bracketed(bind)
  const endpoint = `http://${host}:${ports.blob}/${name}`
  return `DefaultEndpointsProtocol=http;AccountName=${name};AccountKey=${key};BlobEndpoint=${endpoint};`
}

function hostFor(audience: Exclude<Audience, 'blob'>, bind: string): string {
  if (audience === 'docker') return 'host.docker.internal'
  if (audience === 'lan') return isAny(bind) || isLoopback(bind) ? lanAddress() : bracketed(bind)
  return isAny(bind) || isLoopback(bind) ? 'localhost' : bracketed(bind)
}

function lanAddress(): string {
  for (const addresses of Object.values(networkInterfaces())) {
    const found = addresses?.find((address) => address.family === 'IPv4' && !address.internal)
    if (found !== undefined) return found.address
  }
  throw new EhubError('not-allowed', 'this machine has no address on a network')
}

function isAny(bind: string): boolean {
  return bind === '0.0.0.0' || bind === '::'
}

function isLoopback(bind: string): boolean {
  return bind.startsWith('127.') || bind === '::1'
}

function bracketed(bind: string): string {
  return bind.includes(':') ? `[${bind}]` : bind
}
