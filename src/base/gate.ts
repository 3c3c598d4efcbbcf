// A gate lets waiters through once "end has passed n". The log opens it after each durable append; receivers wait on it
// instead of polling. Waiters are bounded by the links and fetches that own them: each waits at most once at a time.

export interface Waiter {
  /** Idempotent; after it returns the callback is not called any more. */
  cancel(): void
}

interface Waiting {
  readonly above: number
  readonly run: () => void
}

export class Gate {
  #passed: number
  #waiting = new Set<Waiting>()

  /** @param passed Where the gate stands at first, for a log its `end` sequence. */
  constructor(passed: number) {
    this.#passed = passed
  }

  get passed(): number {
    return this.#passed
  }

  /** Moves the gate; calls every waiter with `above < value` synchronously, in the order they came. Never moves back. */
  open(value: number): void {
    if (value <= this.#passed) return
    this.#passed = value
    if (this.#waiting.size === 0) return
    const ready = [...this.#waiting].filter((waiting) => waiting.above < value)
    for (const waiting of ready) {
      // A waiter called earlier in this loop may have cancelled this one.
      if (this.#waiting.delete(waiting)) waiting.run()
    }
  }

  /** Calls `run` once when the gate stands above `above`; not synchronously: when it does so already, on a microtask. */
  whenAbove(above: number, run: () => void): Waiter {
    const waiting: Waiting = { above, run }
    this.#waiting.add(waiting)
    if (this.#passed > above) {
      queueMicrotask(() => {
        if (this.#waiting.delete(waiting)) run()
      })
    }
    return { cancel: () => void this.#waiting.delete(waiting) }
  }

  /** Resolves when the gate stands above `above`; rejects with the signal's reason when aborted first. */
  passes(above: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const onAbort = () => {
        waiter.cancel()
        reject(signal?.reason)
      }
      const waiter = this.whenAbove(above, () => {
        signal?.removeEventListener('abort', onAbort)
        resolve()
      })
      signal?.addEventListener('abort', onAbort, { once: true })
    })
  }
}
