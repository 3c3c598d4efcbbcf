// The official Go SDK (azeventhubs v2 over go-amqp), which checks the settle modes, tags and types of every answer. Needs a Go
// tool chain that can get the modules; asked for by its name, since the first build takes a minute:
//   EHUB_GO=go npm test

import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { test } from 'node:test'
import { buildGo } from '../go.ts'
import { startServer, type TestServer } from '../server.ts'

const { program, options } = buildGo(new URL('.', import.meta.url))

function run(server: TestServer, scenario: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    execFile(program, [scenario, server.connectionString, 'orders'], { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${scenario}: ${stderr}`, { cause: error }))
      else resolve(JSON.parse(stdout) as Record<string, unknown>)
    })
  })
}

test('Go: properties, batches, keys and every kind of position', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  assert.deepEqual(await run(server, 'roundTrip'), {
    hub: 'orders',
    partitions: ['0', '1'],
    empty: [true, -1, '-1'],
    filled: [false, 50, true],
    sequences: Array.from({ length: 51 }, (_, n) => n),
    seventh: 'event 7',
    properties: { number: 7, text: 'grüße' },
    large: 900_000,
    after: [20, 21],
    inclusive: [19, 20],
    timed: [0],
    keyed: ['keyed', 'alphabet'],
  })
})

test('Go: refusals keep their words', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  const seen = (await run(server, 'refused')) as Record<string, [string, string]>
  assert.match(seen['hub']![1], /amqp:not-found, .+The messaging entity '.+\/nobody' could not be found/)
  assert.match(seen['partition']![1], /argument-out-of-range, .+It should be between 0 and 1\./)
  assert.match(seen['properties']![1], /status code 404 .+could not be found/)
  assert.match(seen['position']![1], /argument-error, .+The supplied sequence number '4711' is invalid/)
})

test('Go: an equal owner level displaces, and the loser knows it lost', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  const { code, text } = await run(server, 'stolen')
  assert.equal(code, 'ownershiplost')
  assert.match(String(text), /New receiver '.+' with higher epoch of '0' is created/)
})
