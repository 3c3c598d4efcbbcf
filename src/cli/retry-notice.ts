// Says on stderr that something is tried again: at once, then every ten seconds at most, whoever it is that tries.

import type { Clock } from '../base/clock.ts'
import type { EhubError } from '../base/error.ts'
import type { Output } from './output.ts'

const intervalMs = 10_000

export class RetryNotice {
  readonly #clock: Clock
  readonly #output: Output
  #saidAtMs = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, output: Output) {
    this.#clock = clock
    this.#output = output
  }

  tell(error: EhubError): void {
    this.#output.detail(`trying again after: ${error.message}`)
    const now = this.#clock.monotonicMs()
    if (now - this.#saidAtMs < intervalMs) return
    this.#saidAtMs = now
    this.#output.warn(`${error.message}; trying again`)
  }
}
