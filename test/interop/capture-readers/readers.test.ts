// Other people's readers of Capture files: fastavro (`EHUB_PYTHON`, else python3, with the package), avro-tools (`AVRO_TOOLS` names
// its jar), DuckDB (`EHUB_DUCKDB` names a folder with `@duckdb/node-api` in its node_modules). Skipped with a line where absent.
//   python3 -m venv py && py/bin/pip install fastavro cramjam
//   npm install --prefix duck @duckdb/node-api
//   EHUB_PYTHON=py/bin/python EHUB_DUCKDB=duck node --import ./scripts/tsx-hook.mjs --test test/interop/capture-readers/*.test.ts

import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { createReadStream, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openOutputFile } from '../../../src/cli/byte-target.ts'
import { ParquetSink } from '../../../src/cli/parquet-sink.ts'
import { eventOfRecord } from '../../../src/wire/capture/capture-event.ts'
import { CaptureFileReader } from '../../../src/wire/capture/capture-reader.ts'
import { captureSchemaText } from '../../../src/wire/capture/schema.ts'

interface Sample {
  readonly path: string
  readonly codec: string
  readonly records: number
}

const root = fileURLToPath(new URL('../../../', import.meta.url))

function samples(t: TestContext): readonly Sample[] {
  const folder = mkdtempSync(join(tmpdir(), 'ehub-capture-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  const argv = ['--import', './scripts/tsx-hook.mjs', 'scripts/capture-sample.mjs', folder, '2000']
  const text = execFileSync(process.execPath, argv, { cwd: root, encoding: 'utf8' })
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Sample)
}

const python = process.env['EHUB_PYTHON'] ?? 'python3'
const hasPython = spawnSync(python, ['-c', 'import fastavro, cramjam'], { stdio: 'ignore' }).status === 0
const jar = process.env['AVRO_TOOLS'] ?? ''
const duck = process.env['EHUB_DUCKDB'] ?? ''
const skipUnless = (isThere: boolean, what: string) =>
  isThere ? {} : { skip: `no ${what}; see the head of this file` }

const script = `
import json, sys, fastavro
out = []
for path in sys.argv[1:]:
    with open(path, 'rb') as f:
        reader = fastavro.reader(f)
        records = list(reader)
    out.append({'codec': reader.codec, 'count': len(records), 'keys': list(reader.metadata.keys()),
                'third': None if len(records) < 4 else {**records[3], 'Body': records[3]['Body'].decode(),
                    'Properties': {k: (list(v) if isinstance(v, bytes) else v) for k, v in records[3]['Properties'].items()}}})
print(json.dumps(out))`

test('fastavro', skipUnless(hasPython, `Python with fastavro (${python})`), (t) => {
  const files = samples(t)
  const text = execFileSync(python, ['-c', script, ...files.map(({ path }) => path)], { encoding: 'utf8' })
  const seen = JSON.parse(text) as readonly Record<string, unknown>[]
  assert.deepEqual(
    seen.map(({ codec, count, keys }) => ({ codec, count, keys })),
    files.map(({ codec, records }) => ({ codec, count: records, keys: ['avro.codec', 'avro.schema'] })),
  )
  for (const { third, count } of seen) {
    if (count === 0) continue
    assert.deepEqual(third, {
      SequenceNumber: 3,
      Offset: '768',
      EnqueuedTimeUtc: '11/20/2026 12:00:38 AM',
      SystemProperties: { 'x-opt-enqueued-time': Date.UTC(2026, 10, 20, 0, 0, 38) + 30 },
      Properties: { n: -3, x: 0.375, text: 'größer', bytes: [0, 255], none: null },
      Body: '{"id":3,"pad":"xxx"}',
    })
  }
})

test('avro-tools', skipUnless(existsSync(jar), 'avro-tools'), (t) => {
  for (const { path, records } of samples(t)) {
    const schema = execFileSync('java', ['-jar', jar, 'getschema', path], { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(schema), JSON.parse(captureSchemaText))
    const lines = execFileSync('java', ['-jar', jar, 'tojson', path], { encoding: 'utf8', maxBuffer: 1 << 28 })
    assert.equal(lines.split('\n').filter((line) => line !== '').length, records)
  }
})

test('DuckDB reads the Parquet of a file', skipUnless(duck !== '', 'DuckDB'), async (t) => {
  const [first] = samples(t)
  const path = first?.path ?? ''
  const parquet = `${path}.parquet`
  const target = openOutputFile(parquet, null, false)
  const sink = ParquetSink.open(target, 'utf8')
  const reader = await CaptureFileReader.open(path, createReadStream(path) as AsyncIterable<Buffer>)
  while ((await reader.nextBlock()) !== null) {
    for (let record = reader.nextRecord(); record !== null; record = reader.nextRecord()) {
      sink.add(eventOfRecord(record, 'orders', '0'))
    }
  }
  await sink.finish()
  await target.finish()
  interface Duck {
    readonly DuckDBInstance: { create(): Promise<{ connect(): Promise<Connection> }> }
  }
  interface Connection {
    runAndReadAll(sql: string): Promise<{ getRowsJson(): unknown[][] }>
  }
  const { DuckDBInstance } = createRequire(resolve(duck, 'package.json'))('@duckdb/node-api') as Duck
  const connection = await (await DuckDBInstance.create()).connect()
  const sql = `select count(*), max(sequence), max(enqueued)::varchar, min(body) filter (where sequence = 3),
    sum(json_extract(properties, '$.n')::int) from '${parquet}'`
  const rows = (await connection.runAndReadAll(sql)).getRowsJson()
  const n = Array.from({ length: 2000 }, (_, index) => (index % 3 === 0 ? -index : 0)).reduce((a, b) => a + b, 0)
  assert.deepEqual(rows[0]?.map(String), ['2000', '1999', '2026-11-20 00:00:57.99', '{"id":3,"pad":"xxx"}', String(n)])
})
