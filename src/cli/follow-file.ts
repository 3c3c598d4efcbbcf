// Lines of a file that grows, like `tail -f`: what is there, then what is added, also after the file was turned over.

import { closeSync, fstatSync, openSync, readSync, statSync, watch } from 'node:fs'
import { dirname } from 'node:path'
import { EhubError } from '../base/error.ts'

const chunkBytes = 64 * 1024

export class FileFollower {
  readonly #path: string
  #descriptor: number
  #position = 0
  #rest: Buffer = Buffer.alloc(0)

  /** @throws EhubError `file-not-found`. */
  constructor(path: string) {
    this.#path = path
    this.#descriptor = open(path)
  }

  /** Complete lines added since the last call, without their newlines. */
  *lines(): Generator<string> {
    yield* this.#read()
    if (!this.#wasTurned()) return
    closeSync(this.#descriptor)
    this.#descriptor = open(this.#path)
    this.#position = 0
    this.#rest = Buffer.alloc(0)
    yield* this.#read()
  }

  /** Calls `run` after every change of the file until the signal is aborted; then resolves. */
  async watch(signal: AbortSignal, run: () => void): Promise<void> {
    // The folder, since the file itself may be replaced.
    const watcher = watch(dirname(this.#path), { signal }, run)
    await new Promise<void>((resolve, reject) => {
      watcher.on('close', resolve)
      watcher.on('error', (error) => (signal.aborted ? resolve() : reject(error)))
    })
  }

  close(): void {
    closeSync(this.#descriptor)
  }

  *#read(): Generator<string> {
    const chunk = Buffer.allocUnsafe(chunkBytes)
    for (;;) {
      const bytes = readSync(this.#descriptor, chunk, 0, chunkBytes, this.#position)
      if (bytes === 0) return
      this.#position += bytes
      const text = Buffer.concat([this.#rest, chunk.subarray(0, bytes)])
      let start = 0
      for (let end = text.indexOf(10); end >= 0; end = text.indexOf(10, start)) {
        yield text.toString('utf8', start, end)
        start = end + 1
      }
      this.#rest = Buffer.from(text.subarray(start))
    }
  }

  #wasTurned(): boolean {
    const now = statSync(this.#path, { throwIfNoEntry: false })
    return now !== undefined && now.ino !== fstatSync(this.#descriptor).ino
  }
}

function open(path: string): number {
  try {
    return openSync(path, 'r')
  } catch (error) {
    throw new EhubError('file-not-found', `there is no log at "${path}"`, { cause: error })
  }
}
