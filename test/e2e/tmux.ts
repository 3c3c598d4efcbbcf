// A real terminal for a test: a tmux server of its own with one shell, typed into and read as a person would.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { TestContext } from 'node:test'
import { executable, type Person } from './ehub.ts'

/** False, or why tests that need a terminal are left out. */
export const skip = spawnSync('tmux', ['-V']).status === 0 ? false : 'tmux is not here'

/** Longest wait for a screen to show something; a machine under load takes its time. */
const showMsMax = 20_000

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  /** One with job control for tests that suspend. */
  readonly shell?: string
}

export class Terminal {
  readonly #socket: string
  readonly #env: Readonly<Record<string, string>>

  /** The program is `$EHUB` in the shell. */
  constructor(t: TestContext, person: Person, { columns = 120, rows = 40, shell = 'sh' }: TerminalOptions = {}) {
    // Not in the person's home: that is gone when the server is ended.
    this.#socket = `ehub-${process.pid}-${person.home.slice(-6)}`
    this.#env = { ...person.env, EHUB: executable, PS1: '$ ', LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }
    this.#tmux(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      String(columns),
      '-y',
      String(rows),
      '-c',
      person.home,
      `env ${shell}`,
    )
    t.after(() => void this.#tmux('kill-server'))
  }

  /** Types a line and enters it. */
  enter(line: string): void {
    this.type(line)
    this.press('Enter')
  }

  type(text: string): void {
    this.#tmux('send-keys', '-l', text)
  }

  /** By tmux's names: `Enter`, `Escape`, `C-c`, `Up`. */
  press(key: string): void {
    this.#tmux('send-keys', key)
  }

  resize(columns: number, rows: number): void {
    this.#tmux('resize-window', '-x', String(columns), '-y', String(rows))
  }

  screen(): string {
    return this.#tmux('capture-pane', '-p')
  }

  /** Resolves to the screen once it matches, with its colours when asked. Nobody tells when a screen changes. */
  async shows(pattern: RegExp, options: { readonly colours?: boolean } = {}): Promise<string> {
    const deadline = performance.now() + showMsMax
    for (;;) {
      const screen = this.#tmux('capture-pane', '-p', ...(options.colours ? ['-e'] : []))
      if (pattern.test(screen)) return screen
      if (performance.now() > deadline) assert.match(screen, pattern)
      await new Promise<void>((resolve) => setImmediate(resolve))
    }
  }

  #tmux(...argv: string[]): string {
    return spawnSync('tmux', ['-L', this.#socket, ...argv], { encoding: 'utf8', env: this.#env }).stdout
  }
}
