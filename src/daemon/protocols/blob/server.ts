// The blob endpoint: HTTP on a port of its own, so that processors of the official SDKs find the account they keep checkpoints in
// beside the hubs they read. Only as much of the service as that takes; everything is signed, and bounded.
//
//   request line and headers -> operation -> signature -> body -> broker -> answer

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { pipeline } from 'node:stream/promises'
import type { Clock } from '../../../base/clock.ts'
import type { Log } from '../../../base/log.ts'
import { type Random, uuid } from '../../../base/random.ts'
import { parseBlobRequest } from '../../../wire/blob/request.ts'
import { errorXml } from '../../../wire/blob/xml.ts'
import type { Blobs } from '../../broker/blobs-api.ts'
import { authorize } from './authorize.ts'
import type { BlobFiles } from './blob-files.ts'
import { type FileContent, operationOf, type Reply } from './operations.ts'
import { BlobRefusal, refusalOf } from './refusals.ts'
import { bodyOf } from './request-body.ts'

/** Metadata of 8 KiB, a name of 1,024 characters with every one escaped, and what SDKs add. */
const headerBytesMax = 32 * 1024
const connectionsMax = 1024
const headersTimeoutMs = 15_000
const requestTimeoutMs = 60_000
/** Processors look every ten seconds or so: their connections stay. */
const keepAliveTimeoutMs = 65_000
/** Of the version of the service whose answers these are, for who does not ask for one. */
const versionDefault = '2021-12-02'

export interface BlobServerOptions {
  readonly blobs: Blobs
  /** null: nothing is kept on a disk. */
  readonly files: BlobFiles | null
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Told an exception that is no operating error, after it was answered. */
  readonly onBug: (error: unknown) => void
}

export class BlobServer {
  readonly #options: BlobServerOptions
  readonly #server: Server
  /** Requests that are here whole and whose answer is not gone yet. */
  #answering = 0
  #isClosing = false

  constructor(options: BlobServerOptions) {
    this.#options = options
    this.#server = createServer(
      {
        maxHeaderSize: headerBytesMax,
        headersTimeout: headersTimeoutMs,
        requestTimeout: requestTimeoutMs,
        keepAliveTimeout: keepAliveTimeoutMs,
      },
      (incoming, outgoing) => {
        this.#serve(incoming, outgoing).catch(this.#options.onBug)
      },
    )
    this.#server.maxConnections = connectionsMax
  }

  /** Resolves to the port that was opened; rejects with the system's error. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject)
      this.#server.listen({ host, port }, () => {
        this.#server.off('error', reject)
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Answers what was asked already, whole, then closes; a request still coming in is not waited for. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
      this.#isClosing = true
      this.#closeWhenAnswered()
    })
  }

  #closeWhenAnswered(): void {
    if (this.#isClosing && this.#answering === 0) this.#server.closeAllConnections()
  }

  async #serve(incoming: IncomingMessage, outgoing: ServerResponse): Promise<void> {
    const { log, random } = this.#options
    let reply: Reply
    let bug: unknown
    try {
      reply = await this.#answer(incoming, outgoing)
    } catch (error) {
      const refusal = refusalOf(error)
      if (refusal === null) bug = error
      reply = refusalReply(refusal ?? new BlobRefusal(500, 'InternalError', 'the daemon met a bug; its log has more'))
    }
    log.debug('blob request', { method: incoming.method, status: reply.status })
    // Nobody reads the rest of a body that was not wanted.
    if (!incoming.complete || this.#isClosing) outgoing.setHeader('connection', 'close')
    const id = headerOf(incoming, 'x-ms-client-request-id')
    const isBodiless = incoming.method === 'HEAD' || reply.status === 304
    outgoing.writeHead(reply.status, {
      'x-ms-request-id': uuid(random),
      'x-ms-version': headerOf(incoming, 'x-ms-version') ?? versionDefault,
      ...(id === undefined ? {} : { 'x-ms-client-request-id': id }),
      ...reply.headers,
      ...(reply.status === 304 ? {} : { 'content-length': reply.body?.length ?? 0 }),
    })
    if (isBodiless || reply.body === null || Buffer.isBuffer(reply.body)) outgoing.end(isBodiless ? null : reply.body)
    else await sendFiles(outgoing, reply.body, log)
    if (bug !== undefined) this.#options.onBug(bug)
  }

  async #answer(incoming: IncomingMessage, outgoing: ServerResponse): Promise<Reply> {
    const { blobs, files, clock } = this.#options
    const { method = '', url = '', socket } = incoming
    const request = parseBlobRequest(method, url, headersOf(incoming))
    const operation = operationOf(request)
    authorize(request, blobs.account, operation.need, { address: socket.remoteAddress ?? '', nowMs: clock.now() })
    let isCounted = false
    const count = () => {
      if (isCounted) return
      isCounted = true
      this.#answering += 1
      // Also when the client has gone meanwhile.
      outgoing.once('close', () => {
        this.#answering -= 1
        this.#closeWhenAnswered()
      })
    }
    const body = bodyOf(incoming, operation.bodyBytesMax, count)
    if (body.bytes === 0) count()
    const reply = await operation.run({ blobs, files }, body)
    if (method !== 'GET' && method !== 'HEAD') await files?.collect()
    return reply
  }
}

/** A reader that stops reading, or files that went meanwhile, end the connection: the length was said already. */
async function sendFiles(outgoing: ServerResponse, { chunks }: FileContent, log: Log): Promise<void> {
  try {
    await pipeline(chunks, outgoing)
  } catch (error) {
    log.debug('an answer of the blob endpoint was cut short', {
      reason: error instanceof Error ? error.message : error,
    })
    outgoing.destroy()
  }
}

function headersOf(incoming: IncomingMessage): ReadonlyMap<string, string> {
  const headers = new Map<string, string>()
  for (const [name, value] of Object.entries(incoming.headers)) {
    if (value !== undefined) headers.set(name, typeof value === 'string' ? value : value.join(','))
  }
  return headers
}

function headerOf(incoming: IncomingMessage, name: string): string | undefined {
  const value = incoming.headers[name]
  return typeof value === 'string' && value.length <= 1024 ? value : undefined
}

function refusalReply({ status, code, message }: BlobRefusal): Reply {
  const headers = { 'x-ms-error-code': code, 'content-type': 'application/xml' }
  return { status, headers, body: Buffer.from(errorXml(code, message)) }
}
