// Opens the byte stream under an AMQP connection: TCP, TLS or a WebSocket, as one kind of duplex stream. Resolves once
// bytes can be written; from then on the owner listens to `error` and `close`.

import { connect as connectTcp } from 'node:net'
import type { Duplex } from 'node:stream'
import { connect as connectTls, rootCertificates } from 'node:tls'
import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'
import { webSocketPath, webSocketSubprotocol } from '../wire/amqp/names.ts'
import { type AmqpEndpoint, serverNameOf } from './amqp-endpoint.ts'

export interface DialOptions {
  readonly clock: Clock
  /** Longest wait for TCP, TLS and the WebSocket handshake together. */
  readonly timeoutMs: number
  readonly signal?: AbortSignal
}

/** @throws EhubError `connect-failed`, `tls-failed`, `timeout`; the signal's reason when aborted. */
export async function dial(endpoint: AmqpEndpoint, options: DialOptions): Promise<Duplex> {
  const { clock, timeoutMs, signal } = options
  signal?.throwIfAborted()
  const { stream, readyEvent } = await start(endpoint)
  return new Promise((resolve, reject) => {
    const settle = (finish: () => void) => {
      deadline.cancel()
      signal?.removeEventListener('abort', onAbort)
      stream.off(readyEvent, onReady)
      stream.off('error', onError)
      finish()
    }
    const fail = (error: unknown) => {
      settle(() => {
        // An error after the failure we report is of no interest, but must find a listener.
        stream.on('error', () => undefined)
        stream.destroy()
        reject(error)
      })
    }
    const onReady = () => settle(() => resolve(stream))
    const onError = (error: Error) => fail(dialError(error, endpoint))
    const onAbort = () => fail(signal?.reason)
    const deadline = clock.schedule(timeoutMs, () => {
      fail(new EhubError('connect-failed', `no connection to ${endpoint.label} within ${timeoutMs} ms`, { hint }))
    })
    stream.on(readyEvent, onReady)
    stream.on('error', onError)
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}

const hint = 'check host, port and firewall; port 443 with --transport ws passes most of them'

interface Started {
  readonly stream: Duplex
  readonly readyEvent: string
}

async function start(endpoint: AmqpEndpoint): Promise<Started> {
  if (endpoint.transport === 'ws') return startWebSocket(endpoint)
  const { host, port } = endpoint
  if (!endpoint.isTls) {
    const stream = connectTcp({ host, port, noDelay: true })
    return { stream, readyEvent: 'connect' }
  }
  const stream = connectTls({ host, port, ...tlsOptions(endpoint) })
  stream.setNoDelay(true)
  return { stream, readyEvent: 'secureConnect' }
}

async function startWebSocket(endpoint: AmqpEndpoint): Promise<Started> {
  const { WebSocket, createWebSocketStream } = await import('ws')
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host
  const url = `${endpoint.isTls ? 'wss' : 'ws'}://${host}:${endpoint.port}${webSocketPath}`
  const socket = new WebSocket(url, [webSocketSubprotocol], {
    perMessageDeflate: false,
    ...(endpoint.isTls ? tlsOptions(endpoint) : {}),
  })
  const stream = createWebSocketStream(socket)
  socket.once('open', () => stream.emit('ready'))
  return { stream, readyEvent: 'ready' }
}

function tlsOptions(endpoint: AmqpEndpoint) {
  const servername = serverNameOf(endpoint)
  const { certificateAuthority } = endpoint
  return {
    ...(servername === undefined ? {} : { servername }),
    // Giving `ca` replaces the list, so the usual ones go with it.
    ...(certificateAuthority === null ? {} : { ca: [...rootCertificates, certificateAuthority] }),
  }
}

const unreachable: ReadonlySet<unknown> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ETIMEDOUT',
  'EPIPE',
])

/** What went wrong before the first byte, as an error of ours. */
export function dialError(error: Error, endpoint: AmqpEndpoint): EhubError {
  const code = 'code' in error ? error.code : undefined
  // Several addresses tried: Node reports them in one error without a message of its own.
  const message = error instanceof AggregateError ? error.errors.map(String).join('; ') : error.message
  if (endpoint.isTls && !unreachable.has(code)) {
    return new EhubError('tls-failed', `no trusted TLS connection to ${endpoint.label}: ${message}`, {
      cause: error,
      hint: 'a daemon of ours signs with its own authority: give its file with --ca-file, or NODE_EXTRA_CA_CERTS',
    })
  }
  return new EhubError('connect-failed', `cannot connect to ${endpoint.label}: ${message}`, { cause: error, hint })
}
