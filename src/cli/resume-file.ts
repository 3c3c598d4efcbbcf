// How far a long command is, in a small file beside what it makes: written whole or not at all, so that a run that was ended
// anyhow can go on from there.

import { closeSync, fsyncSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { EhubError } from '../base/error.ts'

// Often enough to lose little, rarely enough to cost nothing.
const everyMs = 1000

export class ResumeFile<State> {
  readonly path: string
  readonly #clock: Clock
  readonly #decode: (value: unknown) => State | null
  #savedAtMs = Number.NEGATIVE_INFINITY

  /** @param decode Checks what was read; null: not of this command, or of another version. */
  constructor(path: string, clock: Clock, decode: (value: unknown) => State | null) {
    this.path = path
    this.#clock = clock
    this.#decode = decode
  }

  /** What a run before has left; null when there is none. @throws EhubError `argument-error` for a file that is no such state. */
  load(): State | null {
    let text: string
    try {
      text = readFileSync(this.path, 'utf8')
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
      throw new EhubError('file-not-found', `cannot read "${this.path}"`, { cause: error })
    }
    const state = this.#decode(parse(text))
    if (state !== null) return state
    throw new EhubError('argument-error', `"${this.path}" does not say how far a run of this command was`, {
      hint: 'remove it to begin anew',
    })
  }

  /** Whether it is time to save again. */
  get isDue(): boolean {
    return this.#clock.monotonicMs() - this.#savedAtMs >= everyMs
  }

  /** @throws EhubError `disk-full`, `internal-error`. */
  save(state: State): void {
    this.#savedAtMs = this.#clock.monotonicMs()
    const temporary = `${this.path}.new`
    try {
      const fd = openSync(temporary, 'w', 0o600)
      try {
        writeSync(fd, `${JSON.stringify(state)}\n`)
        fsyncSync(fd)
      } finally {
        closeSync(fd)
      }
      renameSync(temporary, this.path)
    } catch (error) {
      const isFull = error instanceof Error && 'code' in error && error.code === 'ENOSPC'
      throw new EhubError(isFull ? 'disk-full' : 'internal-error', `cannot write "${this.path}"`, { cause: error })
    }
  }

  /** All is done: nothing to resume. */
  remove(): void {
    rmSync(this.path, { force: true })
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Not ours, or damaged: told by the decoder's null.
    return null
  }
}
