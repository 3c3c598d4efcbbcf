// The clocks of one connection: deadlines on the way to `open`, heartbeats both ways, and the service's two limits for
// connections that nobody uses. One timer each, moved at most a few times a minute; no timer is touched per frame.

import type { Clock, Timer } from '../../../base/clock.ts'
import type { AmqpLimits } from './limits.ts'

export interface TimerEvents {
  /** The peer did not get to where it had to be. */
  tooSlow(what: string): void
  /** At most half the peer's idle timeout after the last time: send something if nothing was sent since. */
  heartbeatDue(): void
  /** Time to look for links that carried nothing. */
  linksDue(): void
  /** Nobody uses the connection; `reason` is the service's sentence. */
  expired(reason: string): void
  /** The peer had time to leave. */
  closeOverdue(): void
}

export class ConnectionTimers {
  readonly #clock: Clock
  readonly #limits: AmqpLimits
  readonly #events: TimerEvents
  #deadline: Timer | null = null
  #heartbeat: Timer | null = null
  #idle: Timer | null = null
  #unused: Timer | null = null
  #links: Timer | null = null
  readonly #startedAt: number
  /** Monotonic; moved by the connection with every read. */
  lastReceivedAt: number
  /** We do not read: silence is no sign. */
  isPaused = false

  constructor(clock: Clock, limits: AmqpLimits, events: TimerEvents) {
    this.#clock = clock
    this.#limits = limits
    this.#events = events
    this.#startedAt = clock.monotonicMs()
    this.lastReceivedAt = this.#startedAt
    this.#setDeadline(limits.headerMs, 'send its protocol header')
  }

  /** The header came: the rest of the way to `open` counts from the start. */
  headerReceived(): void {
    const elapsed = this.#clock.monotonicMs() - this.#startedAt
    this.#setDeadline(Math.max(0, this.#limits.openMs - elapsed), 'open the connection')
  }

  /** @param peerIdleTimeoutMs As in the peer's `open`; null when it wants no heartbeats. */
  opened(peerIdleTimeoutMs: number | null): void {
    this.#deadline?.cancel()
    this.#deadline = null
    // A frame sent right after one tick is the last before the tick after next: a quarter keeps that below half.
    if (peerIdleTimeoutMs !== null && peerIdleTimeoutMs > 0) this.#beat(peerIdleTimeoutMs / 4)
    this.#watchIdle(2 * this.#limits.idleTimeoutMs)
    this.unused(this.#limits.noLinkMs)
    if (this.#limits.linkIdleMs !== null) this.#watchLinks(this.#limits.linkIdleMs / 4)
  }

  /** The last link went, or none came yet; ends with `used`. */
  unused(limitMs: number | null = this.#limits.linksGoneMs): void {
    this.used()
    if (limitMs === null) return
    const reason = `${inactiveFor(limitMs)} by container 'LinkTracker'`
    this.#unused = this.#clock.schedule(limitMs, () => this.#events.expired(reason))
  }

  used(): void {
    this.#unused?.cancel()
    this.#unused = null
  }

  /** Everything stops but the time the peer has left to go. */
  closing(): void {
    this.stop()
    this.#deadline = this.#clock.schedule(this.#limits.closeMs, () => this.#events.closeOverdue())
  }

  stop(): void {
    for (const timer of [this.#deadline, this.#heartbeat, this.#idle, this.#unused, this.#links]) timer?.cancel()
  }

  #setDeadline(ms: number, what: string): void {
    this.#deadline?.cancel()
    this.#deadline = this.#clock.schedule(ms, () => this.#events.tooSlow(what))
  }

  #beat(everyMs: number): void {
    this.#heartbeat = this.#clock.schedule(everyMs, () => {
      this.#beat(everyMs)
      this.#events.heartbeatDue()
    })
  }

  #watchLinks(everyMs: number): void {
    this.#links = this.#clock.schedule(everyMs, () => {
      this.#watchLinks(everyMs)
      this.#events.linksDue()
    })
  }

  #watchIdle(limitMs: number): void {
    const left = this.lastReceivedAt + limitMs - this.#clock.monotonicMs()
    this.#idle = this.#clock.schedule(Math.max(1, left), () => {
      if (this.isPaused) this.lastReceivedAt = this.#clock.monotonicMs()
      if (this.#clock.monotonicMs() - this.lastReceivedAt >= limitMs) this.#events.expired(inactiveFor(limitMs))
      else this.#watchIdle(limitMs)
    })
  }
}

function inactiveFor(ms: number): string {
  return `The connection was inactive for more than the allowed ${ms} milliseconds and is closed`
}
