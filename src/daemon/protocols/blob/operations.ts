// What each call of the blob endpoint does: one broker call and its translation. Which call a request is, and what it needs, is
// the table at the end of `operationOf`; what the service knows beyond it is refused by name.

import type { BlobRequest } from '../../../wire/blob/request.ts'
import { blobContentTypeDefault, blobsXml, containersXml, httpDate, type Listing } from '../../../wire/blob/xml.ts'
import type { BlobMetadata } from '../../../wire/checkpoint-blobs.ts'
import { blobContentBytesMax, conditionFailure } from '../../broker/blob-commands.ts'
import type { Blob, BlobConditions, BlobDescription, Blobs, ContainerDescription } from '../../broker/blobs-api.ts'
import type { Need } from './authorize.ts'
import type { BlobFiles } from './blob-files.ts'
import { blockIdOf, blockListBytesMax, parseBlockList } from './block-list.ts'
import { readConditions, readMetadata, readRange } from './headers.ts'
import { BlobRefusal } from './refusals.ts'
import { blockBytesMax, type RequestBody } from './request-body.ts'

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  /** `headers` says of what type it is. */
  readonly body: Buffer | FileContent | null
}

/** An answer that lies in files. */
export interface FileContent {
  readonly length: number
  readonly chunks: AsyncIterable<Buffer>
}

/** What operations work with. */
export interface Stores {
  readonly blobs: Blobs
  /** null: this daemon keeps nothing, so there are small blobs only. */
  readonly files: BlobFiles | null
}

export interface Operation {
  readonly need: Need
  /** What the body may have; beyond it `RequestBodyTooLarge`. */
  readonly bodyBytesMax: number
  /** @param body Of the request, read by the operation; a small one may be read whole. */
  run(stores: Stores, body: RequestBody): Promise<Reply> | Reply
}

/** Azure: 1 to 5,000 in one page. */
const pageCountMax = 5000

/** @throws BlobRefusal for what there is not. */
export function operationOf(request: BlobRequest): Operation {
  const { container, blob } = request
  if (container === null) return accountOperation(request)
  return blob === null ? containerOperation(request, container) : blobOperation(request, container, blob)
}

function accountOperation(request: BlobRequest): Operation {
  const { method, query } = request
  const comp = query.get('comp') ?? ''
  if (method === 'GET' && comp === 'list') {
    return {
      need: { resourceType: 's', permissions: 'l' },
      bodyBytesMax: 0,
      run: ({ blobs }) => listContainers(request, blobs),
    }
  }
  if ((method === 'GET' || method === 'HEAD') && comp === 'properties' && query.get('restype') === 'account') {
    const headers = { 'x-ms-sku-name': 'Standard_LRS', 'x-ms-account-kind': 'StorageV2' }
    return { need: { resourceType: 's', permissions: 'rl' }, bodyBytesMax: 0, run: () => reply(200, headers) }
  }
  throw unknownCall(request)
}

function containerOperation(request: BlobRequest, name: string): Operation {
  const { method, query } = request
  const conditions = readConditions(request.headers)
  const isContainer = query.get('restype') === 'container'
  const isRead = method === 'GET' || method === 'HEAD'
  const operation = (permissions: string, run: Operation['run']): Operation => ({
    need: { resourceType: 'c', permissions },
    bodyBytesMax: blobContentBytesMax,
    run,
  })
  switch (isContainer ? (query.get('comp') ?? '') : null) {
    case '':
      if (isRead) return operation('r', ({ blobs }) => containerReply(blobs.container(name)))
      if (method === 'PUT') {
        return operation('cw', async ({ blobs }) => {
          return reply(201, validators(await blobs.createContainer(name, readMetadata(request.headers))))
        })
      }
      if (method !== 'DELETE') break
      return operation('d', async ({ blobs }) => {
        await blobs.deleteContainer(name, conditions)
        return reply(202, {})
      })
    case 'metadata':
      if (isRead) return operation('r', ({ blobs }) => containerReply(blobs.container(name)))
      if (method !== 'PUT') break
      return operation('w', async ({ blobs }) => {
        const metadata = readMetadata(request.headers)
        return reply(200, validators(await blobs.setContainerMetadata(name, metadata, conditions)))
      })
    case 'list':
      if (method === 'GET') return operation('l', ({ blobs }) => listBlobs(request, blobs, name))
  }
  throw unknownCall(request)
}

function blobOperation(request: BlobRequest, container: string, name: string): Operation {
  const { method, query, headers } = request
  const conditions = readConditions(headers)
  const operation = (permissions: string, run: Operation['run'], bodyBytesMax = blobContentBytesMax): Operation => ({
    need: { resourceType: 'o', permissions },
    bodyBytesMax,
    run,
  })
  const write = () => ({
    metadata: readMetadata(headers),
    contentType: headers.get('x-ms-blob-content-type') ?? headers.get('content-type') ?? null,
  })
  switch (query.get('comp') ?? '') {
    case '':
      if (method === 'GET' || method === 'HEAD') {
        return operation('r', (stores) => readBlob(request, stores, stores.blobs.blob(container, name), conditions))
      }
      if (method === 'PUT') {
        const permissions = conditions.ifNoneMatch === '*' ? 'cw' : 'w'
        const put: Operation['run'] = async ({ blobs, files }, body) => {
          checkBlobType(headers)
          if (body.bytes <= blobContentBytesMax) {
            const content = await body.whole()
            return reply(201, validators(await blobs.putBlob(container, name, { ...write(), content }, conditions)))
          }
          if (files === null) throw tooLargeWithoutFolder(body.bytes)
          const file = await files.stage(body)
          return reply(201, validators(await files.put(container, name, { ...write(), blocks: [file] }, conditions)))
        }
        return operation(permissions, put, blockBytesMax)
      }
      if (method !== 'DELETE') break
      return operation('d', async ({ blobs }) => {
        await blobs.deleteBlob(container, name, conditions)
        return reply(202, { 'x-ms-delete-type-permanent': 'true' })
      })
    case 'block':
      if (method !== 'PUT') break
      return operation(
        'w',
        async ({ blobs, files }, body) => {
          blobs.container(container)
          await requireFiles(files).putBlock(container, name, blockIdOf(query), body)
          return reply(201, {})
        },
        blockBytesMax,
      )
    case 'blocklist':
      if (method !== 'PUT') break
      return operation(
        conditions.ifNoneMatch === '*' ? 'cw' : 'w',
        async ({ files }, body) => {
          const ids = parseBlockList((await body.whole()).toString('utf8'))
          const stored = requireFiles(files)
          const blocks = stored.blocksOf(container, name, ids)
          const made = await stored.put(container, name, { ...write(), blocks }, conditions)
          stored.forget(container, name)
          return reply(201, validators(made))
        },
        blockListBytesMax,
      )
    case 'metadata':
      if (method === 'GET' || method === 'HEAD') {
        return operation('r', ({ blobs }) => {
          const blob = blobs.blob(container, name)
          checkReadable(blob, conditions)
          return reply(200, { ...validators(blob), ...metadataHeaders(blob.metadata) })
        })
      }
      if (method !== 'PUT') break
      return operation('w', async ({ blobs }) => {
        const metadata = readMetadata(headers)
        return reply(200, validators(await blobs.setBlobMetadata(container, name, metadata, conditions)))
      })
  }
  throw unknownCall(request)
}

function listContainers(request: BlobRequest, blobs: Blobs): Reply {
  const { prefix, from, countMax } = readPage(request)
  const found = blobs.listContainers().filter(({ name }) => name.startsWith(prefix) && name >= from)
  const page = found.slice(0, countMax)
  return xml(containersXml(listingOf(request, found[countMax]?.name ?? null), page))
}

function listBlobs(request: BlobRequest, blobs: Blobs, container: string): Reply {
  if (request.query.has('delimiter')) {
    throw new BlobRefusal(501, 'UnsupportedQueryParameter', 'blobs are listed flat here: leave out "delimiter"')
  }
  const { prefix, from, countMax } = readPage(request)
  const page = blobs.listBlobs(container, prefix, from, countMax)
  return xml(blobsXml(listingOf(request, page.nextName), container, page.blobs))
}

function readPage({ query }: BlobRequest): { prefix: string; from: string; countMax: number } {
  const text = query.get('maxresults') ?? String(pageCountMax)
  const count = Number(text)
  if (!/^\d{1,9}$/.test(text) || count < 1) {
    throw new BlobRefusal(400, 'OutOfRangeQueryParameterValue', '"maxresults" is not a count of 1 or more')
  }
  const from = Buffer.from(query.get('marker') ?? '', 'base64url').toString('utf8')
  return { prefix: query.get('prefix') ?? '', from, countMax: Math.min(count, pageCountMax) }
}

function listingOf(request: BlobRequest, nextName: string | null): Listing {
  const { query, headers, account } = request
  return {
    endpoint: `http://${headers.get('host') ?? ''}/${account}/`,
    prefix: query.get('prefix') ?? '',
    marker: query.get('marker') ?? '',
    countMax: readPage(request).countMax,
    nextMarker: nextName === null ? '' : Buffer.from(nextName, 'utf8').toString('base64url'),
    hasMetadata: (query.get('include') ?? '').split(',').includes('metadata'),
  }
}

function readBlob({ headers }: BlobRequest, { files }: Stores, blob: Blob, conditions: BlobConditions): Reply {
  checkReadable(blob, conditions)
  const common = {
    ...validators(blob),
    ...metadataHeaders(blob.metadata),
    'content-type': blob.contentType ?? blobContentTypeDefault,
    'accept-ranges': 'bytes',
    'x-ms-blob-type': 'BlockBlob',
    'x-ms-creation-time': httpDate(blob.createdAtMs),
    'x-ms-lease-status': 'unlocked',
    'x-ms-lease-state': 'available',
  }
  const range = readRange(headers, blob.contentBytes)
  const { first, last } = range ?? { first: 0, last: blob.contentBytes - 1 }
  const body =
    blob.files.length === 0
      ? blob.content.subarray(first, last + 1)
      : { length: last + 1 - first, chunks: requireFiles(files).read(blob.files, first, last + 1) }
  if (range === null) return { status: 200, headers: common, body }
  const where = { ...common, 'content-range': `bytes ${first}-${last}/${blob.contentBytes}` }
  return { status: 206, headers: where, body }
}

function tooLargeWithoutFolder(bytes: number): BlobRefusal {
  const reason = `a body of ${bytes} bytes: a daemon without a data folder keeps blobs of at most ${blobContentBytesMax}`
  return new BlobRefusal(413, 'RequestBodyTooLarge', reason)
}

function requireFiles(files: BlobFiles | null): BlobFiles {
  if (files !== null) return files
  throw new BlobRefusal(501, 'UnsupportedOperation', 'this daemon keeps nothing on a disk, so it has small blobs only')
}

function checkReadable(blob: BlobDescription, conditions: BlobConditions): void {
  const failure = conditionFailure(blob, conditions)
  if (failure === null) return
  const status = failure === 'unmodified' ? 304 : 412
  throw new BlobRefusal(status, 'ConditionNotMet', 'a condition of the request does not hold')
}

function checkBlobType(headers: ReadonlyMap<string, string>): void {
  const type = headers.get('x-ms-blob-type')
  if (type?.toLowerCase() === 'blockblob') return
  throw new BlobRefusal(
    type === undefined ? 400 : 501,
    type === undefined ? 'MissingRequiredHeader' : 'InvalidHeaderValue',
    'blobs are kept as block blobs: send "x-ms-blob-type: BlockBlob"',
  )
}

function containerReply(container: ContainerDescription): Reply {
  const lease = { 'x-ms-lease-status': 'unlocked', 'x-ms-lease-state': 'available' }
  return reply(200, { ...validators(container), ...metadataHeaders(container.metadata), ...lease })
}

function validators({ etag, updatedAtMs }: { readonly etag: string; readonly updatedAtMs: number }) {
  return { etag: `"${etag}"`, 'last-modified': httpDate(updatedAtMs) }
}

function metadataHeaders(metadata: BlobMetadata): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`x-ms-meta-${name}`, value]))
}

function reply(status: number, headers: Readonly<Record<string, string>>): Reply {
  return { status, headers, body: null }
}

function xml(text: string): Reply {
  return { status: 200, headers: { 'content-type': 'application/xml' }, body: Buffer.from(text) }
}

function unknownCall({ method, query }: BlobRequest): BlobRefusal {
  const comp = (query.get('comp') ?? '').slice(0, 40)
  return new BlobRefusal(
    501,
    'UnsupportedOperation',
    `${method} with comp "${comp}" is no call of this endpoint: it keeps containers and block blobs`,
  )
}
