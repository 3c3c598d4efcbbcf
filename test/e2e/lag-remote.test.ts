// Lag from outside: our own daemon by its connection string, as if it were a namespace elsewhere, against checkpoints that the
// official store keeps in a container.

import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { BlobCheckpointStore } from '@azure/eventhubs-checkpointstore-blob'
import { ContainerClient, ContainerSASPermissions } from '@azure/storage-blob'
import { Person } from './ehub.ts'
import { skip, Terminal } from './tmux.ts'

const shell = "PS1='$ ' bash --norc --noprofile -i"

async function open(t: TestContext) {
  const person = new Person(t)
  assert.equal((await person.startDaemon(['--ephemeral', '--hub', 'orders:2', '--hub', 'clicks:1'])).code, 0)
  const input = Array.from({ length: 100 }, (_, index) => `event ${index}`).join('\n')
  assert.equal((await person.run(['send', 'orders', '-p', '0'], { input })).code, 0)
  const text = async (...argv: string[]) => (await person.run(argv)).stdout.trim()
  writeFileSync(join(person.home, 'ns'), await text('connection-string'))
  const account = await text('connection-string', '--for', 'blob')
  const container = new ContainerClient(account, 'app')
  const store = new BlobCheckpointStore(container)
  const place = { fullyQualifiedNamespace: 'localhost', eventHubName: 'orders', consumerGroup: 'Billing' }
  const checkpoint = (sequenceNumber: number, offset: string) =>
    store.updateCheckpoint({ ...place, partitionId: '0', sequenceNumber, offset })
  const lag = async (...more: string[]) => {
    const argv = ['lag', '-c', '@ns', '--store', 'blob:app', '--json', ...more]
    const { code, stdout, stderr } = await person.run(argv, { env: { AZURE_STORAGE_CONNECTION_STRING: account } })
    return { code, stderr, rows: stdout === '' ? [] : JSON.parse(stdout) }
  }
  return { person, account, container, store, place, checkpoint, lag }
}

test('what the processors of a namespace have not handled, by the checkpoints in their container', async (t) => {
  const { person, account, container, store, place, checkpoint, lag } = await open(t)
  // Before the first processor there is no container: nothing is known of any group.
  assert.deepEqual(await lag('orders'), { code: 0, stderr: '', rows: [] })
  const [unused] = (await lag('orders', '-g', 'audit')).rows
  assert.deepEqual([unused.status, unused.lag, unused.store], ['UNUSED', 100, 'blob:app'])

  await container.create()
  await store.claimOwnership([{ ...place, partitionId: '0', ownerId: 'worker-1' }])
  await checkpoint(98, '1000')
  const { rows } = await lag()
  assert.deepEqual(
    rows.map((row: Record<string, unknown>) => [row.hub, row.group, row.partition, row.checkpoint, row.lag, row.owner]),
    [
      ['orders', 'billing', 0, 98, 1, 'worker-1'],
      ['orders', 'billing', 1, null, 0, null],
    ],
  )
  // The service says when the last event came, so the age of that one is exact.
  assert.ok(rows[0].ageMs >= 0 && !rows[0].ageEstimated && rows[0].lagBytes > 0, JSON.stringify(rows[0]))
  await checkpoint(200, '1000')
  assert.equal((await lag('orders')).rows[0].status, 'INVAL')
  await checkpoint(10, '100')
  assert.equal((await lag('orders', '--check', 'warn=10,crit=80')).code, 11)

  // The same through an address, with a signature instead of the key.
  const url = await container.generateSasUrl({
    permissions: ContainerSASPermissions.parse('rl'),
    expiresOn: new Date(Date.now() + 3_600_000),
  })
  writeFileSync(join(person.home, 'store'), url)
  const signed = await person.run(['lag', '-c', '@ns', '--store', 'blob:@store', '--json'])
  assert.equal(JSON.parse(signed.stdout)[0].lag, 89, signed.stderr)
  const bare = await person.run(['lag', '-c', '@ns', '--store', `blob:${url.slice(0, url.indexOf('?'))}`])
  assert.match(bare.stderr, /error\[unauthorized\]: container "app"/)
  const without = await person.run(['lag', '-c', '@ns', 'orders'])
  assert.match(without.stderr, /a namespace elsewhere keeps no checkpoints[^]*--store blob:URL/)

  // Without a connection string the local daemon is meant, and its own account where none is named.
  const own = await person.run(['lag', '--store', 'blob:app', '--json'])
  assert.equal(JSON.parse(own.stdout)[0].lag, 89, own.stderr)
  const plain = await person.run(['top', '-c', '@ns', '--store', 'blob:app'], {
    env: { AZURE_STORAGE_CONNECTION_STRING: account },
  })
  assert.match(plain.stdout, /^orders\tbilling\tPENDING\t89\t/m)
})

test('the screen on a namespace elsewhere is read-only until changes are allowed', { skip }, async (t) => {
  const { person, account, container, checkpoint, store, place } = await open(t)
  await container.create()
  await checkpoint(49, '500')
  const terminal = new Terminal(t, person, { columns: 100, rows: 26, shell })
  terminal.enter(`export AZURE_STORAGE_CONNECTION_STRING='${account}'`)
  terminal.enter('$EHUB top -c @ns --store blob:app')
  await terminal.shows(/● REMOTE localhost \(read-only\)/)
  await terminal.shows(/billing +\S+ +50/)
  terminal.type(':')
  terminal.enter('orders/billing')
  await terminal.shows(/orders ▸ billing/)
  terminal.type('c')
  await terminal.shows(/read-only: checkpoints are not set from here/)
  terminal.type('q')
  await terminal.shows(/1 consumer groups/)

  terminal.enter('clear; $EHUB top -c @ns --store blob:app --allow-changes')
  await terminal.shows(/● REMOTE localhost /)
  await terminal.shows(/billing +\S+ +50/)
  terminal.type(':')
  terminal.enter('orders/billing')
  await terminal.shows(/orders ▸ billing/)
  terminal.type('c')
  await terminal.shows(/Set the checkpoint of orders ▸ billing, partition 0/)
  terminal.type('90')
  await terminal.shows(/lag 50 to 10: 40 events will be skipped/)
  terminal.press('Enter')
  await terminal.shows(/the next event of billing on partition 0 is 90/)
  const [written] = await store.listCheckpoints(place.fullyQualifiedNamespace, 'orders', 'billing')
  assert.equal(written?.sequenceNumber, 89)
  const { stdout } = await person.run([
    'receive',
    'orders',
    '-p',
    '0',
    '--from',
    `off:${written?.offset}`,
    '-n',
    '1',
    '--json',
  ])
  assert.equal(JSON.parse(stdout).seq, 89)
  terminal.type('q')
  await terminal.shows(/1 consumer groups/)
})
