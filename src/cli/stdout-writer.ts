// stdout of a stream of data: writes are gathered into large ones, their completion is known, and a reader that left is a
// normal end. Takes the stream's error handling over from the program while it is open.

import type { Writable } from 'node:stream'
import { EhubError } from '../base/error.ts'

export class StdoutWriter {
  readonly #stream: Writable
  readonly #foreign: ((...args: unknown[]) => void)[]
  readonly #onError = (error: Error) => this.#fail(error)
  #pendingBytes = 0
  #pendingWrites = 0
  #isClosed = false
  #failure: Error | null = null
  #waiters: (() => void)[] = []
  readonly #closed: AbortController = new AbortController()

  constructor(stream: Writable) {
    this.#stream = stream
    this.#foreign = stream.listeners('error') as ((...args: unknown[]) => void)[]
    stream.removeAllListeners('error')
    stream.on('error', this.#onError)
  }

  /** Bytes handed over and not written yet. */
  get pendingBytes(): number {
    return this.#pendingBytes
  }

  /** The reader is gone; nothing written from now on arrives. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Aborted when the reader is gone. */
  get closedSignal(): AbortSignal {
    return this.#closed.signal
  }

  /** Hands bytes over, the stream's from now on; `onWritten` is called when the system has taken them, and not else. */
  write(bytes: Uint8Array | string, onWritten?: () => void): void {
    if (this.#isClosed) return
    const length = typeof bytes === 'string' ? Buffer.byteLength(bytes) : bytes.length
    this.#pendingBytes += length
    this.#pendingWrites += 1
    this.#stream.write(bytes, (error) => {
      this.#pendingBytes -= length
      this.#pendingWrites -= 1
      if (error === null || error === undefined) onWritten?.()
      else this.#fail(error)
      this.#wake()
    })
  }

  /** Resolves when at most `bytes` are pending, or the reader is gone. @throws EhubError when writing failed otherwise. */
  async drained(bytes = 0): Promise<void> {
    while (!this.#isClosed && (this.#pendingBytes > bytes || (bytes === 0 && this.#pendingWrites > 0))) {
      await new Promise<void>((resolve) => this.#waiters.push(resolve))
    }
    this.check()
  }

  /** @throws EhubError `disk-full`, `internal-error` when writing failed for another reason than a reader that left. */
  check(): void {
    if (this.#failure === null) return
    const isFull = 'code' in this.#failure && this.#failure.code === 'ENOSPC'
    throw new EhubError(isFull ? 'disk-full' : 'internal-error', `stdout cannot be written: ${this.#failure.message}`, {
      cause: this.#failure,
    })
  }

  /** Gives the stream's error handling back. A reader that left stays a silent end. */
  dispose(): void {
    if (this.#isClosed) return
    this.#stream.off('error', this.#onError)
    for (const listener of this.#foreign) this.#stream.on('error', listener)
  }

  #fail(error: Error): void {
    if (this.#isClosed) return
    this.#isClosed = true
    const code = 'code' in error ? error.code : undefined
    if (code !== 'EPIPE' && code !== 'ERR_STREAM_DESTROYED') this.#failure = error
    this.#closed.abort()
    this.#wake()
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const resolve of waiters) resolve()
  }
}
