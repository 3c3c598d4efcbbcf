// The turns of one connection. Whatever happened (a read, a word of the broker, a timer, a socket that takes bytes again), a
// turn follows soon, one for all that comes together: due dispositions and flows are written, links that may have events
// encode them, and everything leaves in one write. Then it is decided whether the peer is read on.

import type { ServerContext } from './context.ts'
import { type Feeder, Feeders } from './feeders.ts'
import type { Output } from './output.ts'

export interface TurnHost {
  /** Frames of links may be sent. */
  isOpened(): boolean
  /** What the peer sends has no room at present, by the connection's own account. */
  isFull(): boolean
  /** Reading starts or stops. @param isOurs We have no room; false: the peer does not take what we send. */
  pause(isPaused: boolean, isOurs: boolean): void
  fail(error: unknown): void
}

export class Turns {
  readonly #context: ServerContext
  readonly #output: Output
  readonly #host: TurnHost
  readonly #due = new Set<{ writeDue(): void }>()
  readonly #feeders = new Feeders()
  readonly #stalled = new Set<object>()
  #isAwake = false
  #isPaused = false
  // Ticks that a microtask asks for come after all microtasks: what settles together leaves in one write, and so do a flow
  // and the outcomes of what an engine stores at once.
  readonly #onWoken = (): void => process.nextTick(this.#onTick)
  readonly #onTick = (): void => {
    this.#isAwake = false
    this.run()
  }

  constructor(context: ServerContext, output: Output, host: TurnHost) {
    this.#context = context
    this.#output = output
    this.#host = host
  }

  /** A turn soon, once however often this is called. */
  wake(): void {
    if (this.#isAwake || !this.#host.isOpened()) return
    this.#isAwake = true
    queueMicrotask(this.#onWoken)
  }

  due(writer: { writeDue(): void }): void {
    this.#due.add(writer)
  }

  feed(link: Feeder): void {
    this.#feeders.add(link)
  }

  stall(who: object, isStalled: boolean): void {
    if (isStalled) this.#stalled.add(who)
    else this.#stalled.delete(who)
  }

  /** The transport has sent everything. */
  written(): void {
    this.#output.released()
    if (!this.#feeders.isEmpty || this.#isPaused) this.run()
  }

  run(): void {
    if (!this.#host.isOpened()) return
    const { clock, limits } = this.#context
    try {
      for (const writer of this.#due) writer.writeDue()
      this.#due.clear()
      if (!this.#feeders.run(this.#output, limits.turnBytes, limits.burstBytes)) clock.schedule(0, () => this.wake())
      this.#output.flush()
      this.#output.rest()
      this.#balance()
    } catch (error) {
      this.#host.fail(error)
    }
  }

  /** Nobody has anything to say any more. What was written before still leaves. */
  clear(): void {
    this.#due.clear()
    this.#feeders.clear()
    this.#stalled.clear()
  }

  /** Reads from the peer only while there is room for what it sends. */
  #balance(): void {
    const { pendingOutputBytesMax } = this.#context.limits
    const isOurs = this.#stalled.size > 0 || this.#host.isFull()
    const isPaused = isOurs || this.#output.pendingBytes > pendingOutputBytesMax
    if (isPaused === this.#isPaused) return
    this.#isPaused = isPaused
    this.#host.pause(isPaused, isOurs)
  }
}
