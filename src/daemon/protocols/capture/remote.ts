// One HTTP origin files are written to. Every answer is waited for only so long and read only so far; errors name the origin,
// never a header or a query, which may hold a signature.

import type { Pool } from 'undici'
import { EhubError, type EhubErrorCode } from '../../../base/error.ts'

export interface RemoteRequest {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD'
  /** With the query, as it was signed. */
  readonly path: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer | null
}

export interface RemoteReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Buffer
}

const connectionsMax = 4
const connectTimeoutMs = 10_000
/** Longest silence of the other side; a block of some MiB takes seconds on a slow line. */
const silenceMsMax = 60_000
/** A page of a listing with metadata, or a piece of a file. */
const replyBytesMax = 64 * 1024 * 1024

export class Remote {
  readonly #origin: string
  readonly #label: string
  #pool: Promise<Pool> | null = null
  #isClosed = false

  /** @param label Of the destination, for errors. */
  constructor(origin: string, label: string) {
    this.#origin = origin
    this.#label = label
  }

  /** @throws EhubError `connect-failed`, `service-failed` for an answer without end; any status is an answer. */
  async call({ method, path, headers, body }: RemoteRequest): Promise<RemoteReply> {
    try {
      const pool = await this.#opened()
      const reply = await pool.request({ method, path, headers: { ...headers }, body })
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of reply.body) {
        const piece = Buffer.from(chunk as Uint8Array)
        bytes += piece.length
        if (bytes > replyBytesMax) throw new EhubError('service-failed', `${this.#label}: an answer without end`)
        chunks.push(piece)
      }
      return { status: reply.statusCode, headers: flat(reply.headers), body: Buffer.concat(chunks, bytes) }
    } catch (error) {
      if (error instanceof EhubError) throw error
      const reason = error instanceof Error ? error.message : String(error)
      throw new EhubError('connect-failed', `${this.#label} at ${this.#origin} does not answer: ${reason}`, {
        cause: error,
        hint: 'Capture tries again by itself; events wait in the hub',
      })
    }
  }

  /** Ends what is under way with an error. */
  async close(): Promise<void> {
    this.#isClosed = true
    if (this.#pool !== null) await (await this.#pool).destroy()
  }

  /** What an answer that is no success means: code and sentence, with what the other side calls it. */
  refused(reply: RemoteReply, what: string): EhubError {
    const { status } = reply
    const given = /<Code>([^<]{1,100})<\/Code>/.exec(reply.body.toString('utf8', 0, 4096))?.[1]
    const said = reply.headers['x-ms-error-code'] ?? given ?? 'no code'
    const code: EhubErrorCode =
      status === 401 || status === 403 ? 'unauthorized' : status === 404 ? 'container-not-found' : 'service-failed'
    const hint = hints[code]
    const message = `${this.#label}: ${what} was answered with ${status} ${said}`
    return new EhubError(code, message, hint === undefined ? {} : { hint })
  }

  // Loaded when somebody captures to it: it takes its time.
  #opened(): Promise<Pool> {
    if (this.#isClosed) throw new EhubError('cancelled', `${this.#label} was closed`)
    this.#pool ??= import('undici').then(
      ({ Pool }) =>
        new Pool(this.#origin, {
          connections: connectionsMax,
          connect: { timeout: connectTimeoutMs },
          headersTimeout: silenceMsMax,
          bodyTimeout: silenceMsMax,
        }),
    )
    return this.#pool
  }
}

const hints: Readonly<Partial<Record<EhubErrorCode, string>>> = {
  unauthorized:
    'the credentials do not fit the destination: ehub capture HUB --enable --credentials env:NAME or file:PATH',
  'container-not-found': 'make the container or bucket, or name another one',
}

function flat(headers: Readonly<Record<string, string | string[] | undefined>>): Readonly<Record<string, string>> {
  const entries: [string, string][] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) entries.push([name, typeof value === 'string' ? value : value.join(',')])
  }
  return Object.fromEntries(entries)
}

/** Texts of an element of a small XML document, in order; entities as the services write them. */
export function elementsOf(xml: string, name: string): readonly string[] {
  return Array.from(xml.matchAll(new RegExp(`<${name}(?: [^>]*)?>(.*?)</${name}>`, 'gs')), ([, text = '']) => text)
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

export function textOf(xml: string, name: string): string {
  const [text = ''] = elementsOf(xml, name)
  return text.replace(/&(?:#(\d{1,7})|(amp|lt|gt|quot|apos));/g, (all, number, entity) =>
    number === undefined ? (entities[entity] ?? all) : String.fromCodePoint(Math.min(Number(number), 0x10ffff)),
  )
}
