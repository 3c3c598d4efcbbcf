// The package's own checkpoint store, as a user's program imports it, under the official consumer: two of them share a hub of the
// built daemon, one is killed, and the daemon's processor stands beside them.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { CheckpointStore } from '@azure/event-hubs'
import { isEhubError } from '../../../src/base/error.ts'
import { SystemClock } from '../../../src/base/clock.ts'
import { ControlClient } from '../../../src/client/control-client.ts'
import { findDaemon } from '../../../src/client/discovery.ts'
import { EhubCheckpointStore } from '../../../src/client/checkpoint-store.ts'
import { Person } from '../../e2e/ehub.ts'

// It does not compile when the class has not the shape of the SDK's interface.
const made: CheckpointStore = new EhubCheckpointStore()
const program = fileURLToPath(new URL('processor.mjs', import.meta.url))
const partitionCount = 6

async function open(t: TestContext) {
  const person = new Person(t)
  assert.equal((await person.startDaemon(['--ephemeral', '--hub', `orders:${partitionCount}`])).code, 0)
  const hubString = (await person.run(['connection-string'])).stdout.trim()
  const blobString = (await person.run(['connection-string', '--for', 'blob'])).stdout.trim()
  const seen = new Map<string, Set<number>>()
  let check = () => {}
  const note = (partition: string, sequence: number) => {
    seen.set(partition, (seen.get(partition) ?? new Set()).add(sequence))
    check()
  }
  const start = (env: Record<string, string>): ChildProcess => {
    const child = spawn(process.execPath, [program], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {
        ...{ ...process.env, ...person.env, HUB_STRING: hubString, BLOB_STRING: blobString },
        ...{ HUB: 'orders', GROUP: '$Default', INTERVAL_MS: '300', EXPIRY_MS: '1500', STRATEGY: 'greedy' },
        ...env,
      },
    })
    t.after(() => child.kill('SIGKILL'))
    createInterface({ input: child.stdout }).on('line', (line) => {
      const { did, partition, sequence } = JSON.parse(line)
      if (did === 'event') note(partition, sequence)
    })
    return child
  }
  const startOurs = (...more: string[]): ChildProcess => {
    const times = ['--balance-every', '300ms', '--ownership-expires', '1500ms', '--checkpoint-every', '50ms']
    const child = person.start(['receive', 'orders', '--checkpoint', '--json', ...times, ...more])
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { partition, seq } = JSON.parse(line)
        note(String(partition), seq)
      })
    }
    return child
  }
  const sends = async () => {
    const all = Array.from({ length: partitionCount }, (_, index) =>
      person.run(['send', 'orders', '-p', String(index), 'a', 'b']),
    )
    for (const { code, stderr } of await Promise.all(all)) assert.equal(code, 0, stderr)
  }
  const everybodyHas = (count: number) =>
    new Promise<void>((resolve) => {
      check = () => {
        if (
          Array.from({ length: partitionCount }, (_, index) => seen.get(String(index))?.size ?? 0).every(
            (n) => n >= count,
          )
        )
          resolve()
      }
      check()
    })
  const rows = async (...argv: string[]) => JSON.parse((await person.run([...argv, '--json'])).stdout)
  const socketPath = findDaemon({ env: person.env, dataFolder: null }).socketPath
  const control = new ControlClient({ socketPath, clock: new SystemClock(), timeoutMs: 5000 })
  const shares = async (store: string): Promise<string> => {
    const counts = new Map<string, number>()
    const { owners } = await control.call('listOwners', { hub: 'orders', group: '$Default', store })
    for (const { owner } of owners) if (owner !== null) counts.set(owner, (counts.get(owner) ?? 0) + 1)
    return [...counts.values()].toSorted((one, other) => one - other).join()
  }
  /** How many partitions each owner has, in order. */
  const shared = async (store: string, wanted: string) => {
    const look = () =>
      shares(store).catch((error: unknown) => {
        if (isEhubError(error) && error.code === 'container-not-found') return 'no container'
        throw error
      })
    while ((await look()) !== wanted);
  }
  return { person, start, startOurs, sends, everybodyHas, rows, shared }
}

for (const { says, env, store, flags } of [
  { says: 'the daemon’s store', env: { STORE: 'ehub' }, store: '$daemon', flags: [] },
  { says: 'its own blob store', env: { STORE: 'blob', CONTAINER: 'app' }, store: 'app', flags: ['--store', 'app'] },
]) {
  test(`an official consumer with ${says} and ehub receive share a group, and one follows the other`, async (t) => {
    assert.equal(typeof made.listOwnership, 'function')
    const { start, startOurs, sends, everybodyHas, rows, shared } = await open(t)
    const theirs = start(env)
    await shared(store, '6')
    const ours = startOurs('--strategy', 'greedy', ...flags)
    await shared(store, '3,3')
    await sends()
    await everybodyHas(2)
    theirs.kill('SIGKILL')
    await once(theirs, 'exit')
    await shared(store, '6')
    await sends()
    await everybodyHas(4)
    ours.kill('SIGTERM')
    assert.equal((await once(ours, 'exit'))[0], 0)
    await shared(store, '')
    assert.deepEqual(
      (await rows('checkpoint', 'orders')).map((row: { store: string; sequence: number }) => [row.store, row.sequence]),
      Array.from({ length: partitionCount }, () => [store, 3]),
    )
    if (store !== '$daemon') return
    // And back: what ours gave away theirs takes up, behind the last event.
    await sends()
    const again = start(env)
    await everybodyHas(6)
    again.stdin?.end()
    await once(again, 'exit')
    await shared(store, '')
  })
}
