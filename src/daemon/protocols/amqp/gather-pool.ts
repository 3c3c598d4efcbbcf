// Buffers in which deliveries of several frames are put together, shared by all connections of a server. A buffer is
// borrowed from the first frame of a delivery until the broker has copied what it keeps, so a stream of large batches
// makes no garbage; an idle link holds none. Bounded: what is above the bound is left to the collector.

/** Sizes follow what has come (at most four times as much), so that a peer pays for the memory it takes. */
const classBytes = [16 * 1024, 64 * 1024, 256 * 1024, 1024 * 1024 + 128 * 1024] as const
/** Buffers of one size kept for reuse: an event loop needs one at a time for each delivery it has begun. */
const keptMax = 8

export class GatherPool {
  readonly #free: Buffer[][] = classBytes.map(() => [])

  /** A buffer of at least `bytes`, with old content. Larger than any class: made for this one use. */
  take(bytes: number): Buffer {
    const index = classBytes.findIndex((size) => size >= bytes)
    const size = classBytes[index]
    if (size === undefined) return Buffer.allocUnsafeSlow(bytes)
    return this.#free[index]?.pop() ?? Buffer.allocUnsafeSlow(size)
  }

  /** Gives a buffer of `take` back; nobody may hold it any longer. */
  give(buffer: Buffer): void {
    const free = this.#free[classBytes.findIndex((size) => size === buffer.length)]
    if (free !== undefined && free.length < keptMax) free.push(buffer)
  }
}
