// The same program where a person looks: tables with titles, colours, a question before destruction. A real terminal, held by
// tmux; skipped with a line where there is none.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Person } from './ehub.ts'
import { skip, Terminal } from './tmux.ts'

const escape = '\u001b'

test('a terminal gets titles, colours and a question', { skip }, async (t) => {
  const person = new Person(t)
  await person.startDaemon(['--ephemeral', '--hub', 'orders:2'])
  const terminal = new Terminal(t, person)

  terminal.enter('$EHUB list-hubs; echo "[$?]"')
  assert.match(
    await terminal.shows(/\[0\]\n/),
    /HUB +PARTITIONS +GROUPS +EVENTS +SIZE +RETENTION +CLEANUP +DURABILITY\norders +2 +1 +0 +0 B +7d +delete +memory\n/,
  )
  assert.match(await terminal.shows(/HUB/, { colours: true }), new RegExp(`${escape}\\[1mHUB`))

  terminal.enter('clear; $EHUB describe nope; echo "[$?]"')
  const error = await terminal.shows(/\[5\]\n/, { colours: true })
  assert.match(error, new RegExp(`${escape}\\[31merror\\[hub-not-found\\]:`))

  terminal.enter('clear; NO_COLOR=1 $EHUB describe nope; echo "[plain $?]"')
  assert.doesNotMatch(await terminal.shows(/\[plain 5\]\n/, { colours: true }), new RegExp(`${escape}\\[31m`))

  terminal.enter('clear; $EHUB delete-hub orders; echo "[$?]"')
  await terminal.shows(/Delete orders with all events\? \[y\/N\]/)
  terminal.enter('n')
  await terminal.shows(/error\[cancelled\]: nothing was changed[^]*\[1\]\n/)

  terminal.enter('clear; $EHUB delete-hub orders; echo "[$?]"')
  await terminal.shows(/\[y\/N\]/)
  terminal.press('C-c')
  await terminal.shows(/error\[interrupted\][^]*\[130\]\n/)

  terminal.enter('clear; $EHUB delete-hub orders; echo "[$?]"')
  await terminal.shows(/\[y\/N\]/)
  terminal.enter('y')
  await terminal.shows(/hub orders is deleted\n\[0\]\n/)
  assert.equal((await person.run(['list-hubs'])).stdout, '')
})

test('the daemon in a terminal logs words and ends with Ctrl-C', { skip }, async (t) => {
  const person = new Person(t)
  const terminal = new Terminal(t, person)
  terminal.enter('$EHUB daemon run --ephemeral --amqp-port 0 --tls off; echo "[$?]"')
  await terminal.shows(/INFO {2}ready pid=\d+/)
  terminal.press('C-c')
  await terminal.shows(/INFO {2}stopped[^]*\[0\]\n/)
})
