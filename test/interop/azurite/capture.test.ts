// Capture of the built daemon into Azurite's blobs, which go away in the middle and come back. EHUB_AZURITE names a folder of its own
// into which Azurite is installed when it is not there yet; skipped with a line without it, or where npm has it not. fastavro
// (EHUB_PYTHON, else python3, with the package) reads the files, too, where it is.
//   EHUB_AZURITE=/tmp/azurite EHUB_PYTHON=py/bin/python node --import ./scripts/tsx-hook.mjs --test test/interop/azurite/*.test.ts

import assert from 'node:assert/strict'
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BlobServiceClient } from '@azure/storage-blob'
import { Person, says } from '../../e2e/ehub.ts'

const version = '3.36.0'
const account = 'devstoreaccount1'
/** Known to everybody: Azurite's own. */
const accountKey = 'Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=='
const python = process.env['EHUB_PYTHON'] ?? 'python3'
const hasPython = spawnSync(python, ['-c', 'import fastavro'], { stdio: 'ignore' }).status === 0

/** The program, or why there is none. */
function azurite(): { readonly program: string } | { readonly missing: string } {
  const folder = process.env['EHUB_AZURITE'] ?? ''
  if (folder === '') return { missing: 'no Azurite: EHUB_AZURITE names no folder for it' }
  const program = join(folder, 'node_modules/.bin/azurite-blob')
  if (existsSync(program)) return { program }
  const argv = ['install', '--prefix', folder, '--no-audit', '--no-fund', '--ignore-scripts', `azurite@${version}`]
  const { status } = spawnSync('npm', argv, { stdio: 'ignore' })
  return status === 0 && existsSync(program) ? { program } : { missing: `npm has no azurite@${version}` }
}

class Azurite {
  port = 0
  #child: ChildProcess | null = null
  readonly #program: string
  readonly #folder: string

  constructor(t: TestContext, program: string) {
    this.#program = program
    this.#folder = mkdtempSync(join(tmpdir(), 'ehub-azurite-'))
    t.after(async () => {
      await this.stop()
      rmSync(this.#folder, { recursive: true, force: true })
    })
  }

  /** On the port it had before, if it had one. Its blobs are in a folder: they outlive it. */
  async start(): Promise<void> {
    const argv = ['--location', this.#folder, '--blobHost', '127.0.0.1', '--blobPort', String(this.port)]
    // The newest client of the service is newer than the newest Azurite.
    argv.push('--skipApiVersionCheck', '--disableTelemetry')
    const child = spawn(this.#program, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    const text = await says(child, 'stdout', /successfully listen[a-z]* (?:at|on) http:\/\/127\.0\.0\.1:\d+/)
    this.port = Number(/http:\/\/127\.0\.0\.1:(\d+)/.exec(text)?.[1])
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    await ended
  }

  get connectionString(): string {
    const endpoint = `BlobEndpoint=http://127.0.0.1:${this.port}/${account};`
    return `DefaultEndpointsProtocol=http;AccountName=${account};AccountKey=${accountKey};${endpoint}`
  }
}

const found = azurite()
const skip = 'missing' in found ? { skip: found.missing } : {}
const bodyOf = (index: number) => `event ${index}`
const lines = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => `${bodyOf(from + i)}\n`).join('')

test('Capture into Azurite: with an outage in the middle every event is in one file', skip, async (t) => {
  assert('program' in found)
  const store = new Azurite(t, found.program)
  await store.start()
  const person = new Person(t)
  person.env['AZURE_STORAGE_CONNECTION_STRING'] = store.connectionString
  assert.equal((await person.startDaemon(['--tls', 'off', '--hub', 'orders:2', '--hub', 'large:1'])).code, 0)
  const run = async (argv: readonly string[], input = '') => {
    const { code, stdout, stderr } = await person.run(argv, { input })
    assert.equal(code, 0, `ehub ${argv.join(' ')}: ${stderr}`)
    return stdout
  }
  const enable = async (hub: string, size: string, interval: string) => {
    const words = ['--size', size, '--interval', interval, '--skip-empty', '--destination', `blob:${hub}`]
    await run(['capture', hub, '--enable', ...words])
  }
  await enable('orders', '16KiB', '1s')
  await run(['send', 'orders', '--batch', '100'], lines(0, 2000))
  await run(['capture', 'orders', '--flush'])

  await store.stop()
  await run(['send', 'orders', '--batch', '100'], lines(2000, 4000))
  for (;;) {
    const { partitions } = JSON.parse(await run(['capture', 'orders', '--json']))
    if (partitions.some(({ failures }: { failures: number }) => failures > 0)) break
  }
  const doctor = await person.run(['doctor'])
  assert.equal(doctor.code, 12)
  assert.match(doctor.stdout, /capture\terror\t.*does not answer/)
  await store.start()
  await run(['send', 'orders', '--batch', '100'], lines(4000, 6000))
  await run(['capture', 'orders', '--flush'])

  // What the command line sees at the destination.
  interface Row {
    readonly partition: number
    readonly name: string
    readonly events: number
    readonly firstSequence: number
    readonly lastSequence: number
  }
  const rows: readonly Row[] = JSON.parse(await run(['capture-list', 'orders', '--json']))
  for (const partition of [0, 1]) {
    let next = 0
    for (const row of rows.filter((one) => one.partition === partition)) {
      assert.deepEqual([row.firstSequence, row.lastSequence], [next, next + row.events - 1], row.name)
      next += row.events
    }
  }
  const text = await run(['capture-export', '--source', 'blob:orders', '--format', 'raw', '--no-progress'])
  const expected = lines(0, 6000).trim().split('\n').sort()
  assert.deepEqual(text.trim().split('\n').sort(), expected)
  const checked = JSON.parse(await run(['capture-export', '--source', 'blob:orders', '--verify', '--json']))
  assert.deepEqual([checked.events, checked.problems], [6000, []])

  // Files of several blocks, put together by Put Block List.
  await enable('large', '6MB', '15m')
  const pad = 'x'.repeat(1000)
  await run(['send', 'large'], Array.from({ length: 9000 }, (_, i) => `${i} ${pad}\n`).join(''))
  await run(['capture', 'large', '--flush'])
  const large: readonly Row[] = JSON.parse(await run(['capture-list', 'large', '--json']))
  assert.equal(
    large.reduce((sum, { events }) => sum + events, 0),
    9000,
  )

  // What others see: the files as the service's own client downloads them, read by fastavro.
  const folder = join(person.home, 'downloaded')
  const paths: string[] = []
  const client = BlobServiceClient.fromConnectionString(store.connectionString)
  for (const hub of ['orders', 'large']) {
    mkdirSync(join(folder, hub), { recursive: true })
    const container = client.getContainerClient(hub)
    for await (const { name } of container.listBlobsFlat()) {
      const path = join(folder, hub, `${paths.length}.avro`)
      await container.getBlobClient(name).downloadToFile(path)
      paths.push(path)
    }
  }
  assert.equal(paths.length, rows.length + large.length)
  t.diagnostic(`${rows.length} files of 6,000 events, ${large.length} of 9,000`)
  if (!hasPython) return t.diagnostic(`no Python with fastavro (${python})`)
  const script = `
import json, sys, fastavro
out = []
for path in sys.argv[1:]:
    with open(path, 'rb') as f:
        out.extend(r['Body'].decode().split(' x')[0] for r in fastavro.reader(f))
print(json.dumps(sorted(out)))`
  const bodies = JSON.parse(execFileSync(python, ['-c', script, ...paths], { encoding: 'utf8', maxBuffer: 1 << 26 }))
  assert.deepEqual(bodies, [...Array.from({ length: 9000 }, (_, i) => String(i)), ...expected].sort())
})
