// One AMQP connection: the sessions on its channels, its turns, its end. The way to `open` is `handshake.ts`.
//
// Work is done in turns: a read callback, or a wake-up by the broker, a timer or the socket. A turn ends with the broker
// flushed, due dispositions and flows written, events encoded for the links that may have some, and one write.
//
// Whatever goes wrong ends this connection and no other; only a failed assertion goes on to the owner of the process.

import { AssertionFailure, assert } from '../../../base/assert.ts'
import { EhubError, isEhubError } from '../../../base/error.ts'
import type { Log } from '../../../base/log.ts'
import { FrameReader, frameBytesMin, frameTypes, writeFrame, writeHeartbeat } from '../../../wire/amqp/frame.ts'
import { conditions } from '../../../wire/amqp/names.ts'
import { decodePerformative, type PerformativeInput } from '../../../wire/amqp/performatives.ts'
import { isTransfer, TransferFields } from '../../../wire/amqp/transfer.ts'
import type { Caller, TokenCaller } from '../../broker/broker-api.ts'
import { namespaceOfHost } from './addresses.ts'
import { ConnectionTimers } from './connection-timers.ts'
import type { ServerContext } from './context.ts'
import { type Feeder, Feeders } from './feeders.ts'
import type { ConnectionHost } from './hosts.ts'
import { Handshake, type HandshakeStep } from './handshake.ts'
import { Output } from './output.ts'
import { framingError, ProtocolViolation } from './protocol-violation.ts'
import { type Refusal, Refusals } from './refusals.ts'
import { Session } from './session.ts'
import type { Transport, TransportEvents } from './transport.ts'

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
  /** The peer's container id. */
  peerName = ''
  log: Log
  readonly #transport: Transport
  readonly #owner: ConnectionOwner
  readonly #containerId: string
  readonly #reader: FrameReader
  readonly #transfer = new TransferFields()
  readonly #timers: ConnectionTimers
  readonly #handshake: Handshake
  readonly #feeders = new Feeders()
  readonly #sessions = new Map<number, Session>()
  readonly #due = new Set<{ writeDue(): void }>()
  readonly #stalled = new Set<object>()
  #phase: 'handshake' | 'opened' | 'closing' | 'closed' = 'handshake'
  #caller: Caller | null = null
  #tokenCaller: TokenCaller | null = null
  #linkCount = 0
  #isPaused = false
  #isAwake = false
  #isDraining = false
  readonly #onWake = (): void => {
    this.#isAwake = false
    this.#turn()
  }

  constructor(context: ServerContext, transport: Transport, owner: ConnectionOwner) {
    this.context = context
    this.remoteAddress = transport.remoteAddress
    this.log = context.log.with({ remote: transport.remoteAddress })
    this.#transport = transport
    this.#owner = owner
    this.#containerId = context.random.bytes(16).toString('hex')
    this.#reader = new FrameReader(context.limits.frameBytesMax)
    this.output = new Output(transport, context.pool)
    this.refusals = new Refusals(context.clock, context.random, this.#containerId, (hub) => this.#partitionCountOf(hub))
    this.#handshake = new Handshake(context, this.output)
    this.#timers = new ConnectionTimers(context.clock, context.limits, {
      tooSlow: (what) => {
        this.log.info('connection dropped', { reason: `the peer did not ${what} in time` })
        this.#transport.destroy()
      },
      heartbeatDue: () => this.guarded(() => this.#heartbeat()),
      linksDue: () => this.guarded(() => this.#detachIdleLinks()),
      idle: () => this.guarded(() => this.#closeIdle()),
      unused: (ms) => this.guarded(() => this.#closeUnused(ms)),
      closeOverdue: () => this.#transport.destroy(),
    })
  }

  start(): void {
    this.#transport.start(this)
  }

  /** Who the peer is. Only once opened. */
  get caller(): Caller {
    assert(this.#caller !== null, 'links are attached after open')
    return this.#caller
  }

  /** Null when the peer authenticated with PLAIN, whose rights need no tokens. */
  get tokenCaller(): TokenCaller | null {
    return this.#tokenCaller
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
    } catch (error) {
      this.#fail(error)
      return
    }
    this.#turn()
  }

  written(): void {
    this.output.released()
    if (!this.#feeders.isEmpty || this.#isPaused) this.#turn()
  }

  closed(error: Error | null): void {
    if (this.#phase === 'closed') return
    this.#phase = 'closed'
    this.#timers.stop()
    this.log.debug('connection closed', error === null ? {} : { reason: error.message })
    this.#guard(() => {
      for (const session of this.#sessions.values()) session.dispose()
      this.#caller?.close()
      if (this.#caller === null) this.#handshake.dispose()
    })
    this.#sessions.clear()
    this.#due.clear()
    this.#stalled.clear()
    this.#feeders.clear()
    this.output.released()
    this.#owner.closed(this)
  }

  // ---------------------------------------------------------------- what sessions and links ask for

  /** Encodes a frame; it leaves at the end of the turn. */
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

  /** A turn soon, once however often this is called. For callbacks of the broker, in which nothing is worked off. */
  wake(): void {
    if (this.#isAwake || this.#phase !== 'opened') return
    this.#isAwake = true
    // After the promises that settle together: their outcomes leave in one write.
    process.nextTick(this.#onWake)
  }

  /** The session has dispositions or flows to write at the end of the turn. */
  due(session: { writeDue(): void }): void {
    this.#due.add(session)
  }

  /** The link may have something to send, in this turn or when the peer reads again. Not while it is waiting already. */
  feed(link: Feeder): void {
    this.#feeders.add(link)
  }

  /** Nothing is read from the peer while anybody is stalled: what comes next has no room. */
  stall(who: object, isStalled: boolean): void {
    if (isStalled) this.#stalled.add(who)
    else this.#stalled.delete(who)
  }

  linkOpened(): void {
    this.#linkCount += 1
    this.#timers.used()
  }

  linkClosed(): void {
    this.#linkCount -= 1
    if (this.#linkCount === 0 && this.#phase === 'opened') this.#timers.unused()
  }

  /** Runs what the broker or a timer started, then a turn soon; an error ends this connection. */
  guarded(run: () => void): void {
    if (this.#isEnding()) return
    this.#guard(run)
    this.wake()
  }

  // ---------------------------------------------------------------- ending

  /** Reads nothing more, so that what was taken in can be answered. */
  drain(): void {
    this.#isDraining = true
    if (this.#phase === 'opened') this.#turn()
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
  }

  #guard(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
  }

  #fail(error: unknown): void {
    try {
      this.#closeFor(error)
    } catch (failure) {
      this.#reportInternal(failure)
      this.#transport.destroy()
    }
  }

  #closeFor(error: unknown): void {
    if (error instanceof AssertionFailure) {
      this.#reportInternal(error)
      this.#transport.destroy()
    } else if (error instanceof ProtocolViolation) {
      this.log.warn('peer broke the protocol', { condition: error.condition, reason: error.message })
      this.close({ condition: error.condition, description: `${error.message}. ${this.refusals.gateway()}` })
    } else if (!isEhubError(error)) {
      this.#reportInternal(error)
      this.close(this.refusals.of(new EhubError('internal-error', 'internal error')))
    } else if (this.#phase === 'handshake' && this.#handshake.isBeforeHeader) {
      this.#handshakeStep(this.#handshake.refuseHeader('no AMQP header'))
    } else {
      this.log.warn('connection refused', { code: error.code, reason: error.message })
      this.close(this.refusals.of(error))
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

  #reportInternal(error: unknown): void {
    this.log.error('connection failed by an error of ours', {
      stack: error instanceof Error ? error.stack : String(error),
    })
    if (error instanceof AssertionFailure) this.context.onBug(error)
  }

  // ---------------------------------------------------------------- a turn

  #turn(): void {
    if (this.#phase === 'handshake') this.output.flush()
    if (this.#phase !== 'opened') return
    try {
      this.context.broker.flush()
      for (const session of this.#due) session.writeDue()
      this.#due.clear()
      const { turnBytes, burstBytes } = this.context.limits
      if (!this.#feeders.run(this.output, turnBytes, burstBytes)) this.context.clock.schedule(0, () => this.wake())
      this.output.flush()
      this.output.rest()
      this.#balance()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Reads from the peer only while there is room for what it sends. */
  #balance(): void {
    const { pendingOutputBytesMax, unsettledMax } = this.context.limits
    let isFull = this.#isDraining || this.#stalled.size > 0 || this.output.pendingBytes > pendingOutputBytesMax
    for (const session of this.#sessions.values()) isFull ||= session.unsettledCount > unsettledMax
    if (isFull === this.#isPaused) return
    this.#isPaused = isFull
    if (isFull) return this.#transport.pause()
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
        this.#open(step)
    }
  }

  #open({ open, caller, host }: Extract<HandshakeStep, { kind: 'open' }>): void {
    const { limits, broker } = this.context
    this.#phase = 'opened'
    this.frameBytesMax = Math.max(frameBytesMin, Math.min(open.maxFrameSize, limits.sentFrameBytesMax))
    this.peerName = open.containerId
    this.log = this.log.with({ container: open.containerId })
    this.send(0, {
      kind: 'open',
      containerId: `${this.#containerId}_G1`,
      maxFrameSize: limits.frameBytesMax,
      channelMax: limits.channelMax,
      idleTimeOut: limits.idleTimeoutMs,
    })
    this.#caller = caller ?? (this.#tokenCaller = broker.anonymousCaller(namespaceOfHost(host)))
    this.refusals.namespace = this.#caller.namespace
    this.refusals.host = host?.replace(/:\d+$/, '') || this.#caller.namespace
    if (open.maxFrameSize < frameBytesMin) {
      throw new ProtocolViolation('connection', conditions.invalidField, `max-frame-size is at least ${frameBytesMin}`)
    }
    const { idleTimeOut } = open
    if (idleTimeOut !== null && idleTimeOut > 0 && idleTimeOut < limits.peerIdleTimeoutMsMin) {
      const text = `idle-time-out of ${idleTimeOut} ms is below the ${limits.peerIdleTimeoutMsMin} ms we keep up with`
      throw new ProtocolViolation('connection', conditions.notAllowed, text)
    }
    this.#timers.opened(idleTimeOut)
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

  #closeIdle(): void {
    const ms = 2 * this.context.limits.idleTimeoutMs
    this.#closeForced(`The connection was inactive for more than the allowed ${ms} milliseconds and is closed`)
  }

  #closeUnused(ms: number): void {
    const text = `The connection was inactive for more than the allowed ${ms} milliseconds and is closed`
    this.#closeForced(`${text} by container 'LinkTracker'`)
  }

  #closeForced(text: string): void {
    this.log.info('connection closed for being idle', { reason: text })
    this.close({ condition: conditions.connectionForced, description: `${text}. ${this.refusals.gateway()}` })
  }
}
