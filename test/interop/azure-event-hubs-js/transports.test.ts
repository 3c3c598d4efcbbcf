// The unmodified SDK over TLS and over WebSockets, trusting the authority the daemon makes.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:https'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { getCACertificates, setDefaultCACertificates } from 'node:tls'
import { test, type TestContext } from 'node:test'
import { WebSocket } from 'ws'
import { SystemClock } from '../../../src/base/clock.ts'
import { SystemRandom } from '../../../src/base/random.ts'
import { serverTls } from '../../../src/daemon/tls.ts'
import { startServer, type TestServer } from '../server.ts'
import { consumerFor, producerFor, read } from './clients.ts'

interface Credentials {
  readonly cert: string
  readonly key: string
  readonly ca: string
}

async function makeCredentials(t: TestContext): Promise<Credentials> {
  const folder = await mkdtemp(join(tmpdir(), 'ehub-interop-'))
  t.after(() => rm(folder, { recursive: true }))
  const hostName = 'localhost'
  const made = await serverTls({
    folder: join(folder, 'tls'),
    hostName,
    clock: new SystemClock(),
    random: new SystemRandom(),
  })
  return { cert: made.certificate, key: made.key, ca: readFileSync(made.caFile, 'utf8') }
}

/** What NODE_EXTRA_CA_CERTS does at the start of a process. */
function trust(t: TestContext, ca: string): void {
  const before = getCACertificates('default')
  setDefaultCACertificates([...before, ca])
  t.after(() => setDefaultCACertificates(before))
}

async function listen(t: TestContext, server: Server | ReturnType<typeof createHttpServer>): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

function addressOf(server: TestServer, port: number): { readonly connectionString: string } {
  return {
    connectionString: `Endpoint=sb://localhost:${port};SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=${server.key}`,
  }
}

test('TLS', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const { cert, key, ca } = await makeCredentials(t)
  trust(t, ca)
  const { port } = await server.amqp.listen({ host: '127.0.0.1', port: 0, tls: { cert, key } })
  const address = addressOf(server, port)
  const body = Buffer.alloc(500_000, 'tls')
  await producerFor(t, address, 'orders').sendBatch([{ body: 'small' }])
  await producerFor(t, address, 'orders').sendBatch([{ body }])
  const events = await read(consumerFor(t, address, 'orders'), '0', { offset: '-1' }, 2)
  assert.equal(events[0]?.body, 'small')
  assert.deepEqual(Buffer.from(events[1]?.body as Buffer), body)
})

test('secure WebSockets', async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const { cert, key, ca } = await makeCredentials(t)
  const https = createServer({ cert, key })
  server.amqp.attachWebSockets(https)
  const address = addressOf(server, await listen(t, https))
  const webSocketOptions = { webSocket: WebSocket, webSocketConstructorOptions: { ca } }
  const body = Buffer.alloc(500_000, 'wss')
  await producerFor(t, address, 'orders', { webSocketOptions }).sendBatch([{ body: 'small' }])
  await producerFor(t, address, 'orders', { webSocketOptions }).sendBatch([{ body }])
  const consumer = consumerFor(t, address, 'orders', { webSocketOptions })
  const events = await read(consumer, '0', { offset: '-1' }, 2)
  assert.equal(events[0]?.body, 'small')
  assert.deepEqual(Buffer.from(events[1]?.body as Buffer), body)
  assert.equal((await consumer.getEventHubProperties()).name, 'orders')
})

test('a WebSocket is taken at every spelling of the path, with either subprotocol, and refused elsewhere', async (t) => {
  const server = await startServer(t)
  const http = createHttpServer()
  server.amqp.attachWebSockets(http)
  const port = await listen(t, http)
  const cases: [string, string, string | null][] = [
    ['/$servicebus/websocket', 'AMQPWSB10', 'AMQPWSB10'],
    ['/$servicebus/websocket/', 'AMQPWSB10', 'AMQPWSB10'],
    ['/%24servicebus/websocket', 'amqp', 'amqp'],
    ['/elsewhere', 'amqp', null],
  ]
  for (const [path, offered, chosen] of cases) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${path}`, [offered])
    const answered = await new Promise<string | null>((resolve) => {
      socket.once('open', () => resolve(socket.protocol))
      socket.once('error', () => resolve(null))
    })
    assert.equal(answered, chosen, path)
    socket.terminate()
  }
})

test('a TLS client on the plain port is told so at once', async (t) => {
  const server = await startServer(t)
  const socket = connect(server.port, '127.0.0.1')
  t.after(() => socket.destroy())
  // The beginning of a TLS 1.2 client hello.
  socket.write(Buffer.from('16030100c8010000c40303', 'hex'))
  const chunks: Buffer[] = []
  for await (const chunk of socket) chunks.push(chunk as Buffer)
  assert.equal(Buffer.concat(chunks).toString('latin1'), 'AMQP\x03\x01\x00\x00')
})
