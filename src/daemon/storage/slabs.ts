// Memory of the tail: envelopes are encoded into slabs, from which they go into the journal, into the segments and to
// readers. Slabs fill one after the other and are given up oldest first, so that the memory held is exactly the slabs
// held, however many logs share one. A slab is not given up before everything in it is in its segment.
//
//   oldest                                      current
//   [a a b c a] [b big batch, a slab of its own] [a c c b . . .]

import { assert } from '../../base/assert.ts'

/** Batches above this get a slab of their own, so that at most a quarter of a slab is ever left unused. */
const ownSlabShare = 4
/** Memory of given-up slabs kept for the next ones: they come and go one at a time, so a few are enough. */
const freeSlabsMax = 4

/** Whoever has batches in a slab. */
export interface SlabUser {
  /** The slab is given up: forget every batch in it. */
  forgetSlab(slab: Slab): void
  /** The slab is needed back: write what is in it into the segments. */
  writeBackSoon(): void
}

export class Slab {
  readonly bytes: Buffer
  used = 0
  /** Envelopes not yet in their segment. */
  pending = 0
  readonly users = new Set<SlabUser>()

  /** A reader was given batches in it and may hold them still: its memory is not used again. */
  isLent = false

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }
}

export class Slabs {
  readonly #slabBytes: number
  readonly #bytesMax: number
  /** Oldest first; the last one is being filled unless it is a batch's own. */
  #slabs: Slab[] = []
  #current: Slab | null = null
  // Fresh memory for every slab would be faulted in page by page and drive the collector, twice the cost of everything else.
  readonly #free: Buffer[] = []
  #bytesHeld = 0
  #pendingBytes = 0
  #waiting: (() => void)[] = []

  constructor(options: { readonly slabBytes: number; readonly bytesMax: number }) {
    assert(options.bytesMax >= 2 * options.slabBytes, 'the tail has room for two slabs')
    this.#slabBytes = options.slabBytes
    this.#bytesMax = options.bytesMax
  }

  get bytesHeld(): number {
    return this.#bytesHeld
  }

  /** Of envelopes that are not yet in their segment. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /**
   * Whether `bytes` in pieces of at most `pieceBytesMax` can be allocated now; gives up old slabs to make room. When not, the
   * holders of the oldest slab are asked to write it back, and `whenRoom` tells when to ask again. One append is let
   * through whatever its size when nothing else is pending, so that none waits for ever.
   */
  makeRoom(bytes: number): boolean {
    const current = this.#current
    if (current !== null && bytes <= current.bytes.length - current.used) return true
    // Each piece may leave a part of a slab unused.
    const wanted = Math.ceil(bytes * (1 + 1 / (ownSlabShare - 1))) + 2 * this.#slabBytes
    while (this.#bytesHeld + wanted > this.#bytesMax) {
      const oldest = this.#slabs[0]
      if (oldest === undefined) return true
      if (oldest.pending > 0) {
        for (const user of oldest.users) user.writeBackSoon()
        return this.#slabs.every((slab) => slab.pending === 0)
      }
      this.#giveUp(oldest)
    }
    return true
  }

  /** Somebody waits for room: what is pending should reach its segment soon. */
  get isWanted(): boolean {
    return this.#waiting.length > 0
  }

  /** Calls `run` once when an envelope has reached its segment and room may have come free; in the order of the calls. */
  whenRoom(run: () => void): void {
    this.#waiting.push(run)
  }

  /** Room for one envelope of `bytes`; pending until `settle`. Call `makeRoom` first. */
  allocate(bytes: number, user: SlabUser): { readonly slab: Slab; readonly at: number } {
    let slab = this.#current
    if (bytes > this.#slabBytes / ownSlabShare) {
      slab = this.#add(bytes)
      this.#current = null
    } else if (slab === null || slab.bytes.length - slab.used < bytes) {
      slab = this.#add(this.#slabBytes)
      this.#current = slab
    }
    const at = slab.used
    slab.used += bytes
    slab.pending += 1
    this.#pendingBytes += bytes
    slab.users.add(user)
    return { slab, at }
  }

  /** An envelope of `bytes` in `slab` is in its segment, or will never be. */
  settle(slab: Slab, bytes: number): void {
    slab.pending -= 1
    this.#pendingBytes -= bytes
    assert(slab.pending >= 0, 'an envelope settles once')
    if (slab.pending === 0) this.wake()
  }

  /** Lets everybody who waits for room ask again. */
  wake(): void {
    for (const run of this.#waiting.splice(0)) run()
  }

  /** A log is closed: no slab calls it any more. */
  forgetUser(user: SlabUser): void {
    for (const slab of this.#slabs) slab.users.delete(user)
  }

  #add(bytes: number): Slab {
    const reused = bytes === this.#slabBytes ? this.#free.pop() : undefined
    const slab = new Slab(reused ?? Buffer.allocUnsafeSlow(bytes))
    this.#slabs.push(slab)
    this.#bytesHeld += bytes
    return slab
  }

  #giveUp(slab: Slab): void {
    this.#slabs.shift()
    this.#bytesHeld -= slab.bytes.length
    if (this.#current === slab) this.#current = null
    for (const user of slab.users) user.forgetSlab(slab)
    slab.users.clear()
    const isReusable = !slab.isLent && slab.bytes.length === this.#slabBytes
    if (isReusable && this.#free.length < freeSlabsMax) this.#free.push(slab.bytes)
  }
}
