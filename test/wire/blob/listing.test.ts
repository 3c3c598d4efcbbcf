import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseBlobListing } from '../../../src/wire/blob/listing.ts'
import { blobsXml } from '../../../src/wire/blob/xml.ts'

test('a page as the service writes it', () => {
  const { blobs, nextMarker } = parseBlobListing(
    '\ufeff<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://a.blob.core.windows.net/" ' +
      'ContainerName="app"><Prefix>h/</Prefix><Blobs><Blob><Name>h/o/g/checkpoint/0</Name><Properties>' +
      '<Last-Modified>Fri, 20 Nov 2026 09:30:00 GMT</Last-Modified><Etag>0x8DC1</Etag></Properties>' +
      '<Metadata><sequencenumber>41</sequencenumber><offset>-1</offset></Metadata><OrMetadata /></Blob>' +
      '<Blob><Name Encoded="true">x%26y</Name><Properties><Etag>"0x2"</Etag></Properties><Metadata /></Blob></Blobs>' +
      '<NextMarker>2!80!x</NextMarker></EnumerationResults>',
  )
  assert.deepEqual(blobs, [
    {
      name: 'h/o/g/checkpoint/0',
      metadata: { sequencenumber: '41', offset: '-1' },
      updatedAtMs: Date.UTC(2026, 10, 20, 9, 30),
      etag: '0x8DC1',
    },
    { name: 'x%26y', metadata: {}, updatedAtMs: null, etag: '0x2' },
  ])
  assert.equal(nextMarker, '2!80!x')
})

test('what our own endpoint writes comes back, and what is no listing has no blobs', () => {
  // XML has no control characters, and a value is what a header can carry.
  const value = fc.string({ unit: 'grapheme-ascii', maxLength: 20 })
  fc.assert(
    fc.property(fc.array(fc.record({ name: value, a: value, b: value }), { maxLength: 4 }), value, (rows, marker) => {
      const listing = {
        endpoint: 'http://h/a',
        prefix: '',
        marker: '',
        countMax: 10,
        nextMarker: marker,
        hasMetadata: true,
      }
      const listed = rows.map(({ name, a, b }) => ({
        ...{
          name,
          metadata: { a, b_2: b },
          contentType: null,
          contentBytes: 0,
          createdAtMs: 0,
          updatedAtMs: 5000,
          etag: '0x1',
        },
      }))
      const parsed = parseBlobListing(blobsXml(listing, 'app', listed))
      assert.deepEqual(
        parsed.blobs,
        listed.map(({ name, metadata, updatedAtMs, etag }) => ({ name, metadata, updatedAtMs, etag })),
      )
      assert.equal(parsed.nextMarker, marker)
    }),
    { numRuns: 100 },
  )
  fc.assert(
    fc.property(fc.string(), (text) => parseBlobListing(text).blobs.length === 0),
    { numRuns: 100 },
  )
})
