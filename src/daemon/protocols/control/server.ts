// The control API's HTTP server on a Unix socket. The socket lies in a private folder with mode 0600: whoever can open it is
// the owner (reliability S13). Routes, fields and statuses come from the contract's tables; a handler that throws something
// other than an operating error is a bug, told to `onBug`.

import { chmodSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { EhubError, isEhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import type { ControlOperation, ErrorReply } from '../../../wire/control/contract.ts'
import { parseJson } from '../../../wire/control/json.ts'
import { decodeRequest, resolveRoute } from '../../../wire/control/router.ts'
import { projectError } from '../../../wire/errors.ts'
import type { ControlHandlers } from './operations.ts'

/** The largest request is a hub with 1,000 group names of 50 characters. */
const bodyBytesMax = 256 * 1024
/** A path holds a hub (256 characters), a group (50) and escapes. */
const headerBytesMax = 16 * 1024
/** Clients are commands of one user: far fewer than this run at a time. */
const connectionsMax = 256
const headersTimeoutMs = 15_000
const requestTimeoutMs = 60_000

export interface ControlServerOptions {
  readonly handlers: ControlHandlers
  readonly log: Log
  /** Told an exception that is no operating error, after `internal-error` was answered. */
  readonly onBug: (error: unknown) => void
}

export class ControlServer {
  readonly #options: ControlServerOptions
  readonly #server: Server

  constructor(options: ControlServerOptions) {
    this.#options = options
    this.#server = createServer(
      {
        maxHeaderSize: headerBytesMax,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        // Commands make one call a connection; nothing has to be kept open for them.
        keepAlive: false,
      },
      (incoming, outgoing) => {
        this.#serve(incoming, outgoing).catch(this.#options.onBug)
      },
    )
    this.#server.maxConnections = connectionsMax
  }

  /** @param path Of the socket; nothing lies there and its folder is private. Rejects with the system's error. */
  async listen(path: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen(path, () => {
        this.#server.off('error', reject)
        resolve()
      })
    })
    chmodSync(path, 0o600)
  }

  /** Answers what was asked already, then closes; the socket's file goes with it. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
    })
  }

  /** Ends also what is being answered. */
  closeNow(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    let status = 200
    let reply: object
    let bug: unknown
    try {
      reply = await this.#answer(incoming)
    } catch (error) {
      if (!isEhubError(error)) bug = error
      const known = isEhubError(error)
        ? error
        : new EhubError('internal-error', 'the daemon met a bug; its log has more')
      status = statusOf(error) ?? projectError(known.code).http
      reply = errorReply(known)
    }
    const text = JSON.stringify(reply)
    outgoing.writeHead(status, {
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(text),
      connection: 'close',
    })
    outgoing.end(text)
    if (bug !== undefined) this.#options.onBug(bug)
  }

  async #answer(incoming: IncomingMessage): Promise<object> {
    const { method = '', url = '' } = incoming
    const resolved = resolveRoute(method, url)
    if (resolved.kind === 'unknown') throw new RoutingError(404, `nothing at ${url.slice(0, 200)}`)
    if (resolved.kind === 'wrong-method') {
      throw new RoutingError(405, `${method} is not one of ${resolved.allowed.join(', ')} here`)
    }
    const sent = method === 'GET' ? queryOf(url) : await readBody(incoming)
    this.#options.log.debug('control request', { operation: resolved.operation })
    return handle(this.#options.handlers, resolved.operation, resolved.params, sent)
  }
}

/** An HTTP matter, below the operations: its status is its own. */
class RoutingError extends EhubError {
  readonly status: number

  constructor(status: number, message: string) {
    super('argument-error', message)
    this.status = status
  }
}

function statusOf(error: unknown): number | null {
  return error instanceof RoutingError ? error.status : null
}

function handle<O extends ControlOperation>(
  handlers: ControlHandlers,
  operation: O,
  params: ReadonlyMap<string, string>,
  sent: unknown,
): object | Promise<object> {
  return handlers[operation](decodeRequest(operation, params, sent))
}

function queryOf(url: string): object | null {
  const start = url.indexOf('?')
  return start === -1 ? null : Object.fromEntries(new URLSearchParams(url.slice(start + 1)))
}

async function readBody(incoming: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of incoming) {
      if (!Buffer.isBuffer(chunk)) continue
      bytes += chunk.length
      if (bytes > bodyBytesMax) throw new RoutingError(413, `a body above ${bodyBytesMax} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    if (isEhubError(error)) throw error
    // The client left in the middle of its request: nobody reads the answer.
    throw new RoutingError(400, 'the request ended early')
  }
  return bytes === 0 ? null : parseJson(Buffer.concat(chunks).toString('utf8'))
}

function errorReply({ code, message, hint, retryAfterMs }: EhubError): ErrorReply {
  return {
    error: {
      code,
      message,
      ...(hint === undefined ? {} : { hint }),
      ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    },
  }
}
