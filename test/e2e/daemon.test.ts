// The daemon's life as seen from outside: start, status, stop, kill, locks, ports, folders (exit codes of docs/CLI.md).

import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { isRunning } from '../../src/client/discovery.ts'
import { formatVersion } from '../../src/daemon/storage/format.ts'
import { encodeVersionSlot } from '../../src/daemon/storage/journal-format.ts'
import { finished, Person, says } from './ehub.ts'

async function status(person: Person, ...argv: string[]) {
  const { code, stdout, stderr } = await person.run(['daemon', 'status', '--json', ...argv])
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout)
}

/** A port that somebody else holds until the test ends. */
async function takenPort(t: TestContext): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return (server.address() as AddressInfo).port
}

describe('a daemon in the background', () => {
  test('starts, tells, is found, stops', async (t) => {
    const person = new Person(t)
    const started = await person.startDaemon()
    assert.equal(started.code, 0, started.stderr)
    assert.equal(started.stdout, '')
    assert.match(started.stderr, /^the daemon is ready \(pid \d+\)\n {2}amqp {3}127\.0\.0\.1:\d+\n/)

    const { pid, dataFolder, ports, caFile, logFile, rssBytes, durability, warnings } = await status(person)
    assert.ok(isRunning(pid))
    assert.equal(dataFolder, join(person.home, 'data/ehub'))
    assert.equal(durability, 'sync')
    assert.ok(ports.amqp > 0 && ports.amqps > 0 && ports.https > 0)
    assert.ok(rssBytes < 100 * 1024 * 1024, `${rssBytes} bytes at rest`)
    assert.deepEqual(warnings, [])
    assert.match(readFileSync(caFile, 'utf8'), /BEGIN CERTIFICATE/)
    assert.match(readFileSync(logFile, 'utf8'), /"message":"ready"/)

    const stopped = await person.run(['daemon', 'stop'])
    assert.equal(stopped.stderr, `the daemon (pid ${pid}) is stopped\n`)
    assert.equal(stopped.code, 0)
    assert.equal(isRunning(pid), false)
    assert.equal((await person.run(['daemon', 'status'])).code, 3)
    assert.deepEqual(readdirSync(join(person.home, 'run')), [])
  })

  test('everything it keeps is private', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--hub', 'orders:2'])
    const walk = (folder: string): string[] =>
      readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
        const path = join(folder, entry.name)
        return entry.isDirectory() ? [path, ...walk(path)] : [path]
      })
    for (const folder of ['data/ehub', 'run', 'state/ehub']) {
      for (const path of [join(person.home, folder), ...walk(join(person.home, folder))]) {
        assert.equal(statSync(path).mode & 0o077, 0, path)
      }
    }
  })

  test('a second one on the same data is refused, 6', async (t) => {
    const person = new Person(t)
    await person.startDaemon()
    const { pid } = await status(person)
    const second = await person.startDaemon()
    assert.match(second.stderr, new RegExp(`^error\\[daemon-running\\]: a daemon \\(pid ${pid}\\) already runs on`))
    assert.equal(second.code, 6)
    // Found by nobody, it is still kept off by the lock.
    const hidden = await person.run(['daemon', 'start', '--amqp-port', '0', '--tls', 'off'], {
      env: { EHUB_RUNTIME_DIR: join(person.home, 'elsewhere') },
    })
    assert.match(hidden.stderr, new RegExp(`^error\\[data-folder-locked\\]: .* process ${pid}`))
    assert.equal(hidden.code, 6)
    const foreground = await person.run(['daemon', 'run', '--amqp-port', '0', '--tls', 'off'])
    assert.match(foreground.stderr, /^error\[data-folder-locked\]/m)
    assert.equal(foreground.code, 6)
  })

  test('several stand side by side, chosen by their data', async (t) => {
    const person = new Person(t)
    const [a, b] = [join(person.home, 'a'), join(person.home, 'b')]
    await person.startDaemon(['--data-dir', a, '--hub', 'in-a:1'])
    await person.startDaemon(['--data-dir', b, '--hub', 'in-b:1'])
    await person.startDaemon(['--ephemeral', '--hub', 'in-none:1'])
    const hubs = async (...argv: string[]) => (await person.run(['list-hubs', ...argv])).stdout.split('\t')[0]
    assert.equal(await hubs('--data-dir', a), 'in-a')
    assert.equal((await person.run(['list-hubs'], { env: { EHUB_DATA_DIR: b } })).stdout.split('\t')[0], 'in-b')
    assert.equal(await hubs(), 'in-none')
    await person.run(['daemon', 'stop'])
    assert.equal(await hubs(), 'in-b')
  })

  test('hubs and keys outlive a kill -9; the next start finds its way', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--hub', 'orders:3'])
    const before = await person.run(['connection-string', '--json'])
    const { pid } = await status(person)
    process.kill(pid, 'SIGKILL')
    while (isRunning(pid)) await new Promise<void>((resolve) => setImmediate(resolve))
    const again = await person.startDaemon()
    assert.equal(again.code, 0, again.stderr)
    assert.match((await person.run(['list-hubs'])).stdout, /^orders\t3\t/)
    const key = (text: string) => /SharedAccessKey=([^;"]+)/.exec(text)?.[1]
    const after = await person.run(['connection-string', '--json'])
    assert.equal(key(after.stdout), key(before.stdout))
  })

  test('ephemeral leaves nothing behind', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--ephemeral', '--hub', 'orders:2'])
    assert.equal((await status(person)).dataFolder, null)
    await person.run(['daemon', 'stop'])
    assert.equal(existsSync(join(person.home, 'data/ehub')), false)
  })

  test('status can wait until it is ready, and gives up in time, 8', async (t) => {
    const person = new Person(t)
    const late = await person.run(['daemon', 'status', '--wait', 'ready', '--timeout', '100ms'])
    assert.match(late.stderr, /^error\[timeout\]: no daemon was ready within 100 ms/)
    assert.equal(late.code, 8)
    const waiting = finished(person.start(['daemon', 'status', '--wait', 'ready', '--json']))
    await person.startDaemon()
    assert.ok(JSON.parse((await waiting).stdout).pid > 0)
  })

  test('restarts as it was started', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--data-dir', 'here', '--hub', 'orders:2', '--durability', 'os'])
    const before = await status(person)
    const { code, stderr } = await person.run(['daemon', 'restart'], { cwd: '/' })
    assert.equal(code, 0, stderr)
    const after = await status(person)
    assert.notEqual(after.pid, before.pid)
    assert.equal(after.dataFolder, join(person.home, 'here'))
    assert.equal(after.durability, 'os')
  })

  test('its log can be read, filtered and followed', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--log-level', 'debug'])
    const all = await person.run(['daemon', 'logs'])
    assert.match(all.stdout, /^\d{4}-\d\d-\d\dT[\d:.]+Z INFO {2}ready pid=\d+/m)
    assert.equal((await person.run(['daemon', 'logs', '--level', 'error'])).stdout, '')
    const json = (await person.run(['daemon', 'logs', '--json'])).stdout.trim().split('\n')
    assert.ok(json.every((line) => typeof JSON.parse(line).time === 'string'))
    const follower = person.start(['daemon', 'logs', '--follow'])
    await says(follower, 'stdout', /ready/)
    const done = finished(follower)
    await person.run(['daemon', 'stop'])
    follower.kill('SIGINT')
    assert.equal((await done).code, 0)
    assert.match((await person.run(['daemon', 'logs'])).stdout, /INFO {2}stopped/)
  })
})

describe('a daemon in the foreground', () => {
  const argv = ['daemon', 'run', '--ephemeral', '--amqp-port', '0', '--tls', 'off']

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    test(`${signal} ends it with 0`, async (t) => {
      const person = new Person(t)
      const daemon = person.start(argv)
      const done = finished(daemon)
      await says(daemon, 'stderr', /"message":"ready"/)
      daemon.kill(signal)
      const { code, stderr, stdout } = await done
      assert.equal(code, 0, stderr)
      assert.match(stderr, /"message":"stopped"/)
      assert.equal(stdout, '')
    })
  }

  test('SIGTERM while events come in: answered, exit 0, nothing acknowledged is missing', async (t) => {
    const person = new Person(t)
    const words = ['daemon', 'run', '--amqp-port', '0', '--tls', 'off', '--hub', 'orders:4']
    const daemon = person.start(words)
    const done = finished(daemon)
    await says(daemon, 'stderr', /"message":"ready"/)
    const sender = person.start(['send', 'orders', '--ack', 'each', '--json', '--batch', '10'])
    sender.stdin?.on('error', () => undefined)
    let acknowledged = 0
    let stopAt = 500
    sender.stdout?.on('data', (chunk: Buffer) => {
      acknowledged += chunk.toString('latin1').split('\n').length - 1
      if (acknowledged < stopAt) return
      stopAt = Number.POSITIVE_INFINITY
      daemon.kill('SIGTERM')
    })
    sender.stdin?.write(Array.from({ length: 200_000 }, (_, index) => `event ${index}\n`).join(''))
    assert.equal((await done).code, 0)
    sender.kill('SIGKILL')
    await person.startDaemon(['--tls', 'off'])
    const { partitions } = JSON.parse((await person.run(['describe', 'orders', '--json'])).stdout)
    const stored = partitions.reduce(
      (sum: number, { lastSequence }: { lastSequence: number }) => sum + lastSequence + 1,
      0,
    )
    assert.ok(acknowledged >= 500 && stored >= acknowledged, `${stored} stored, ${acknowledged} acknowledged`)
  })

  test('a second signal ends it at once, whoever is still waited for', async (t) => {
    const person = new Person(t)
    const daemon = person.start([...argv, '--hub', 'orders:1'])
    const done = finished(daemon)
    await says(daemon, 'stderr', /"message":"ready"/)
    const event = `${'x'.repeat(100_000)}\n`
    assert.equal((await person.run(['send', 'orders', '--quiet'], { input: event.repeat(400) })).code, 0)
    // A reader with credit that takes nothing: what was written for it stays unsettled for the whole grace.
    const reader = person.start(['receive', 'orders', '--from', 'beginning'])
    await new Promise((resolve) => reader.stdout?.once('data', resolve))
    reader.kill('SIGSTOP')
    t.after(() => reader.kill('SIGKILL'))
    const stopping = says(daemon, 'stderr', /"message":"stopping"/)
    daemon.kill('SIGTERM')
    await stopping
    daemon.kill('SIGTERM')
    assert.equal((await done).code, 143)
  })

  test('start --foreground is the same', async (t) => {
    const person = new Person(t)
    const daemon = person.start(['daemon', 'start', '--foreground', ...argv.slice(2)])
    await says(daemon, 'stderr', /"message":"ready"/)
    const { pid, logFile } = await status(person)
    assert.equal(pid, daemon.pid)
    assert.equal(logFile, null)
    assert.match((await person.run(['daemon', 'logs'])).stderr, /runs in the foreground/)
  })
})

describe('what keeps a daemon from starting', () => {
  test('its AMQP port is taken, 6', async (t) => {
    const person = new Person(t)
    const port = await takenPort(t)
    const { code, stderr } = await person.startDaemon(['--amqp-port', String(port)])
    assert.match(
      stderr,
      new RegExp(`^error\\[port-taken\\]: port ${port} for AMQP is taken\n {2}hint: .*--amqp-port 0`),
    )
    assert.equal(code, 6)
    assert.deepEqual(readdirSync(join(person.home, 'run')), [])
    assert.equal((await person.startDaemon()).code, 0)
  })

  test('another port it was told to use is taken, 6', async (t) => {
    const port = await takenPort(t)
    const { code, stderr } = await new Person(t).startDaemon(['--https-port', String(port)])
    assert.match(stderr, /^error\[port-taken\]: port \d+ for HTTPS and WebSockets is taken/)
    assert.equal(code, 6)
  })

  test('its data folder cannot be written', async (t) => {
    const person = new Person(t)
    writeFileSync(join(person.home, 'file'), '')
    const { code, stderr } = await person.startDaemon(['--data-dir', join(person.home, 'file/below')])
    assert.match(stderr, /^error\[data-folder-unusable\]: cannot use ".*file\/below"/)
    assert.equal(code, 1)
  })

  test('its data folder cannot be made', { skip: existsSync('/proc') ? false : 'no /proc here' }, async (t) => {
    // Nobody may make a folder there, not even root.
    const { code, stderr } = await new Person(t).startDaemon(['--data-dir', '/proc/ehub'])
    assert.match(stderr, /^error\[data-folder-unusable\]: cannot use "\/proc\/ehub"/)
    assert.equal(code, 1)
  })

  test('its data folder is of a newer format', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--hub', 'orders:1'])
    await person.run(['daemon', 'stop'])
    const slot = encodeVersionSlot({ version: formatVersion + 1, number: 1000, journalGeneration: 1 })
    writeFileSync(join(person.home, 'data/ehub/version'), Buffer.concat([slot, slot]))
    const { code, stderr } = await person.startDaemon()
    assert.match(stderr, /^error\[data-folder-newer\]: /)
    assert.equal(code, 1)
    assert.match((await person.run(['daemon', 'logs'])).stdout, /ERROR could not start/)
  })

  test('what it stored is damaged, 12: it says where and changes nothing', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--hub', 'damaged:1'])
    await person.run(['create-hub', 'later'])
    await person.run(['daemon', 'stop'])
    // Once more, so that the journal no longer holds what the segment has.
    await person.startDaemon()
    await person.run(['daemon', 'stop'])
    const path = join(person.home, 'data/ehub/logs/$state/0/00000000000000000000.log')
    const bytes = readFileSync(path)
    const at = bytes.lastIndexOf('damaged')
    assert.ok(at > 0)
    bytes[at] = (bytes[at] ?? 0) ^ 1
    writeFileSync(path, bytes)
    const { code, stderr } = await person.startDaemon()
    assert.match(stderr, /^error\[storage-corrupt\]: .*\$state\/0.* bytes \d+ to \d+ of logs\/\$state\/0\/0{20}\.log/)
    assert.equal(code, 12)
    assert.deepEqual(readFileSync(path), bytes)
  })

  test('its data folder is open to others', async (t) => {
    const person = new Person(t)
    mkdirSync(join(person.home, 'open'))
    chmodSync(join(person.home, 'open'), 0o755)
    const { code, stderr } = await person.startDaemon(['--data-dir', join(person.home, 'open')])
    assert.match(stderr, /^error\[data-folder-unusable\]: .* open to other users\n {2}hint: Close it with: chmod 700/)
    assert.equal(code, 1)
  })

  test('its configuration makes no sense, 2', async (t) => {
    const person = new Person(t)
    writeFileSync(join(person.home, 'c.json'), '{"daemon":{"amqp":1}}')
    for (const [argv, message] of [
      [['--config', 'c.json'], /^error\[config-invalid\]: "c\.json" has the unknown setting "amqp"/],
      [['--bind', 'example.org'], /^error\[config-invalid\]: --bind "example\.org" is no IP address/],
      [['--bind', '203.0.113.77'], /^error\[config-invalid\]: "203\.0\.113\.77" is no address of this machine/],
      [['--hub', 'orders:x'], /^error\[config-invalid\]: --hub "orders:x"/],
    ] as const) {
      const { code, stderr } = await person.startDaemon([...argv])
      assert.match(stderr, message)
      assert.equal(code, 2)
    }
    const missing = await person.startDaemon(['--config', 'nowhere.json'])
    assert.match(missing.stderr, /^error\[file-not-found\]/)
    assert.equal(missing.code, 5)
  })
})
