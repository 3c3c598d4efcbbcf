// Sending and receiving where a person looks: text with dimmed places, a progress bar, Ctrl-C. A real terminal, held by tmux;
// skipped with a line where there is none.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test, type TestContext } from 'node:test'
import { executable, Person } from './ehub.ts'

const escape = '\u001b'
const hasTmux = spawnSync('tmux', ['-V']).status === 0
const skip = hasTmux ? false : 'tmux is not here'

class Terminal {
  readonly #socket: string
  readonly #env: Record<string, string>

  constructor(t: TestContext, person: Person) {
    this.#socket = `${person.home}/tmux`
    this.#env = { ...person.env, EHUB: executable, PS1: '$ ' }
    this.#tmux('-f', '/dev/null', 'new-session', '-d', '-x', '140', '-y', '40', 'env', 'sh')
    t.after(() => void this.#tmux('kill-server'))
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
    this.#tmux('send-keys', 'Enter')
  }

  press(key: string): void {
    this.#tmux('send-keys', key)
  }

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

async function personAt(t: TestContext): Promise<{ person: Person; terminal: Terminal }> {
  const person = new Person(t)
  await person.startDaemon(['--ephemeral', '--hub', 'orders:1'])
  return { person, terminal: new Terminal(t, person) }
}

test('events show as text with their place dimmed, and cannot steer the terminal', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  await person.run(['send', 'orders', `a${escape}[2Jb`, '-k', 'c7', '-H', 'n:int=5'])
  terminal.type('$EHUB receive orders -e; echo "[$?]"')
  const place = /0:0 {2}\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} {2}c7 {2}a\\x1b\[2Jb {2}n=5\n/
  assert.match(await terminal.shows(/\[0\]\n/), place)
  assert.match(await terminal.shows(/0:0/, { colours: true }), new RegExp(`${escape}\\[2m0:0`))
  terminal.type('clear; $EHUB receive orders -e --json; echo "[json $?]"')
  assert.match(await terminal.shows(/\[json 0\]\n/), /^\{"v":1,"hub":"orders"/m)
})

test('Ctrl-C ends following with 0 and says how much it was; unreached it is 130', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  await person.run(['send', 'orders', 'hello'])
  terminal.type('$EHUB receive orders --from 0; echo "[$?]"')
  await terminal.shows(/hello\n/)
  terminal.press('C-c')
  assert.match(await terminal.shows(/\[0\]\n/), /received 1 event \(5 B\) from orders in /)
  terminal.type('clear; $EHUB receive orders --from 0 -n 2; echo "[$?]"')
  await terminal.shows(/hello\n/)
  terminal.press('C-c')
  await terminal.shows(/\[130\]\n/)
})

test('lines typed are events; Ctrl-D ends; errors are red', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  terminal.type('$EHUB send orders; echo "[$?]"')
  await terminal.shows(/reading events from the terminal, one a line; Ctrl-D ends\n/)
  terminal.type('first')
  terminal.type('second')
  terminal.press('C-d')
  await terminal.shows(/sent 2 events \(11 B\) to orders in .*\n\[0\]\n/)
  assert.equal((await person.run(['receive', 'orders', '-e'])).stdout, 'first\nsecond\n')
  terminal.type('clear; $EHUB receive orders --from bogus; echo "[$?]"')
  const error = await terminal.shows(/\[2\]\n/, { colours: true })
  assert.match(error, new RegExp(`${escape}\\[31merror\\[usage\\]:`))
})

test('a long send shows a bar on the terminal, and none is left behind', { skip }, async (t) => {
  const { person, terminal } = await personAt(t)
  await person.run(['send', 'orders', 'x', '--repeat', '2'])
  terminal.type('seq 1 4000 > lines; $EHUB send orders --input lines --file lines --rate 2000/s; echo "[$?]"')
  await terminal.shows(/\d+ events, [\d.]+ k?B, [\d,]+\/s, .* left/)
  const screen = await terminal.shows(/\[0\]\n/)
  assert.match(screen, /sent 4,000 events \(14.9 kB\) to orders in .*\n\[0\]\n/)
  assert.doesNotMatch(screen, / left\n/)
})
