// What an account of blobs answers to "List Blobs", read back: names, times, etags and metadata. Only what the service writes is
// understood, not XML at large; what is not there is left out. Source: "List Blobs", and what the endpoint of our own writes.

import type { BlobMetadata } from '../checkpoint-blobs.ts'

export interface BlobEntry {
  readonly name: string
  readonly metadata: BlobMetadata
  /** Unix milliseconds, whole seconds; null when the service does not say. */
  readonly updatedAtMs: number | null
  /** Without quotation marks. */
  readonly etag: string
}

export interface BlobListing {
  readonly blobs: readonly BlobEntry[]
  /** Empty: there are no more. */
  readonly nextMarker: string
}

/** One page. A document that is none of these has no blobs. */
export function parseBlobListing(xml: string): BlobListing {
  const blobs = Array.from(xml.matchAll(/<Blob>(.*?)<\/Blob>/gs), ([, text = '']) => entryOf(text))
  // Behind the blobs: a metadata value cannot hold a "<".
  const tail = xml.slice(xml.lastIndexOf('</Blobs>') + 1)
  return { blobs, nextMarker: textOf(tail, 'NextMarker') }
}

function entryOf(xml: string): BlobEntry {
  const [, metadata = ''] = /<Metadata>(.*?)<\/Metadata>/s.exec(xml) ?? []
  const updatedAtMs = Date.parse(textOf(xml, 'Last-Modified'))
  return {
    name: textOf(xml, 'Name'),
    metadata: Object.fromEntries(
      Array.from(metadata.matchAll(/<([A-Za-z_][\w-]*)>([^<]*)<\/\1>/g), ([, name = '', value = '']) => [
        name,
        unescaped(value),
      ]),
    ),
    updatedAtMs: Number.isNaN(updatedAtMs) ? null : updatedAtMs,
    etag: textOf(xml, 'Etag').replaceAll('"', ''),
  }
}

function textOf(xml: string, element: string): string {
  const [, text = ''] = new RegExp(`<${element}(?: [^>]*)?>([^<]*)</${element}>`).exec(xml) ?? []
  return unescaped(text)
}

const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([0-9A-Fa-f]{1,6})|([a-z]+));/g, (all, decimal, hex, name) => {
    if (name !== undefined) return entities[name] ?? all
    const code = decimal === undefined ? Number.parseInt(hex, 16) : Number(decimal)
    return code <= 0x10ffff ? String.fromCodePoint(code) : all
  })
}
