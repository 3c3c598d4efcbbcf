import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { ControlClient } from '../../src/client/control-client.ts'

/** A daemon that answers every connection with what `answer` does. */
async function strange(t: TestContext, answer: (socket: Socket) => void, timeoutMs = 10_000): Promise<ControlClient> {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-client-'))
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket.on('error', () => undefined))
    socket.once('data', () => answer(socket))
  })
  await new Promise<void>((resolve) => server.listen(join(folder, 's'), resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
    rmSync(folder, { recursive: true })
  })
  return new ControlClient({ socketPath: join(folder, 's'), clock: new SystemClock(), timeoutMs })
}

describe('a daemon that misbehaves', () => {
  test('by not answering is waited for no longer than asked', async (t) => {
    const client = await strange(t, () => undefined, 20)
    await assert.rejects(client.call('status', {}), { code: 'timeout', message: /within 20 ms/ })
  })

  const answers: readonly (readonly [what: string, bytes: string, message: RegExp])[] = [
    ['by leaving', '', /connection to the daemon .* failed/],
    [
      'by leaving half-way',
      'HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"pid"',
      /connection to the daemon .* failed/,
    ],
    ['by speaking something else', 'AMQP\u0000\u0001\u0000\u0000', /connection to the daemon .* failed/],
    [
      'by answering no JSON',
      'HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi',
      /answered 200 with something that is not JSON/,
    ],
  ]
  for (const [what, bytes, message] of answers) {
    test(`${what} is a failed connection`, async (t) => {
      const client = await strange(t, (socket) => socket.end(bytes))
      await assert.rejects(client.call('status', {}), { code: 'connect-failed', message })
    })
  }

  test('by an error code from a later version is an internal error with its words', async (t) => {
    const body = '{"error":{"code":"too-new","message":"what a day","retryAfterMs":"soon"}}'
    const head = `HTTP/1.1 500 Bad\r\ncontent-length: ${body.length}\r\n\r\n`
    const client = await strange(t, (socket) => socket.end(head + body))
    await assert.rejects(client.call('status', {}), {
      code: 'internal-error',
      message: 'what a day',
      retryAfterMs: undefined,
    })
  })
})
