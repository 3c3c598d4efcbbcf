// Capture into a bucket, over HTTP, against a small stand-in that keeps objects and multipart uploads as S3 does.

import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type TestContext, test } from 'node:test'
import { SystemClock } from '../../../../src/base/clock.ts'
import { parseS3Place, S3Destination } from '../../../../src/daemon/protocols/capture/s3-destination.ts'
import { openCaptureWorld, recordsOf, settings } from './world.ts'

const partBytesMin = 5 * 1024 * 1024

async function openBucket(t: TestContext) {
  const objects = new Map<string, Buffer>()
  const uploads = new Map<string, { readonly key: string; readonly parts: Map<number, Buffer> }>()
  const calls: string[] = []
  let lostAnswers = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => {
      const body = Buffer.concat(chunks)
      const url = new URL(request.url ?? '', 'http://s3')
      const key = decodeURIComponent(url.pathname.replace(/^\/bucket\/?/, ''))
      const query = url.searchParams
      const answer = (status: number, text = '', headers: Record<string, string> = {}) =>
        response.writeHead(status, headers).end(text)
      assert.match(
        request.headers.authorization ?? '',
        /^AWS4-HMAC-SHA256 Credential=AK\/\d{8}\/eu-west-1\/s3\/aws4_request, /,
      )
      assert.match(String(request.headers['x-amz-content-sha256']), /^[0-9a-f]{64}$/)
      const upload = uploads.get(query.get('uploadId') ?? '')
      calls.push(`${request.method} ${[...query.keys()].join(',')}`)
      if (request.method === 'POST' && query.has('uploads')) {
        const id = `u${uploads.size}`
        uploads.set(id, { key, parts: new Map() })
        return answer(200, `<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`)
      }
      if (request.method === 'GET' && query.has('uploads')) return answer(200, '<ListMultipartUploadsResult/>')
      if (request.method === 'PUT' && upload !== undefined) {
        upload.parts.set(Number(query.get('partNumber')), body)
        return answer(200, '', { etag: `"e${query.get('partNumber')}"` })
      }
      if (request.method === 'POST' && upload !== undefined) {
        const parts = [...upload.parts.values()]
        assert.ok(parts.slice(0, -1).every((part) => part.length >= partBytesMin))
        objects.set(upload.key, Buffer.concat(parts))
        if (lostAnswers-- > 0) return request.socket.destroy()
        return answer(200, '<CompleteMultipartUploadResult/>')
      }
      if (request.method === 'DELETE') return answer(204)
      if (request.method === 'PUT') {
        objects.set(key, body)
        return answer(200)
      }
      if (query.has('list-type')) {
        const found = [...objects].filter(([name]) => name.startsWith(query.get('prefix') ?? ''))
        const items = found.map(
          ([name, bytes]) => `<Contents><Key>${name}</Key><Size>${bytes.length}</Size></Contents>`,
        )
        return answer(200, `<ListBucketResult>${items.join('')}</ListBucketResult>`)
      }
      const object = objects.get(key)
      if (object === undefined) return answer(404, '<Error><Code>NoSuchKey</Code></Error>')
      const [, first = '0', last = ''] = /bytes=(\d+)-(\d+)/.exec(request.headers.range ?? '') ?? []
      response.writeHead(206).end(object.subarray(Number(first), Number(last) + 1))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => void server.close())
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const open = () =>
    new S3Destination({
      place: parseS3Place(`bucket/in/here?region=eu-west-1&endpoint=http://127.0.0.1:${port}`),
      credentials: () => ({ accessKeyId: 'AK', secretAccessKey: 'secret', sessionToken: null }),
      clock: new SystemClock(),
    })
  return { objects, calls, open, loseAnswers: (count: number) => (lostAnswers = count) }
}

test('a small window is one object, and the listing looks into it', async (t) => {
  const { objects, calls, open } = await openBucket(t)
  const { service, publish, captured } = await openCaptureWorld(t, open)
  await service.enable('local', 'orders', settings)
  await publish(['one', 'two'])
  assert.equal(await service.flush(captured()), 1)
  const [[key, bytes] = ['', Buffer.alloc(0)]] = objects
  assert.match(key, /^in\/here\/local\/orders\/0\/\d{4}\//)
  assert.deepEqual(await recordsOf(bytes), [
    [0, 'one'],
    [1, 'two'],
  ])
  assert.deepEqual(calls, ['PUT '])
  for await (const { name, events, firstSequence, lastSequence } of service.files(captured(), null, 10)) {
    assert.deepEqual([`in/here/${name}`, events, firstSequence, lastSequence], [key, 2, 0, 1])
  }
})

test('a large one is a multipart upload; one whose end was not answered is the same again', async (t) => {
  const { objects, open, loseAnswers } = await openBucket(t)
  const { service, publish, captured } = await openCaptureWorld(t, open)
  await service.enable('local', 'orders', settings)
  const body = 'x'.repeat(60_000)
  for (let i = 0; i < 160; i += 1) await publish([`${i} ${body}`])
  loseAnswers(1)
  await assert.rejects(service.flush(captured()), { code: 'connect-failed' })
  const [first] = objects.values()
  assert.equal(await service.flush(captured()), 1)
  const [second, ...more] = objects.values()
  assert.deepEqual(more, [])
  assert.ok(first !== undefined && second !== undefined && first.equals(second))
  assert.deepEqual(
    (await recordsOf(second)).map(([sequence]) => sequence),
    Array.from({ length: 160 }, (_, i) => i),
  )
})
