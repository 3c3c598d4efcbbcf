import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blobsXml, errorXml } from '../../../src/wire/blob/xml.ts'

test('nothing in a name or a value ends an element', () => {
  const listing = { endpoint: 'http://h/"/', prefix: '<', marker: '', countMax: 1, nextMarker: '', hasMetadata: true }
  const blob = {
    name: `a<&>"'\u0000`,
    metadata: { key: '</key><x/>' },
    contentType: null,
    contentBytes: 0,
    createdAtMs: 0,
    updatedAtMs: 1000,
    etag: '0x1',
  }
  assert.equal(
    blobsXml(listing, 'app', [blob]),
    '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="http://h/&quot;/" ContainerName="app">' +
      '<Prefix>&lt;</Prefix><Marker></Marker><MaxResults>1</MaxResults><Blobs><Blob>' +
      '<Name>a&lt;&amp;&gt;&quot;&apos;\ufffd</Name><Properties><Creation-Time>Thu, 01 Jan 1970 00:00:00 GMT</Creation-Time>' +
      '<Last-Modified>Thu, 01 Jan 1970 00:00:01 GMT</Last-Modified><Etag>0x1</Etag><Content-Length>0</Content-Length>' +
      '<Content-Type>application/octet-stream</Content-Type><BlobType>BlockBlob</BlobType><LeaseStatus>unlocked</LeaseStatus>' +
      '<LeaseState>available</LeaseState></Properties><Metadata><key>&lt;/key&gt;&lt;x/&gt;</key></Metadata></Blob></Blobs>' +
      '<NextMarker></NextMarker></EnumerationResults>',
  )
  assert.equal(
    errorXml('A', 'b<c'),
    '<?xml version="1.0" encoding="utf-8"?><Error><Code>A</Code><Message>b&lt;c</Message></Error>',
  )
})
