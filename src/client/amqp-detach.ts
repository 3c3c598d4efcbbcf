// How a link ends: refused, detached, its session ended, its connection lost. All of them reach the owner once, as one error.

import type { EventContext, Receiver, Sender, Session } from 'rhea'
import { EhubError } from '../base/error.ts'
import { errorOfCondition } from './amqp-conditions.ts'

export interface LosableConnection {
  /** Calls `run` once when the connection is gone; at once when it is already. */
  onLost(run: (error: EhubError) => void): void
}

/** Tells once that a link has ended, whichever way: detached, session ended, connection lost. */
export class DetachNotice {
  readonly address: string
  error: EhubError | null = null
  readonly #link: Sender | Receiver
  readonly #session: Session
  readonly #runs: ((error: EhubError) => void)[] = []
  #isClosed = false

  constructor(
    connection: LosableConnection,
    link: Sender | Receiver,
    kind: 'sender' | 'receiver',
    session: Session,
    address: string,
    first: (error: EhubError) => void,
  ) {
    this.#link = link
    this.#session = session
    this.address = address
    this.#runs.push(first)
    const onEnd = (context: EventContext) => {
      const reason = link.error ?? context.session?.error
      this.#tell(errorOf(reason, address))
    }
    const onDetach = (context: EventContext) => {
      // Before the session: rhea would answer the detach a tick later, behind the session's end, where nobody expects it.
      if (!this.#isClosed && this.error === null) link.close()
      onEnd(context)
    }
    link.on(`${kind}_error`, onDetach)
    link.on(`${kind}_close`, onDetach)
    session.on('session_error', onEnd)
    session.on('session_close', onEnd)
    connection.onLost((error) => this.#tell(error))
  }

  /** Runs at once when the link has ended already; never after `close`. */
  add(run: (error: EhubError) => void): void {
    if (this.error !== null) run(this.error)
    else this.#runs.push(run)
  }

  close(): void {
    if (this.#isClosed || this.error !== null) return
    this.#isClosed = true
    const [first] = this.#runs
    first?.(new EhubError('cancelled', `${this.address} was closed by us`))
    this.#link.close()
    this.#session.close()
  }

  #tell(error: EhubError): void {
    if (this.#isClosed || this.error !== null) return
    this.error = error
    // The session was this link's alone.
    this.#session.close()
    for (const run of this.#runs) run(error)
  }
}

function errorOf(reason: unknown, what: string): EhubError {
  const { condition = null, description = null } = (reason ?? {}) as { condition?: string; description?: string }
  if (condition === null) return new EhubError('connect-failed', `${what}: the peer ended the link without a reason`)
  return errorOfCondition(condition, description, what)
}

/** Why the peer rejected a delivery. */
export function rejection(context: EventContext, what: string): EhubError {
  const state: unknown = context.delivery?.remote_state
  return errorOf((state as { readonly error?: unknown } | undefined)?.error, what)
}

/** What ended a connection, as an error of ours. */
export function faultOf(error: unknown): EhubError {
  if (error instanceof EhubError) return error
  const { condition, description, message } = (error ?? {}) as {
    condition?: string
    description?: string
    message?: string
  }
  if (typeof condition === 'string') return errorOfCondition(condition, description ?? message ?? null, 'connection')
  return new EhubError('connect-failed', `the connection broke: ${message ?? 'no reason given'}`, { cause: error })
}
