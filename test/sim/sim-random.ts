// Chance from one 32-bit seed. The same seed gives the same numbers on every machine; components draw from their own
// split, so that one more draw in one of them does not change what the others see.

import type { Random } from '../../src/base/random.ts'

export class SimRandom implements Random {
  #state: number

  /** @param seed Taken modulo 2^32. */
  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** Splitmix32: every seed is a good one, also 0 and neighbours. */
  uint32(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0
    let mixed = this.#state
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return (mixed ^ (mixed >>> 15)) >>> 0
  }

  bytes(count: number): Buffer {
    const bytes = Buffer.allocUnsafe(count)
    for (let at = 0; at < count; at += 4) {
      const value = this.uint32()
      for (let i = 0; i < 4 && at + i < count; i++) bytes[at + i] = value >>> (8 * i)
    }
    return bytes
  }

  /** Uniform in 0..limit-1; `limit` 1..2^32. */
  below(limit: number): number {
    return Math.floor((this.uint32() / 0x1_0000_0000) * limit)
  }

  /** Uniform in from..to, both inclusive. */
  between(from: number, to: number): number {
    return from + this.below(to - from + 1)
  }

  /** True once in `1 / probability` draws. */
  chance(probability: number): boolean {
    return this.uint32() < probability * 0x1_0000_0000
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** A stream of its own, decided by this one's seed and the label. */
  split(label: string): SimRandom {
    let hash = this.uint32()
    for (let i = 0; i < label.length; i++) hash = Math.imul(hash ^ label.charCodeAt(i), 0x01000193)
    return new SimRandom(hash)
  }
}
