// The same program where a person looks: tables with titles, colours, a question before destruction. A real terminal, held by
// tmux; skipped with a line where there is none.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { executable, Person } from './ehub.ts'

const escape = '\u001b'
const hasTmux = spawnSync('tmux', ['-V']).status === 0

class Terminal {
  readonly #socket: string
  readonly #env: Record<string, string>

  constructor(t: TestContext, person: Person) {
    this.#socket = `${person.home}/tmux`
    this.#env = { ...person.env, EHUB: executable, PS1: '$ ' }
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '120', '-y', '40', 'env', 'sh')
    t.after(() => void this.#tmux('kill-server'))
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
    this.#tmux('send-keys', 'Enter')
  }

  press(key: string): void {
    this.#tmux('send-keys', key)
  }

  /** Resolves to what is on the screen once it matches; with its colours when asked. */
  async shows(pattern: RegExp, options: { readonly colours?: boolean } = {}): Promise<string> {
    const deadline = performance.now() + 20_000
    for (;;) {
      const screen = this.#tmux('capture-pane', '-p', ...(options.colours ? ['-e'] : []))
      if (pattern.test(screen)) return screen
      if (performance.now() > deadline) assert.match(screen, pattern)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  #tmux(...argv: string[]): string {
    return spawnSync('tmux', ['-S', this.#socket, ...argv], { encoding: 'utf8', env: this.#env }).stdout
  }
}

test('a terminal gets titles, colours and a question', { skip: hasTmux ? false : 'tmux is not here' }, async (t) => {
  const person = new Person(t)
  await person.startDaemon(['--ephemeral', '--hub', 'orders:2'])
  const terminal = new Terminal(t, person)

  terminal.type('$EHUB list-hubs; echo "[$?]"')
  assert.match(
    await terminal.shows(/\[0\]\n/),
    /HUB +PARTITIONS +GROUPS +EVENTS +SIZE +DURABILITY\norders +2 +1 +0 +0 B +memory\n/,
  )
  assert.match(await terminal.shows(/HUB/, { colours: true }), new RegExp(`${escape}\\[1mHUB`))

  terminal.type('clear; $EHUB describe nope; echo "[$?]"')
  const error = await terminal.shows(/\[5\]\n/, { colours: true })
  assert.match(error, new RegExp(`${escape}\\[31merror\\[hub-not-found\\]:`))

  terminal.type('clear; NO_COLOR=1 $EHUB describe nope; echo "[plain $?]"')
  assert.doesNotMatch(await terminal.shows(/\[plain 5\]\n/, { colours: true }), new RegExp(`${escape}\\[31m`))

  terminal.type('clear; $EHUB delete-hub orders; echo "[$?]"')
  await terminal.shows(/Delete orders with all events\? \[y\/N\]/)
  terminal.type('n')
  await terminal.shows(/error\[cancelled\]: nothing was changed[^]*\[1\]\n/)

  terminal.type('clear; $EHUB delete-hub orders; echo "[$?]"')
  await terminal.shows(/\[y\/N\]/)
  terminal.press('C-c')
  await terminal.shows(/error\[interrupted\][^]*\[130\]\n/)

  terminal.type('clear; $EHUB delete-hub orders; echo "[$?]"')
  await terminal.shows(/\[y\/N\]/)
  terminal.type('y')
  await terminal.shows(/hub orders is deleted\n\[0\]\n/)
  assert.equal((await person.run(['list-hubs'])).stdout, '')
})

test('the daemon in a terminal logs words and ends with Ctrl-C', {
  skip: hasTmux ? false : 'tmux is not here',
}, async (t) => {
  const person = new Person(t)
  const terminal = new Terminal(t, person)
  terminal.type('$EHUB daemon run --ephemeral --amqp-port 0 --tls off; echo "[$?]"')
  await terminal.shows(/INFO {2}ready pid=\d+/)
  terminal.press('C-c')
  await terminal.shows(/INFO {2}stopped[^]*\[0\]\n/)
})
