// Events in and out over the built executable: what is sent is received, all of it, in order, unchanged.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import fc from 'fast-check'
import { eventToJson } from '../../src/wire/events/event-json.ts'
import { partitionOfKey } from '../../src/wire/partition-key.ts'
import { eventContent } from '../wire/events/arbitraries.ts'
import { finished, Person, says } from './ehub.ts'
import { byPartition, parseLines, shell, startShell } from './shell.ts'

async function personWith(t: TestContext, ...hubs: string[]): Promise<Person> {
  const person = new Person(t)
  const started = await person.startDaemon(['--ephemeral', ...hubs.flatMap((hub) => ['--hub', hub])])
  assert.equal(started.code, 0, started.stderr)
  return person
}

describe('a hundred thousand lines', () => {
  test('come back, all of them, each partition in order', async (t) => {
    const person = await personWith(t, 'orders:4')
    const { code, stdout, stderr } = await shell(
      t,
      person,
      'seq 1 100000 | $EHUB send orders && $EHUB receive orders --from beginning -e --json | tee out | wc -l',
    )
    assert.equal(code, 0, stderr)
    assert.equal(stdout.trim(), '100000')
    assert.match(stderr, /^sent 100,000 events \(489 kB\) to orders in \d+\.\d\d s, \d+ batches\n$/)
    const events = parseLines(readFileSync(join(person.home, 'out'), 'utf8'))
    for (const [partition, list] of byPartition(events)) {
      assert.deepEqual(
        list.map(({ seq }) => seq),
        list.map((_, index) => index),
        `partition ${partition} is dense`,
      )
      const bodies = list.map(({ body }) => Number(body))
      assert.deepEqual(
        bodies,
        bodies.toSorted((a, b) => a - b),
        `partition ${partition} keeps the order of the input`,
      )
    }
    assert.equal(new Set(events.map(({ body }) => body)).size, 100_000)
  })

  test('survive a daemon killed in the middle: every sender ends well and no line is missing', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--hub', 'orders:4'])
    const senders = ['a', 'b', 'c'].map((name) =>
      finished(startShell(t, person, `seq -f '${name}%.0f' 1 40000 | $EHUB send orders --batch 500 --rate 20000/s`)),
    )
    const { pid } = JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout)
    const at = async (...argv: string[]) => JSON.parse((await person.run([...argv, '--json'])).stdout)
    // Everybody is connected (a first connection is not tried again) and in the middle of it.
    while ((await at('daemon', 'status')).connections < 3 || (await at('describe', 'orders')).events < 5000);
    process.kill(pid, 'SIGKILL')
    const restarted = await person.startDaemon()
    assert.equal(restarted.code, 0, restarted.stderr)
    for (const sender of await Promise.all(senders)) assert.equal(sender.code, 0, sender.stderr)
    const received = parseLines((await shell(t, person, '$EHUB receive orders -e --json')).stdout)
    for (const [partition, list] of byPartition(received)) {
      assert.deepEqual(
        list.map(({ seq }) => seq),
        list.map((_, index) => index),
        `partition ${partition} is dense`,
      )
    }
    // A batch whose acknowledgement was lost is there twice; none is missing.
    const bodies = new Set(received.map(({ body }) => body))
    assert.equal(bodies.size, 120_000)
  })
})

describe('a copy through JSON lines', () => {
  test('loses nothing: any bytes, keys, typed properties, system properties, every kind of body', async (t) => {
    const person = await personWith(t, 'orders:4', 'copy:4')
    const nowhere = { hub: null, partition: null, sequence: null, offset: null, enqueuedTimeMs: null, publisher: null }
    const contents = fc.sample(eventContent, { numRuns: 500, seed: 42 })
    const lines = contents.map((content) => eventToJson({ ...nowhere, ...content }))
    writeFileSync(join(person.home, 'in.jsonl'), `${lines.join('\n')}\n`)
    const { code, stderr } = await shell(
      t,
      person,
      `$EHUB send orders --input jsonl --file in.jsonl &&
       $EHUB receive orders -e --json | tee first | $EHUB send copy --input jsonl &&
       $EHUB receive copy -e --json > second`,
    )
    assert.equal(code, 0, stderr)
    // Only where it lies differs, and hub, partition and time are no part of what was sent.
    const content = (line: string) => line.replace(/"hub":.*?,"key"/, '"key"')
    const read = (name: string) =>
      readFileSync(join(person.home, name), 'utf8').trimEnd().split('\n').map(content).toSorted()
    assert.deepEqual(read('first'), lines.map(content).toSorted())
    assert.deepEqual(read('second'), read('first'))
  })

  test('keeps raw bytes of files, and records ended by a zero byte', async (t) => {
    const person = await personWith(t, 'orders:1')
    const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, index) => (index * 7) & 0xff))
    writeFileSync(join(person.home, 'photo'), bytes)
    const { code, stderr } = await shell(
      t,
      person,
      `$EHUB send orders --file photo --sys contentType=image/x && $EHUB receive orders -e -o raw -D '' > back &&
       printf 'a\\nb\\0c\\0' | $EHUB send orders --input nul && $EHUB receive orders --from 1 -e --print0 > zeroes`,
    )
    assert.equal(code, 0, stderr)
    assert.deepEqual(readFileSync(join(person.home, 'back')), bytes)
    assert.equal(readFileSync(join(person.home, 'zeroes'), 'latin1'), 'a\nb\0c\0')
  })
})

describe('where events go', () => {
  test('keys in front of lines choose the partition, as the service chooses', async (t) => {
    const person = await personWith(t, 'orders:4')
    const lines = Array.from({ length: 200 }, (_, index) => `key-${index % 17}|${index}`)
    await person.run(['send', 'orders', '-K', '|'], { input: lines.join('\n') })
    const { stdout } = await person.run(['receive', 'orders', '-e', '--json'])
    const events = parseLines(stdout)
    assert.equal(events.length, 200)
    for (const { key, partition } of events) assert.equal(Number(partition), partitionOfKey(key ?? '', 4))
    for (const list of byPartition(events).values()) {
      const bodies = list.map(({ body }) => Number(body))
      assert.deepEqual(
        bodies,
        bodies.toSorted((a, b) => a - b),
      )
    }
  })

  test('a partition, a key of all, properties, a tombstone', async (t) => {
    const person = await personWith(t, 'orders:4')
    await person.run([
      'send',
      'orders',
      'one',
      'two',
      '-p',
      '3',
      '-H',
      'n:int=5',
      '--prop',
      'type=x',
      '--sys',
      'messageId=m1',
    ])
    await person.run(['send', 'orders', 'three', '-k', 'c7'])
    await person.run(['send', 'orders', '-Z', '-k', 'c7'])
    const format = '%p|%k|%s|%h|%i|%S\\n'
    const { stdout } = await person.run(['receive', 'orders', '-e', '--order', 'partition', '-f', format])
    const keyed = partitionOfKey('c7', 4)
    const expected = ['3||one|n=5,type=x|m1|3', '3||two|n=5,type=x|m1|3', `${keyed}|c7|three|||5`, `${keyed}|c7||||0`]
    assert.deepEqual(stdout.trimEnd().split('\n').toSorted(), expected.toSorted())
    const tombstone = parseLines(
      (await person.run(['receive', 'orders', '-p', `${keyed}`, '--tail', '1', '--json'])).stdout,
    )
    assert.equal(tombstone[0]?.body, null)
  })

  test('over TLS with our authority, and over WebSockets', async (t) => {
    const person = await personWith(t, 'orders:2')
    const { stdout } = await person.run(['connection-string', 'orders', '--tls'])
    writeFileSync(join(person.home, 'string'), stdout)
    const sent = await person.run(['send', '-c', '@string'], { input: 'over tls\n' })
    assert.equal(sent.code, 0, sent.stderr)
    const socket = await person.run(['send', 'orders', 'over a socket', '--transport', 'ws'])
    assert.equal(socket.code, 0, socket.stderr)
    const received = await person.run(['receive', '-c', '@string', '-e'])
    assert.deepEqual(received.stdout.split('\n').toSorted(), ['', 'over a socket', 'over tls'])
    const stranger = await person.run(['receive', '-c', '@string', '-e'], {
      env: { EHUB_RUNTIME_DIR: join(person.home, 'elsewhere') },
    })
    assert.match(stranger.stderr, /^error\[tls-failed\]: .*\n.*--ca-file/m)
    assert.equal(stranger.code, 3)
  })
})

describe('what is read', () => {
  test('positions, counts, merged partitions', async (t) => {
    const person = await personWith(t, 'orders:2')
    for (let round = 0; round < 5; round += 1) {
      await person.run(['send', 'orders', `even-${round}`, '-p', '0'])
      await person.run(['send', 'orders', `odd-${round}`, '-p', '1'])
    }
    const read = async (...argv: string[]) => {
      const { code, stdout, stderr } = await person.run(['receive', 'orders', ...argv])
      assert.equal(code, 0, stderr)
      return stdout.split('\n').filter((line) => line !== '')
    }
    const merged = Array.from({ length: 5 }, (_, round) => [`even-${round}`, `odd-${round}`]).flat()
    assert.deepEqual(await read('-e', '--order', 'time'), merged)
    assert.deepEqual(await read('-p', '0', '--from', '1', '--to', '3'), ['even-1', 'even-2', 'even-3'])
    assert.deepEqual(await read('-p', '1', '--tail', '2'), ['odd-3', 'odd-4'])
    assert.deepEqual(await read('--from', '0=-1,1=seq:>3', '-e', '--order', 'partition'), ['even-4', 'odd-4'])
    assert.deepEqual(await read('-p', '0', '--from', '+3', '-n', '1'), ['even-3'])
    assert.deepEqual(await read('--between', '@-1h..@-30m'), [])
    assert.deepEqual(await read('--from', '@+1h', '-e'), [])
    assert.deepEqual((await read('--from', '@-1h', '-e')).toSorted(), merged.toSorted())
    assert.deepEqual(await read('--idle', '100ms'), [])
  })

  test('following shows what comes', async (t) => {
    const person = await personWith(t, 'orders:2')
    const following = person.start(['receive', 'orders', '-n', '3'])
    const lines = finished(following)
    while (JSON.parse((await person.run(['list-receivers', '--json'])).stdout).length < 2);
    await person.run(['send', 'orders', 'a', 'b', 'c', '-p', '1'])
    const { code, stdout } = await lines
    assert.equal(stdout, 'a\nb\nc\n')
    assert.equal(code, 0)
  })

  test('following goes on behind the last event when the daemon comes back', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--hub', 'orders:1'])
    await person.run(['send', 'orders', 'a', 'b'])
    const following = person.start(['receive', 'orders', '--from', 'beginning', '-n', '4'])
    const lines = finished(following)
    await says(following, 'stdout', /b\n/)
    process.kill(JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout).pid, 'SIGKILL')
    await person.startDaemon()
    await person.run(['send', 'orders', 'c', 'd'])
    const { code, stdout, stderr } = await lines
    assert.equal(stdout, 'a\nb\nc\nd\n')
    assert.match(stderr, /^warning: .*; trying again\n/)
    assert.equal(code, 0)
  })

  test('a group goes on where it stopped; what was not written is not behind its checkpoint', async (t) => {
    const person = await personWith(t, 'orders:1')
    await person.run(['create-group', 'orders', 'billing'])
    await person.run(['send', 'orders'], { input: Array.from({ length: 1000 }, (_, index) => `${index}\n`).join('') })
    const group = ['-g', 'billing', '--checkpoint']
    assert.equal((await person.run(['receive', 'orders', ...group, '-n', '10'])).stdout.split('\n').length, 11)
    assert.equal((await person.run(['receive', 'orders', ...group, '-n', '1'])).stdout, '10\n')
    const checkpoint = async () => {
      const { stdout } = await person.run(['checkpoint', 'orders', '-g', 'billing', '--json'])
      return JSON.parse(stdout)[0]
    }
    assert.equal((await checkpoint()).sequence, 10)
    assert.equal((await checkpoint()).behind, 989)

    const set = await person.run(['checkpoint', 'orders', '-g', 'billing', '--to', '-5', '--dry-run'])
    assert.equal(set.stdout, '0\t10\t994\n')
    assert.equal((await checkpoint()).sequence, 10)
    await person.run(['checkpoint', 'orders', '-g', 'billing', '--to', '-5', '--yes'])
    assert.equal((await person.run(['receive', 'orders', ...group, '-e'])).stdout, '995\n996\n997\n998\n999\n')
    await person.run(['checkpoint', 'orders', '-g', 'billing', '--delete', '--yes'])
    assert.equal((await checkpoint()).sequence, null)
    assert.equal((await person.run(['receive', 'orders', ...group, '-n', '1'])).stdout, '0\n')
  })
})

test('each event is told when it is acknowledged', async (t) => {
  const person = await personWith(t, 'orders:2')
  const text = await person.run(['send', 'orders', 'a', 'b', '--ack', 'each'])
  assert.equal(text.stdout, '0\taccepted\n1\taccepted\n')
  assert.equal(text.stderr, '')
  const json = await person.run(['send', 'orders', 'a', 'b', '--ack', 'each', '--json'])
  assert.equal(json.stdout, '{"i":0,"status":"accepted"}\n{"i":1,"status":"accepted"}\n')
  const summary = JSON.parse((await person.run(['send', 'orders', 'a', '--json'])).stdout)
  assert.deepEqual([summary.hub, summary.events, summary.bytes, summary.batches], ['orders', 1, 1, 1])
  assert.equal((await person.run(['send', 'orders', 'a', '--ack', 'none'])).stderr, '')
})

test('the input can be copied, limited, repeated and tried without sending', async (t) => {
  const person = await personWith(t, 'orders:1')
  const teed = await person.run(['send', 'orders', '--tee'], { input: 'a\nb\n' })
  assert.equal(teed.stdout, 'a\nb\n')
  await person.run(['send', 'orders', '-n', '1'], { input: 'c\nd\n' })
  await person.run(['send', 'orders', 'e', '--repeat', '2', '--rate', '1000/s'])
  const dry = await person.run(['send', 'orders', 'f', '--dry-run'])
  assert.match(dry.stderr, /^would send 1 event \(1 B\) to orders/)
  assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, 'a\nb\nc\ne\ne\n')
})

test('a line is sent while the input stays open', async (t) => {
  const person = await personWith(t, 'orders:1')
  const following = person.start(['receive', 'orders', '--from', 'beginning'])
  const sending = person.start(['send', 'orders', '--linger', '1ms'])
  const seen = says(following, 'stdout', /hello\n/)
  sending.stdin?.write('hello\n')
  await seen
  sending.stdin?.end()
  assert.equal((await finished(sending)).code, 0)
})
