// Reads a file through a window, for scans that go forward and sometimes look a little ahead.

import type { DiskFile } from './disk.ts'

const windowBytes = 1024 * 1024

export class ByteWindow {
  readonly #file: DiskFile
  readonly size: number
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0

  /** @param size Where reading ends, at most the file's size. */
  constructor(file: DiskFile, size: number) {
    this.#file = file
    this.size = size
  }

  /** `count` bytes from `at`, fewer only at the end. A view that stays valid. @throws DiskError */
  async read(at: number, count: number): Promise<Buffer> {
    if (at < this.#at || at + count > this.#at + this.#bytes.length) {
      const wanted = Math.max(0, Math.min(Math.max(count, windowBytes), this.size - at))
      const fresh = Buffer.allocUnsafeSlow(wanted)
      this.#bytes = fresh.subarray(0, await this.#file.read(fresh, at))
      this.#at = at
    }
    return this.#bytes.subarray(at - this.#at, at - this.#at + count)
  }

  /** First place at or after `from`, a multiple of 8, where `needle` stands `offset` bytes further on; null when none. */
  async find(needle: Buffer, offset: number, from: number): Promise<number | null> {
    for (let at = from; at + offset + needle.length <= this.size; ) {
      const bytes = await this.read(at, Math.min(windowBytes, this.size - at))
      if (bytes.length < offset + needle.length) return null
      const hit = bytes.indexOf(needle, offset)
      if (hit < 0) {
        // The needle may straddle the end of what was read.
        at += Math.max(8, (bytes.length - needle.length - offset) & ~7)
        continue
      }
      const place = at + hit - offset
      if (place % 8 === 0) return place
      at = place - (place % 8) + 8
    }
    return null
  }
}
