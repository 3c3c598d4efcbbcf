import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isEhubError } from '../../../src/base/error.ts'
import { conditionFailure } from '../../../src/daemon/broker/blob-commands.ts'
import { MemoryEngine } from '../../../src/daemon/storage/memory-engine.ts'
import { openTestBroker } from './builders.ts'

const code = (wanted: string) => (error: unknown) => isEhubError(error) && error.code === wanted
const empty = { metadata: {}, contentType: null, content: Buffer.alloc(0) }

test('a blob is kept whole: metadata, type and content; new metadata leaves the content alone', async (t) => {
  const { broker, clock } = await openTestBroker(t)
  const { blobs } = broker
  await blobs.createContainer('things', {})
  const put = await blobs.putBlob(
    'things',
    'a/b',
    { metadata: { m: '1' }, contentType: 'text/plain', content: Buffer.from('hi') },
    {},
  )
  clock.advance(5000)
  const set = await blobs.setBlobMetadata('things', 'a/b', { m: '2' }, { ifMatch: [put.etag] })
  assert.notEqual(set.etag, put.etag)
  const { content, files, ...rest } = blobs.blob('things', 'a/b')
  assert.equal(content.toString(), 'hi')
  assert.deepEqual(files, [])
  assert.deepEqual(rest, set)
  assert.deepEqual(set, {
    name: 'a/b',
    metadata: { m: '2' },
    contentType: 'text/plain',
    contentBytes: 2,
    createdAtMs: put.createdAtMs,
    updatedAtMs: put.updatedAtMs + 5000,
    etag: set.etag,
  })
})

test('of two who claim the same blob one wins, however they claim it', async (t) => {
  const { broker } = await openTestBroker(t)
  const { blobs } = broker
  await blobs.createContainer('things', {})
  const put = (ifNoneMatch: '*') => blobs.putBlob('things', 'x', empty, { ifNoneMatch })
  const first = await Promise.allSettled([put('*'), put('*')])
  assert.deepEqual(
    first.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  await assert.rejects(put('*'), code('blob-exists'))
  const { etag } = blobs.blob('things', 'x')
  const set = (owner: string) => blobs.setBlobMetadata('things', 'x', { owner }, { ifMatch: [etag] })
  const second = await Promise.allSettled([set('one'), set('other')])
  assert.deepEqual(
    second.map(({ status }) => status),
    ['fulfilled', 'rejected'],
  )
  await assert.rejects(set('late'), code('blob-condition-failed'))
  assert.deepEqual(blobs.blob('things', 'x').metadata, { owner: 'one' })
  await assert.rejects(blobs.putBlob('things', 'not-there', empty, { ifMatch: '*' }), code('blob-condition-failed'))
})

test('blobs are listed by prefix, in order, page by page', async (t) => {
  const { broker } = await openTestBroker(t)
  const { blobs } = broker
  await blobs.createContainer('things', {})
  for (const name of ['b/2', 'a/1', 'b/10', 'b/1']) await blobs.putBlob('things', name, empty, {})
  const one = blobs.listBlobs('things', 'b/', '', 2)
  assert.deepEqual([one.blobs.map(({ name }) => name), one.nextName], [['b/1', 'b/10'], 'b/2'])
  const other = blobs.listBlobs('things', 'b/', one.nextName ?? '', 2)
  assert.deepEqual([other.blobs.map(({ name }) => name), other.nextName], [['b/2'], null])
})

test('a container goes with everything in it', async (t) => {
  const { broker } = await openTestBroker(t)
  const { blobs } = broker
  const made = await blobs.createContainer('things', { m: '1' })
  await assert.rejects(blobs.createContainer('things', {}), code('container-exists'))
  await blobs.putBlob('things', 'x', empty, {})
  const changed = await blobs.setContainerMetadata('things', { m: '2' }, { ifMatch: [made.etag] })
  assert.deepEqual(blobs.listContainers(), [changed])
  await assert.rejects(blobs.deleteContainer('things', { ifMatch: [made.etag] }), code('blob-condition-failed'))
  await blobs.deleteContainer('things', {})
  assert.throws(() => blobs.blob('things', 'x'), code('container-not-found'))
  await blobs.createContainer('things', {})
  assert.throws(() => blobs.blob('things', 'x'), code('blob-not-found'))
})

test('names and sizes are bounded', async (t) => {
  const { broker } = await openTestBroker(t)
  const { blobs } = broker
  for (const name of ['ab', 'A-container', 'a--b', '-ab', '$daemon', 'a'.repeat(64), 'a/b']) {
    assert.throws(() => blobs.createContainer(name, {}), code('argument-error'), name)
  }
  await blobs.createContainer('things', {})
  for (const name of ['', 'a\u0000', 'a'.repeat(1025), '\ud800']) {
    assert.throws(() => blobs.putBlob('things', name, empty, {}), code('argument-error'))
  }
  assert.throws(
    () => blobs.putBlob('things', 'x', { ...empty, content: Buffer.alloc(65_537) }, {}),
    code('quota-exceeded'),
  )
  for (const metadata of [{ 'a-b': '' }, { '1': '' }, { m: 'x'.repeat(8193) }]) {
    assert.throws(() => blobs.putBlob('things', 'x', { ...empty, metadata }, {}), code('argument-error'))
  }
})

test('all blobs together are bounded, and what is deleted makes room', async (t) => {
  const { broker } = await openTestBroker(t)
  const { blobs } = broker
  await blobs.createContainer('things', {})
  const content = Buffer.alloc(65_536)
  const fill = async () => {
    for (let index = 0; ; index++) {
      try {
        await blobs.putBlob('things', `x${index}`, { ...empty, content }, {})
      } catch (error) {
        assert.ok(code('quota-exceeded')(error))
        return index
      }
    }
  }
  const count = await fill()
  assert.equal(count, Math.floor((64 * 1024 * 1024) / (256 + 4 + 87_384)))
  await blobs.deleteBlob('things', 'x0', {})
  await blobs.putBlob('things', 'y', { ...empty, content }, {})
})

test('the account and everything in it are there again after a restart', async (t) => {
  const engine = new MemoryEngine()
  const first = await openTestBroker(t, {}, { engine })
  const { account } = first.broker.blobs
  assert.equal(Buffer.from(account.key, 'base64').length, 64)
  await first.broker.blobs.createContainer('things', {})
  const put = await first.broker.blobs.putBlob('things', 'x', { ...empty, metadata: { m: 'é' } }, {})
  await first.broker.close()
  const again = await openTestBroker(t, {}, { engine })
  assert.deepEqual(again.broker.blobs.account, account)
  assert.deepEqual(again.broker.blobs.listBlobs('things', '', '', 10).blobs, [put])
})

const stored = { etag: 'e', updatedAtMs: 10_500 }
for (const [conditions, expected] of [
  [{}, null],
  [{ ifMatch: '*' }, null],
  [{ ifMatch: ['d', 'e'] }, null],
  [{ ifMatch: ['d'] }, 'failed'],
  [{ ifNoneMatch: '*' }, 'unmodified'],
  [{ ifNoneMatch: ['e'] }, 'unmodified'],
  [{ ifNoneMatch: ['d'] }, null],
  [{ ifUnmodifiedSinceMs: 10_000 }, null],
  [{ ifUnmodifiedSinceMs: 9000 }, 'failed'],
  [{ ifModifiedSinceMs: 10_000 }, 'unmodified'],
  [{ ifModifiedSinceMs: 9000 }, null],
  // RFC 9110: the times do not count beside etags.
  [{ ifMatch: ['e'], ifUnmodifiedSinceMs: 9000 }, null],
  [{ ifNoneMatch: ['d'], ifModifiedSinceMs: 10_000 }, null],
] as const) {
  test(`of a blob with etag e, changed at second 10, ${JSON.stringify(conditions)} says ${expected}`, () =>
    assert.equal(conditionFailure(stored, conditions), expected))
}
