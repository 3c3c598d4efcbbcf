// Calls the daemon's control API over its Unix socket, typed by the contract's table. One connection a call, since a command makes
// one or two; what calls all the time keeps a few open. `node:http` rather than undici: it is part of the runtime and costs the start nothing (docs/decisions/0001).

import { Agent, request as httpRequest, type RequestOptions } from 'node:http'
import type { Clock } from '../base/clock.ts'
import { EhubError, errorCodes, type EhubErrorCode } from '../base/error.ts'
import type { ControlOperation, ControlReply, ControlRequest } from '../wire/control/contract.ts'
import { encodeRequest } from '../wire/control/router.ts'

export interface ControlClientOptions {
  readonly socketPath: string
  readonly clock: Clock
  /** Longest wait for one answer. */
  readonly timeoutMs: number
  /** Keep connections for the next call; idle ones hold no process. */
  readonly isKept?: boolean
  /** Told one line for each call. */
  readonly trace?: (line: string) => void
}

// The longest answer there is lists 1,000 hubs of 1,024 partitions; beyond this something is wrong.
const replyBytesMax = 256 * 1024 * 1024

/** Connections of one client that is kept. */
const keptMax = 8

interface HttpReply {
  readonly status: number
  readonly text: string
}

export class ControlClient {
  readonly #options: ControlClientOptions
  readonly #agent: Agent | false

  constructor(options: ControlClientOptions) {
    this.#options = options
    this.#agent = options.isKept === true ? new Agent({ keepAlive: true, maxSockets: keptMax }) : false
  }

  /**
   * @throws EhubError what the daemon answered; `daemon-not-running` when nobody listens, `timeout` when no answer came in
   *   time, `connect-failed` when the connection broke.
   */
  async call<O extends ControlOperation>(operation: O, request: ControlRequest<O>): Promise<ControlReply<O>> {
    const { method, path, body } = encodeRequest(operation, request)
    const startedAt = this.#options.clock.monotonicMs()
    const reply = await this.#exchange(method, path, body)
    const tookMs = Math.round(this.#options.clock.monotonicMs() - startedAt)
    this.#options.trace?.(`${method} ${path} ${reply.status} in ${tookMs} ms`)
    const value = parseReply(reply)
    if (reply.status >= 400) throw replyError(value, reply)
    // The server answers what the contract says; both sides are made from it.
    return value as ControlReply<O>
  }

  #exchange(method: string, path: string, body: string | null): Promise<HttpReply> {
    const { socketPath, clock, timeoutMs } = this.#options
    return new Promise((resolve, reject) => {
      const headers =
        body === null ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const options: RequestOptions & { readonly servername: string } = {
        socketPath,
        method,
        path,
        agent: this.#agent,
        headers: { host: 'ehub', ...headers },
        // There is no TLS; without this Node works out a server name, which costs a command's start 4 ms.
        servername: '',
      }
      const outgoing = httpRequest(options)
      const deadline = clock.schedule(timeoutMs, () => {
        outgoing.destroy(new EhubError('timeout', `no answer from the daemon within ${timeoutMs} ms`))
      })
      const fail = (error: Error) => {
        deadline.cancel()
        reject(connectionError(error, socketPath))
      }
      outgoing.on('error', fail)
      outgoing.on('response', (incoming) => {
        const chunks: Buffer[] = []
        let bytes = 0
        incoming.on('data', (chunk: Buffer) => {
          bytes += chunk.length
          if (bytes > replyBytesMax) incoming.destroy(new Error(`an answer above ${replyBytesMax} bytes`))
          else chunks.push(chunk)
        })
        incoming.on('error', fail)
        incoming.on('end', () => {
          deadline.cancel()
          resolve({ status: incoming.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') })
        })
      })
      outgoing.end(body ?? undefined)
    })
  }
}

function connectionError(error: Error, socketPath: string): EhubError {
  if (error instanceof EhubError) return error
  const code = 'code' in error ? error.code : undefined
  if (code === 'ENOENT' || code === 'ECONNREFUSED') {
    return new EhubError('daemon-not-running', 'no daemon is running', {
      hint: 'Start one with: ehub daemon start',
      cause: error,
    })
  }
  return new EhubError('connect-failed', `the connection to the daemon at ${socketPath} failed: ${error.message}`, {
    cause: error,
  })
}

function parseReply({ status, text }: HttpReply): unknown {
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new EhubError('connect-failed', `the daemon answered ${status} with something that is not JSON`, {
      cause: error,
    })
  }
}

const knownCodes: ReadonlySet<string> = new Set(errorCodes)

function replyError(value: unknown, { status }: HttpReply): EhubError {
  const error = memberOf(value, 'error')
  const code = memberOf(error, 'code')
  const message = memberOf(error, 'message')
  const hint = memberOf(error, 'hint')
  const retryAfterMs = memberOf(error, 'retryAfterMs')
  return new EhubError(
    isKnownCode(code) ? code : 'internal-error',
    typeof message === 'string' ? message : `the daemon answered ${status}`,
    {
      ...(typeof hint === 'string' ? { hint } : {}),
      ...(typeof retryAfterMs === 'number' ? { retryAfterMs } : {}),
    },
  )
}

function isKnownCode(code: unknown): code is EhubErrorCode {
  return typeof code === 'string' && knownCodes.has(code)
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? Reflect.get(value, name)
    : undefined
}
