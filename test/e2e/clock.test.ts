// A week in seconds: retention, lag ages, tokens and the rest of what goes by the daemon's clock, moved with `ehub clock`.

import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { ControlClient } from '../../src/client/control-client.ts'
import { findDaemon } from '../../src/client/discovery.ts'
import { recordsOf } from '../daemon/protocols/capture/world.ts'
import { Person } from './ehub.ts'

const dayMs = 86_400_000
/** Not a part of a day: windows begin at the time Capture was switched on and follow one another. */
const windowMs = 840_000

/** A daemon with a clock of its own, which stands still unless it is told to go on. */
class Week {
  readonly person: Person
  /** For what would cost a process each: the same calls as the commands make. */
  readonly control: ControlClient

  private constructor(person: Person) {
    this.person = person
    const { socketPath } = findDaemon({ env: person.env, dataFolder: null })
    this.control = new ControlClient({ socketPath, clock: new SystemClock(), timeoutMs: 30_000 })
  }

  static async begin(t: TestContext, argv: readonly string[] = []): Promise<Week> {
    const person = new Person(t)
    const { code, stderr } = await person.startDaemon(['--clock', 'adjustable', '--tls', 'off', ...argv])
    assert.equal(code, 0, stderr)
    const week = new Week(person)
    await week.control.call('moveClock', { action: 'freeze' })
    return week
  }

  /** Runs to a good end; what it printed. */
  async run(argv: readonly string[], input = ''): Promise<string> {
    const { code, stdout, stderr } = await this.person.run(argv, { input })
    assert.equal(code, 0, `ehub ${argv.join(' ')}: ${stderr}`)
    return stdout
  }

  async json(argv: readonly string[]) {
    return JSON.parse(await this.run([...argv, '--json']))
  }

  /** Lets time pass, with everything that comes due in it. */
  async advance(ms: number): Promise<void> {
    await this.control.call('moveClock', { action: 'advance', byMs: ms })
  }

  async send(hub: string, bodies: readonly string[], more: readonly string[] = []): Promise<void> {
    await this.run(['send', hub, ...more], bodies.join('\n'))
  }

  /** Everything a reader from the beginning gets. */
  async bodies(hub: string): Promise<readonly (string | null)[]> {
    const text = await this.run(['receive', hub, '--from', 'beginning', '-e', '--json'])
    return text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).body)
  }

  /** Leaves of each key what compaction leaves. */
  async compact(hub: string): Promise<void> {
    while (!(await this.control.call('compactPartition', { hub, partition: 0 })).isDone);
  }

  /** Waits until Capture has written so many files by itself: it looks every quarter of a second of the machine's time. */
  async captured(hub: string, files: number): Promise<void> {
    for (;;) {
      const { capture } = await this.control.call('describeCapture', { hub })
      const [partition] = capture?.partitions ?? []
      assert.equal(partition?.error ?? null, null)
      if ((partition?.files ?? 0) >= files) return
    }
  }
}

/** Name of the file of partition 0 whose window begins at this time. */
function windowName(hub: string, startMs: number): string {
  return `local/${hub}/0/${new Date(startMs).toISOString().slice(0, 19).replaceAll(/[-T:]/g, '/')}.avro`
}

/** Names of the files below a folder and the bodies in them, in order of name. */
async function filesOf(folder: string): Promise<readonly (readonly [string, readonly string[]])[]> {
  const names = readdirSync(folder, { recursive: true }).map(String)
  const found = names.filter((name) => /\.(?:avro|part)$/.test(name)).sort()
  return Promise.all(
    found.map(async (name) => {
      const records = await recordsOf(readFileSync(join(folder, name)))
      return [name, records.map(([, body]) => body)] as const
    }),
  )
}

describe('the clock', () => {
  test('a week of retention, Capture windows and delete markers passes in seconds', async (t) => {
    const week = await Week.begin(t)
    const { control } = week
    await week.run(['create-hub', 'orders', '--partitions', '1', '--retention', '7d'])
    const { nowMs: beginMs } = await control.call('showClock', {})
    const folder = join(week.person.home, 'captured')
    const place = { destination: `dir:${folder}`, credentials: 'none' }
    await control.call('enableCapture', { hub: 'orders', intervalMs: windowMs, isSkippingEmpty: true, ...place })
    await week.send('orders', ['first'])
    const keeping = { cleanup: 'compact', tombstoneRetentionMs: 2 * dayMs } as const
    await control.call('createHub', { hub: 'prices', partitionCount: 1, ...keeping })
    await week.send('prices', ['gold|1', 'tin|2'], ['-K', '|'])

    // A window's file is there when the window is over, and not before; its name says when it began.
    await week.advance(windowMs - 1)
    assert.equal((await control.call('listCapture', { hub: 'orders' })).files.length, 0)
    await week.advance(1)
    await week.captured('orders', 1)
    assert.deepEqual(await filesOf(folder), [[windowName('orders', beginMs), ['first']]])

    // Ages are by this clock; and whoever sends signs in by it, or the token of a year ago would be refused.
    assert.equal((await week.json(['clock', 'advance', `${(dayMs - windowMs) / 1000}s`])).mode, 'adjustable')
    await week.send('orders', ['second', 'third'])
    await control.call('setCheckpoint', { hub: 'orders', group: '$Default', partition: 0, sequence: 0 })
    await week.send('prices', ['gold|', 'zinc|3'], ['-K', '|'])
    await week.compact('prices')
    assert.deepEqual(await week.bodies('prices'), ['2', null, '3'], 'the marker has taken its key')
    await week.advance(dayMs)
    const [lag] = (await control.call('lag', { hub: 'orders', isFresh: true })).partitions
    assert.deepEqual([lag?.lag, lag?.ageMs], [2, dayMs])
    await week.captured('orders', 2)

    // Two days after it was met, to the millisecond, the marker may go, and no sooner.
    await week.advance(dayMs - 1)
    await week.compact('prices')
    assert.deepEqual(await week.bodies('prices'), ['2', null, '3'])
    await week.advance(1)
    await week.compact('prices')

    // To the millisecond: seven days after the first it is still there, and then never more.
    await week.advance(4 * dayMs)
    assert.deepEqual(await week.bodies('orders'), ['first', 'second', 'third'])
    await week.advance(1)
    assert.deepEqual(await week.bodies('orders'), ['second', 'third'])
    const { partitions } = await control.call('describeHub', { hub: 'orders' })
    assert.equal(partitions[0]?.beginSequence, 1)

    // With nobody asking, the space of what has expired is given back; what is compacted stays for ever.
    await week.advance(2 * dayMs)
    const [emptied] = (await control.call('describeHub', { hub: 'orders' })).partitions
    assert.deepEqual([emptied?.isEmpty, emptied?.beginSequence, emptied?.storedBytes], [true, 3, 0])
    assert.deepEqual(await week.bodies('prices'), ['2', '3'])
    await week.send('orders', ['next'])
    assert.deepEqual(await week.bodies('orders'), ['next'])

    // Nine days of windows, three of them with events: the files have them all, in the windows of their times.
    await week.advance(windowMs)
    await week.captured('orders', 3)
    const startOf = (ms: number) => beginMs + Math.floor(ms / windowMs) * windowMs
    const names = [0, dayMs, 9 * dayMs + 1].map((ms) => windowName('orders', startOf(ms)))
    const bodies = [['first'], ['second', 'third'], ['next']]
    assert.deepEqual(
      await filesOf(folder),
      names.map((name, index) => [name, bodies[index]]),
    )
  })

  test('a clock that jumps expires nothing until somebody says that it is right', async (t) => {
    const week = await Week.begin(t, ['--ephemeral', '--hub', 'orders:1'])
    await week.send('orders', ['old'])
    const { nowMs } = await week.control.call('showClock', {})
    const later = new Date(nowMs + 365 * dayMs).toISOString()
    const { doubt } = await week.json(['clock', 'set', later, '--jump'])
    assert.ok(Math.abs(doubt.aheadMs - 365 * dayMs) < 1000 && doubt.waitsMs === 600_000, JSON.stringify(doubt))
    assert.deepEqual(await week.bodies('orders'), ['old'])
    const doctor = await week.person.run(['doctor'])
    assert.match(doctor.stdout, /the clock is 36[45]d( \d+h)? ahead of what is believed/)
    assert.match((await week.person.run(['expire', 'orders'])).stderr, /now with --trust-clock/)
    const { partitions } = await week.json(['expire', 'orders', '--trust-clock'])
    assert.equal(partitions[0].events, 1)
    assert.deepEqual(await week.bodies('orders'), [])
  })

  test('the clock of a usual daemon is shown and not moved', async (t) => {
    const person = new Person(t)
    await person.startDaemon(['--ephemeral', '--tls', 'off'])
    const shown = await person.run(['clock', 'show', '--json'])
    assert.equal(JSON.parse(shown.stdout).mode, 'system')
    const refused = await person.run(['clock', 'advance', '7d'])
    assert.equal(refused.code, 1)
    assert.match(refused.stderr, /cannot be moved[\s\S]*--clock adjustable/)
  })
})
