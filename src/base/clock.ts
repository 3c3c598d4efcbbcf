// Time is an argument of everything (decision D10). This file is the only place that may call `Date.now`,
// `performance.now` and timers; tests pass a simulated clock.

export interface Timer {
  /** Idempotent; after it returns `run` is not called any more. */
  cancel(): void
}

export interface Clock {
  /** Unix milliseconds of the wall clock, an integer; may jump either way. */
  now(): number
  /** Milliseconds since an arbitrary point, never decreasing, with fractions. Leases, timeouts and rates use this one. */
  monotonicMs(): number
  /** Calls `run` once after at least `delayMs` (0 or more). Timers never keep the process alive. */
  schedule(delayMs: number, run: () => void): Timer
}

// The longest delay setTimeout takes; beyond it Node fires at once.
const timeoutMsMax = 2 ** 31 - 1

export class SystemClock implements Clock {
  now(): number {
    return Date.now()
  }

  monotonicMs(): number {
    return performance.now()
  }

  schedule(delayMs: number, run: () => void): Timer {
    const timer = setTimeout(run, Math.min(Math.max(0, delayMs), timeoutMsMax))
    timer.unref()
    return { cancel: () => clearTimeout(timer) }
  }
}

/** Resolves after `delayMs`; rejects with the signal's reason when aborted first. */
export function delay(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason)
    const onAbort = () => {
      timer.cancel()
      reject(signal?.reason)
    }
    const timer = clock.schedule(delayMs, () => {
      signal?.removeEventListener('abort', onAbort)
      resolve()
    })
    signal?.addEventListener('abort', onAbort, { once: true })
  })
}
