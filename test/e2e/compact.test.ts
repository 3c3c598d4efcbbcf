// Compaction by the command line: what a reader gets afterwards, what is refused, and what kill -9 in the middle of it leaves.

import assert from 'node:assert/strict'
import { readdirSync, watch } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { ControlClient } from '../../src/client/control-client.ts'
import { findDaemon } from '../../src/client/discovery.ts'
import { Person } from './ehub.ts'
import { parseLines } from './shell.ts'

interface Received {
  readonly seq: number
  readonly offset: string
  readonly enqueued: string
  readonly key: string | null
  readonly body: string | null
}

async function withDaemon(t: TestContext, argv: readonly string[] = []): Promise<Person> {
  const person = new Person(t)
  const { code, stderr } = await person.startDaemon(argv)
  assert.equal(code, 0, stderr)
  return person
}

async function said(person: Person, argv: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await person.run(argv, { input })
  assert.equal(code, 0, `${argv.join(' ')}: ${stderr}`)
  return stdout
}

async function received(person: Person, from = 'beginning'): Promise<readonly Received[]> {
  const lines = parseLines(await said(person, ['receive', 'prices', '--from', from, '-e', '--json']))
  return lines as unknown as readonly Received[]
}

const shown = (events: readonly Received[]) => events.map(({ seq, key, body }) => [seq, key, body])

describe('ehub compact', () => {
  test('leaves the newest event of each key where it stood, and a delete marker for its time', async (t) => {
    const person = await withDaemon(t, ['--clock', 'adjustable', '--tls', 'off'])
    const settings = ['--cleanup', 'compact', '--tombstone-retention', '1h']
    await said(person, ['create-hub', 'prices', '--partitions', '1', ...settings])
    await said(person, ['send', 'prices', '-K', '|'], 'a|1\nb|1\na|2\nc|1\nb|\na|3\n')
    await said(person, ['send', 'prices', 'no key'])
    await said(person, ['send', 'prices', '-K', '|'], 'c|2\n')
    const before = await received(person)
    assert.equal(before.length, 8)

    const { hub, partitions } = JSON.parse(await said(person, ['compact', 'prices', '--json']))
    const [{ partition, isDone, eventsKept, eventsRemoved, cleanSequence, bytesBefore, bytesAfter }] = partitions
    assert.deepEqual([hub, partitions.length, partition, isDone], ['prices', 1, 0, true])
    assert.deepEqual([eventsKept, eventsRemoved, cleanSequence], [4, 4, 8])
    assert.ok(bytesAfter < bytesBefore)
    const survivors = [
      [4, 'b', null],
      [5, 'a', '3'],
      [6, null, 'no key'],
      [7, 'c', '2'],
    ]
    const after = await received(person)
    assert.deepEqual(shown(after), survivors)
    // Numbers, offsets and times are those from before.
    assert.deepEqual(
      after,
      before.filter(({ seq }) => seq >= 4),
    )
    // A position in the gap is the next event that is left.
    assert.deepEqual(shown(await received(person, 'seq:2')), survivors)
    assert.match((await person.run(['verify', 'prices'])).stderr, /^4 events, .* in 1 partitions: all well$/m)
    assert.match((await person.run(['compact', 'prices'])).stderr, /^nothing of prices went$/m)

    // The daemon may have done it by itself by now: either way it is done.
    await said(person, ['clock', 'advance', '1h'])
    await said(person, ['compact', 'prices'])
    assert.deepEqual(shown(await received(person)), survivors.slice(1))

    await said(person, ['send', 'prices', '-k', 'a', '4'])
    const { stdout, stderr } = await person.run(['compact', 'prices'])
    assert.match(stdout, /^0\t\d+\t3\t1\t\d+\t\d+\t-$/m)
    assert.match(stderr, /^1 events of prices are gone, /m)
    assert.deepEqual(shown(await received(person)), [...survivors.slice(2), [8, 'a', '4']])
  })

  const refusals: readonly (readonly [string, string[], number, string, RegExp])[] = [
    ['a hub that is not compacted', ['orders'], 1, 'not-allowed', /hub "orders" has cleanup "delete"/],
    ['a hub there is not', ['absent'], 5, 'hub-not-found', /"absent"/],
    ['a partition there is not', ['orders', '-p', '7'], 5, 'partition-not-found', /7/],
  ]
  test('refuses what cannot be, naming it', async (t) => {
    const person = await withDaemon(t, ['--ephemeral', '--tls', 'off', '--hub', 'orders:1'])
    for (const [what, argv, exit, name, expected] of refusals) {
      const { code, stdout, stderr } = await person.run(['compact', ...argv, '--json'])
      assert.deepEqual([code, stdout], [exit, ''], what)
      const { error } = JSON.parse(stderr)
      assert.deepEqual([error.code, error.exit], [name, exit], what)
      assert.match(error.message, expected, what)
    }
    const { code, stderr } = await person.run(['compact', 'orders'])
    assert.equal(code, 1)
    assert.match(stderr, /ehub update-hub orders --cleanup compact/)
  })

  test('loses and repeats nothing when it is killed, wherever it is', async (t) => {
    const person = await withDaemon(t, ['--tls', 'off'])
    await said(person, ['create-hub', 'prices', '--partitions', '1', '--cleanup', 'compact'])
    const logs = join(person.home, 'data/ehub/logs')
    const group = readdirSync(logs).find((name) => !name.startsWith('$')) ?? assert.fail('no hub folder')
    const folder = join(logs, group, '0')
    const model = new KeyedHub()
    // At the Nth change of a name in the log's folder: `compact` is made, gets its name (gone, there), old segments go.
    for (const nth of [1, 2, 4]) {
      await said(person, ['send', 'prices', '-K', '|'], model.next(2000))
      await killWhileCompacting(person, folder, nth)
      const { code, stderr } = await person.startDaemon(['--tls', 'off'])
      assert.equal(code, 0, stderr)
      assert.deepEqual(
        readdirSync(folder).filter((name) => name === 'compact'),
        [],
      )
      model.judge(await received(person))
    }
    await said(person, ['compact', 'prices'])
    const events = await received(person)
    model.judge(events)
    assert.equal(events.length, model.keys, 'each key is there once')
    assert.equal((await person.run(['verify'])).code, 0)
  })
})

/** Begins a compaction and kills the daemon at the Nth change of a name in the folder, or when it is done. */
async function killWhileCompacting(person: Person, folder: string, nth: number): Promise<void> {
  const { pid } = JSON.parse(await said(person, ['daemon', 'status', '--json']))
  const { socketPath } = findDaemon({ env: person.env, dataFolder: null })
  const control = new ControlClient({ socketPath, clock: new SystemClock(), timeoutMs: 30_000 })
  let changes = 0
  const watcher = watch(folder, (event) => {
    if (event === 'rename' && ++changes === nth) process.kill(pid, 'SIGKILL')
  })
  try {
    for (let isDone = false; !isDone && changes < nth; )
      ({ isDone } = await control.call('compactPartition', { hub: 'prices', partition: 0 }))
    if (changes < nth) process.kill(pid, 'SIGKILL')
  } catch (error) {
    if (changes < nth) throw error
  } finally {
    watcher.close()
  }
}

/** What was sent, by sequence, and what was seen of it. */
class KeyedHub {
  readonly #events: { readonly key: string; readonly body: string; enqueued: string | null; isGone: boolean }[] = []
  readonly #newest = new Map<string, number>()

  get keys(): number {
    return this.#newest.size
  }

  /** Lines to send. */
  next(count: number): string {
    let lines = ''
    for (let index = 0; index < count; index++) {
      const sequence = this.#events.length
      const key = `key-${(sequence * 7919) % 301}`
      const body = `value ${sequence} ${'x'.repeat(1000)}`
      this.#events.push({ key, body, enqueued: null, isGone: false })
      this.#newest.set(key, sequence)
      lines += `${key}|${body}\n`
    }
    return lines
  }

  /** @param found Everything a reader from the beginning got. */
  judge(found: readonly Received[]): void {
    let next = 0
    for (const { seq, key, body, enqueued } of found) {
      assert.ok(seq >= next, `${seq} behind ${next - 1}`)
      for (; next < seq; next++) this.#judgeMissing(next)
      const sent = this.#events[seq] ?? assert.fail(`nobody sent ${seq}`)
      assert.equal(sent.isGone, false, `${seq} was gone and is there again`)
      assert.deepEqual([key, body], [sent.key, sent.body])
      sent.enqueued ??= enqueued
      assert.equal(enqueued, sent.enqueued)
      next = seq + 1
    }
    for (; next < this.#events.length; next++) this.#judgeMissing(next)
  }

  #judgeMissing(sequence: number): void {
    const sent = this.#events[sequence] ?? assert.fail(`nobody sent ${sequence}`)
    assert.notEqual(this.#newest.get(sent.key), sequence, `${sequence} is the newest of ${sent.key} and is gone`)
    sent.isGone = true
  }
}
