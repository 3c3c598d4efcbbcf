// What was asked of the broker and has not been answered. Closing takes nothing new and waits for all of it, so that a command that
// reads from a log before it writes to the journal is not cut in two.

import { shuttingDown } from './error-texts.ts'

export class InProgress {
  #count = 0
  #isClosed = false
  #whenDone: (() => void)[] = []

  /** Does the work, unless closed: then it rejects with `shutting-down`. */
  run<T>(work: () => Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(shuttingDown())
    this.#count += 1
    const result = work()
    // The failure belongs to whoever asked.
    result.then(this.#done, this.#done)
    return result
  }

  /** Takes nothing new; resolves when everything is answered. */
  close(): Promise<void> {
    this.#isClosed = true
    if (this.#count === 0) return Promise.resolve()
    return new Promise((resolve) => this.#whenDone.push(resolve))
  }

  readonly #done = (): void => {
    this.#count -= 1
    if (this.#count > 0) return
    const waiting = this.#whenDone
    this.#whenDone = []
    for (const resolve of waiting) resolve()
  }
}
