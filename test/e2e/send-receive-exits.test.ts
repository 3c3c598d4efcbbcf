// Exit codes of send, receive and checkpoint, each by what makes it (docs/CLI.md, "Exit codes"), and what is told then.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { makeSasToken } from '../../src/wire/sas.ts'
import { finished, Person, says } from './ehub.ts'
import { shell } from './shell.ts'

async function personWith(t: TestContext, ...hubs: string[]): Promise<Person> {
  const person = new Person(t)
  await person.startDaemon(['--ephemeral', ...hubs.flatMap((hub) => ['--hub', hub])])
  return person
}

interface Case {
  readonly argv: readonly string[]
  readonly code: number
  readonly says: RegExp
  readonly input?: string
}

const cases: readonly Case[] = [
  {
    argv: ['send', 'orders', 'x', '-k', 'a', '-p', '0'],
    code: 2,
    says: /^error\[usage\]: a key and a partition together/,
  },
  { argv: ['send', 'orders', '-K', '|', '-p', '0'], code: 2, says: /^error\[usage\]: a key and a partition together/ },
  { argv: ['send', 'orders', 'x', '-k', 'k'.repeat(129)], code: 2, says: /129 characters exceeds 128/ },
  { argv: ['send', 'orders', 'x', '-H', 'n:int=x'], code: 2, says: /^error\[usage\]: "x" is no int/ },
  {
    argv: ['send', 'orders', 'x', '--sys', 'nope=1'],
    code: 2,
    says: /^error\[usage\]: "nope=1" is no system property/,
  },
  { argv: ['send', 'orders', '-Z'], code: 2, says: /^error\[usage\]: --tombstone needs --key/ },
  { argv: ['send', 'orders', '--rate', 'fast'], code: 2, says: /^error\[usage\]: "fast" is no rate/ },
  { argv: ['send', 'orders', '--nope'], code: 2, says: /^error\[usage\]: .*--nope/ },
  { argv: ['send', 'or/ders', 'x'], code: 2, says: /^error\[argument-error\]: "or\/ders" cannot be the name of a hub/ },
  { argv: ['send'], code: 2, says: /^error\[usage\]: no hub given/ },
  { argv: ['send', 'orders', '-c', 'Endpoint=nope'], code: 2, says: /^error\[argument-error\]: .*connection string/m },
  { argv: ['receive', 'orders', '--from', 'bogus'], code: 2, says: /^error\[usage\]: "bogus" is no position/ },
  {
    argv: ['receive', 'orders', '--from', '0', '--tail', '1'],
    code: 2,
    says: /^error\[usage\]: --from and --tail together/,
  },
  { argv: ['receive', 'orders', '-f', '%q'], code: 2, says: /^error\[usage\]: "%q" is no format letter/ },
  {
    argv: ['receive', 'orders', '-o', 'raw', '-f', '%s'],
    code: 2,
    says: /^error\[usage\]: --output and --format together/,
  },
  { argv: ['receive', 'orders', '--order', 'time'], code: 2, says: /^error\[usage\]: --order time needs an end/ },
  {
    argv: ['receive', 'orders', '--from', '500', '-n', '1'],
    code: 2,
    says: /^error\[position-out-of-range\]: .*\n {2}condition: com\.microsoft:argument-error/,
  },
  { argv: ['checkpoint', 'orders', '--to', '500', '--yes'], code: 2, says: /^error\[position-out-of-range\]/ },
  { argv: ['checkpoint', 'orders', '--to', 'end'], code: 2, says: /^error\[usage\]: .*needs a confirmation/ },
  { argv: ['send', 'nope', 'x'], code: 5, says: /^error\[hub-not-found\]: .*\n {2}condition: amqp:not-found/ },
  { argv: ['receive', 'nope', '-e'], code: 5, says: /^error\[hub-not-found\]/ },
  { argv: ['checkpoint', 'nope'], code: 5, says: /^error\[hub-not-found\]/ },
  { argv: ['receive', 'orders', '-g', 'nope', '--from', '0', '-e'], code: 5, says: /^error\[group-not-found\]/ },
  { argv: ['receive', 'orders', '-g', 'nope', '--checkpoint', '-e'], code: 5, says: /^error\[group-not-found\]/ },
  {
    argv: ['send', 'orders', 'x', '-p', '9'],
    code: 5,
    says: /^error\[partition-not-found\]: .*\n {2}condition: com\.microsoft:argument-out-of-range/,
  },
  {
    argv: ['receive', 'orders', '-p', '9', '-e'],
    code: 5,
    says: /^error\[partition-not-found\]: no partition 9 in hub "orders", it has 0 to 1/,
  },
  { argv: ['receive', 'orders', '--to', 'checkpoint', '-e'], code: 5, says: /^error\[checkpoint-not-found\]/ },
  { argv: ['send', 'orders', '--file', 'nowhere'], code: 5, says: /^error\[file-not-found\]: cannot read "nowhere"/ },
  { argv: ['send', 'orders', '-c', '@nowhere'], code: 5, says: /^error\[file-not-found\]/ },
  {
    argv: ['receive', 'orders', '--timeout', '300ms'],
    code: 8,
    says: /^error\[timeout\]: 0\.30 s passed with 0 events received/,
  },
  {
    argv: ['receive', 'orders', '-e', '--min', '9'],
    code: 8,
    says: /^error\[below-minimum\]: 2 events, fewer than the 9/,
  },
  {
    argv: ['send', 'orders', '--input', 'jsonl', '--skip-errors'],
    input: '{"body":"x"}\nnope\n',
    code: 9,
    says: /^warning: line 2 left out: .*\nsent 1 event .*\nerror\[partial\]: 1 event was left out, 1 sent/,
  },
]

test('each wrong thing has its exit code and one clear error', async (t) => {
  const person = await personWith(t, 'orders:2')
  await person.run(['send', 'orders', 'a', '-p', '0'])
  await person.run(['send', 'orders', 'b', '-p', '1'])
  for (const { argv, code, says: pattern, input } of cases) {
    const finishedRun = await person.run(argv, input === undefined ? {} : { input })
    assert.match(finishedRun.stderr, pattern, argv.join(' '))
    assert.equal(finishedRun.code, code, argv.join(' '))
  }
})

test('nobody to talk to, 3', async (t) => {
  const person = new Person(t)
  for (const argv of [
    ['send', 'orders', 'x'],
    ['receive', 'orders', '-e'],
    ['checkpoint', 'orders'],
  ]) {
    const { code, stderr, stdout } = await person.run(argv)
    assert.equal(stderr, 'error[daemon-not-running]: no daemon is running\n  hint: Start one with: ehub daemon start\n')
    assert.equal(stdout, '')
    assert.equal(code, 3)
  }
  const string = 'Endpoint=sb://127.0.0.1:1/;SharedAccessKeyName=a;SharedAccessKey=b;UseDevelopmentEmulator=true'
  writeFileSync(join(person.home, 'string'), string)
  const refused = await person.run(['send', 'orders', 'x', '-c', '@string', '--json'])
  assert.equal(refused.stdout, '')
  const { error } = JSON.parse(refused.stderr)
  assert.deepEqual([error.code, error.exit], ['connect-failed', 3])
  assert.equal(refused.code, 3)
})

test('a wrong key and an expired token, 4; a key in an argument is warned of', async (t) => {
  const person = await personWith(t, 'orders:1')
  const { stdout } = await person.run(['connection-string', 'orders'])
  const wrongKey = stdout.trim().replace(/SharedAccessKey=[^;]*/, 'SharedAccessKey=wrong')
  const wrong = await person.run(['receive', '-c', wrongKey, '-e'])
  assert.match(
    wrong.stderr,
    /^warning: a key in an argument shows up[^]*^error\[token-invalid\]: .*\n {2}condition: amqp:unauthorized-access/m,
  )
  assert.equal(wrong.code, 4)

  const key = /SharedAccessKey=([^;]*)/.exec(stdout)?.[1] ?? ''
  const token = makeSasToken({
    resource: 'sb://localhost/orders',
    ruleName: 'RootManageSharedAccessKey',
    key,
    expiresAtSeconds: 1,
  })
  const expired = stdout
    .trim()
    .replace(/SharedAccessKeyName=[^;]*;SharedAccessKey=[^;]*/, `SharedAccessSignature=${token}`)
  writeFileSync(join(person.home, 'expired'), expired)
  const late = await person.run(['send', '-c', '@expired'], { input: 'x\n' })
  assert.match(late.stderr, /^error\[token-expired\]: .*\n {2}condition: amqp:unauthorized-access/)
  assert.equal(late.code, 4)

  const fromEnvironment = await person.run(['send', 'orders', 'x'], { env: { EHUB_CONNECTION_STRING: stdout.trim() } })
  assert.equal(fromEnvironment.code, 0, fromEnvironment.stderr)
})

test('a displaced reader, a lower owner level, a sixth reader: 6', async (t) => {
  const person = await personWith(t, 'orders:1')
  const readers = async (count: number) => {
    while (JSON.parse((await person.run(['list-receivers', '--json'])).stdout).length !== count);
  }
  const first = finished(person.start(['receive', 'orders', '--epoch', '5']))
  await readers(1)
  const lower = await person.run(['receive', 'orders', '--epoch', '4'])
  assert.match(lower.stderr, /^error\[owner-level-lower\]: .*\n {2}condition: amqp:link:stolen/)
  assert.equal(lower.code, 6)
  const without = await person.run(['receive', 'orders'])
  assert.match(without.stderr, /^error\[owner-level-required\]/)
  assert.equal(without.code, 6)
  const higher = person.start(['receive', 'orders', '--epoch', '6'])
  const displaced = await first
  assert.match(displaced.stderr, /^error\[receiver-stolen\]/)
  assert.equal(displaced.code, 6)
  higher.kill('SIGKILL')
  await readers(0)

  for (let count = 1; count <= 5; count += 1) {
    person.start(['receive', 'orders'])
    await readers(count)
  }
  const sixth = await person.run(['receive', 'orders'])
  assert.match(sixth.stderr, /^error\[receiver-limit\]: .*\n {2}condition: amqp:resource-limit-exceeded/)
  assert.equal(sixth.code, 6)
})

test('a hub deleted under its reader and its writer, 5', async (t) => {
  const person = await personWith(t, 'orders:1')
  const reading = finished(person.start(['receive', 'orders']))
  while (JSON.parse((await person.run(['list-receivers', '--json'])).stdout).length !== 1);
  await person.run(['delete-hub', 'orders', '--yes'])
  const { code, stderr } = await reading
  assert.match(stderr, /^error\[hub-not-found\]/)
  assert.equal(code, 5)
})

describe('bad input', () => {
  test('a malformed line is named, and nothing of its batch is sent', async (t) => {
    const person = await personWith(t, 'orders:1')
    const lines = [
      '{"body":"a"}',
      '{"body":"b"}',
      '{"body":"c","props":{"n":300},"propTypes":{"n":"ubyte"}}',
      '{"body":"d"}',
    ]
    const { code, stderr } = await person.run(['send', 'orders', '--input', 'jsonl', '--linger', '1m'], {
      input: lines.join('\n'),
    })
    assert.match(
      stderr,
      /^error\[usage\]: line 3: "props\.n": 300 is not a ubyte of 0\.\.255\n {2}hint: no event was sent before, none from event 1 on/,
    )
    assert.equal(code, 2)
    assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, '')
  })

  test('batches before the malformed one are sent, whole', async (t) => {
    const person = await personWith(t, 'orders:1')
    const lines = [...Array.from({ length: 25 }, (_, index) => `{"body":"${index}"}`), 'nope']
    const { code, stderr } = await person.run(
      ['send', 'orders', '--input', 'jsonl', '--batch', '10', '--linger', '1m'],
      {
        input: lines.join('\n'),
      },
    )
    assert.match(
      stderr,
      /^error\[usage\]: line 26: .*JSON.*\n {2}hint: 20 events were sent before, none from event 21 on/,
    )
    assert.equal(code, 2)
    assert.equal((await person.run(['receive', 'orders', '-e'])).stdout.split('\n').length - 1, 20)
  })

  test('an event above the limit is named by its line; with --skip-errors the others are sent', async (t) => {
    const person = await personWith(t, 'orders:1')
    const input = `small\n${'x'.repeat(1_100_000)}\nlast\n`
    // Without lingering out: what was read before it stays in the refused event's batch.
    const refused = await person.run(['send', 'orders', '--linger', '1h'], { input })
    assert.match(refused.stderr, /^error\[event-too-large\]: line 2: event of \d+ bytes or more exceeds 1048576\n/)
    assert.equal(refused.code, 2)
    assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, '')
    const skipped = await person.run(['send', 'orders', '--skip-errors'], { input })
    assert.equal(skipped.code, 9)
    assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, 'small\nlast\n')
    const file = join(person.home, 'large')
    writeFileSync(file, Buffer.alloc(2_000_000))
    const whole = await person.run(['send', 'orders', '--file', file])
    assert.match(whole.stderr, /^error\[event-too-large\]: ".*large": event of \d+ bytes exceeds/)
  })
})

describe('pipes and signals', () => {
  test('a reader of stdout that left is a silent success', async (t) => {
    const person = await personWith(t, 'orders:2')
    await shell(t, person, 'seq 1 50000 | $EHUB send orders -q')
    for (const flags of ['--from beginning', '--from beginning --json', '-e', '-e --order time']) {
      const { code, stdout, stderr } = await shell(t, person, `$EHUB receive orders ${flags} | head -1`)
      assert.equal(stdout.split('\n').length, 2, flags)
      assert.equal(stderr, '', flags)
      assert.equal(code, 0, flags)
    }
  })

  test('no checkpoint lies beyond what a reader that left had taken', async (t) => {
    const person = await personWith(t, 'orders:1')
    await shell(t, person, 'seq 0 99999 | $EHUB send orders -q')
    const script = '$EHUB receive orders --checkpoint --checkpoint-every 10ms | (head -c 100000; sleep 0.3) | tail -1'
    const { code, stdout } = await shell(t, person, script)
    assert.equal(code, 0)
    const lastRead = Number(stdout)
    const shown = await person.run(['checkpoint', 'orders', '--json'])
    const { sequence } = JSON.parse(shown.stdout)[0]
    // What had been written may fill the pipe's 64 KiB and one write more, never everything.
    assert.ok(sequence >= 0 && sequence < lastRead + 60_000, `${sequence} after ${lastRead}`)
  })

  test('Ctrl-C ends following well; before the asked-for amount it is 130, SIGTERM 143', async (t) => {
    const person = await personWith(t, 'orders:1')
    await person.run(['send', 'orders', 'x'])
    for (const [argv, signal, code] of [
      [['--from', '0'], 'SIGINT', 0],
      [['--from', '0'], 'SIGTERM', 0],
      [['--from', '0', '-n', '5'], 'SIGINT', 130],
      [['--from', '0', '--to', '9'], 'SIGINT', 130],
      [['--from', '0', '-n', '5'], 'SIGTERM', 143],
    ] as const) {
      const child = person.start(['receive', 'orders', ...argv])
      const ended = finished(child)
      await says(child, 'stdout', /x\n/)
      child.kill(signal)
      const { code: ended130, stderr, signal: killedBy } = await ended
      assert.equal(killedBy, null)
      assert.equal(ended130, code, `${argv.join(' ')} ${signal}`)
      assert.match(stderr, /^received 1 event \(1 B\) from orders in /)
    }
  })

  test('Ctrl-C keeps the checkpoint of what was read', async (t) => {
    const person = await personWith(t, 'orders:1')
    await person.run(['send', 'orders', 'a', 'b'])
    const child = person.start(['receive', 'orders', '--checkpoint', '--checkpoint-every', '1h'])
    const ended = finished(child)
    await says(child, 'stdout', /b\n/)
    child.kill('SIGINT')
    assert.equal((await ended).code, 0)
    const shown = await person.run(['checkpoint', 'orders', '--json'])
    assert.equal(JSON.parse(shown.stdout)[0].sequence, 1)
  })

  test('Ctrl-C on a send sends what was read, tells it, exits 130', async (t) => {
    const person = await personWith(t, 'orders:1')
    const child = person.start(['send', 'orders', '--linger', '1h', '--tee'])
    const ended = finished(child)
    const isRead = says(child, 'stdout', /b\n/)
    child.stdin?.write('a\nb\n')
    await isRead
    child.kill('SIGINT')
    const { code, stderr } = await ended
    assert.equal(code, 130)
    assert.match(stderr, /^sent 2 events \(2 B\) to orders in /)
    assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, 'a\nb\n')
  })

  test('a slow reader of stdout holds the daemon back, not memory', async (t) => {
    const person = await personWith(t, 'orders:2')
    await shell(t, person, 'head -c 60000000 /dev/zero | tr "\\0" a | fold -w 60000 | $EHUB send orders -q')
    const child = person.start(['receive', 'orders', '--from', 'beginning'])
    child.stdout?.pause()
    const receivers = async () => JSON.parse((await person.run(['list-receivers', '--json'])).stdout)
    const delivered = async () =>
      (await receivers()).map((receiver: { deliveredCount: number }) => receiver.deliveredCount)
    let before: number[] = []
    for (let same = 0; same < 3; ) {
      const now = await delivered()
      same = now.length === 2 && JSON.stringify(now) === JSON.stringify(before) ? same + 1 : 0
      before = now
    }
    assert.ok(
      before.every((count) => count <= 300),
      `${before.join(' and ')} events ahead of a reader that does not read`,
    )
    child.kill('SIGKILL')
  })
})
