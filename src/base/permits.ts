// So many at a time: whoever comes later waits for its turn, in order.

import { assert } from './assert.ts'

export class Permits {
  #free: number
  readonly #waiting: (() => void)[] = []

  /** @param count How many run at the same time, at least 1. */
  constructor(count: number) {
    assert(count >= 1, 'a permit can be had')
    this.#free = count
  }

  /** Calls `run` when it is its turn; settles as it does. */
  async run<T>(run: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await run()
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#free += 1
      else next()
    }
  }
}
