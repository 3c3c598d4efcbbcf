// Capture into a bucket: Amazon S3 or anything that speaks its API (an endpoint of its own, such as MinIO's). A file grows as a
// multipart upload, which nobody sees until it is completed; a small one is one PutObject. Uploads a crash left are aborted
// when a file of their name is begun anew. Payloads are signed.

import type { Clock } from '../../../base/clock.ts'
import { EhubError } from '../../../base/error.ts'
import type { Destination, FileFacts, ListedFile, TargetFile } from './destination.ts'
import { readFileFacts } from './file-facts.ts'
import { elementsOf, Remote, type RemoteReply, textOf } from './remote.ts'

/** S3: every part but the last has at least 5 MiB. */
const partBytesMin = 5 * 1024 * 1024
const chunkBytes = 8 * 1024 * 1024

export interface S3Place {
  readonly bucket: string
  /** In front of every name, without a slash at its end; may be empty. */
  readonly prefix: string
  readonly region: string
  /** Of anything but Amazon's own; the bucket is then the first segment of the path. */
  readonly endpoint: string | null
}

export interface S3Credentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string | null
}

/**
 * `BUCKET[/PREFIX][?region=R&endpoint=URL]`.
 * @throws EhubError `argument-error`.
 */
export function parseS3Place(text: string): S3Place {
  const [path = '', search = ''] = text.split('?', 2)
  const [bucket = '', ...prefix] = path.split('/')
  const query = new URLSearchParams(search)
  const endpoint = query.get('endpoint')
  const unknown = [...query.keys()].find((name) => name !== 'region' && name !== 'endpoint')
  const isEndpoint = endpoint === null || (/^https?:\/\//.test(endpoint) && URL.canParse(endpoint))
  if (!/^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/.test(bucket) || unknown !== undefined || !isEndpoint) {
    throw new EhubError('argument-error', `"s3:${text}" names no bucket`, {
      hint: 'write s3:BUCKET/PREFIX?region=eu-west-1, or s3:BUCKET?endpoint=http://127.0.0.1:9000',
    })
  }
  const region = query.get('region') ?? 'us-east-1'
  return {
    bucket,
    prefix: prefix.join('/').replace(/\/+$/, ''),
    region,
    endpoint: endpoint?.replace(/\/+$/, '') ?? null,
  }
}

/**
 * From lines `NAME=VALUE` with the names everybody uses.
 * @throws EhubError `argument-error` naming what is missing.
 */
export function readS3Credentials(value: (name: string) => string | undefined): S3Credentials {
  const accessKeyId = value('AWS_ACCESS_KEY_ID') ?? ''
  const secretAccessKey = value('AWS_SECRET_ACCESS_KEY') ?? ''
  if (accessKeyId !== '' && secretAccessKey !== '') {
    return { accessKeyId, secretAccessKey, sessionToken: value('AWS_SESSION_TOKEN') ?? null }
  }
  throw new EhubError('argument-error', 'AWS_ACCESS_KEY_ID or AWS_SECRET_ACCESS_KEY is not set', {
    hint: 'set them for the daemon, then: ehub daemon restart; or give a file: --credentials file:PATH',
  })
}

interface Call {
  readonly method: 'GET' | 'PUT' | 'POST' | 'DELETE' | 'HEAD'
  /** null: the bucket. */
  readonly name: string | null
  readonly query?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer
}

export interface S3DestinationOptions {
  readonly place: S3Place
  /** Looked up with every call. @throws EhubError `argument-error`. */
  readonly credentials: () => S3Credentials
  readonly clock: Clock
}

export class S3Destination implements Destination {
  readonly chunkBytes = chunkBytes
  readonly label: string
  readonly #options: S3DestinationOptions
  readonly #base: URL
  readonly #remote: Remote

  constructor(options: S3DestinationOptions) {
    const { bucket, region, endpoint } = options.place
    this.#options = options
    this.label = `s3:${bucket}`
    this.#base = new URL(endpoint === null ? `https://${bucket}.s3.${region}.amazonaws.com` : `${endpoint}/${bucket}`)
    this.#remote = new Remote(this.#base.origin, this.label)
  }

  create(name: string): TargetFile {
    return new S3File(name, (call, what) => this.#done(call, what), this.#keyOf(name))
  }

  async sizeOf(name: string): Promise<number | null> {
    const reply = await this.#call({ method: 'HEAD', name })
    if (reply.status === 404) return null
    if (reply.status >= 300) throw this.#remote.refused(reply, 'HeadObject')
    return Number(reply.headers['content-length'] ?? 0)
  }

  async *list(prefix: string): AsyncGenerator<ListedFile> {
    const skipped = this.#keyOf('').length
    for (let token = ''; ; ) {
      const page = {
        'list-type': '2',
        prefix: this.#keyOf(prefix),
        ...(token === '' ? {} : { 'continuation-token': token }),
      }
      const xml = (await this.#done({ method: 'GET', name: null, query: page }, 'ListObjectsV2')).body.toString('utf8')
      for (const object of elementsOf(xml, 'Contents')) {
        yield { name: textOf(object, 'Key').slice(skipped), bytes: Number(textOf(object, 'Size')), facts: null }
      }
      token = textOf(xml, 'NextContinuationToken')
      if (token === '') return
    }
  }

  readFacts(name: string, bytes: number): Promise<Omit<FileFacts, 'bytes'> | null> {
    return readFileFacts(async (at, length) => {
      const headers = { range: `bytes=${at}-${at + length - 1}` }
      return (await this.#done({ method: 'GET', name, headers }, 'GetObject')).body
    }, bytes)
  }

  close(): Promise<void> {
    return this.#remote.close()
  }

  #keyOf(name: string): string {
    const { prefix } = this.#options.place
    return prefix === '' ? name : `${prefix}/${name}`
  }

  async #done(call: Call, what: string): Promise<RemoteReply> {
    const reply = await this.#call(call)
    // Completing may fail in the body of a 200.
    const isError =
      reply.status >= 300 || (call.method === 'POST' && /<Error>/.test(reply.body.toString('utf8', 0, 4096)))
    if (isError) throw this.#remote.refused(reply, what)
    return reply
  }

  async #call({ method, name, query = {}, headers = {}, body }: Call): Promise<RemoteReply> {
    const { credentials, clock, place } = this.#options
    const { accessKeyId, secretAccessKey, sessionToken } = credentials()
    // Loaded when somebody captures to it.
    const { AwsV4Signer } = await import('aws4fetch')
    const url = new URL(this.#base)
    const key = name === null ? '' : `/${this.#keyOf(name).split('/').map(encodeURIComponent).join('/')}`
    url.pathname = `${url.pathname.replace(/\/$/, '')}${key}`
    for (const [field, value] of Object.entries(query)) url.searchParams.set(field, value)
    const digest = await globalThis.crypto.subtle.digest('SHA-256', new Uint8Array(body ?? []))
    const signer = new AwsV4Signer({
      method,
      url: url.toString(),
      headers: { ...headers, 'x-amz-content-sha256': Buffer.from(digest).toString('hex') },
      accessKeyId,
      secretAccessKey,
      ...(sessionToken === null ? {} : { sessionToken }),
      service: 's3',
      region: place.region,
      datetime: new Date(clock.now()).toISOString().replace(/[:-]|\.\d{3}/g, ''),
    })
    const signed = await signer.sign()
    const sent = Object.fromEntries(signed.headers.entries())
    // Sent as it was signed: blanks of a query as %20.
    const path = `${signed.url.pathname}${signed.url.search.replaceAll('+', '%20')}`
    return this.#remote.call({ method, path, headers: sent, body: body ?? null })
  }
}

type Done = (call: Call, what: string) => Promise<RemoteReply>

class S3File implements TargetFile {
  readonly #name: string
  readonly #key: string
  readonly #done: Done
  #uploadId: string | null = null
  readonly #etags: string[] = []
  /** Too little for a part yet: compressed chunks are small. */
  #waiting: Buffer[] = []
  #waitingBytes = 0

  constructor(name: string, done: Done, key: string) {
    this.#name = name
    this.#done = done
    this.#key = key
  }

  async append(chunks: readonly Uint8Array[]): Promise<void> {
    const bytes = Buffer.concat(chunks)
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
    if (this.#waitingBytes >= partBytesMin) await this.#uploadPart()
  }

  async finish(chunks: readonly Uint8Array[]): Promise<void> {
    this.#waiting.push(Buffer.concat(chunks))
    if (this.#uploadId === null) {
      const body = Buffer.concat(this.#waiting)
      await this.#done({ method: 'PUT', name: this.#name, body }, 'PutObject')
      return
    }
    await this.#uploadPart()
    const parts = this.#etags.map((etag, i) => `<Part><PartNumber>${i + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
    const body = Buffer.from(`<CompleteMultipartUpload>${parts.join('')}</CompleteMultipartUpload>`)
    const query = { uploadId: this.#uploadId }
    await this.#done({ method: 'POST', name: this.#name, query, body }, 'CompleteMultipartUpload')
  }

  async abandon(): Promise<void> {
    if (this.#uploadId === null) return
    try {
      await this.#abort(this.#uploadId)
    } catch (error) {
      // The next file of this name aborts it.
      if (!(error instanceof EhubError)) throw error
    }
  }

  async #uploadPart(): Promise<void> {
    const body = Buffer.concat(this.#waiting)
    this.#waiting = []
    this.#waitingBytes = 0
    if (body.length === 0) return
    this.#uploadId ??= await this.#begin()
    const query = { partNumber: String(this.#etags.length + 1), uploadId: this.#uploadId }
    const reply = await this.#done({ method: 'PUT', name: this.#name, query, body }, 'UploadPart')
    this.#etags.push(reply.headers.etag ?? '')
  }

  async #begin(): Promise<string> {
    const query = { uploads: '', prefix: this.#key }
    const left = (await this.#done({ method: 'GET', name: null, query }, 'ListMultipartUploads')).body.toString('utf8')
    for (const upload of elementsOf(left, 'Upload')) {
      if (textOf(upload, 'Key') === this.#key) await this.#abort(textOf(upload, 'UploadId'))
    }
    const begun = await this.#done(
      { method: 'POST', name: this.#name, query: { uploads: '' } },
      'CreateMultipartUpload',
    )
    return textOf(begun.body.toString('utf8'), 'UploadId')
  }

  async #abort(uploadId: string): Promise<void> {
    await this.#done({ method: 'DELETE', name: this.#name, query: { uploadId } }, 'AbortMultipartUpload')
  }
}
