// One container of an account of blobs, Azure's or a local one, as a place where processors keep checkpoints: lists it, reads a
// small blob, sets metadata. Signed with the account's key, by a shared access signature in the address, or not at all.
//
// No library: it is three calls, and the SDK for them would be a third of the executable's source.

import { request as httpRequest } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { Clock } from '../base/clock.ts'
import { EhubError, type EhubErrorCode } from '../base/error.ts'
import { parseBlobListing, type BlobEntry } from '../wire/blob/listing.ts'
import { parseBlobRequest } from '../wire/blob/request.ts'
import { hmacOf, type SigningAccount, stringToSign } from '../wire/blob/shared-key.ts'
import type { BlobMetadata } from '../wire/checkpoint-blobs.ts'

export interface BlobPlace {
  /** Of the container, without a query: `https://acct.blob.core.windows.net/app`, `http://127.0.0.1:10000/ehub/app`. */
  readonly url: string
  readonly container: string
  readonly credentials:
    | { readonly kind: 'key'; readonly account: SigningAccount }
    /** The signature's query, without the question mark. */
    | { readonly kind: 'sas'; readonly query: string }
    | { readonly kind: 'none' }
}

export interface BlobContainerOptions {
  readonly place: BlobPlace
  readonly clock: Clock
  /** Longest wait for one answer. */
  readonly timeoutMs: number
}

interface BlobReply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
}

const serviceVersion = '2021-12-02'
/** A page of 5,000 blobs with 8 KiB of metadata each. */
const replyBytesMax = 64 * 1024 * 1024
/** 5 million blobs: beyond it something is wrong. */
const pagesMax = 1000

export class BlobContainer {
  readonly #options: BlobContainerOptions

  constructor(options: BlobContainerOptions) {
    this.#options = options
  }

  /** For people; holds no secret. */
  get label(): string {
    return this.#options.place.container
  }

  /** Every blob whose name begins so, with its metadata, in order of name. @throws EhubError `container-not-found`, … */
  async list(prefix: string): Promise<readonly BlobEntry[]> {
    const found: BlobEntry[] = []
    let marker = ''
    for (let page = 0; page < pagesMax; page++) {
      const more = marker === '' ? {} : { marker }
      const query = { restype: 'container', comp: 'list', include: 'metadata', prefix, ...more }
      const { text } = await this.#call('GET', '', query, {})
      const { blobs, nextMarker } = parseBlobListing(text)
      found.push(...blobs)
      if (nextMarker === '') return found
      marker = nextMarker
    }
    throw new EhubError('service-failed', `the listing of container "${this.label}" does not end`)
  }

  /** @throws EhubError `blob-not-found`. */
  async read(name: string): Promise<string> {
    return (await this.#call('GET', name, {}, {})).text
  }

  /**
   * Makes the blob, empty, or replaces its metadata.
   * @param etag Of the blob there is; null: none.
   * @throws EhubError `checkpoint-conflict` when it is another one by now.
   */
  async setMetadata(name: string, metadata: BlobMetadata, etag: string | null): Promise<void> {
    const headers = Object.fromEntries(Object.entries(metadata).map(([key, value]) => [`x-ms-meta-${key}`, value]))
    if (etag !== null) await this.#call('PUT', name, { comp: 'metadata' }, { ...headers, 'if-match': `"${etag}"` })
    else await this.#call('PUT', name, {}, { ...headers, 'if-none-match': '*', 'x-ms-blob-type': 'BlockBlob' })
  }

  async #call(
    method: 'GET' | 'PUT',
    blob: string,
    query: Readonly<Record<string, string>>,
    headers: Readonly<Record<string, string>>,
  ): Promise<BlobReply> {
    const { place, clock } = this.#options
    const url = new URL(place.url + (blob === '' ? '' : `/${blob.split('/').map(encodeURIComponent).join('/')}`))
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    // By hand: what is signed must be what is sent, and a signature keeps its own encoding.
    const search = [url.searchParams.toString().replaceAll('+', '%20'), sasOf(place)].filter((part) => part !== '')
    const path = url.pathname + (search.length === 0 ? '' : `?${search.join('&')}`)
    const sent = new Map(
      Object.entries({
        ...headers,
        ...(method === 'PUT' ? { 'content-length': '0' } : {}),
        'x-ms-date': new Date(clock.now()).toUTCString(),
        'x-ms-version': serviceVersion,
      }),
    )
    if (place.credentials.kind === 'key') {
      const { account } = place.credentials
      const text = stringToSign(parseBlobRequest(method, path, sent), account.name)
      sent.set('authorization', `SharedKey ${account.name}:${hmacOf(text, account.key).toString('base64')}`)
    }
    const reply = await this.#exchange(url, path, method, sent)
    if (reply.status >= 300) throw this.#refused(reply, blob)
    return reply
  }

  #exchange(url: URL, path: string, method: string, headers: ReadonlyMap<string, string>): Promise<BlobReply> {
    const { clock, timeoutMs } = this.#options
    const request = url.protocol === 'https:' ? httpsRequest : httpRequest
    return new Promise((resolve, reject) => {
      const outgoing = request({
        hostname: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port === '' ? undefined : Number(url.port),
        ...{ path, method, headers: Object.fromEntries(headers) },
      })
      const deadline = clock.schedule(timeoutMs, () => {
        outgoing.destroy(new EhubError('timeout', `no answer from ${url.host} within ${timeoutMs} ms`))
      })
      const fail = (error: Error) => {
        deadline.cancel()
        const message = `the blob store at ${url.host} cannot be reached: ${error.message}`
        reject(error instanceof EhubError ? error : new EhubError('connect-failed', message, { cause: error }))
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
          const { statusCode = 0, headers: answered } = incoming
          resolve({ status: statusCode, headers: answered, text: Buffer.concat(chunks).toString('utf8') })
        })
      })
      outgoing.end()
    })
  }

  #refused({ status, headers, text }: BlobReply, blob: string): EhubError {
    const given = headers['x-ms-error-code']
    const code = typeof given === 'string' ? given : (/<Code>([^<]*)<\/Code>/.exec(text)?.[1] ?? `status ${status}`)
    const what = blob === '' ? `container "${this.label}"` : `blob "${blob}" of container "${this.label}"`
    const known = codes[code] ?? (status === 403 || status === 401 ? 'unauthorized' : 'service-failed')
    return new EhubError(known, `${what}: the blob store answers ${code}`, hints[known] ?? {})
  }
}

const codes: Readonly<Record<string, EhubErrorCode>> = {
  ContainerNotFound: 'container-not-found',
  BlobNotFound: 'blob-not-found',
  ConditionNotMet: 'checkpoint-conflict',
  BlobAlreadyExists: 'checkpoint-conflict',
  ServerBusy: 'server-busy',
}

const hints: Readonly<Partial<Record<EhubErrorCode, { readonly hint: string }>>> = {
  unauthorized: { hint: 'give a SAS in the URL, or the account in AZURE_STORAGE_CONNECTION_STRING' },
  'checkpoint-conflict': { hint: 'somebody else wrote it: look again and decide anew' },
}

function sasOf({ credentials }: BlobPlace): string {
  return credentials.kind === 'sas' ? credentials.query : ''
}
