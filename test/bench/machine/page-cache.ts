// Fills the page cache with clean pages of a sparse file. Files that grow afterwards take their pages from there, at once. A
// virtual machine that gives free memory back to its host gets it again page by page at 350 MB/s: without this whoever
// writes is measured by that instead of by itself. The pages are clean and the first to go when anybody needs memory.

import { closeSync, ftruncateSync, openSync, readFileSync, readSync, rmSync } from 'node:fs'
import { join } from 'node:path'

const sparseBytes = 64 * 2 ** 30
const pieceBytes = 1024 * 1024
const stepPieces = 512
/** Free memory that is left alone. */
const freeBytesMin = 1.5e9

export class PageCacheFiller {
  readonly #path: string
  readonly #file: number
  #at = 0

  constructor(folder: string) {
    this.#path = join(folder, 'sparse.bin')
    this.#file = openSync(this.#path, 'w+')
    ftruncateSync(this.#file, sparseBytes)
  }

  /** Reads on until free memory is used up or no longer shrinks, at most `secondsMax`; gigabytes read. */
  fill(secondsMax: number): number {
    const buffer = Buffer.allocUnsafe(pieceBytes)
    const began = performance.now()
    let read = 0
    let stuck = 0
    for (let free = freeBytes(); free > freeBytesMin && stuck < 3 && performance.now() - began < secondsMax * 1000; ) {
      for (let piece = 0; piece < stepPieces; piece++) {
        readSync(this.#file, buffer, 0, pieceBytes, this.#at)
        this.#at = (this.#at + pieceBytes) % sparseBytes
      }
      read += stepPieces * pieceBytes
      const now = freeBytes()
      // Half of what was read should have come out of free memory; when it comes out of the cache, that is full.
      stuck = free - now < (stepPieces * pieceBytes) / 2 ? stuck + 1 : 0
      free = now
    }
    return read / 1e9
  }

  close(): void {
    closeSync(this.#file)
    rmSync(this.#path, { force: true })
  }
}

/** Zero on machines without /proc: nothing is filled there. */
function freeBytes(): number {
  try {
    const text = readFileSync('/proc/meminfo', 'latin1')
    return Number(/^MemFree:\s+(\d+) kB/m.exec(text)?.[1] ?? 0) * 1024
  } catch {
    return 0
  }
}
