// A real terminal for a test: a tmux server of its own with one interactive shell, typed into and read as a person would.

import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import type { Person } from './ehub.ts'

export const hasTmux = spawnSync('tmux', ['-V']).status === 0

/** Longest wait for a screen to show something; a machine under load takes its time. */
const showMsMax = 20_000
const lookMs = 30

export class Terminal {
  readonly #socket: string

  constructor(t: TestContext, person: Person, size: { readonly columns: number; readonly rows: number }) {
    this.#socket = `ehub-${process.pid}-${person.home.slice(-6)}`
    t.after(() => spawnSync('tmux', ['-L', this.#socket, 'kill-server']))
    const shell = "env PS1='$ ' bash --norc --noprofile -i"
    this.#tmux(
      person.env,
      'new-session',
      '-d',
      '-x',
      String(size.columns),
      '-y',
      String(size.rows),
      '-c',
      person.home,
      shell,
    )
  }

  /** Keys by tmux's names (`Enter`, `Escape`, `C-z`); anything else is typed as text. */
  type(...keys: readonly string[]): void {
    for (const key of keys) {
      const isNamed = /^(Enter|Escape|Up|Down|PageUp|PageDown|C-.)$/.test(key)
      this.#tmux({}, 'send-keys', ...(isNamed ? [] : ['-l']), key)
    }
  }

  resize(columns: number, rows: number): void {
    this.#tmux({}, 'resize-window', '-x', String(columns), '-y', String(rows))
  }

  screen(): string {
    return this.#tmux({}, 'capture-pane', '-p')
  }

  /** Resolves when the screen shows it; nobody tells when a screen changes, so it is looked at again and again. */
  async shows(pattern: RegExp): Promise<string> {
    const startedAt = performance.now()
    for (;;) {
      const screen = this.screen()
      if (pattern.test(screen)) return screen
      if (performance.now() - startedAt > showMsMax) throw new Error(`the screen never showed ${pattern}:\n${screen}`)
      await new Promise<void>((resolve) => setTimeout(resolve, lookMs))
    }
  }

  #tmux(env: Readonly<Record<string, string>>, ...args: readonly string[]): string {
    const result = spawnSync('tmux', ['-L', this.#socket, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
      env: { ...process.env, LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8', ...env },
    })
    if (result.status !== 0) throw new Error(`tmux ${args.join(' ')}: ${result.stderr}`)
    return result.stdout
  }
}
