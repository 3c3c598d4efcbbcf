// The live screen in a real terminal: open, drill in, sort, filter, set a checkpoint, resize, suspend, lose the daemon, quit.
// And one consumer's whole story: slowed, stopped, rewound, caught up, as the screen, `ehub lag` and the rows behind tell it.

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { SystemClock } from '../../src/base/clock.ts'
import { ControlClient } from '../../src/client/control-client.ts'
import { isRunning } from '../../src/client/discovery.ts'
import { executable, Person } from './ehub.ts'
import { skip, Terminal } from './tmux.ts'

/** With job control, which suspending needs. */
const shell = "PS1='$ ' bash --norc --noprofile -i"

async function withOrders(t: TestContext): Promise<Person> {
  const person = new Person(t)
  const started = await person.startDaemon([
    '--ephemeral',
    '--lag-interval',
    '100ms',
    '--hub',
    'orders:2',
    '--hub',
    'clicks:1',
  ])
  assert.equal(started.code, 0, started.stderr)
  await person.run(['create-group', 'orders', 'billing'])
  await person.run(['send', 'orders', '-p', '0'], {
    input: Array.from({ length: 500 }, (_, n) => `event ${n}\n`).join(''),
  })
  await person.run(['checkpoint', 'orders', '-g', 'billing', '-p', '0', '--to', '100', '--yes'])
  return person
}

describe('ehub top in a terminal', { skip }, () => {
  test('opens on the groups, drills in, and sets a checkpoint after a preview', async (t) => {
    const person = await withOrders(t)
    const terminal = new Terminal(t, person, { columns: 90, rows: 26, shell })
    terminal.enter('$EHUB top')
    await terminal.shows(/ehub top +● LOCAL/)
    await terminal.shows(/billing +\S+ +400/)
    assert.match(terminal.screen(), /^┌─+┐$/m)

    terminal.type(':')
    terminal.enter('orders/billing')
    await terminal.shows(/orders ▸ billing/)
    await terminal.shows(/next event seq 100 /)

    terminal.type('c')
    await terminal.shows(/Set the checkpoint of orders ▸ billing, partition 0/)
    terminal.type('450')
    await terminal.shows(/lag 400 to 50: 350 events will be skipped/)
    terminal.press('Enter')
    await terminal.shows(/the next event of billing on partition 0 is 450/)
    await terminal.shows(/0 +499 +449 +50 /)
    const { stdout } = await person.run(['lag', 'orders', '-g', 'billing', '--json'])
    assert.deepEqual(
      JSON.parse(stdout).map((row: { checkpoint: number | null; lag: number }) => [row.checkpoint, row.lag]),
      [
        [449, 50],
        [null, 0],
      ],
    )

    terminal.type('e')
    await terminal.shows(/499 \d\d:\d\d:\d\d\.\d{3} +- +event 499/)
    terminal.press('Escape')
    // An escape and a letter that come together are one key to a terminal.
    await terminal.shows(/orders ▸ billing/)
    terminal.type('r')
    await terminal.shows(/readers of orders/)
    terminal.type('q')
    await terminal.shows(/^\$$/m)
    assert.doesNotMatch(terminal.screen(), /┌─/, 'the terminal is as it was')
  })

  test('sorts, filters and folds', async (t) => {
    const person = await withOrders(t)
    const terminal = new Terminal(t, person, { columns: 90, rows: 26, shell })
    terminal.enter('$EHUB top --ascii')
    await terminal.shows(/v orders[\s\S]*billing/)
    terminal.type('/')
    terminal.enter('clicks')
    await terminal.shows(/filter:clicks/)
    // The line below the table may name the worst group all the same.
    assert.doesNotMatch(terminal.screen(), /^\| +billing/m)
    terminal.type('/')
    terminal.press('Escape')
    await terminal.shows(/billing/)
    terminal.type('s')
    await terminal.shows(/OUT\/s OWN \|\n\|.*orders\/billing/)
    terminal.type('q')
    await terminal.shows(/^\$$/m)
  })

  test('follows a resize, and survives being suspended', async (t) => {
    const person = await withOrders(t)
    const terminal = new Terminal(t, person, { columns: 80, rows: 24, shell })
    terminal.enter('$EHUB top')
    await terminal.shows(/billing/)
    terminal.resize(130, 40)
    await terminal.shows(/┬─[\s\S]*changes/)
    terminal.resize(60, 20)
    await terminal.shows(/^┌─{58}┐$/m)
    terminal.press('C-z')
    await terminal.shows(/Stopped/)
    terminal.enter('fg')
    await terminal.shows(/^┌─{58}┐$[\s\S]*billing/m)
    terminal.type('q')
    await terminal.shows(/^\$$/m)
  })

  test('says when the daemon is gone, and keeps the last numbers', async (t) => {
    const person = await withOrders(t)
    const terminal = new Terminal(t, person, { columns: 80, rows: 24, shell })
    terminal.enter('$EHUB top --interval 500ms')
    await terminal.shows(/billing/)
    const { pid } = JSON.parse((await person.run(['daemon', 'status', '--json'])).stdout)
    process.kill(pid, 'SIGKILL')
    while (isRunning(pid)) await new Promise<void>((resolve) => setImmediate(resolve))
    await terminal.shows(/▲ .*(daemon|connect)/)
    assert.match(terminal.screen(), /billing/, 'the last numbers stay')
    terminal.type('q')
    await terminal.shows(/^\$$/m)
  })
})

test('without a terminal the table is printed, as rows or as JSON', async (t) => {
  const person = await withOrders(t)
  const table = await person.run(['top'])
  assert.equal(table.code, 0, table.stderr)
  assert.match(table.stdout, /^orders\tbilling\t\w+\t400\t/m)
  const json = await person.run(['top', '--json'])
  assert.equal(
    JSON.parse(json.stdout).find((row: { group: string; partition: number }) => row.group === 'billing').lag,
    400,
  )
})

test('thresholds decide the exit code', async (t) => {
  const person = await withOrders(t)
  const codes = await Promise.all(
    ['warn=401', 'warn=400', 'warn=1,crit=400', 'crit=x'].map(
      async (check) => (await person.run(['lag', '--check', check])).code,
    ),
  )
  assert.deepEqual(codes, [0, 10, 11, 2])
})

test('a recording shows again what was seen', { skip }, async (t) => {
  const person = await withOrders(t)
  const terminal = new Terminal(t, person, { columns: 80, rows: 24, shell })
  terminal.enter('$EHUB top --record seen.jsonl --interval 500ms')
  await terminal.shows(/billing +\S+ +400/)
  terminal.type('q')
  await terminal.shows(/^\$$/m)
  assert.match(readFileSync(join(person.home, 'seen.jsonl'), 'utf8'), /^\{"format":"ehub-top","version":1\}\n\{"atMs"/)
  await person.run(['daemon', 'stop'])
  const played = await person.run(['top', '--play', 'seen.jsonl'])
  assert.match(played.stdout, /^orders\tbilling\t\w+\t400\t/m)
  const foreign = await person.run(['top', '--play', executable])
  assert.equal(foreign.code, 2, foreign.stderr)
})

test('slowed, stopped, rewound and caught up: WARN, STOP, REWIND, OK', async (t) => {
  const person = new Person(t)
  await person.startDaemon(['--ephemeral', '--lag-interval', '100ms', '--hub', 'orders:1'])
  await person.run(['create-group', 'orders', 'billing'])
  const { socketPath } = JSON.parse(readFileSync(join(person.home, 'run/daemon.json'), 'utf8'))
  const control = new ControlClient({ socketPath, clock: new SystemClock(), timeoutMs: 10_000 })
  const { ports } = await control.call('status', {})
  const healthPort = ports.health
  const sender = person.start(['send', 'orders', '--rate', '500/s', '--linger', '10ms', '--quiet'])
  sender.stdin?.on('error', () => undefined).write('x\n'.repeat(30_000))

  const at = { hub: 'orders', group: 'billing', partition: 0 }
  const look = async () => {
    const { partitions } = await control.call('lag', { hub: at.hub, group: at.group })
    // Until the daemon has looked at the new group there is nothing to say of it.
    return (
      partitions[0] ??
      (await control.call('lag', { hub: at.hub, group: at.group, isFresh: true })).partitions[0] ??
      assert.fail('no row')
    )
  }
  const seen: string[] = []
  const until = async (status: string, each: () => Promise<unknown>) => {
    const startedAt = performance.now()
    while (performance.now() - startedAt < 20_000) {
      await each()
      const now = (await look()).status
      if (seen.at(-1) !== now) seen.push(now)
      if (now === status) {
        // The commands say the same as the daemon.
        const { stdout } = await person.run(['lag', 'orders', '-g', 'billing'])
        assert.equal(stdout.trim().split('\t').at(-1), status)
        const metrics = await (await fetch(`http://127.0.0.1:${healthPort}/metrics`)).text()
        assert.match(
          metrics,
          new RegExp(`ehub_group_status\\{hub="orders",group="billing",partition="0",status="${status}"\\} 1\n`),
        )
        return
      }
    }
    assert.fail(`never ${status}: ${seen.join(' ')}`)
  }
  while ((await look()).last < 200);
  let handled = -1
  const handle = async (part: (last: number) => number) => {
    const { last } = await look()
    handled = Math.max(handled, Math.min(Math.floor(part(last)), last))
    await control.call('setCheckpoint', { ...at, sequence: handled })
  }
  // Slower than the sender by a share of what it sent, not by a rate of its own: the same on every machine.
  await until('WARN', () => handle((last) => last / 2))
  await until('STOP', async () => undefined)
  // Back behind what was handled, whatever was sent meanwhile, and on from there in small steps.
  const before = handled
  handled = -1
  await until('REWIND', () => handle(() => (handled < 0 ? before / 4 : handled + 1)))
  sender.kill('SIGKILL')
  await until('OK', () => handle((last) => last))
})
