// Hubs, groups and connection strings over the control API, for a pipe.

import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { Person, says } from './ehub.ts'

async function withDaemon(t: TestContext): Promise<Person> {
  const person = new Person(t)
  const { code, stderr } = await person.startDaemon(['--ephemeral', '--hub', 'orders:2'])
  assert.equal(code, 0, stderr)
  return person
}

describe('hubs and groups', () => {
  test('live from creation to deletion', async (t) => {
    const person = await withDaemon(t)
    const made = await person.run([
      'create-hub',
      'audit',
      '--partitions',
      '3',
      '--group',
      'g1',
      '--group',
      'g2',
      '--json',
    ])
    assert.equal(made.code, 0, made.stderr)
    const { name, partitionCount, groups, events } = JSON.parse(made.stdout)
    assert.deepEqual(
      { name, partitionCount, groups: groups.toSorted(), events },
      {
        name: 'audit',
        partitionCount: 3,
        groups: ['$Default', 'g1', 'g2'],
        events: 0,
      },
    )
    const list = await person.run(['list-hubs'])
    assert.deepEqual(
      list.stdout
        .trim()
        .split('\n')
        .map((line) => line.split('\t').slice(0, 3)),
      [
        ['audit', '3', '3'],
        ['orders', '2', '1'],
      ],
    )
    assert.equal((await person.run(['create-group', 'orders', 'billing'])).code, 0)
    assert.match((await person.run(['list-groups', 'orders'])).stdout, /^billing\t0$/m)
    const described = JSON.parse((await person.run(['describe', 'orders', '--json'])).stdout)
    assert.equal(described.partitions.length, 2)
    assert.equal((await person.run(['delete-group', 'orders', 'billing', '--yes'])).code, 0)
    assert.equal((await person.run(['delete-hub', 'orders', 'audit', '--yes'])).code, 0)
    assert.equal((await person.run(['list-hubs'])).stdout, '')
    assert.equal((await person.run(['list-hubs', '--json'])).stdout, '[]\n')
  })

  const failures: readonly (readonly [string[], number, RegExp])[] = [
    [['create-hub', 'orders'], 6, /^error\[hub-exists\]: .*"orders"/],
    [['create-hub', 'a/b'], 2, /^error\[argument-error\]/],
    [['create-hub', 'big', '--partitions', '5000'], 2, /^error\[argument-/],
    [['describe', 'ordes'], 5, /^error\[hub-not-found\]: .*"ordes"[^]*condition: amqp:not-found/],
    [['delete-hub', 'nope', '--yes'], 5, /^error\[hub-not-found\]/],
    [['create-group', 'orders', '$Default'], 6, /^error\[group-exists\]/],
    [['delete-group', 'orders', 'nope', '--yes'], 5, /^error\[group-not-found\]/],
    [['connection-string', 'nope'], 5, /^error\[hub-not-found\]/],
    [['connection-string', '--rule', 'nope'], 5, /^error\[rule-not-found\][^]*RootManageSharedAccessKey/],
    [['list-receivers', '--kick', '99'], 2, /^error\[/],
    [['delete-hub', 'orders'], 2, /^error\[usage\]: Delete orders with all events needs a confirmation/],
    [['delete-hub', 'orders', '--no-input'], 2, /needs a confirmation/],
    [['daemon', 'start', '--ephemeral', '--amqp-port', '99999'], 2, /^error\[usage\]/],
  ]
  test('every refusal has its code', async (t) => {
    const person = await withDaemon(t)
    for (const [argv, expected, message] of failures) {
      const { code, stdout, stderr } = await person.run(argv)
      assert.match(stderr, message, argv.join(' '))
      assert.equal(stdout, '')
      assert.equal(code, expected, argv.join(' '))
    }
    assert.match((await person.run(['list-hubs'])).stdout, /^orders\t2/)
  })

  test('what may be there already, or be gone, can be said so', async (t) => {
    const person = await withDaemon(t)
    for (const argv of [
      ['create-hub', 'orders', '--partitions', '2', '--if-not-exists'],
      ['create-group', 'orders', '$Default', '--if-not-exists'],
      ['delete-hub', 'nope', '--if-exists', '--yes'],
      ['delete-group', 'orders', 'nope', '--if-exists', '--yes'],
    ]) {
      const { code, stderr } = await person.run(argv)
      assert.equal(code, 0, stderr)
    }
  })

  test('who reads is listed, and can be disconnected', async (t) => {
    const person = await withDaemon(t)
    await person.run(['send', 'orders', '-p', '1', 'a'])
    const reader = person.start(['receive', 'orders', '-p', '1', '--from', 'beginning', '-v'])
    await says(reader, 'stdout', /a/)
    const list = async (): Promise<readonly { readonly id: number }[]> =>
      JSON.parse((await person.run(['list-receivers', 'orders', '--json'])).stdout)
    const [receiver, ...more] = await list()
    assert.partialDeepStrictEqual(receiver, { hub: 'orders', group: '$Default', partition: 1, deliveredCount: 1 })
    assert.deepEqual(more, [])
    const id = receiver?.id ?? -1
    const kick = () => person.run(['list-receivers', '--kick', String(id)])
    const kicked = await kick()
    assert.deepEqual([kicked.code, kicked.stderr], [0, `receiver ${id} is disconnected\n`])
    assert.ok(
      (await list()).every((other) => other.id !== id),
      'it may have come back, as another',
    )
    const again = await kick()
    assert.equal(again.code, 2)
    assert.match(again.stderr, new RegExp(`^error\\[argument-error\\]: .*${id}`))
  })

  test('completion knows hubs and groups', async (t) => {
    const person = await withDaemon(t)
    assert.equal((await person.run(['__complete', 'hubs'])).stdout, 'orders\n')
    assert.equal((await person.run(['__complete', 'groups', 'orders'])).stdout, '$Default\n')
    assert.equal((await person.run(['__complete', 'groups', 'nope'])).stdout, '')
  })

  test('verbose says what was asked, quiet says nothing', async (t) => {
    const person = await withDaemon(t)
    assert.match((await person.run(['list-hubs', '-v'])).stderr, /GET \/v1\/hubs 200 in \d+ ms/)
    assert.deepEqual(await person.run(['create-hub', 'silent', '-q']), {
      code: 0,
      signal: null,
      stdout: '',
      stderr: '',
    })
  })
})

describe('connection strings', () => {
  test('for this machine, a container, a shell and TLS', async (t) => {
    const person = await withDaemon(t)
    const { ports, caFile } = JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout)
    const plain = await person.run(['connection-string', 'orders'])
    assert.match(
      plain.stdout,
      new RegExp(
        `^Endpoint=sb://localhost:${ports.amqp}/?;SharedAccessKeyName=RootManageSharedAccessKey;SharedAccessKey=[^;]{44};(?=.*UseDevelopmentEmulator=true)(?=.*EntityPath=orders).*\n$`,
      ),
    )
    const docker = await person.run(['connection-string', '--for', 'docker'])
    assert.match(docker.stdout, /^Endpoint=sb:\/\/host\.docker\.internal:/)
    assert.match(docker.stderr, /^warning: the daemon listens on 127\.0\.0\.1 only/)
    const shell = await person.run(['connection-string', '--env'])
    assert.match(shell.stdout, /^export EHUB_CONNECTION_STRING='Endpoint=[^']+'\nexport EVENTHUB_CONNECTION_STRING='/)
    const tls = JSON.parse((await person.run(['connection-string', '--tls', '--json'])).stdout)
    assert.match(tls.connectionString, new RegExp(`^Endpoint=sb://localhost:${ports.amqps}/`))
    assert.doesNotMatch(tls.connectionString, /UseDevelopmentEmulator/)
    assert.equal(tls.caFile, caFile)
  })
})
