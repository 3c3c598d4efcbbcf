// The official Python SDK (azure-eventhub), the strictest reader of frames: positions instead of names, exact types, batches
// of frames without waiting. Needs a Python with the package: `EHUB_PYTHON`, else `python3`; skipped with a line without one.
//   python3 -m venv py && py/bin/pip install azure-eventhub && EHUB_PYTHON=py/bin/python npm test

import assert from 'node:assert/strict'
import { execFile, spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startServer, type TestServer } from '../server.ts'

const python = process.env['EHUB_PYTHON'] ?? 'python3'
const script = fileURLToPath(new URL('scenario.py', import.meta.url))
const isPresent = spawnSync(python, ['-c', 'import azure.eventhub'], { stdio: 'ignore' }).status === 0
const options = isPresent ? {} : { skip: `no Python with azure-eventhub (${python}); see the head of this file` }

function run(server: TestServer, scenario: string): Promise<Record<string, unknown>> {
  return new Promise((resolve, reject) => {
    const args = [script, scenario, server.connectionString, 'orders']
    execFile(python, args, { timeout: 60_000 }, (error, stdout, stderr) => {
      if (error !== null) reject(new Error(`${scenario}: ${stderr}`, { cause: error }))
      else resolve(JSON.parse(stdout) as Record<string, unknown>)
    })
  })
}

test('Python: hub and partition properties', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  assert.deepEqual(await run(server, 'properties'), {
    name: 'orders',
    partition_ids: ['0', '1'],
    partition: {
      eventhub_name: 'orders',
      id: '1',
      beginning_sequence_number: 0,
      last_enqueued_sequence_number: -1,
      last_enqueued_offset: '-1',
      is_empty: true,
      last_enqueued_time_utc: '0001-01-01T00:00:00+00:00',
    },
  })
})

test('Python: what is sent comes back, from every kind of position', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  assert.deepEqual(await run(server, 'send'), { max_size: 1024 * 1024 })
  assert.deepEqual(await run(server, 'receive'), {
    bodies: [...Array.from({ length: 100 }, (_, n) => `event ${n}`), 'alone'],
    large: 900_000,
    sequences: Array.from({ length: 102 }, (_, n) => n),
    types: ['str'],
    properties: { number: 7, text: 'grüße' },
    after: [50, 51, 52],
    inclusive: [49, 50, 51],
    tracked: 101,
  })
  assert.deepEqual(await run(server, 'keyed'), { body: 'keyed', key: 'alphabet' })
})

test('Python: bodies of every kind', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  assert.deepEqual(await run(server, 'bodies'), { kinds: ['VALUE', 'SEQUENCE', 'DATA'], data: 'onetwo' })
})

test('Python: refusals keep their words', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 2)
  const seen = await run(server, 'refused')
  assert.match(String(seen['partition']), /Invalid partition 77/)
  assert.match(String(seen['group']), /could not be found/)
  // The SDK looks for the description of a management reply under another name and shows the status alone; before it
  // sends, it asks for the hub's partitions and looks itself.
  assert.match(String(seen['properties']), /Status code: 404.*NotFound/s)
  assert.match(String(seen['hub']), /Status code: 404.*NotFound/s)
  assert.match(String(seen['position']), /The supplied sequence number '4711' is invalid/)
})

test('Python: an equal owner level displaces', options, async (t) => {
  const server = await startServer(t)
  await server.createHub('orders', 1)
  assert.match(String((await run(server, 'stolen'))['lost']), /New receiver '.+' with higher epoch of '0' is created/)
})
