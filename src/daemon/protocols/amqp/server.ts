// The AMQP server: takes sockets, handed in or listened for, and WebSockets, and makes connections of them. Bounds how many
// there are, above all of those that have not opened yet. Owns what connections share.

import { createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import type { Server as HttpServer } from 'node:http'
import type { Duplex } from 'node:stream'
import { createServer as createTlsServer, type TlsOptions } from 'node:tls'
import { ByteWriter } from '../../../base/byte-writer.ts'
import type { Clock } from '../../../base/clock.ts'
import { delay } from '../../../base/clock.ts'
import { EhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import type { Random } from '../../../base/random.ts'
import type { Broker } from '../../broker/broker-api.ts'
import { Connection, type ConnectionOwner } from './connection.ts'
import type { ServerContext } from './context.ts'
import { GatherPool } from './gather-pool.ts'
import { type AmqpLimits, defaultLimits } from './limits.ts'
import { OutputPool } from './output.ts'
import { socketTransport, StreamTransport } from './socket-reader.ts'
import type { Transport } from './transport.ts'
import { acceptWebSockets, type WebSocketHandle } from './websocket.ts'

export interface AmqpServerOptions {
  readonly limits?: Partial<AmqpLimits>
  /** A failed assertion: the owner of the process ends it. Not given: thrown, outside of everybody's stack. */
  readonly onBug?: (error: unknown) => void
}

export interface AmqpServerInput {
  readonly broker: Broker
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly options?: AmqpServerOptions
}

export interface AmqpListenOptions {
  readonly host: string
  /** 0: any free one. */
  readonly port: number
  /** Given: TLS from the first byte. */
  readonly tls?: TlsOptions
}

export interface AmqpListener {
  readonly port: number
  /** Takes no new connections; open ones stay. */
  close(): void
}

// As large as what one read of a busy socket brings; shared by all sockets, since each read is worked off at once.
const readBufferBytes = 256 * 1024
const drainPollMs = 5

export class AmqpServer implements ConnectionOwner {
  readonly #context: ServerContext
  readonly #readBuffer = Buffer.allocUnsafeSlow(readBufferBytes)
  readonly #connections = new Set<Connection>()
  /** Addresses of those that have not opened, with how many each has. */
  readonly #unopened = new Map<string, number>()
  readonly #waiting = new Set<Connection>()
  readonly #listeners = new Set<Server>()
  readonly #webSockets: WebSocketHandle[] = []
  #isClosed = false
  #whenEmpty: (() => void) | null = null

  constructor({ broker, clock, random, log, options = {} }: AmqpServerInput) {
    const throwIt = (error: unknown): void => {
      queueMicrotask(() => {
        throw error
      })
    }
    this.#context = {
      broker,
      clock,
      random,
      log: log.with({ protocol: 'amqp' }),
      limits: { ...defaultLimits, ...options.limits },
      pool: new OutputPool(),
      gatherPool: new GatherPool(),
      writer: new ByteWriter(4096),
      onBug: options.onBug ?? throwIt,
    }
  }

  get connectionCount(): number {
    return this.#connections.size
  }

  /** @throws EhubError `port-taken`; other errors of the system as they are. */
  async listen({ host, port, tls }: AmqpListenOptions): Promise<AmqpListener> {
    const server = tls === undefined ? this.#plainServer() : this.#tlsServer(tls)
    // Also bounds those that never get through their TLS handshake.
    server.maxConnections = this.#context.limits.connectionsMax
    await new Promise<void>((resolve, reject) => {
      const onError = (error: NodeJS.ErrnoException): void => reject(listenError(error, host, port))
      server.once('error', onError)
      server.listen({ host, port }, () => {
        server.off('error', onError)
        resolve()
      })
    })
    server.on('error', (error) => this.#context.log.error('listener failed', { reason: error.message }))
    this.#listeners.add(server)
    const close = (): void => {
      this.#listeners.delete(server)
      server.close()
    }
    return { port: (server.address() as AddressInfo).port, close }
  }

  /**
   * Takes a connected socket nobody has read from, or any other pair of byte streams.
   * @param remoteAddress Given for streams that are no sockets.
   */
  acceptSocket(socket: Duplex, remoteAddress?: string): void {
    if (remoteAddress === undefined) this.acceptTransport(socketTransport(socket, this.#readBuffer))
    else this.acceptTransport(new StreamTransport(socket, remoteAddress))
  }

  /** Also takes AMQP over WebSockets at `/$servicebus/websocket` of this HTTP or HTTPS server. */
  attachWebSockets(server: HttpServer): WebSocketHandle {
    const handle = acceptWebSockets(server, (transport) => this.acceptTransport(transport))
    this.#webSockets.push(handle)
    return handle
  }

  acceptTransport(transport: Transport): void {
    const refusal = this.#isClosed ? 'the server is closing' : this.#overLimit(transport.remoteAddress)
    if (refusal !== null) {
      this.#context.log.warn('connection not accepted', { remote: transport.remoteAddress, reason: refusal })
      return transport.destroy()
    }
    const connection = new Connection(this.#context, transport, this)
    this.#connections.add(connection)
    this.#waiting.add(connection)
    this.#unopened.set(transport.remoteAddress, (this.#unopened.get(transport.remoteAddress) ?? 0) + 1)
    connection.start()
  }

  /** Takes nothing new and reads nothing more; resolves when everything taken in is answered, or after `graceMs`. */
  async drain(graceMs: number): Promise<void> {
    this.#stopAccepting()
    for (const connection of this.#connections) connection.drain()
    const { clock } = this.#context
    const until = clock.monotonicMs() + graceMs
    while ([...this.#connections].some((connection) => !connection.isSettled) && clock.monotonicMs() < until) {
      await delay(clock, drainPollMs)
    }
  }

  /** Says goodbye to everybody (`amqp:connection:forced`, which clients take as a reason to come back) and waits for it. */
  async close(): Promise<void> {
    this.#stopAccepting()
    if (this.#connections.size === 0) return
    const gone = new Promise<void>((resolve) => {
      this.#whenEmpty = resolve
    })
    for (const connection of [...this.#connections]) {
      const error = new EhubError('shutting-down', 'The daemon is shutting down.')
      connection.guarded(() => connection.close(connection.refusals.of(error)))
    }
    await gone
  }

  opened(connection: Connection): void {
    if (!this.#waiting.delete(connection)) return
    const left = (this.#unopened.get(connection.remoteAddress) ?? 1) - 1
    if (left === 0) this.#unopened.delete(connection.remoteAddress)
    else this.#unopened.set(connection.remoteAddress, left)
  }

  closed(connection: Connection): void {
    this.opened(connection)
    this.#connections.delete(connection)
    if (this.#connections.size === 0) this.#whenEmpty?.()
  }

  #stopAccepting(): void {
    this.#isClosed = true
    for (const server of this.#listeners) server.close()
    this.#listeners.clear()
    for (const handle of this.#webSockets) handle.detach()
  }

  #overLimit(address: string): string | null {
    const { connectionsMax, unopenedMax, unopenedPerAddressMax } = this.#context.limits
    if (this.#connections.size >= connectionsMax) return `there are ${connectionsMax} connections, which is the limit`
    if (this.#waiting.size >= unopenedMax) return `${unopenedMax} connections have not opened yet`
    if ((this.#unopened.get(address) ?? 0) >= unopenedPerAddressMax) {
      return `${unopenedPerAddressMax} connections of this address have not opened yet`
    }
    return null
  }

  /** Paused, so that nothing is read before the socket's handle has found its reader. */
  #plainServer(): Server {
    return createServer({ pauseOnConnect: true, noDelay: true }, (socket: Socket) => this.acceptSocket(socket))
  }

  #tlsServer(tls: TlsOptions): Server {
    const { handshakeMs } = this.#context.limits
    const options = { minVersion: 'TLSv1.2', handshakeTimeout: handshakeMs, noDelay: true, ...tls } as const
    const server = createTlsServer(options, (socket) => this.acceptSocket(socket))
    server.on('tlsClientError', (error, socket) => {
      this.#context.log.info('TLS handshake failed', { remote: socket.remoteAddress, reason: error.message })
    })
    return server
  }
}

function listenError(error: NodeJS.ErrnoException, host: string, port: number): Error {
  if (error.code !== 'EADDRINUSE') return error
  return new EhubError('port-taken', `port ${port} of ${host} is taken`, { cause: error })
}
