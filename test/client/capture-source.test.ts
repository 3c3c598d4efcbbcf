import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { isEhubError } from '../../src/base/error.ts'
import { openCaptureSource, placeFiles } from '../../src/client/capture/capture-source.ts'
import { parseBlobRequest } from '../../src/wire/blob/request.ts'
import { isSignedWithKey } from '../../src/wire/blob/shared-key.ts'
import { defaultNameFormat, parseNameFormat } from '../../src/wire/capture/file-name.ts'

const clock = new SystemClock()
const format = parseNameFormat(defaultNameFormat)

async function bytesOf(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

async function serve(t: TestContext, listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  const address = server.address()
  return `127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`
}

test('a folder lists what is below it, in the order of partitions and windows', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-source-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const names = [
    'ns/orders/10/2026/11/20/00/00/38.avro',
    'ns/orders/2/2026/11/20/00/05/38.avro',
    'ns/orders/2/2026/11/20/00/00/38.avro',
    'ns/orders/2/2026/11/20/00/00/38-1.avro',
    'other.avro',
    'ns/orders/2/2026/11/20/00/10/38.avro.part',
    'notes.txt',
  ]
  for (const name of names) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), name)
  }
  const source = await openCaptureSource(folder, {}, clock)
  const placed = placeFiles(await source.list(), [format])
  assert.deepEqual(
    placed.map(({ file, place }) => [file.name, place?.partition ?? null]),
    [
      ['ns/orders/2/2026/11/20/00/00/38.avro', 2],
      ['ns/orders/2/2026/11/20/00/00/38-1.avro', 2],
      ['ns/orders/2/2026/11/20/00/05/38.avro', 2],
      ['ns/orders/10/2026/11/20/00/00/38.avro', 10],
      ['other.avro', null],
    ],
  )
  const first = placed[0]?.file
  assert.equal(first?.bytes, 36)
  assert.equal(first === undefined ? '' : (await bytesOf(first.open())).toString(), first?.name)
})

test('a path that is not there, and an address that does not say of what', async () => {
  const code = (wanted: 'file-not-found' | 'usage') => (error: unknown) => isEhubError(error, wanted)
  await assert.rejects(openCaptureSource('/nowhere/at/all', {}, clock), code('file-not-found'))
  await assert.rejects(openCaptureSource('https://x.y/z', {}, clock), code('usage'))
  await assert.rejects(openCaptureSource('blob:container', {}, clock), code('usage'))
  await assert.rejects(openCaptureSource('s3:bucket/x', {}, clock), code('usage'))
})

test('blobs: pages of a list signed with the key, and a body that goes on where its connection broke', async (t) => {
  const account = { name: 'acc', key: Buffer.alloc(64, 7).toString('base64') }
  const body = Buffer.from('0123456789')
  const asked: string[] = []
  let isBroken = false
  const host = await serve(t, (incoming, outgoing) => {
    const headers = new Map(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]))
    const request = parseBlobRequest(incoming.method ?? '', incoming.url ?? '', headers)
    if (!isSignedWithKey(request, account)) {
      outgoing.writeHead(403).end('<Error><Code>AuthenticationFailed</Code></Error>')
      return
    }
    asked.push(`${incoming.url} ${headers.get('range') ?? ''}`)
    if (request.blob === null) {
      const isFirst = request.query.get('marker') === undefined
      const name = isFirst ? 'a/1.avro' : 'a/b &amp; c.avro'
      const blob = `<Blob><Name>${name}</Name><Properties><Content-Length>10</Content-Length></Properties></Blob>`
      outgoing.end(`<X><Blobs>${blob}</Blobs><NextMarker>${isFirst ? 'more' : ''}</NextMarker></X>`)
      return
    }
    const from = Number(/bytes=(\d+)-/.exec(headers.get('range') ?? '')?.[1] ?? 0)
    outgoing.writeHead(from === 0 ? 200 : 206, { 'content-length': body.length - from })
    if (isBroken) {
      outgoing.end(body.subarray(from))
      return
    }
    isBroken = true
    outgoing.write(body.subarray(0, 4), () => outgoing.destroy())
  })
  const env = {
    AZURE_STORAGE_CONNECTION_STRING: `AccountName=acc;AccountKey=${account.key};BlobEndpoint=http://${host}/acc`,
  }
  const source = await openCaptureSource('blob:cap/a', env, clock)
  const files = await source.list()
  assert.deepEqual(
    files.map(({ name, bytes }) => [name, bytes]),
    [
      ['a/1.avro', 10],
      ['a/b & c.avro', 10],
    ],
  )
  assert.deepEqual(await bytesOf(files[1]?.open() ?? (async function* () {})()), body)
  assert.deepEqual(asked.slice(-2), ['/acc/cap/a/b%20%26%20c.avro ', '/acc/cap/a/b%20%26%20c.avro bytes=4-'])
  const wrong = await openCaptureSource(`blob:http://${host}/acc/cap`, {}, clock)
  await assert.rejects(wrong.list(), (error) => isEhubError(error, 'unauthorized'))
})

test('s3: a list in pages and a file, signed', async (t) => {
  const host = await serve(t, (incoming, outgoing) => {
    const url = new URL(incoming.url ?? '', 'http://x')
    if (!/^AWS4-HMAC-SHA256 Credential=id\//.test(incoming.headers.authorization ?? '')) {
      outgoing.writeHead(403).end()
      return
    }
    if (url.pathname === '/bucket/') {
      const isFirst = !url.searchParams.has('continuation-token')
      const key = isFirst ? 'p/1.avro' : 'p/2.avro'
      const token = isFirst ? '<NextContinuationToken>t</NextContinuationToken>' : ''
      outgoing.end(`<R><Contents><Key>${key}</Key><Size>3</Size></Contents>${token}</R>`)
    } else outgoing.end('abc')
  })
  const env = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret' }
  const source = await openCaptureSource(`s3:bucket/p?region=eu-central-1&endpoint=http://${host}`, env, clock)
  const files = await source.list()
  assert.deepEqual(
    files.map(({ name }) => name),
    ['p/1.avro', 'p/2.avro'],
  )
  assert.equal((await bytesOf(files[0]?.open() ?? (async function* () {})())).toString(), 'abc')
})
