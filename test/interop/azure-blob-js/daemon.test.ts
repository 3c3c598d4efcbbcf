// The built program with an application of the SDK beside it: its progress is seen and moved from the command line.

import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Person } from '../../e2e/ehub.ts'
import { skip, Terminal } from '../../e2e/tmux.ts'

const program = fileURLToPath(new URL('processor.mjs', import.meta.url))

async function open(t: TestContext) {
  const person = new Person(t)
  assert.equal((await person.startDaemon(['--ephemeral', '--lag-interval', '100ms', '--hub', 'orders:2'])).code, 0)
  const text = async (argv: readonly string[]) => {
    const { code, stdout, stderr } = await person.run(argv)
    assert.equal(code, 0, stderr)
    return stdout
  }
  const json = async (argv: readonly string[]) => JSON.parse(await text([...argv, '--json']))
  const hubString = (await text(['connection-string'])).trim()
  const blobString = (await text(['connection-string', '--for', 'blob'])).trim()
  /** Runs the application until it has handled so many events; it gives its partitions back. */
  const process = async (count: number): Promise<number[]> => {
    const child = spawn(globalThis.process.execPath, [program], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...globalThis.process.env,
        HUB_STRING: hubString,
        BLOB_STRING: blobString,
        CONTAINER: 'app',
        HUB: 'orders',
        GROUP: '$Default',
        INTERVAL_MS: '300',
        EXPIRY_MS: '2000',
        STRATEGY: 'greedy',
      },
    })
    t.after(() => child.kill('SIGKILL'))
    const seen: number[] = []
    for await (const line of createInterface({ input: child.stdout })) {
      const { did, sequence } = JSON.parse(line)
      if (did !== 'event') continue
      seen.push(sequence)
      if (seen.length === count) child.stdin.end()
    }
    if (child.exitCode === null) await once(child, 'exit')
    return seen
  }
  return { person, text, json, blobString, process }
}

test("an application's checkpoints are seen, exported, moved and imported from the command line", async (t) => {
  const { person, text, json, blobString, process } = await open(t)
  assert.match(
    blobString,
    /^DefaultEndpointsProtocol=http;AccountName=ehub;AccountKey=[A-Za-z0-9+/]{86}==;BlobEndpoint=http:\/\/127\.0\.0\.1:\d+\/ehub;$/,
  )
  await person.run(['send', 'orders', '-p', '0', 'a', 'b', 'c', 'd'])
  await process(4)
  const [shown] = await json(['checkpoint', 'orders', '-p', '0'])
  assert.deepEqual([shown.sequence, shown.store, shown.behind], [3, 'app', 0])
  const lag = await json(['lag', 'orders'])
  assert.ok(JSON.stringify(lag).includes('"checkpoint":3'), JSON.stringify(lag))
  const owners = await json(['owners', 'orders'])
  assert.deepEqual(
    owners.map((row: Record<string, unknown>) => [row.partition, row.owner, row.store]),
    [
      [0, null, 'app'],
      [1, null, 'app'],
    ],
  )

  const exported = await text(['checkpoint', 'orders', '--export', '-'])
  assert.deepEqual(JSON.parse(exported).checkpoints, [{ partition: 0, sequence: 3, offset: shown.offset }])
  await text(['checkpoint', 'orders', '--by', '-2', '--yes'])
  assert.equal((await json(['checkpoint', 'orders', '-p', '0']))[0].sequence, 1)
  assert.deepEqual(await process(2), [2, 3])

  await text(['create-group', 'orders', 'audit'])
  await text(['checkpoint', 'orders', '-g', 'audit', '--from-group', '$Default', '--yes'])
  const [audit] = await json(['checkpoint', 'orders', '-g', 'audit', '-p', '0'])
  assert.deepEqual([audit.sequence, audit.store], [3, '$daemon'])
  const imported = await person.run(['checkpoint', 'orders', '-g', 'audit', '--import', '-', '--dry-run', '--json'], {
    input: exported.replace('"sequence": 3', '"sequence": 0'),
  })
  assert.deepEqual(JSON.parse(imported.stdout), [{ partition: 0, before: 3, after: 0, dryRun: true }])
  assert.deepEqual(await json(['checkpoint', 'orders', '--store', '$daemon', '--repair', '--yes']), [])
  const wrong = await person.run(['checkpoint', 'orders', '--store', 'nowhere'])
  assert.match(wrong.stderr, /^error\[container-not-found\]: no container "nowhere"/)
  assert.equal((await person.run(['checkpoint', 'orders', '--by', '1', '--repair'])).code, 2)
})

test('its checkpoints are in the lag, in the list of checkpoints and on the screen', async (t) => {
  const { person, process, text, json } = await open(t)
  await person.run(['send', 'orders', '-p', '0', 'a', 'b', 'c', 'd'])
  await process(4)
  await person.run(['send', 'orders', '-p', '0', 'e', 'f', 'g'])
  // A hub nobody has a checkpoint in tells nothing of the one that is looked for.
  await text(['create-hub', 'clicks', '--partitions', '1'])

  const [lag] = await json(['lag', 'orders', '-g', '$Default'])
  assert.deepEqual([lag.partition, lag.last, lag.checkpoint, lag.lag], [0, 6, 3, 3])
  const [checkpoint] = await json(['checkpoint', 'orders', '-p', '0'])
  assert.deepEqual([checkpoint.sequence, checkpoint.store, checkpoint.behind], [3, 'app', 3])
  assert.match(await text(['top', '--once']), /^orders\t\$Default\t\w+\t3\t/m)
  assert.match(await text(['top', '--once', '--partitions']), /^orders\t\$Default\t0\t0\t6\t3\t3\t/m)
  const shown = await json(['top'])
  assert.deepEqual(
    shown
      .filter(({ hub, partition }: Record<string, unknown>) => hub === 'orders' && partition === 0)
      .map((row: Record<string, unknown>) => [row.group, row.checkpoint, row.lag]),
    [['$Default', 3, 3]],
  )

  if (skip !== false) return t.diagnostic(`without a frame of the screen: ${skip}`)
  const terminal = new Terminal(t, person, { columns: 90, rows: 26 })
  terminal.enter('$EHUB top')
  await terminal.shows(/\$Default +\S+ +3 /)
  terminal.type(':')
  terminal.enter('orders/$Default')
  await terminal.shows(/ 0 +6 +3 +3 /)
  // The application goes on, and the screen follows what its store writes.
  assert.deepEqual(await process(3), [4, 5, 6])
  await terminal.shows(/ 0 +6 +6 +0 /)
  terminal.type('q')
})
