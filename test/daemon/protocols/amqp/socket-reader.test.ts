import assert from 'node:assert/strict'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { socketTransport } from '../../../../src/daemon/protocols/amqp/socket-reader.ts'

/** A client and the socket a listener accepted for it. */
async function pair(
  t: TestContext,
  pauseOnConnect: boolean,
): Promise<{ client: Socket; accepted: Socket; closed: Promise<void> }> {
  const server = createServer({ pauseOnConnect })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepting = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  t.after(() => client.destroy())
  const accepted = await accepting
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  return { client, accepted, closed }
}

interface Heard {
  readonly chunks: Buffer[]
  readonly ownedBy: Set<ArrayBufferLike>
  readonly closed: Promise<Error | null>
  text(): string
  until(text: string): Promise<void>
}

function listen(transport: ReturnType<typeof socketTransport>): Heard {
  const chunks: Buffer[] = []
  const ownedBy = new Set<ArrayBufferLike>()
  let wake: () => void = () => undefined
  const text = (): string => Buffer.concat(chunks).toString()
  const closed = new Promise<Error | null>((resolve) => {
    transport.start({
      bytes: (chunk) => {
        ownedBy.add(chunk.buffer)
        chunks.push(Buffer.from(chunk))
        wake()
      },
      written: () => undefined,
      closed: resolve,
    })
  })
  const until = async (wanted: string): Promise<void> => {
    while (text() !== wanted) await new Promise<void>((resolve) => (wake = resolve))
  }
  return { chunks, ownedBy, closed, text, until }
}

test('an untouched socket is read into the shared buffer, both ways, until its end', async (t) => {
  const { client, accepted, closed } = await pair(t, true)
  const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)
  const transport = socketTransport(accepted, readBuffer)
  assert.equal(transport.remoteAddress, '127.0.0.1')
  const heard = listen(transport)
  client.write('one')
  await heard.until('one')
  transport.pause()
  client.write('two')
  transport.resume()
  await heard.until('onetwo')
  assert.deepEqual([...heard.ownedBy], [readBuffer.buffer])
  const answer = new Promise<string>((resolve) => client.once('data', (bytes) => resolve(bytes.toString())))
  transport.write(Buffer.from('three'))
  assert.equal(await answer, 'three')
  client.end()
  assert.equal(await heard.closed, null)
  // The listener has counted the connection down.
  await closed
})

test('a socket somebody has read from is read by events, nothing lost', async (t) => {
  const { client, accepted } = await pair(t, false)
  client.write('first')
  await new Promise<void>((resolve) => accepted.once('readable', resolve))
  const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)
  const heard = listen(socketTransport(accepted, readBuffer))
  await heard.until('first')
  client.write('second')
  await heard.until('firstsecond')
  assert.ok(!heard.ownedBy.has(readBuffer.buffer))
  client.resetAndDestroy()
  assert.ok((await heard.closed) instanceof Error)
})
