// Answers of the blob endpoint that are documents. Element names and order are those of the service's reference.

import type { BlobMetadata } from '../checkpoint-blobs.ts'

export interface ListedContainer {
  readonly name: string
  readonly metadata: BlobMetadata
  readonly updatedAtMs: number
  readonly etag: string
}

export interface ListedBlob extends ListedContainer {
  readonly contentType: string | null
  readonly contentBytes: number
  readonly createdAtMs: number
}

export interface Listing {
  /** Address of the account. */
  readonly endpoint: string
  readonly prefix: string
  readonly marker: string
  readonly countMax: number
  /** Empty: there are no more. */
  readonly nextMarker: string
  readonly hasMetadata: boolean
}

const head = '<?xml version="1.0" encoding="utf-8"?>'

export const blobContentTypeDefault = 'application/octet-stream'

export function errorXml(code: string, message: string): string {
  return `${head}<Error>${element('Code', code)}${element('Message', message)}</Error>`
}

export function containersXml(listing: Listing, containers: readonly ListedContainer[]): string {
  const items = containers.map(
    ({ name, metadata, updatedAtMs, etag }) =>
      `<Container>${element('Name', name)}<Properties>${dates(updatedAtMs, etag)}${lease}</Properties>` +
      `${listing.hasMetadata ? metadataXml(metadata) : ''}</Container>`,
  )
  return results(listing, '', `<Containers>${items.join('')}</Containers>`)
}

export function blobsXml(listing: Listing, container: string, blobs: readonly ListedBlob[]): string {
  const items = blobs.map(
    ({ name, metadata, contentType, contentBytes, createdAtMs, updatedAtMs, etag }) =>
      `<Blob>${element('Name', name)}<Properties>` +
      element('Creation-Time', httpDate(createdAtMs)) +
      dates(updatedAtMs, etag) +
      element('Content-Length', String(contentBytes)) +
      element('Content-Type', contentType ?? blobContentTypeDefault) +
      `${element('BlobType', 'BlockBlob')}${lease}</Properties>` +
      `${listing.hasMetadata ? metadataXml(metadata) : ''}</Blob>`,
  )
  return results(listing, ` ContainerName="${escaped(container)}"`, `<Blobs>${items.join('')}</Blobs>`)
}

/** RFC 9110 §5.6.7; whole seconds. */
export function httpDate(ms: number): string {
  return new Date(ms).toUTCString()
}

const lease = `${element('LeaseStatus', 'unlocked')}${element('LeaseState', 'available')}`

function results({ endpoint, prefix, marker, countMax, nextMarker }: Listing, more: string, items: string): string {
  return (
    `${head}<EnumerationResults ServiceEndpoint="${escaped(endpoint)}"${more}>` +
    `${element('Prefix', prefix)}${element('Marker', marker)}${element('MaxResults', String(countMax))}` +
    `${items}${element('NextMarker', nextMarker)}</EnumerationResults>`
  )
}

function dates(updatedAtMs: number, etag: string): string {
  return element('Last-Modified', httpDate(updatedAtMs)) + element('Etag', etag)
}

// Names of metadata were checked when they came: each is an element's name.
function metadataXml(metadata: BlobMetadata): string {
  return `<Metadata>${Object.entries(metadata)
    .map(([name, value]) => element(name, value))
    .join('')}</Metadata>`
}

function element(name: string, text: string): string {
  return `<${name}>${escaped(text)}</${name}>`
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** What XML cannot hold at all becomes U+FFFD. */
function escaped(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]/gu, '\ufffd')
    .replace(/[&<>"']/g, (character) => entities[character] ?? '')
}
