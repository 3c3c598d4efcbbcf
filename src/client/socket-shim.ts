// A stream in the shape rhea expects of a socket: already connected, fed frame by frame from the tap, its writes of one turn
// gathered into one.

import type { Duplex } from 'node:stream'
import type { Clock, Timer } from '../base/clock.ts'

type Handler = (argument?: unknown) => void

export class SocketShim {
  readonly #stream: Duplex
  readonly #handlers = new Map<string, Handler>()
  #isCorked = false
  #idle: Timer | null = null
  #isPaused = false
  #hasHeard = false

  constructor(stream: Duplex) {
    this.#stream = stream
    stream.on('data', () => {
      this.#hasHeard = true
    })
    stream.on('error', (error) => this.#handlers.get('error')?.(error))
    // Also after `destroy`: rhea stops its timers on this, which would keep the process alive.
    for (const event of ['end', 'close']) stream.on(event, () => this.#handlers.get('end')?.())
  }

  /** What rhea calls in place of `net.connect`. */
  readonly connect = (_port: number, _host: string, _options: unknown, onConnected: () => void) => {
    queueMicrotask(onConnected)
    return {
      on: (event: string, handler: Handler) => this.#handlers.set(event, handler),
      write: (bytes: Buffer) => this.write(bytes),
      end: () => this.#stream.end(),
      destroy: () => this.destroy(),
      removeAllListeners: () => this.#handlers.clear(),
      setNoDelay: () => undefined,
      get_id_string: () => 'ehub',
    }
  }

  passToRhea(frame: Buffer): void {
    this.#handlers.get('data')?.(frame)
  }

  write(bytes: Buffer): void {
    if (this.#stream.destroyed || this.#stream.writableEnded) return
    if (!this.#isCorked) {
      this.#isCorked = true
      this.#stream.cork()
      process.nextTick(() => {
        this.#isCorked = false
        this.#stream.uncork()
      })
    }
    this.#stream.write(bytes)
  }

  pause(): void {
    this.#isPaused = true
    this.#stream.pause()
  }

  resume(): void {
    this.#isPaused = false
    this.#hasHeard = true
    this.#stream.resume()
  }

  /** Calls `run` when nothing was read for `silenceMs`; while paused, silence is our own doing. */
  watchIdle(clock: Clock, silenceMs: number, run: () => void): void {
    this.#hasHeard = false
    this.#idle = clock.schedule(silenceMs, () => {
      if (this.#hasHeard || this.#isPaused) this.watchIdle(clock, silenceMs, run)
      else run()
    })
  }

  destroy(): void {
    this.#idle?.cancel()
    this.#stream.destroy()
  }
}
