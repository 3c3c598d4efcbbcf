import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { SystemClock } from '../../../../src/base/clock.ts'
import { EhubError } from '../../../../src/base/error.ts'
import { quietLog } from '../../../../src/base/log.ts'
import { ControlClient } from '../../../../src/client/control-client.ts'
import { clockControl } from '../../../../src/daemon/clock-control.ts'
import { controlHandlers } from '../../../../src/daemon/protocols/control/operations.ts'
import { ControlServer } from '../../../../src/daemon/protocols/control/server.ts'
import { fakeBroker, fakeCapture, fakeLag, owner } from './fake-broker.ts'

async function serve(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-control-'))
  const socketPath = join(folder, 's')
  const { broker, calls } = fakeBroker()
  const bugs: unknown[] = []
  const handlers = controlHandlers(
    broker,
    owner,
    {
      nowMs: () => 1000,
      clock: clockControl(new SystemClock(), () => null),
      status: () => {
        throw new EhubError('server-busy', 'later', { retryAfterMs: 250 })
      },
      shutdown: (graceMs) => void calls.push(['shutdown', graceMs]),
      diagnose: async () => [],
    },
    fakeLag(calls),
    fakeCapture,
  )
  const server = new ControlServer({ handlers, log: quietLog, onBug: (error) => bugs.push(error) })
  await server.listen(socketPath)
  t.after(() => {
    server.closeNow()
    rmSync(folder, { recursive: true })
  })
  const client = new ControlClient({ socketPath, clock: new SystemClock(), timeoutMs: 5000 })
  return { client, calls, bugs, socketPath, server }
}

/** What the server answers to raw bytes. */
function exchange(socketPath: string, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(socketPath, () => socket.write(bytes))
    let answer = ''
    socket.setEncoding('utf8').on('data', (chunk) => {
      answer += chunk
    })
    socket.on('end', () => resolve(answer)).on('error', reject)
  })
}

function messageOf(answer: string): string {
  return JSON.parse(answer.slice(answer.indexOf('\r\n\r\n'))).error.message
}

describe('the control API', () => {
  test('the socket is for its owner only', async (t) => {
    const { socketPath } = await serve(t)
    assert.equal(statSync(socketPath).mode & 0o777, 0o600)
  })

  test('client and server agree on every way a field travels', async (t) => {
    const { client, calls } = await serve(t)
    await client.call('createHub', { hub: 'a b/c', partitionCount: 3, groups: ['g'], ifNotExists: true })
    await client.call('createGroup', { hub: 'orders', group: '$x%', ifNotExists: false })
    await client.call('shutdown', { graceMs: 10 })
    await client.call('shutdown', {})
    await client.call('setCheckpoint', {
      hub: 'orders',
      group: 'g',
      partition: 1,
      sequence: 5,
      offset: '70',
      ifMatch: null,
    })
    await client.call('resolvePosition', {
      hub: 'orders',
      partition: 0,
      position: { kind: 'time', timeMs: 5, isInclusive: true },
    })
    assert.deepEqual(calls, [
      ['createHub', { name: 'a b/c', partitionCount: 3, groups: ['g'], ifNotExists: true }],
      ['createGroup', 'orders', '$x%', false],
      ['shutdown', 10],
      ['shutdown', null],
      ['setCheckpoint', 'orders', 'g', 1, { sequence: 5, offset: 70, ifMatch: null }],
      ['resolvePosition', 'orders', 0, { kind: 'time', timeMs: 5, isInclusive: true }],
    ])
  })

  test('a hub is described with its partitions', async (t) => {
    const { client } = await serve(t)
    const { hubs } = await client.call('listHubs', {})
    assert.deepEqual(
      hubs.map(({ name, events, storedBytes }) => [name, events, storedBytes]),
      [['orders', 10, 5000]],
    )
    const hub = await client.call('describeHub', { hub: 'orders' })
    assert.deepEqual(
      hub.partitions.map(({ partition, lastSequence, lastOffset, isEmpty }) => [
        partition,
        lastSequence,
        lastOffset,
        isEmpty,
      ]),
      [
        [0, 9, '4096', false],
        [1, -1, '-1', true],
      ],
    )
  })

  test('lag is selected by names in any case, taken anew when asked, and read back over time', async (t) => {
    const { client, calls } = await serve(t)
    const all = await client.call('lag', {})
    assert.deepEqual(
      all.partitions.map((row) => row.group),
      ['$Default', 'billing'],
    )
    const one = await client.call('lag', { hub: 'orders', group: 'BILLING', isFresh: true })
    assert.deepEqual(
      one.partitions.map((row) => row.group),
      ['billing'],
    )
    await assert.rejects(client.call('lag', { hub: 'ordes' }), { code: 'hub-not-found' })
    const { samples } = await client.call('lagHistory', { hub: 'orders', group: 'billing', partition: 0, fromMs: 5 })
    assert.deepEqual(samples, [{ atMs: 900, lag: 4 }])
    assert.deepEqual(calls, [['sample'], ['history', 'orders', 'billing', 0, 5]])
  })

  test('only a deliberate move of a checkpoint is noted as one', async (t) => {
    const { client, calls } = await serve(t)
    const at = { hub: 'orders', group: 'billing', partition: 0, sequence: 3 }
    await client.call('setCheckpoint', at)
    await client.call('setCheckpoint', { ...at, isDeliberate: true })
    assert.deepEqual(
      calls.filter(([name]) => name === 'noteDeliberateMove'),
      [['noteDeliberateMove', 'orders', 'billing', 0]],
    )
  })

  test('an error arrives with its code, hint and retry time', async (t) => {
    const { client } = await serve(t)
    await assert.rejects(client.call('describeHub', { hub: 'ordes' }), {
      code: 'hub-not-found',
      message: 'no hub "ordes"',
      hint: 'did you mean "orders"?',
    })
    await assert.rejects(client.call('status', {}), { code: 'server-busy', retryAfterMs: 250 })
  })

  test('a bug is answered without its words and handed to whoever ends the daemon', async (t) => {
    const { client, bugs } = await serve(t)
    await assert.rejects(client.call('kickReceiver', { id: 1 }), {
      code: 'internal-error',
      message: /its log has more/,
    })
    assert.match(String(bugs[0]), /a bug/)
  })

  const refused: readonly (readonly [what: string, request: string, status: number, message: RegExp])[] = [
    ['an unknown path', 'GET /v1/nothing', 404, /nothing at/],
    ['another version', 'GET /v2/status', 404, /nothing at/],
    ['a malformed escape', 'GET /v1/hubs/%zz', 404, /nothing at/],
    ['an unfit method', 'POST /v1/status', 405, /POST is not one of GET/],
    ['a missing field', 'POST /v1/hubs/orders/partitions/0/resolve', 400, /"position" is missing/],
    ['a field of another kind', 'DELETE /v1/receivers/first', 400, /"id" must be a safe integer/],
  ]
  for (const [what, request, status, message] of refused) {
    test(`${what} is refused with ${status}`, async (t) => {
      const { socketPath } = await serve(t)
      const answer = await exchange(socketPath, `${request} HTTP/1.1\r\nhost: ehub\r\n\r\n`)
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(messageOf(answer), message)
    })
  }

  const bodies: readonly (readonly [what: string, body: string, status: number, message: RegExp])[] = [
    ['malformed JSON', '{"sequence":', 400, /not valid JSON/],
    ['deep nesting', '['.repeat(100_000), 400, /nests deeper than 16/],
    ['a list', '[1]', 400, /must be a JSON object/],
    ['a body above the limit', `{"x":"${'a'.repeat(300 * 1024)}"}`, 413, /above 262144 bytes/],
    ['a number that is not safe', '{"sequence":9007199254740993}', 400, /"sequence" must be a safe integer/],
    ['a forged prototype', '{"__proto__":{"sequence":1}}', 400, /"sequence" is missing/],
  ]
  for (const [what, body, status, message] of bodies) {
    test(`${what} is refused with ${status}`, async (t) => {
      const { socketPath } = await serve(t)
      const head = `PUT /v1/hubs/orders/groups/g/checkpoints/0 HTTP/1.1\r\nhost: ehub\r\ncontent-length: ${body.length}\r\n\r\n`
      const answer = await exchange(socketPath, head + body)
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(messageOf(answer), message)
    })
  }

  test('a client that leaves in the middle of a request harms nobody', async (t) => {
    const { client, socketPath, bugs } = await serve(t)
    await new Promise<void>((resolve) => {
      const socket = connect(socketPath, () => {
        socket.write('PUT /v1/hubs/x HTTP/1.1\r\nhost: ehub\r\ncontent-length: 100\r\n\r\n{"part', () =>
          socket.destroy(),
        )
      })
      socket.on('close', () => resolve())
    })
    assert.equal((await client.call('listHubs', {})).hubs.length, 1)
    assert.deepEqual(bugs, [])
  })

  test('without a daemon the command that starts one is named', async () => {
    const client = new ControlClient({ socketPath: '/nonexistent/s', clock: new SystemClock(), timeoutMs: 1000 })
    await assert.rejects(client.call('status', {}), { code: 'daemon-not-running', hint: /ehub daemon start/ })
  })
})
