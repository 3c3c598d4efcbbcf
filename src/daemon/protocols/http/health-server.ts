// Health for load balancers and start-up scripts, metrics for Prometheus: GET only, nothing secret, nothing that changes
// anything. `/health` answers as the service's emulator does, so that scripts written for it go on working.

import { createServer, type Server, type ServerResponse } from 'node:http'

export interface HealthSources {
  /** Why the daemon cannot take events, null when it can. */
  readonly refusing: () => string | null
  /** The whole exposition in Prometheus' text format. */
  readonly metrics: () => Promise<string>
  readonly metricsContentType: string
  readonly onBug: (error: unknown) => void
}

// Requests have no bodies and few headers: more is not meant for us.
const headerBytesMax = 8 * 1024
const requestMsMax = 10_000
const connectionsMax = 64

export class HealthServer {
  readonly #server: Server
  readonly #sources: HealthSources

  constructor(sources: HealthSources) {
    this.#sources = sources
    this.#server = createServer(
      { maxHeaderSize: headerBytesMax, requestTimeout: requestMsMax, headersTimeout: requestMsMax },
      (request, response) => {
        this.#answer(request.method ?? '', request.url ?? '', response).catch((error: unknown) => {
          response.destroy()
          sources.onBug(error)
        })
      },
    )
    this.#server.maxConnections = connectionsMax
  }

  /** @returns The port, also when 0 was asked for. Rejects with the system's error when it is taken. */
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

  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeAllConnections()
    })
  }

  async #answer(method: string, url: string, response: ServerResponse): Promise<void> {
    if (method !== 'GET' && method !== 'HEAD') return send(response, 405, 'text/plain', 'GET only\n')
    const path = url.split('?', 1)[0]
    switch (path) {
      case '/health':
      case '/ready': {
        const reason = this.#sources.refusing()
        const body =
          reason === null
            ? { status: 'healthy', message: 'Service is healthy.' }
            : { status: 'unhealthy', message: `Service does not take events: ${reason}` }
        return send(response, reason === null ? 200 : 503, 'application/json', `${JSON.stringify(body)}\n`)
      }
      case '/metrics':
        return send(response, 200, this.#sources.metricsContentType, await this.#sources.metrics())
      default:
        return send(response, 404, 'text/plain', 'there are /health, /ready and /metrics\n')
    }
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, {
    'content-type': type,
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  })
  response.end(body)
}
