// Hubs to Capture files and back over the built executable: nothing is lost that the format keeps, nothing is there twice after
// an interruption, and damage is told where it is.

import assert from 'node:assert/strict'
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { finished, Person } from './ehub.ts'
import { parseLines } from './shell.ts'

interface Line {
  readonly partition: string
  readonly seq: number
  readonly key: string | null
  readonly body?: unknown
  readonly bodyBase64?: string
  readonly enqueued: string
  readonly props: Readonly<Record<string, unknown>>
  readonly sys: unknown
}

async function personWith(t: TestContext, ...hubs: string[]): Promise<Person> {
  const person = new Person(t)
  const started = await person.startDaemon(['--ephemeral', ...hubs.flatMap((hub) => ['--hub', hub])])
  assert.equal(started.code, 0, started.stderr)
  return person
}

/** Events of every kind Capture keeps whole: texts, integers, reals, bytes, with and without keys. */
function lines(count: number): string {
  const events = Array.from({ length: count }, (_, i) => ({
    key: i % 3 === 0 ? null : `key ${i % 7}`,
    ...(i % 10 === 9
      ? { bodyBase64: Buffer.from([0, 255, i % 256]).toString('base64') }
      : { body: `{"id":${i},"ä":"\\n"}` }),
    props: i % 2 === 0 ? { text: `größe ${i}`, n: -i, x: i / 4 } : {},
    ...(i % 2 === 0 ? { propTypes: { n: 'long', x: 'double' } } : {}),
    sys: i % 5 === 0 ? { messageId: `m${i}`, contentType: 'application/json' } : {},
  }))
  return events.map((event) => `${JSON.stringify(event)}\n`).join('')
}

async function received(person: Person, hub: string): Promise<Line[]> {
  const { code, stdout, stderr } = await person.run(['receive', hub, '--from', 'beginning', '-e', '--json'])
  assert.equal(code, 0, stderr)
  return (parseLines(stdout) as unknown as Line[]).toSorted(
    (a, b) => Number(a.partition) - Number(b.partition) || a.seq - b.seq,
  )
}

const content = ({ partition, seq, key, body, bodyBase64, props, sys }: Line) => ({
  partition,
  seq,
  key,
  body,
  bodyBase64,
  props,
  sys,
})

test('hub to Avro to hub: same bodies, keys, properties, partitions; the old times as properties', async (t) => {
  const person = await personWith(t, 'orders:4', 'copy:4', 'again:4', 'table:4')
  assert.equal((await person.run(['send', 'orders', '--input', 'jsonl'], { input: lines(2000) })).code, 0)
  const before = await received(person, 'orders')
  assert.equal(before.length, 2000)

  const out = await person.run(['capture-export', 'orders', '--out', 'files', '--verify', '--codec', 'deflate'])
  assert.equal(out.code, 0, out.stderr)
  assert.match(out.stderr, /^exported 2,000 events of orders to files: \d files \(.*read back well\n$/)

  const read = await person.run(['capture-export', '--source', 'files', '--verify', '--out', 'lines.jsonl'])
  assert.equal(read.code, 0, read.stderr)
  const exported = parseLines(readFileSync(join(person.home, 'lines.jsonl'), 'utf8')) as unknown as Line[]
  assert.deepEqual(exported, before, 'the same lines as receive writes')

  const imported = await person.run(['import', 'copy', 'files', '--keep-partition', '--preserve-time'])
  assert.equal(imported.code, 0, imported.stderr)
  const after = await received(person, 'copy')
  assert.deepEqual(
    after.map((line) => {
      const { 'original-enqueued-time': time, ...props } = line.props
      return { ...content({ ...line, props }), time }
    }),
    before.map((line) => ({ ...content(line), time: line.enqueued })),
  )

  const replayed = await person.run(['replay', 'orders', '--into', 'again', '--keep-partition'])
  assert.equal(replayed.code, 0, replayed.stderr)
  assert.deepEqual((await received(person, 'again')).map(content), before.map(content))

  assert.equal((await person.run(['capture-export', '--source', 'files', '--out', 'events.csv'])).code, 0)
  assert.equal((await person.run(['import', 'table', 'events.csv', '--keep-partition'])).code, 0)
  assert.deepEqual((await received(person, 'table')).map(content), before.map(content))
})

test('an export goes on where it ended: what came since is added, nothing is there twice', async (t) => {
  const person = await personWith(t, 'orders:2')
  const send = (count: number) => person.run(['send', 'orders', '--input', 'jsonl'], { input: lines(count) })
  await send(500)
  const first = await person.run(['capture-export', 'orders', '--out', 'files', '--split', '10KB'])
  assert.equal(first.code, 0, first.stderr)
  const again = await person.run(['capture-export', 'orders', '--out', 'files'])
  assert.equal(again.code, 6)
  assert.match(again.stderr, /holds an export already[\s\S]*--resume/)
  await send(300)
  // A run that was killed left a file without its name, and one that it had not noted.
  const [some = ''] = globSync('**/*.avro', { cwd: join(person.home, 'files') })
  writeFileSync(join(person.home, 'files', `${some}.part`), 'half')
  const resumed = await person.run(['capture-export', 'orders', '--out', 'files', '--resume', '--verify', '--json'])
  assert.equal(resumed.code, 0, resumed.stderr)
  assert.equal(JSON.parse(resumed.stdout).events, 300)
  const checked = await person.run(['capture-export', '--source', 'files', '--verify', '--json'])
  assert.equal(checked.code, 0, checked.stdout)
  const { events, partitions, problems } = JSON.parse(checked.stdout)
  assert.deepEqual([events, problems], [800, []])
  assert.deepEqual(
    partitions.map(({ first: begin, last, events: count }: Record<string, number>) => [
      begin,
      Number(last) + 1 - Number(count),
    ]),
    [
      [0, 0],
      [0, 0],
    ],
  )
})

test('damage: what is in front comes, the error names file, block and byte, the exit code is 12', async (t) => {
  const person = await personWith(t, 'orders:1')
  await person.run(['send', 'orders', '--input', 'jsonl'], { input: lines(200) })
  await person.run(['capture-export', 'orders', '--out', 'files'])
  const [name = ''] = globSync('**/*.avro', { cwd: join(person.home, 'files') })
  const whole = readFileSync(join(person.home, 'files', name))
  mkdirSync(join(person.home, 'bad'))
  const bad = join(person.home, 'bad', 'one.avro')
  // The file's only block twice, the second one cut.
  writeFileSync(bad, Buffer.concat([whole, whole.subarray(490)]))
  truncateSync(bad, whole.length + 100)
  const cut = await person.run(['capture-export', '--source', bad])
  assert.equal(cut.code, 12)
  assert.equal(parseLines(cut.stdout).length, 200)
  assert.match(cut.stderr, new RegExp(`one\\.avro: block 1 at byte ${whole.length} is damaged`))
  cpSync(join(person.home, 'files', name), join(person.home, 'bad', 'two.avro'))
  const checked = await person.run(['capture-export', '--source', 'bad', '--verify', '--json'])
  assert.equal(checked.code, 12)
  const { events, problems } = JSON.parse(checked.stdout)
  assert.equal(events, 400)
  assert.deepEqual(
    problems.map(({ kind }: { kind: string }) => kind),
    ['damage'],
  )
  const cases: readonly [string, string, RegExp, number][] = [
    ['text.avro', 'no Avro', /text\.avro is not an Avro file/, 2],
    ['gone.avro', '', /cannot read "gone\.avro"/, 5],
  ]
  for (const [file, text, message, exit] of cases) {
    if (text !== '') writeFileSync(join(person.home, file), text)
    const { code, stderr } = await person.run(['capture-export', '--source', file])
    assert.match(stderr, message)
    assert.equal(code, exit, stderr)
  }
})

test('reading is resumed where it was interrupted, import too', async (t) => {
  const person = await personWith(t, 'orders:1', 'copy:1')
  await person.run(['send', 'orders', '--input', 'jsonl'], { input: lines(1000) })
  await person.run(['capture-export', 'orders', '--out', 'files', '--split', '5KB'])
  const whole = await person.run(['capture-export', '--source', 'files'])
  // As a killed run leaves it: some files done and noted, and more written than was noted.
  const names = globSync('**/*.avro', { cwd: join(person.home, 'files') }).toSorted(
    (one, other) => one.length - other.length || (one < other ? -1 : 1),
  )
  assert.ok(names.length > 3)
  const done = names.slice(0, 2).map((name) => join('files', name))
  const begun = await person.run(['capture-export', '--source', ...done])
  const target = join(person.home, 'lines.jsonl')
  writeFileSync(target, `${begun.stdout}{"half":`)
  const outBytes = Buffer.byteLength(begun.stdout)
  writeFileSync(`${target}.resume.json`, JSON.stringify({ v: 1, done, current: null, outBytes, events: 0, bytes: 0 }))
  const refused = await person.run(['capture-export', '--source', 'files', '--out', 'lines.jsonl'])
  assert.equal(refused.code, 6, 'the file is there')
  const resumed = await person.run(['capture-export', '--source', 'files', '--out', 'lines.jsonl', '--resume'])
  assert.equal(resumed.code, 0, resumed.stderr)
  assert.equal(readFileSync(target, 'utf8'), whole.stdout)
  assert.equal(existsSync(`${target}.resume.json`), false)

  writeFileSync(join(person.home, 'whole.jsonl'), whole.stdout)
  const slow = person.start(['import', 'copy', 'whole.jsonl', '--rate', '400/s'])
  const ended = finished(slow)
  while (JSON.parse((await person.run(['describe', 'copy', '--json'])).stdout).events < 100);
  slow.kill('SIGINT')
  const { code } = await ended
  assert.equal(code, 130)
  const again = await person.run(['import', 'copy', 'whole.jsonl', '--resume', '--json'])
  assert.equal(again.code, 0, again.stderr)
  assert.ok(JSON.parse(again.stdout).skipped >= 100)
  const bodies = (await received(person, 'copy')).map(({ body, bodyBase64 }) => body ?? bodyBase64)
  const wanted = (parseLines(whole.stdout) as unknown as Line[]).map(({ body, bodyBase64 }) => body ?? bodyBase64)
  assert.deepEqual(bodies, wanted)
})

test('Parquet has a row for each event', async (t) => {
  const person = await personWith(t, 'orders:1')
  await person.run(['send', 'orders', '--input', 'jsonl'], { input: lines(100) })
  await person.run(['capture-export', 'orders', '--out', 'files'])
  const made = await person.run(['capture-export', '--source', 'files', '--out', 'events.parquet', '--body', 'utf8'])
  assert.equal(made.code, 0, made.stderr)
  const { parquetReadObjects } = await import('hyparquet')
  const bytes = readFileSync(join(person.home, 'events.parquet'))
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
  const rows = await parquetReadObjects({ file })
  assert.equal(rows.length, 100)
  assert.deepEqual(
    rows.map((row) => row['sequence']),
    rows.map((_, index) => BigInt(index)),
  )
  const row = rows.find(({ body }) => String(body).startsWith('{"id":4,'))
  assert.deepEqual(
    [row?.['partition'], row?.['key'], row?.['body'], row?.['properties']],
    [0, 'key 4', '{"id":4,"ä":"\\n"}', '{"text":"größe 4","n":-4,"x":1}'],
  )
})
