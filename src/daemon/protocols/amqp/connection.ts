// One AMQP connection: the sessions on its channels, its turns, its end. The way to `open` is `handshake.ts`.
//
// Frames are worked off as they are read; what there is to say is said at the end of the turn (`turns.ts`).
//
// Whatever goes wrong ends this connection and no other; only a failed assertion goes on to the owner of the process.

import { AssertionFailure, assert } from '../../../base/assert.ts'
import { isEhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import { FrameReader, frameBytesMin, frameTypes, writeFrame, writeHeartbeat } from '../../../wire/amqp/frame.ts'
import { conditions } from '../../../wire/amqp/names.ts'
import { decodePerformative, type PerformativeInput } from '../../../wire/amqp/performatives.ts'
import { isTransfer, TransferFields } from '../../../wire/amqp/transfer.ts'
import type { TokenCaller } from '../../broker/broker-api.ts'
import { namespaceOfHost } from './addresses.ts'
import { ConnectionTimers } from './connection-timers.ts'
import type { ServerContext } from './context.ts'
import { farewellOf } from './farewell.ts'
import type { Feeder } from './feeders.ts'
import type { ConnectionHost } from './hosts.ts'
import { Handshake, type HandshakeStep, type Opened } from './handshake.ts'
import { Output } from './output.ts'
import { Peer } from './peer.ts'
import { framingError, ProtocolViolation } from './protocol-violation.ts'
import { type Refusal, Refusals } from './refusals.ts'
import { Session } from './session.ts'
import { Turns } from './turns.ts'
import type { Transport, TransportEvents } from './transport.ts'

// The longest a DNS name can be.
const hostLengthMax = 253

export interface ConnectionOwner {
  /** `open` is exchanged. */
  opened(connection: Connection): void
  /** The socket is gone; called once. */
  closed(connection: Connection): void
}

export class Connection implements ConnectionHost, TransportEvents {
  readonly context: ServerContext
  readonly output: Output
  readonly refusals: Refusals
  readonly remoteAddress: string
  /** Largest frame we may send: what the peer announced, within what the output takes at a time. */
  frameBytesMax: number = frameBytesMin
  log: Log
  readonly #transport: Transport
  readonly #owner: ConnectionOwner
  readonly #reader: FrameReader
  readonly #transfer = new TransferFields()
  readonly #timers: ConnectionTimers
  readonly #handshake: Handshake
  readonly #turns: Turns
  readonly #sessions = new Map<number, Session>()
  #phase: 'handshake' | 'opened' | 'closing' | 'closed' = 'handshake'
  #peer: Peer | null = null
  #linkCount = 0
  #isDraining = false

  constructor(context: ServerContext, transport: Transport, owner: ConnectionOwner) {
    this.context = context
    this.remoteAddress = transport.remoteAddress
    this.log = context.log.with({ remote: transport.remoteAddress })
    this.#transport = transport
    this.#owner = owner
    const id = context.random.bytes(16).toString('hex')
    this.#reader = new FrameReader(context.limits.frameBytesMax)
    this.output = new Output(transport, context.pool)
    const { clock, random, broker } = context
    this.refusals = new Refusals(
      ...([clock, random, id] as const),
      (hub) => this.#partitionCountOf(hub),
      (code) => broker.figures.refused(code),
    )
    this.#handshake = new Handshake(context, this.output, `${id}_G1`)
    this.#turns = new Turns(context, this.output, {
      isOpened: () => this.#phase === 'opened',
      isFull: () => this.#isFull(),
      pause: (isPaused, isOurs) => this.#pause(isPaused, isOurs),
      fail: (error) => this.#fail(error),
    })
    this.#timers = new ConnectionTimers(context.clock, context.limits, {
      tooSlow: (what) => {
        this.log.info('connection dropped', { reason: `the peer did not ${what} in time` })
        this.#transport.destroy()
      },
      heartbeatDue: () => this.guarded(() => this.#heartbeat()),
      linksDue: () => this.guarded(() => this.#detachIdleLinks()),
      expired: (reason) => this.guarded(() => this.#expired(reason)),
      closeOverdue: () => this.#transport.destroy(),
    })
  }

  start(): void {
    this.#transport.start(this)
  }

  get peer(): Peer {
    assert(this.#peer !== null, 'links are attached after open')
    return this.#peer
  }

  get linkCount(): number {
    return this.#linkCount
  }

  get sessions(): Iterable<Session> {
    return this.#sessions.values()
  }

  // ---------------------------------------------------------------- what the transport says

  bytes(chunk: Buffer): void {
    if (this.#isEnding()) return
    this.#timers.lastReceivedAt = this.context.clock.monotonicMs()
    const reader = this.#reader
    try {
      reader.feed(chunk)
      while (reader.next()) {
        if (this.#phase === 'opened') this.#frame(reader)
        else this.#handshakeStep(this.#handshake.next(reader))
        if (this.#isEnding()) return
      }
      reader.keepRest()
      this.context.broker.flush()
    } catch (error) {
      return this.#fail(error)
    }
    if (this.#phase === 'handshake') this.output.flush()
    else this.wake()
  }

  written(): void {
    this.#turns.written()
  }

  closed(error: Error | null): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#timers.stop()
    this.log.debug('connection closed', error === null ? {} : { reason: error.message })
    this.#guard(() => this.#release())
    this.output.released()
    this.#owner.closed(this)
  }

  // ---------------------------------------------------------------- what sessions and links ask for

  send(channel: number, performative: PerformativeInput): void {
    const { writer } = this.context
    writer.clear()
    const size = writeFrame(writer, channel, performative)
    if (size > this.frameBytesMax) {
      const text = `a frame of ${size} bytes does not fit the peer's max-frame-size of ${this.frameBytesMax}`
      throw new ProtocolViolation('connection', conditions.frameSizeTooSmall, text)
    }
    this.output.append(writer.taken())
  }

  wake(): void {
    this.#turns.wake()
  }

  due(session: { writeDue(): void }): void {
    this.#turns.due(session)
  }

  feed(link: Feeder): void {
    this.#turns.feed(link)
  }

  stall(who: object, isStalled: boolean): void {
    this.#turns.stall(who, isStalled)
  }

  linkOpened(): void {
    this.#linkCount += 1
    this.#timers.used()
  }

  linkClosed(): void {
    this.#linkCount -= 1
    if (this.#linkCount === 0 && this.#phase === 'opened') this.#timers.unused()
  }

  guarded(run: () => void): void {
    if (this.#isEnding()) return
    this.#guard(run)
    this.wake()
  }

  // ---------------------------------------------------------------- ending

  /** Reads nothing more, so that what was taken in can be answered. */
  drain(): void {
    this.#isDraining = true
    if (this.#phase === 'opened') this.#turns.run()
    else this.#transport.destroy()
  }

  /** Every delivery taken in has its outcome, and the peer has it. */
  get isSettled(): boolean {
    for (const session of this.#sessions.values()) if (session.unsettledCount > 0) return false
    return this.output.pendingBytes === 0
  }

  /** Says why and leaves: `close` with an error, then the end of our direction. */
  close(refusal: Refusal | null): void {
    if (this.#isEnding()) return
    if (this.#phase === 'opened') this.send(0, { kind: 'close', error: refusal })
    this.#leave()
  }

  #isEnding(): boolean {
    return this.#phase === 'closing' || this.#phase === 'closed'
  }

  #leave(): void {
    this.#phase = 'closing'
    this.output.flush()
    this.output.rest()
    // What the peer still sends is read and dropped: unread bytes would make our end a reset, which eats our last words.
    this.#transport.resume()
    this.#transport.end()
    this.#timers.closing()
    this.#release()
  }

  /** Gives up what it holds with the broker, at once: who comes back must not meet its own past. Idempotent. */
  #release(): void {
    for (const session of this.#sessions.values()) session.dispose()
    this.#sessions.clear()
    this.#turns.clear()
    if (this.#peer === null) this.#handshake.dispose()
    else this.#peer.close()
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    if (error instanceof AssertionFailure) this.context.onBug(error)
    if (this.#phase === 'handshake' && this.#handshake.isBeforeHeader && isEhubError(error)) {
      return this.#handshakeStep(this.#handshake.refuseHeader('no AMQP header'))
    }
    try {
      const farewell = farewellOf(error, this.refusals, this.log)
      if (farewell === null) this.#transport.destroy()
      else this.close(farewell)
    } catch (failure) {
      // Not even a goodbye could be said, for example because it does not fit the peer's frames.
      this.log.warn('connection cut', { reason: failure instanceof Error ? failure.message : String(failure) })
      this.#transport.destroy()
    }
  }

  /** For the words of a refusal, which the service gives whatever the claims are for. */
  #partitionCountOf(hub: string): number | null {
    const { broker } = this.context
    try {
      return broker.describeHub(broker.ownerCaller(this.refusals.namespace), hub).partitionCount
    } catch (error) {
      if (!isEhubError(error)) throw error
      return null
    }
  }

  /** What was taken in and not answered exceeds the bounds, or nothing more is to be taken in. */
  #isFull(): boolean {
    const { unsettledMax } = this.context.limits
    let isFull = this.#isDraining
    for (const session of this.#sessions.values()) isFull ||= session.unsettledCount > unsettledMax
    return isFull
  }

  #pause(isPaused: boolean, isOurs: boolean): void {
    // A peer that takes nothing for as long as an idle timeout is as good as gone.
    this.#timers.isPaused = isOurs
    if (isPaused) return this.#transport.pause()
    this.#timers.lastReceivedAt = this.context.clock.monotonicMs()
    this.#transport.resume()
  }

  // ---------------------------------------------------------------- frames in

  #handshakeStep(step: HandshakeStep): void {
    switch (step.kind) {
      case 'more':
        return
      case 'header':
        return this.#timers.headerReceived()
      case 'refused':
        if (step.isAuthentication) this.log.warn('authentication refused', { reason: step.reason })
        else this.log.info('not an AMQP client', { reason: step.reason })
        return this.#leave()
      case 'open':
        this.#open(step.opened)
    }
  }

  #open({ open, caller, host, violation }: Opened): void {
    const { limits, broker } = this.context
    this.#phase = 'opened'
    this.frameBytesMax = Math.max(frameBytesMin, Math.min(open.maxFrameSize, limits.sentFrameBytesMax))
    this.log = this.log.with({ container: open.containerId })
    const anonymous = (): TokenCaller => broker.anonymousCaller(namespaceOfHost(host))
    this.#peer = new Peer(open.containerId, caller, anonymous, limits)
    const { namespace } = this.#peer.caller
    this.refusals.namespace = namespace
    this.refusals.host = host?.slice(0, hostLengthMax).replace(/:\d+$/, '') || namespace
    if (violation !== null) throw violation
    this.#timers.opened(open.idleTimeOut)
    this.#owner.opened(this)
    this.log.debug('connection opened', { host })
  }

  #frame(reader: FrameReader): void {
    const { buffer, bodyStart, bodyEnd, channel } = reader
    if (reader.isProtocolHeader || reader.type !== frameTypes.amqp) throw framingError('an AMQP frame was expected')
    if (isTransfer(buffer, bodyStart, bodyEnd)) {
      this.#transfer.read(buffer, bodyStart, bodyEnd)
      return this.#session(channel).transfer(this.#transfer, buffer, bodyEnd)
    }
    // An empty frame is a heartbeat.
    if (bodyStart === bodyEnd) return
    const performative = decodePerformative(buffer, bodyStart, bodyEnd)
    switch (performative.kind) {
      case 'open':
        throw framingError('the connection is open already')
      case 'begin': {
        const { channelMax } = this.context.limits
        if (channel > channelMax) throw framingError(`channel ${channel} is above the channel-max of ${channelMax}`)
        if (this.#sessions.has(channel)) throw framingError(`channel ${channel} has a session already`)
        this.#checkSessions()
        this.#sessions.set(channel, new Session(this, channel, performative))
        return
      }
      case 'end':
        this.#session(channel).endedByPeer()
        this.#sessions.delete(channel)
        return
      case 'close':
        this.send(0, { kind: 'close', error: null })
        return this.#leave()
      default:
        this.#session(channel).frame(performative)
    }
  }

  #checkSessions(): void {
    const { sessionsMax } = this.peer
    if (this.#sessions.size < sessionsMax) return
    const text = `${sessionsMax} sessions are open, which is the limit before a token is shown`
    throw new ProtocolViolation('connection', conditions.resourceLimitExceeded, text)
  }

  #session(channel: number): Session {
    const session = this.#sessions.get(channel)
    if (session === undefined) throw framingError(`no session on channel ${channel}`)
    return session
  }

  // ---------------------------------------------------------------- timers

  #heartbeat(): void {
    if (this.output.takeHasSent() || this.#phase !== 'opened') return
    const { writer } = this.context
    writer.clear()
    writeHeartbeat(writer)
    this.output.append(writer.taken())
    this.output.flush()
    // The heartbeat itself is no reason to leave out the next one.
    this.output.takeHasSent()
  }

  #detachIdleLinks(): void {
    for (const session of this.#sessions.values()) session.detachIdleLinks()
  }

  #expired(reason: string): void {
    this.log.info('connection closed for being idle', { reason })
    this.close({ condition: conditions.connectionForced, description: `${reason}. ${this.refusals.gateway()}` })
  }
}
