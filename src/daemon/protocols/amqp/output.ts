// Output of one connection: frames are encoded straight into one large buffer and leave with one write a turn. The buffer
// is borrowed from a pool while it holds something, so an idle connection owns none.
//
//   encoder -> [ frame | frame | frame |      free ]  -> flush -> transport
//               ^0                      ^position
//
// A buffer the kernel took at once goes straight back; one that is still pending is held until the transport reports that
// everything has left.

import type { Transport } from './transport.ts'

const chunkBytes = 256 * 1024
// Above what one event loop needs at a time; more are left to the garbage collector.
const pooledMax = 64
// Small writes (dispositions, flows, heartbeats) to a peer that reads slowly must not hold a whole chunk each.
const copiedBytesMax = 8 * 1024
// Pending small writes above which the peer counts as slow too.
const blockedBytes = 64 * 1024

/** Output buffers shared by all connections of a server. */
export class OutputPool {
  readonly #free: Buffer[] = []

  take(bytes: number): Buffer {
    if (bytes > chunkBytes) return Buffer.allocUnsafeSlow(bytes)
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(chunkBytes)
  }

  give(chunk: Buffer): void {
    if (chunk.length === chunkBytes && this.#free.length < pooledMax) this.#free.push(chunk)
  }
}

const none = Buffer.alloc(0)

export class Output {
  /** Where to encode: `chunk` from `position` on, after `reserve`. */
  chunk: Buffer = none
  position = 0
  readonly #transport: Transport
  readonly #pool: OutputPool
  #held: Buffer[] = []
  #hasSent = false
  #isBlocked = false

  constructor(transport: Transport, pool: OutputPool) {
    this.#transport = transport
    this.#pool = pool
  }

  /** The peer does not keep up: no events now, only what the protocol needs. */
  get isBlocked(): boolean {
    return this.#isBlocked
  }

  /** Bytes encoded or written that the kernel has not taken yet. */
  get pendingBytes(): number {
    return this.#transport.pendingBytes + this.position
  }

  /** Room for `bytes` more at `chunk[position]`; sends what is there first when it does not fit. */
  reserve(bytes: number): void {
    if (this.chunk.length - this.position >= bytes) return
    this.flush()
    if (this.chunk.length < bytes) {
      this.#pool.give(this.chunk)
      this.chunk = this.#pool.take(bytes)
    }
  }

  /** Copies bytes that were encoded elsewhere. */
  append(bytes: Buffer): void {
    this.reserve(bytes.length)
    bytes.copy(this.chunk, this.position)
    this.position += bytes.length
  }

  /** Hands everything encoded so far to the transport, in one write. */
  flush(): void {
    const length = this.position
    if (length === 0) return
    this.position = 0
    this.#hasSent = true
    const transport = this.#transport
    if (length <= copiedBytesMax) {
      transport.write(Buffer.from(this.chunk.subarray(0, length)))
      this.#isBlocked ||= transport.pendingBytes > blockedBytes
      return
    }
    const chunk = this.chunk
    transport.write(chunk.subarray(0, length))
    if (transport.pendingBytes > 0) {
      this.#isBlocked = true
      this.#held.push(chunk)
      this.chunk = none
    }
  }

  /** Gives the empty buffer back; called at the end of a turn. */
  rest(): void {
    if (this.position > 0 || this.chunk === none) return
    this.#pool.give(this.chunk)
    this.chunk = none
  }

  /** The transport has sent everything: buffers held for it are free again. */
  released(): void {
    this.#isBlocked = false
    if (this.#held.length === 0) return
    for (const chunk of this.#held) this.#pool.give(chunk)
    this.#held = []
  }

  /** Whether anything was sent since the last call: decides on heartbeats. */
  takeHasSent(): boolean {
    const hasSent = this.#hasSent
    this.#hasSent = false
    return hasSent
  }
}
