// Buffers for groups on their way to storage, reused so that a stream of events makes no garbage. A buffer belongs to its group
// from `take` until the append has settled; then it comes back. Bounded: what is above the bound is left to the collector.

/** The third holds what one read of a socket brings, the last the largest publication of 1 MiB with its section header. */
const classBytes = [2 * 1024, 16 * 1024, 80 * 1024, 256 * 1024, 1024 * 1024 + 4096] as const

export class BufferPool {
  readonly #free: Buffer[][] = classBytes.map(() => [])
  readonly #keptBytesMax: number
  #keptBytes = 0

  /** @param keptBytesMax Bytes kept for reuse. */
  constructor(keptBytesMax: number) {
    this.#keptBytesMax = keptBytesMax
  }

  /** A buffer of at least `bytes`, with old content. Larger than any class: made for this one use. */
  take(bytes: number): Buffer {
    const index = classBytes.findIndex((size) => size >= bytes)
    const size = classBytes[index]
    if (size === undefined) return Buffer.allocUnsafeSlow(bytes)
    const kept = this.#free[index]?.pop()
    if (kept === undefined) return Buffer.allocUnsafeSlow(size)
    this.#keptBytes -= size
    return kept
  }

  /** Gives a buffer of `take` back; nobody may hold it any longer. */
  give(buffer: Buffer): void {
    const index = classBytes.findIndex((size) => size === buffer.length)
    if (index < 0 || this.#keptBytes + buffer.length > this.#keptBytesMax) return
    this.#free[index]?.push(buffer)
    this.#keptBytes += buffer.length
  }
}
