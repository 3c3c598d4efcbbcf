// @azure/storage-blob, unmodified, against the blob endpoint.

import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import {
  AccountSASPermissions,
  AccountSASResourceTypes,
  AccountSASServices,
  AnonymousCredential,
  BlobSASPermissions,
  BlobServiceClient,
  ContainerSASPermissions,
  generateAccountSASQueryParameters,
  generateBlobSASQueryParameters,
  SASProtocol,
  StorageSharedKeyCredential,
  type StoragePipelineOptions,
} from '@azure/storage-blob'
import { startServer } from '../server.ts'
import { startBlobEndpoint } from './blob-endpoint.ts'

/** One try, at once. */
const noRetries: StoragePipelineOptions = { retryOptions: { maxTries: 1 } }

async function open(t: TestContext) {
  const { broker } = await startServer(t)
  const endpoint = await startBlobEndpoint(t, broker)
  const service = BlobServiceClient.fromConnectionString(endpoint.connectionString, noRetries)
  const credential = new StorageSharedKeyCredential(endpoint.accountName, endpoint.accountKey)
  const withSas = (sas: { toString(): string }) =>
    new BlobServiceClient(`${endpoint.url}?${sas.toString()}`, new AnonymousCredential(), noRetries)
  return { broker, endpoint, service, credential, withSas }
}

const fails = (statusCode: number, code: string) => (error: unknown) => {
  const { statusCode: status, details } = error as { statusCode?: number; details?: { errorCode?: string } }
  assert.deepEqual([status, details?.errorCode], [statusCode, code])
  return true
}

const inAnHour = () => new Date(Date.now() + 3_600_000)

test('containers are made, changed, listed and deleted', async (t) => {
  const { service } = await open(t)
  const container = service.getContainerClient('checkpoints')
  assert.equal(await container.exists(), false)
  assert.equal((await container.createIfNotExists({ metadata: { made: 'here' } })).succeeded, true)
  assert.equal((await container.createIfNotExists()).succeeded, false)
  await assert.rejects(container.create(), fails(409, 'ContainerAlreadyExists'))
  assert.deepEqual((await container.getProperties()).metadata, { made: 'here' })
  await container.setMetadata({ made: 'again' })
  await service.createContainer('another-one')
  const names: [string, string | undefined][] = []
  for await (const { name, metadata } of service.listContainers({ includeMetadata: true })) {
    names.push([name, metadata?.made])
  }
  assert.deepEqual(names, [
    ['another-one', undefined],
    ['checkpoints', 'again'],
  ])
  await container.delete()
  await assert.rejects(container.delete(), fails(404, 'ContainerNotFound'))
  await assert.rejects(service.createContainer('Not_a_Name'), fails(400, 'InvalidInput'))
})

test('a blob comes back as it went, whatever its name', async (t) => {
  const { service } = await open(t)
  const { containerClient: container } = await service.createContainer('things')
  const name = 'a b/c&d<é>"?#%20.txt'
  const blob = container.getBlockBlobClient(name)
  await assert.rejects(blob.getProperties(), fails(404, 'BlobNotFound'))
  const content = Buffer.from('ein kleiner Text')
  const put = await blob.upload(content, content.length, {
    metadata: { key_1: 'v & <w>', Key2: 'w' },
    blobHTTPHeaders: { blobContentType: 'text/plain' },
  })
  const properties = await blob.getProperties()
  assert.equal(properties.etag, put.etag)
  assert.equal(properties.contentType, 'text/plain')
  assert.equal(properties.contentLength, content.length)
  assert.deepEqual(properties.metadata, { key_1: 'v & <w>', key2: 'w' })
  assert.deepEqual(await blob.downloadToBuffer(), content)
  assert.deepEqual(await blob.downloadToBuffer(4, 7), content.subarray(4, 11))
  for await (const listed of container.listBlobsFlat({ includeMetadata: true, prefix: 'a b/' })) {
    assert.equal(listed.name, name)
    assert.deepEqual(listed.metadata, { key_1: 'v & <w>', key2: 'w' })
    assert.equal(`"${listed.properties.etag}"`, put.etag)
    assert.equal(listed.properties.contentLength, content.length)
    assert.deepEqual(listed.properties.lastModified, put.lastModified)
  }
  await blob.delete()
  assert.equal((await blob.deleteIfExists()).succeeded, false)
})

test('conditions decide, with the codes the stores look for', async (t) => {
  const { service } = await open(t)
  const { containerClient: container } = await service.createContainer('things')
  const blob = container.getBlockBlobClient('x')
  await assert.rejects(blob.setMetadata({ a: '1' }), fails(404, 'BlobNotFound'))
  const put = await blob.upload('', 0, { metadata: { a: '1' }, conditions: { ifNoneMatch: '*' } })
  await assert.rejects(blob.upload('', 0, { conditions: { ifNoneMatch: '*' } }), fails(409, 'BlobAlreadyExists'))
  const set = await blob.setMetadata({ a: '2' }, { conditions: { ifMatch: put.etag! } })
  await assert.rejects(
    blob.setMetadata({ a: '3' }, { conditions: { ifMatch: put.etag! } }),
    fails(412, 'ConditionNotMet'),
  )
  await assert.rejects(blob.delete({ conditions: { ifMatch: put.etag! } }), fails(412, 'ConditionNotMet'))
  await assert.rejects(blob.download(0, 1, { conditions: { ifNoneMatch: set.etag! } }), (error: unknown) => {
    assert.equal((error as { statusCode?: number }).statusCode, 304)
    return true
  })
  await assert.rejects(container.getBlockBlobClient('nowhere').download(), fails(404, 'BlobNotFound'))
})

test('many blobs come page by page', async (t) => {
  const { service } = await open(t)
  const { containerClient: container } = await service.createContainer('things')
  const names = Array.from({ length: 25 }, (_, index) => `p/${String(index).padStart(2, '0')}`)
  await Promise.all(names.map((name) => container.getBlockBlobClient(name).upload('', 0)))
  await container.getBlockBlobClient('q').upload('', 0)
  const sizes: number[] = []
  const seen: string[] = []
  for await (const page of container.listBlobsFlat({ prefix: 'p/' }).byPage({ maxPageSize: 10 })) {
    sizes.push(page.segment.blobItems.length)
    seen.push(...page.segment.blobItems.map(({ name }) => name))
  }
  assert.deepEqual(sizes, [10, 10, 5])
  assert.deepEqual(seen, names)
})

test('a wrong key, an old request and nobody at all are turned away alike', async (t) => {
  const { endpoint, withSas } = await open(t)
  const wrong = new StorageSharedKeyCredential(endpoint.accountName, Buffer.alloc(64).toString('base64'))
  const turnedAway = fails(403, 'AuthenticationFailed')
  await assert.rejects(new BlobServiceClient(endpoint.url, wrong, noRetries).createContainer('things'), turnedAway)
  await assert.rejects(withSas({ toString: () => '' }).createContainer('things'), turnedAway)
})

test("an account's signature reaches what its letters say", async (t) => {
  const { service, credential, withSas } = await open(t)
  const { containerClient } = await service.createContainer('things')
  await containerClient.getBlockBlobClient('x').upload('', 0)
  const sas = (permissions: string, resourceTypes: string, more: object = {}) =>
    withSas(
      generateAccountSASQueryParameters(
        {
          permissions: AccountSASPermissions.parse(permissions),
          resourceTypes: AccountSASResourceTypes.parse(resourceTypes).toString(),
          services: AccountSASServices.parse('b').toString(),
          expiresOn: inAnHour(),
          ...more,
        },
        credential,
      ),
    ).getContainerClient('things')
  const reading = sas('rl', 'co')
  assert.equal((await reading.listBlobsFlat().next()).value?.name, 'x')
  await assert.rejects(
    reading.getBlockBlobClient('x').setMetadata({ a: '1' }),
    fails(403, 'AuthorizationPermissionMismatch'),
  )
  await assert.rejects(sas('rl', 'o').listBlobsFlat().next(), fails(403, 'AuthorizationResourceTypeMismatch'))
  await sas('w', 'o', { ipRange: { start: '127.0.0.1' } })
    .getBlockBlobClient('x')
    .setMetadata({ a: '1' })
  await assert.rejects(
    sas('w', 'o', { ipRange: { start: '10.0.0.1', end: '10.0.0.9' } })
      .getBlockBlobClient('x')
      .setMetadata({ a: '1' }),
    fails(403, 'AuthorizationSourceIPMismatch'),
  )
  await assert.rejects(
    sas('w', 'o', { protocol: SASProtocol.Https }).getBlockBlobClient('x').setMetadata({ a: '1' }),
    fails(403, 'AuthorizationProtocolMismatch'),
  )
  await assert.rejects(
    sas('w', 'o', { expiresOn: new Date(Date.now() - 60_000) })
      .getBlockBlobClient('x')
      .setMetadata({ a: '1' }),
    fails(403, 'AuthenticationFailed'),
  )
})

test("a container's and a blob's signature reach no other", async (t) => {
  const { service, credential, withSas } = await open(t)
  const { containerClient } = await service.createContainer('things')
  await service.createContainer('others')
  await containerClient.getBlockBlobClient('x').upload('', 0)
  const ofContainer = withSas(
    generateBlobSASQueryParameters(
      { containerName: 'things', permissions: ContainerSASPermissions.parse('rwl'), expiresOn: inAnHour() },
      credential,
    ),
  )
  assert.equal((await ofContainer.getContainerClient('things').listBlobsFlat().next()).value?.name, 'x')
  await ofContainer.getContainerClient('things').getBlockBlobClient('y').upload('', 0)
  await assert.rejects(
    ofContainer.getContainerClient('others').listBlobsFlat().next(),
    fails(403, 'AuthenticationFailed'),
  )
  const ofBlob = withSas(
    generateBlobSASQueryParameters(
      { containerName: 'things', blobName: 'x', permissions: BlobSASPermissions.parse('r'), expiresOn: inAnHour() },
      credential,
    ),
  ).getContainerClient('things')
  await ofBlob.getBlockBlobClient('x').getProperties()
  await assert.rejects(ofBlob.getBlockBlobClient('y').download(), fails(403, 'AuthenticationFailed'))
  await assert.rejects(ofBlob.listBlobsFlat().next(), fails(403, 'AuthenticationFailed'))
})

test('what is larger than a checkpoint or of another kind is refused by name', async (t) => {
  const { service } = await open(t)
  const { containerClient: container } = await service.createContainer('things')
  await assert.rejects(
    container.getBlockBlobClient('large').upload(Buffer.alloc(70_000), 70_000),
    fails(413, 'RequestBodyTooLarge'),
  )
  await assert.rejects(container.getAppendBlobClient('log').create(), fails(501, 'InvalidHeaderValue'))
  await assert.rejects(container.getBlobClient('x').createSnapshot(), fails(501, 'UnsupportedOperation'))
})
