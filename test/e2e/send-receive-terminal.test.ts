// Sending and receiving where a person looks: text with dimmed places, a progress bar, Ctrl-C. A real terminal, held by tmux;
// skipped with a line where there is none.

import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { Person } from './ehub.ts'
import { skip, Terminal } from './tmux.ts'

const escape = '\u001b'

async function personAt(t: TestContext): Promise<{ person: Person; terminal: Terminal }> {
  const person = new Person(t)
  await person.startDaemon(['--ephemeral', '--hub', 'orders:1'])
  return { person, terminal: new Terminal(t, person, { columns: 140 }) }
}

test('events show as text with their place dimmed, and cannot steer the terminal', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  await person.run(['send', 'orders', `a${escape}[2Jb`, '-k', 'c7', '-H', 'n:int=5'])
  terminal.enter('$EHUB receive orders -e; echo "[$?]"')
  const place = /0:0 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}c7 {2}a\\x1b\[2Jb {2}n=5\n/
  assert.match(await terminal.shows(/\[0\]\n/), place)
  assert.match(await terminal.shows(/0:0/, { colours: true }), new RegExp(`${escape}\\[2m0:0`))
  terminal.enter('clear; $EHUB receive orders -e --json; echo "[json $?]"')
  assert.match(await terminal.shows(/\[json 0\]\n/), /^\{"v":1,"hub":"orders"/m)
})

test('Ctrl-C ends following with 0 and says how much it was; unreached it is 130', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  await person.run(['send', 'orders', 'hello'])
  terminal.enter('$EHUB receive orders --from 0; echo "[$?]"')
  await terminal.shows(/hello\n/)
  terminal.press('C-c')
  assert.match(await terminal.shows(/\[0\]\n/), /received 1 event \(5 B\) from orders in /)
  // The first run's words must not be taken for the second's.
  terminal.enter('clear; echo "[again]"; $EHUB receive orders --from 0 -n 2; echo "[$?]"')
  await terminal.shows(/\[again\]\n[^]*hello\n/)
  terminal.press('C-c')
  await terminal.shows(/\[130\]\n/)
})

test('lines typed are events; Ctrl-D ends; errors are red', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  terminal.enter('$EHUB send orders; echo "[$?]"')
  await terminal.shows(/reading events from the terminal, one a line; Ctrl-D ends\n/)
  terminal.enter('first')
  terminal.enter('second')
  terminal.press('C-d')
  await terminal.shows(/sent 2 events \(11 B\) to orders in .*\n\[0\]\n/)
  assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, 'first\nsecond\n')
  terminal.enter('clear; $EHUB receive orders --from bogus; echo "[$?]"')
  const error = await terminal.shows(/\[2\]\n/, { colours: true })
  assert.match(error, new RegExp(`${escape}\\[31merror\\[usage\\]:`))
})

test('a long send shows a bar on the terminal, and none is left behind', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  await person.run(['send', 'orders', 'x', '--repeat', '2'])
  terminal.enter('seq 1 4000 > lines; $EHUB send orders --input lines --file lines --rate 2000/s; echo "[$?]"')
  await terminal.shows(/\d+ events, [\d.]+ k?B, [\d,]+\/s, .* left/)
  const screen = await terminal.shows(/\[0\]\n/)
  assert.match(screen, /sent 4,000 events \(14.9 kB\) to orders in .*\n\[0\]\n/)
  assert.doesNotMatch(screen, / left\n/)
})
