// Ctrl-C and SIGTERM of a command that runs long: the first asks it to finish in order, a second Ctrl-C ends it at once.

import { EhubError } from '../base/error.ts'
import { exitCodes } from './exit-codes.ts'

export type InterruptSignal = 'SIGINT' | 'SIGTERM'

export class Interrupts {
  readonly #controller = new AbortController()
  #first: InterruptSignal | null = null
  readonly #onInt = () => this.#interrupt('SIGINT')
  readonly #onTerm = () => this.#interrupt('SIGTERM')

  constructor() {
    process.on('SIGINT', this.#onInt)
    process.on('SIGTERM', this.#onTerm)
  }

  /** Aborted by the first signal. */
  get signal(): AbortSignal {
    return this.#controller.signal
  }

  /** The first signal; null: none came. */
  get first(): InterruptSignal | null {
    return this.#first
  }

  /** What a command that was interrupted before it was done exits with. */
  get exitCode(): number {
    return this.#first === 'SIGTERM' ? exitCodes.terminated : exitCodes.interrupted
  }

  /** As `promise`, but ends at once with the first signal. @throws EhubError `interrupted`. */
  async during<T>(promise: Promise<T>): Promise<T> {
    let stop: () => void = () => undefined
    const interrupted = new Promise<never>((_, reject) => {
      stop = () => reject(new EhubError('interrupted', 'interrupted before anything was done'))
      this.signal.addEventListener('abort', stop, { once: true })
      if (this.signal.aborted) stop()
    })
    try {
      return await Promise.race([promise, interrupted])
    } finally {
      this.signal.removeEventListener('abort', stop)
    }
  }

  dispose(): void {
    process.off('SIGINT', this.#onInt)
    process.off('SIGTERM', this.#onTerm)
  }

  #interrupt(signal: InterruptSignal): void {
    if (this.#first !== null && signal === 'SIGINT') process.exit(exitCodes.interrupted)
    if (this.#first !== null) return
    this.#first = signal
    this.#controller.abort()
  }
}
