// One destination of a `send`: a sender link and the batches on their way over it, in order. Several are in flight at once.
// A failure that may pass stops the lane: once all in flight are settled, what failed goes again, in order, over a new link if
// the old one is gone. A batch whose acknowledgement was lost may so be stored twice, never left out.
//
//   push ─► waiting ─► in flight ─► settled
//              ▲           │ failed
//              └───────────┘ after the others in flight have settled

import type { EhubError } from '../base/error.ts'
import type { SenderLink } from '../client/amqp-client.ts'
import { isRetryable, type RetryPolicy } from '../client/retry.ts'
import type { EncodedBatch } from './send-batch.ts'

export interface LaneEvents {
  onAccepted(batch: EncodedBatch): void
  /** The batch was refused for good and is dropped. */
  onRefused(batch: EncodedBatch, error: EhubError): void
  /** The lane cannot go on. */
  onFailed(error: unknown): void
  onRetry(error: EhubError): void
}

// As many as keep a sync commit and a round trip busy; more only costs memory.
const inFlightMax = 4

interface Failed {
  readonly batch: EncodedBatch
  readonly error: EhubError
}

export class SendLane {
  readonly #open: () => Promise<SenderLink>
  readonly #retry: RetryPolicy
  readonly #events: LaneEvents
  #link: SenderLink | null
  #waiting: EncodedBatch[] = []
  readonly #inFlight: EncodedBatch[] = []
  #failed: Failed[] = []
  #isBusy = false
  #isStopped = false

  /** @param link Open already, or null: opened by the first batch. */
  constructor(link: SenderLink | null, open: () => Promise<SenderLink>, retry: RetryPolicy, events: LaneEvents) {
    this.#link = null
    this.#open = open
    this.#retry = retry
    this.#events = events
    if (link !== null) this.#use(link)
  }

  push(batch: EncodedBatch): void {
    this.#waiting.push(batch)
    this.#pump()
  }

  stop(): void {
    this.#isStopped = true
    this.#link?.close()
  }

  #use(link: SenderLink): void {
    this.#link = link
    link.onDetached(() => {
      if (this.#link === link) this.#link = null
    })
  }

  #pump(): void {
    if (this.#isBusy || this.#isStopped || this.#failed.length > 0) return
    const link = this.#link
    if (link === null) {
      if (this.#waiting.length > 0) this.#reopen(null)
      return
    }
    while (this.#inFlight.length < inFlightMax && this.#waiting.length > 0) {
      const batch = this.#waiting.shift()
      if (batch === undefined) return
      this.#inFlight.push(batch)
      link.send(batch.payload, batch.format, (error) => this.#settled(batch, error))
    }
  }

  #settled(batch: EncodedBatch, error: EhubError | null): void {
    this.#inFlight.splice(this.#inFlight.indexOf(batch), 1)
    if (this.#isStopped) return
    if (error === null) {
      this.#retry.succeeded()
      this.#events.onAccepted(batch)
    } else if (isRetryable(error)) {
      this.#failed.push({ batch, error })
    } else {
      this.#events.onRefused(batch, error)
    }
    if (this.#failed.length === 0) return this.#pump()
    if (this.#inFlight.length > 0) return
    const [first] = this.#failed
    const again = this.#failed.map((failed) => failed.batch).sort((a, b) => a.firstNumber - b.firstNumber)
    this.#failed = []
    this.#waiting = [...again, ...this.#waiting]
    this.#reopen(first?.error ?? null)
  }

  /** Waits as the policy says, opens a link where there is none, goes on. */
  #reopen(cause: EhubError | null): void {
    this.#isBusy = true
    this.#recover(cause).then(
      () => {
        this.#isBusy = false
        this.#pump()
      },
      (error: unknown) => {
        if (!this.#isStopped) this.#events.onFailed(error)
      },
    )
  }

  async #recover(cause: EhubError | null): Promise<void> {
    let error: unknown = cause
    for (;;) {
      if (error !== null) {
        if (isRetryable(error)) this.#events.onRetry(error)
        await this.#retry.failed(error)
      }
      if (this.#link !== null || this.#isStopped) return
      try {
        this.#use(await this.#open())
        return
      } catch (thrown) {
        error = thrown
      }
    }
  }
}
