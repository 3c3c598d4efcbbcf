// Chance is an argument of everything (decision D10). The only place that may ask the system for randomness.

import { randomBytes, randomFillSync } from 'node:crypto'

export interface Random {
  /** Uniform in 0..2^32-1. */
  uint32(): number
  /** `count` fresh bytes, owned by the caller. */
  bytes(count: number): Buffer
}

export class SystemRandom implements Random {
  readonly #pool = new Uint32Array(256)
  #used = 256

  uint32(): number {
    if (this.#used === this.#pool.length) {
      randomFillSync(this.#pool)
      this.#used = 0
    }
    return this.#pool[this.#used++] ?? 0
  }

  bytes(count: number): Buffer {
    return randomBytes(count)
  }
}

/** A version 4 UUID (RFC 9562) in lower-case text. */
export function uuid(random: Random): string {
  const bytes = random.bytes(16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
