// Waits for something outside of this process that tells nobody when it happens.

import { type Clock, delay } from '../base/clock.ts'
import { keepProcess } from '../base/keep-process.ts'

const pollMs = 20

/** Resolves to true once `isTrue` says so (asked at once, then every 20 ms), to false after `limitMs`. */
export async function pollUntil(
  clock: Clock,
  isTrue: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<boolean> {
  const startedAt = clock.monotonicMs()
  // This wait is all the process does.
  const hold = keepProcess()
  try {
    while (!(await isTrue())) {
      if (clock.monotonicMs() - startedAt >= limitMs) return false
      await delay(clock, pollMs)
    }
    return true
  } finally {
    hold.release()
  }
}
