// The endpoint as a client without manners meets it; good ones are in test/interop/azure-blob-js.

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type TestContext, test } from 'node:test'
import { quietLog } from '../../../../src/base/log.ts'
import { BlobServer } from '../../../../src/daemon/protocols/blob/server.ts'
import { parseBlobRequest } from '../../../../src/wire/blob/request.ts'
import { hmacOf, stringToSign } from '../../../../src/wire/blob/shared-key.ts'
import { SimRandom } from '../../../sim/sim-random.ts'
import { openTestBroker } from '../../broker/builders.ts'

async function open(t: TestContext) {
  const test = await openTestBroker(t, {}, { partitionCount: 1 })
  const { blobs } = test.broker
  const bugs: unknown[] = []
  const server = new BlobServer({
    blobs,
    files: null,
    clock: test.clock,
    random: new SimRandom(1),
    log: quietLog,
    onBug: (error) => bugs.push(error),
  })
  const port = await server.listen('127.0.0.1', 0)
  t.after(async () => {
    await server.close()
    assert.deepEqual(bugs, [])
  })
  const { account } = blobs
  /** Status and code of a request signed `lateMs` ago. */
  const ask = async (method: string, path: string, headers: Record<string, string> = {}, lateMs = 0) => {
    const date = new Date(test.clock.now() - lateMs).toUTCString()
    const all = { 'x-ms-date': date, ...headers }
    const text = stringToSign(parseBlobRequest(method, path, new Map(Object.entries(all))), account.name)
    const authorization = `SharedKey ${account.name}:${hmacOf(text, account.key).toString('base64')}`
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { method, headers: { ...all, authorization } })
    await response.arrayBuffer()
    return [response.status, response.headers.get('x-ms-error-code')]
  }
  /** Everything that comes back for these bytes. */
  const raw = async (bytes: string) => {
    const socket = connect(port, '127.0.0.1')
    socket.end(bytes)
    let text = ''
    for await (const chunk of socket.setEncoding('latin1')) text += chunk
    return text
  }
  return { ...test, server, port, ask, raw, account }
}

test('a signature is good for a quarter of an hour', async (t) => {
  const { ask } = await open(t)
  assert.deepEqual(await ask('PUT', '/ehub/app?restype=container'), [201, null])
  for (const lateMs of [16 * 60_000, -16 * 60_000]) {
    assert.deepEqual(await ask('PUT', '/ehub/app?restype=container', {}, lateMs), [403, 'AuthenticationFailed'])
  }
})

test('what is no call is refused before anybody is asked who they are', async (t) => {
  const { ask, raw } = await open(t)
  for (const [method, path] of [
    ['POST', '/ehub?comp=batch'],
    ['PUT', '/ehub/app/x?comp=lease'],
    ['GET', '/ehub/app'],
    ['PUT', '/ehub/app?restype=container&comp=acl'],
  ] as const) {
    assert.deepEqual(await ask(method, path), [501, 'UnsupportedOperation'], path)
  }
  assert.deepEqual(await ask('GET', '/other?comp=list'), [403, 'AuthenticationFailed'])
  assert.match(
    await raw('GET /ehub/%ff HTTP/1.1\r\nHost: h\r\n\r\n'),
    /^HTTP\/1\.1 400 [^]*x-ms-error-code: InvalidInput/,
  )
})

test('a page of none, a header that is no date and names that are none are told', async (t) => {
  const { ask } = await open(t)
  await ask('PUT', '/ehub/app?restype=container')
  const list = '/ehub/app?restype=container&comp=list'
  assert.deepEqual(await ask('GET', `${list}&maxresults=0`), [400, 'OutOfRangeQueryParameterValue'])
  assert.deepEqual(await ask('GET', `${list}&delimiter=/`), [501, 'UnsupportedQueryParameter'])
  assert.deepEqual(await ask('GET', `${list}&marker=%3F%3F`), [200, null])
  assert.deepEqual(await ask('GET', '/ehub/app/x', { 'if-modified-since': 'soon' }), [400, 'InvalidHeaderValue'])
  const block = { 'x-ms-blob-type': 'BlockBlob' }
  assert.deepEqual(await ask('PUT', `/ehub/app/${'x'.repeat(1025)}`, block), [400, 'InvalidInput'])
  assert.deepEqual(await ask('PUT', '/ehub/app/x'), [400, 'MissingRequiredHeader'])
  assert.deepEqual(await ask('PUT', '/ehub/app/x', { ...block, 'x-ms-meta-1': 'a' }), [400, 'InvalidInput'])
})

test('bytes that are no request, and too many headers, get an answer and an end', async (t) => {
  const { raw } = await open(t)
  assert.match(await raw('nonsense\r\n\r\n'), /^HTTP\/1\.1 400 /)
  assert.match(await raw(`GET /ehub HTTP/1.1\r\nHost: h\r\nX: ${'x'.repeat(40_000)}\r\n\r\n`), /^HTTP\/1\.1 431 /)
  assert.match(await raw('PUT /ehub/app/x HTTP/1.1\r\nHost: h\r\nContent-Length: 9999999\r\n\r\n'), /^HTTP\/1\.1 403 /)
})

test('closing does not wait for who sends half a request', async (t) => {
  const { server, port } = await open(t)
  const socket = connect(port, '127.0.0.1')
  socket.write('PUT /ehub/app/x HTTP/1.1\r\nHost: h\r\n')
  await once(socket, 'connect')
  socket.on('error', () => undefined)
  const closed = new Promise((resolve) => socket.on('close', resolve))
  await server.close()
  await closed
})
