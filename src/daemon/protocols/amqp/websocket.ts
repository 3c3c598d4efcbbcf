// AMQP over WebSockets (AMQP 1.0 WebSocket binding): the same byte stream in binary messages, whose borders mean nothing.
// Path and subprotocol are the service's; generic clients offer `amqp`.

import type { IncomingMessage, Server } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import type { Transport, TransportEvents } from './transport.ts'

// As large as anything a client writes at once; bounds what is buffered before we see a byte of it.
const receivedMessageBytesMax = 1024 * 1024
// Some clients bound the messages they take; the service's are no longer than a frame.
const sentMessageBytesMax = 64 * 1024
const subprotocols = ['AMQPWSB10', 'amqp']

class WebSocketTransport implements Transport {
  readonly remoteAddress: string
  readonly #socket: WebSocket
  #events: TransportEvents | null = null
  #error: Error | null = null
  readonly #onWritten = (): void => {
    if (this.#socket.bufferedAmount === 0) this.#events?.written()
  }

  constructor(socket: WebSocket, remoteAddress: string) {
    this.#socket = socket
    this.remoteAddress = remoteAddress
    socket.on('error', (error) => {
      this.#error ??= error
    })
  }

  get pendingBytes(): number {
    return this.#socket.bufferedAmount
  }

  start(events: TransportEvents): void {
    this.#events = events
    this.#socket.on('message', (data, isBinary) => {
      if (isBinary && Buffer.isBuffer(data)) events.bytes(data)
      // RFC 6455 §7.4.1: 1003 is for data of a kind the endpoint does not accept.
      else this.#socket.close(1003)
    })
    this.#socket.once('close', () => events.closed(this.#error))
  }

  write(bytes: Buffer): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return
    for (let at = 0; at < bytes.length; at += sentMessageBytesMax) {
      const message = bytes.subarray(at, at + sentMessageBytesMax)
      this.#socket.send(message, { binary: true, compress: false }, this.#onWritten)
    }
  }

  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  end(): void {
    this.#socket.close(1000)
  }

  destroy(): void {
    this.#socket.terminate()
  }
}

export interface WebSocketHandle {
  /** Takes no new ones. Open ones stay. */
  detach(): void
}

/** Hands every WebSocket that an HTTP(S) server is asked for at the service's path to `accept`; refuses other paths. */
export function acceptWebSockets(server: Server, accept: (transport: Transport) => void): WebSocketHandle {
  const upgrades = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: receivedMessageBytesMax,
    handleProtocols: (offered) => subprotocols.find((name) => offered.has(name)) ?? false,
  })
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    if (!isServicePath(request.url ?? '')) {
      // The peer may be gone already; there is nobody left to tell.
      socket.on('error', () => socket.destroy())
      socket.end('HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    upgrades.handleUpgrade(request, socket, head, (webSocket) => {
      accept(new WebSocketTransport(webSocket, request.socket.remoteAddress ?? 'unknown'))
    })
  }
  server.on('upgrade', onUpgrade)
  return {
    detach: () => {
      server.off('upgrade', onUpgrade)
      upgrades.close()
    },
  }
}

/** `/$servicebus/websocket`; .NET adds a slash, some encode the dollar sign. */
function isServicePath(url: string): boolean {
  const [path = ''] = url.split('?', 1)
  return /^\/(\$|%24)servicebus\/websocket\/?$/i.test(path)
}
