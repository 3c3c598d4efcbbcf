// What blobs and S3 share: requests with errors that name the thing, bodies that go on where a broken connection ended, lists in
// pages of XML.

import { EhubError, type EhubErrorCode } from '../../base/error.ts'

/** Sends a request with its signature; `range` from this byte on, 0: all. */
export type Requester = (url: URL, rangeFrom: number) => Promise<Response>

const attemptsMax = 4
/** Longest wait for the beginning of an answer. */
const answerMs = 60_000

export function answerTimeout(): AbortSignal {
  return AbortSignal.timeout(answerMs)
}

/** The body from its beginning to its end; a connection that breaks in between is made anew where it broke. */
export async function* readRemote(request: Requester, url: URL, what: string): AsyncGenerator<Buffer> {
  let position = 0
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await checked(() => request(url, position), what)
      // A server that knows no ranges begins anew.
      let toSkip = position > 0 && response.status === 200 ? position : 0
      for await (const part of response.body ?? []) {
        const chunk = Buffer.from(part.buffer, part.byteOffset, part.byteLength)
        if (toSkip >= chunk.length) {
          toSkip -= chunk.length
          continue
        }
        const fresh = toSkip > 0 ? chunk.subarray(toSkip) : chunk
        toSkip = 0
        position += fresh.length
        attempt = 1
        yield fresh
      }
      return
    } catch (error) {
      if (error instanceof EhubError && !retryable.has(error.code)) throw error
      if (attempt >= attemptsMax) throw connectError(what, error)
    }
  }
}

/** The text of an answer of at most a few megabytes. @throws EhubError. */
export async function readText(request: Requester, url: URL, what: string): Promise<string> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await (await checked(() => request(url, 0), what)).text()
    } catch (error) {
      if (error instanceof EhubError && !retryable.has(error.code)) throw error
      if (attempt >= attemptsMax) throw connectError(what, error)
    }
  }
}

const retryable: ReadonlySet<EhubErrorCode> = new Set(['server-busy', 'connect-failed', 'service-failed'])

async function checked(send: () => Promise<Response>, what: string): Promise<Response> {
  let response: Response
  try {
    response = await send()
  } catch (error) {
    throw connectError(what, error)
  }
  if (response.ok) return response
  const text = await response.text().catch(() => '')
  const reason = elementsOf(text, 'Code')[0] ?? response.statusText
  throw new EhubError(codeOf(response.status), `${what}: ${response.status} ${reason}`)
}

function codeOf(status: number): EhubErrorCode {
  if (status === 401 || status === 403) return 'unauthorized'
  if (status === 404) return 'file-not-found'
  if (status === 429 || status === 503) return 'server-busy'
  return status >= 500 ? 'service-failed' : 'argument-error'
}

function connectError(what: string, error: unknown): EhubError {
  if (error instanceof EhubError) return error
  // `fetch failed` says nothing; its cause does.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error
  return new EhubError('connect-failed', `${what}: ${cause instanceof Error ? cause.message : String(cause)}`, {
    cause: error,
  })
}

/** Texts of all elements of this name, entities decoded; elements inside are left as they are. */
export function elementsOf(xml: string, name: string): readonly string[] {
  const found: string[] = []
  for (const match of xml.matchAll(new RegExp(`<${name}(?:\\s[^>]*)?>([\\s\\S]*?)</${name}>`, 'g'))) {
    found.push(decoded(match[1] ?? ''))
  }
  return found
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function decoded(text: string): string {
  if (text.includes('<')) return text
  return text.replace(
    /&(?:#x([0-9a-f]{1,6})|#(\d{1,7})|([a-z]+));/gi,
    (whole, hex?: string, digits?: string, name = '') => {
      const point = hex !== undefined ? Number.parseInt(hex, 16) : digits !== undefined ? Number(digits) : Number.NaN
      if (point <= 0x10ffff) return String.fromCodePoint(point)
      return entities[String(name).toLowerCase()] ?? whole
    },
  )
}
