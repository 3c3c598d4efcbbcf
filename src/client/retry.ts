// When to try again, and after how long: exponential with jitter, until a deadline counted from the last success.

import { type Clock, delay } from '../base/clock.ts'
import { EhubError, isEhubError } from '../base/error.ts'
import type { Random } from '../base/random.ts'
import { projectError } from '../wire/errors.ts'

const delayMsFirst = 100
const delayMsMax = 5000

/**
 * Whether what worked before may work again without anybody changing anything; a daemon that was there and is not now may be
 * starting again. The first attempt of a command is not tried again: its errors are told at once.
 */
export function isRetryable(error: unknown): error is EhubError {
  return isEhubError(error) && (projectError(error.code).isRetryable || error.code === 'daemon-not-running')
}

export interface RetryOptions {
  readonly clock: Clock
  readonly random: Random
  /** From the first failure after the last success to giving up. */
  readonly deadlineMs: number
}

/** One chain of attempts: `failed` waits before the next or gives up, `succeeded` starts afresh. */
export class RetryPolicy {
  readonly #options: RetryOptions
  #failedSinceMs: number | null = null
  #attempts = 0

  constructor(options: RetryOptions) {
    this.#options = options
  }

  succeeded(): void {
    this.#failedSinceMs = null
    this.#attempts = 0
  }

  /**
   * Resolves when it is time to try again.
   * @throws EhubError `error` itself when it will not pass by waiting or the deadline is over; the signal's reason.
   */
  async failed(error: unknown, signal?: AbortSignal): Promise<void> {
    const { clock, random, deadlineMs } = this.#options
    if (!isRetryable(error)) throw error
    const now = clock.monotonicMs()
    this.#failedSinceMs ??= now
    const base = Math.min(delayMsMax, delayMsFirst * 2 ** this.#attempts)
    // Half to full: many clients of one restarted server do not come back in step.
    const jittered = base / 2 + (base / 2) * (random.uint32() / 2 ** 32)
    const waitMs = Math.max(error.retryAfterMs ?? 0, jittered)
    if (now + waitMs - this.#failedSinceMs > deadlineMs) throw error
    this.#attempts += 1
    await delay(clock, waitMs, signal)
  }
}
