// Waits for something outside of this process that tells nobody when it happens.

import { type Clock, delay } from '../base/clock.ts'

const pollMs = 20

/** Resolves to true once `isTrue` says so (asked at once, then every 20 ms), to false after `limitMs`. */
export async function pollUntil(
  clock: Clock,
  isTrue: () => boolean | Promise<boolean>,
  limitMs: number,
): Promise<boolean> {
  const startedAt = clock.monotonicMs()
  // The clock's timers do not keep a process; this wait is all it does.
  const keeper = new MessageChannel()
  keeper.port1.ref()
  try {
    while (!(await isTrue())) {
      if (clock.monotonicMs() - startedAt >= limitMs) return false
      await delay(clock, pollMs)
    }
    return true
  } finally {
    keeper.port1.close()
  }
}
