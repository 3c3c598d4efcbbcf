// Capture into a container of block blobs: Azure, Azurite, or a daemon's own blob endpoint. A file grows as uncommitted blocks, which
// nobody sees; Put Block List makes it. A small one is one Put Blob. Blocks a crash left are written over by the same ids, and
// are dropped by the service after a week. Events and sequences are kept as metadata.

import type { Clock } from '../../../base/clock.ts'
import type { BlobAccount } from '../../../wire/blob/account-string.ts'
import { parseBlobRequest } from '../../../wire/blob/request.ts'
import { hmacOf, stringToSign } from '../../../wire/blob/shared-key.ts'
import type { Destination, FileFacts, ListedFile, TargetFile } from './destination.ts'
import { readFileFacts } from './file-facts.ts'
import { elementsOf, Remote, type RemoteReply, textOf } from './remote.ts'

const chunkBytes = 4 * 1024 * 1024
/** Of the version in which every call here is the same up to now. */
const serviceVersion = '2021-12-02'
const pageCount = 1000

interface Call {
  readonly method: 'GET' | 'PUT' | 'HEAD'
  readonly blob?: string
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

export interface BlobDestinationOptions {
  readonly container: string
  /** Looked up with every call, so that a key can be exchanged. @throws EhubError `argument-error`. */
  readonly account: () => BlobAccount
  readonly clock: Clock
}

export class BlobDestination implements Destination {
  readonly chunkBytes = chunkBytes
  readonly label: string
  readonly #options: BlobDestinationOptions
  #remote: { readonly endpoint: string; readonly remote: Remote } | null = null
  #isContainerThere = false

  constructor(options: BlobDestinationOptions) {
    this.#options = options
    this.label = `blob:${options.container}`
  }

  create(name: string): TargetFile {
    const ids: string[] = []
    const append = async (chunks: readonly Uint8Array[]) => {
      const id = Buffer.from(String(ids.length).padStart(8, '0')).toString('base64')
      const query = { comp: 'block', blockid: id }
      await this.#done({ method: 'PUT', blob: name, query, body: Buffer.concat(chunks) }, 'Put Block')
      ids.push(id)
    }
    return {
      append,
      finish: async (chunks, facts) => {
        const headers = { ...factsHeaders(facts), 'x-ms-blob-content-type': 'application/octet-stream' }
        if (ids.length === 0) {
          const whole = { ...headers, 'x-ms-blob-type': 'BlockBlob' }
          await this.#done({ method: 'PUT', blob: name, headers: whole, body: Buffer.concat(chunks) }, 'Put Blob')
          return
        }
        if (chunks.length > 0) await append(chunks)
        const list = ids.map((id) => `<Latest>${id}</Latest>`).join('')
        const body = Buffer.from(`<?xml version="1.0" encoding="utf-8"?><BlockList>${list}</BlockList>`)
        await this.#done({ method: 'PUT', blob: name, query: { comp: 'blocklist' }, headers, body }, 'Put Block List')
      },
      abandon: () => Promise.resolve(),
    }
  }

  async sizeOf(name: string): Promise<number | null> {
    const reply = await this.#call({ method: 'HEAD', blob: name })
    if (reply.status === 404) return null
    if (reply.status >= 300) throw this.#opened().refused(reply, 'Get Blob Properties')
    return Number(reply.headers['content-length'] ?? 0)
  }

  async *list(prefix: string): AsyncGenerator<ListedFile> {
    for (let marker = ''; ; ) {
      const page = { restype: 'container', comp: 'list', include: 'metadata', maxresults: String(pageCount), prefix }
      const reply = await this.#done(
        { method: 'GET', query: { ...page, ...(marker === '' ? {} : { marker }) } },
        'List Blobs',
      )
      const xml = reply.body.toString('utf8')
      for (const blob of elementsOf(xml, 'Blob')) yield listed(blob)
      marker = textOf(xml, 'NextMarker')
      if (marker === '') return
    }
  }

  readFacts(name: string, bytes: number): Promise<Omit<FileFacts, 'bytes'> | null> {
    return readFileFacts(async (at, length) => {
      const headers = { 'x-ms-range': `bytes=${at}-${at + length - 1}` }
      return (await this.#done({ method: 'GET', blob: name, headers }, 'Get Blob')).body
    }, bytes)
  }

  async close(): Promise<void> {
    await this.#remote?.remote.close()
  }

  async #done(call: Call, what: string): Promise<RemoteReply> {
    let reply = await this.#call(call)
    if (reply.status === 404 && call.method === 'PUT' && !this.#isContainerThere) {
      await this.#makeContainer()
      reply = await this.#call(call)
    }
    if (reply.status >= 300) throw this.#opened().refused(reply, what)
    this.#isContainerThere = true
    return reply
  }

  async #makeContainer(): Promise<void> {
    const reply = await this.#call({ method: 'PUT', query: { restype: 'container' } })
    // Another partition made it at the same time.
    if (reply.status >= 300 && reply.status !== 409) throw this.#opened().refused(reply, 'Create Container')
  }

  #call({ method, blob, query = {}, headers = {}, body }: Call): Promise<RemoteReply> {
    const { container, account, clock } = this.#options
    const { endpoint, credentials } = account()
    const base = new URL(endpoint)
    const segments = [container, ...(blob === undefined ? [] : blob.split('/'))].map(encodeURIComponent)
    const search = Object.entries(query).map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
    if (credentials.kind === 'sas') search.push(credentials.query)
    const path = `${base.pathname.replace(/\/$/, '')}/${segments.join('/')}${search.length === 0 ? '' : `?${search.join('&')}`}`
    const sent: Record<string, string> = {
      ...headers,
      ...(method === 'PUT' ? { 'content-length': String(body?.length ?? 0) } : {}),
      'x-ms-date': new Date(clock.now()).toUTCString(),
      'x-ms-version': serviceVersion,
    }
    if (credentials.kind === 'key') {
      const text = stringToSign(parseBlobRequest(method, path, new Map(Object.entries(sent))), credentials.account.name)
      const signature = hmacOf(text, credentials.account.key).toString('base64')
      sent.authorization = `SharedKey ${credentials.account.name}:${signature}`
    }
    return this.#opened(base.origin).call({ method, path, headers: sent, body: body ?? null })
  }

  #opened(origin = this.#remote?.endpoint ?? ''): Remote {
    if (this.#remote?.endpoint !== origin) this.#remote = { endpoint: origin, remote: new Remote(origin, this.label) }
    return this.#remote.remote
  }
}

function factsHeaders({ events, firstSequence, lastSequence }: FileFacts): Readonly<Record<string, string>> {
  return {
    'x-ms-meta-events': String(events),
    'x-ms-meta-firstsequence': String(firstSequence),
    'x-ms-meta-lastsequence': String(lastSequence),
  }
}

function listed(xml: string): ListedFile {
  const number = (name: string) => {
    const text = textOf(xml, name)
    return /^-?\d{1,16}$/.test(text) ? Number(text) : null
  }
  const events = number('events')
  const firstSequence = number('firstsequence')
  const lastSequence = number('lastsequence')
  const isKnown = events !== null && firstSequence !== null && lastSequence !== null
  return {
    name: textOf(xml, 'Name'),
    bytes: number('Content-Length') ?? 0,
    facts: isKnown ? { events, firstSequence, lastSequence } : null,
  }
}
