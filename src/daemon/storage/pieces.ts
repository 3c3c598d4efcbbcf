// Pieces of memory for one gathered write. What lies behind the last one becomes part of it: fewer pieces for the kernel, and
// no view of memory for each of hundreds of envelopes.

export class Pieces {
  #whole: Uint8Array[] = []
  /** The piece that may go on. */
  #memory: Buffer | null = null
  #from = 0
  #to = 0

  /** Adds `bytes` of `memory` from `at`. */
  add(memory: Buffer, at: number, bytes: number): void {
    if (this.#memory === memory && this.#to === at) {
      this.#to += bytes
      return
    }
    this.#end()
    this.#memory = memory
    this.#from = at
    this.#to = at + bytes
  }

  /** Everything added since the last call, in order. */
  take(): Uint8Array[] {
    this.#end()
    const whole = this.#whole
    this.#whole = []
    return whole
  }

  #end(): void {
    if (this.#memory !== null && this.#to > this.#from) this.#whole.push(this.#memory.subarray(this.#from, this.#to))
    this.#memory = null
  }
}
