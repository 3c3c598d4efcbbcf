// A week in seconds: retention, lag ages, tokens and the rest of what goes by the daemon's clock, moved with `ehub clock`.
//
// Capture windows and tombstones add their stretch to the week: `Week.advance` lets time pass for the whole daemon, `Week.send`
// and `Week.bodies` write and read, and what is asserted belongs in a step of its own in 'a week passes in seconds'.

import assert from 'node:assert/strict'
import { describe, test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { ControlClient } from '../../src/client/control-client.ts'
import { findDaemon } from '../../src/client/discovery.ts'
import { Person } from './ehub.ts'

const dayMs = 86_400_000

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
  async bodies(hub: string): Promise<readonly string[]> {
    const text = await this.run(['receive', hub, '--from', 'beginning', '-e', '--json'])
    return text
      .trim()
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line).body)
  }
}

describe('the clock', () => {
  test('a week passes in seconds', async (t) => {
    const week = await Week.begin(t)
    const { control } = week
    await week.run(['create-hub', 'orders', '--partitions', '1', '--retention', '7d'])
    await week.send('orders', ['first'])

    // Ages are by this clock; and whoever sends signs in by it, or the token of a year ago would be refused.
    assert.equal((await week.json(['clock', 'advance', '1d'])).mode, 'adjustable')
    await week.send('orders', ['second', 'third'])
    await control.call('setCheckpoint', { hub: 'orders', group: '$Default', partition: 0, sequence: 0 })
    await week.advance(dayMs)
    const [lag] = (await control.call('lag', { hub: 'orders', isFresh: true })).partitions
    assert.deepEqual([lag?.lag, lag?.ageMs], [2, dayMs])

    // To the millisecond: seven days after the first it is still there, and then never more.
    await week.advance(5 * dayMs)
    assert.deepEqual(await week.bodies('orders'), ['first', 'second', 'third'])
    await week.advance(1)
    assert.deepEqual(await week.bodies('orders'), ['second', 'third'])
    const { partitions } = await control.call('describeHub', { hub: 'orders' })
    assert.equal(partitions[0]?.beginSequence, 1)

    // With nobody asking, the space of what has expired is given back.
    await week.advance(2 * dayMs)
    const [emptied] = (await control.call('describeHub', { hub: 'orders' })).partitions
    assert.deepEqual([emptied?.isEmpty, emptied?.beginSequence, emptied?.storedBytes], [true, 3, 0])
    await week.send('orders', ['next'])
    assert.deepEqual(await week.bodies('orders'), ['next'])
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
