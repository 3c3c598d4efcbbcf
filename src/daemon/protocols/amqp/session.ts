// One session: the windows both ways, the links on its handles, and the outcomes of what was sent on them.
//
// A handle has the same number in both directions, as the channel does. A link that we detached stays on its handle, deaf,
// until the peer has detached too; what it still sends there is dropped.

import { assert } from '../../../base/assert.ts'
import type { EhubError } from '../../../base/error.ts'
import { conditions } from '../../../wire/amqp/names.ts'
import type { Attach, Begin, Disposition, Flow, Performative } from '../../../wire/amqp/performatives.ts'
import {
  dispositionFrameBytes,
  flowFrameBytesMax,
  type TransferFields,
  writeDisposition,
  writeFlow,
} from '../../../wire/amqp/transfer.ts'
import { attachLink } from './attach.ts'
import type { ConnectionHost, LinkHost } from './hosts.ts'
import type { Link } from './link.ts'
import { framingError, ProtocolViolation } from './protocol-violation.ts'
import type { Place, Refusal } from './refusals.ts'
import { type Outcome, Settlement } from './settlement.ts'

/** On the handle of a link that we have detached and the peer has not. */
const detached = Symbol('detached')
const acceptedCode = 0x24
// AMQP 1.0 §2.5.6: where our numbering of transfers begins; the service begins at 1.
const initialOutgoingId = 1

export class Session implements LinkHost {
  readonly connection: ConnectionHost
  readonly channel: number
  /** Frames of transfers the peer takes at present. */
  remoteIncomingWindow: number
  readonly #handleMax: number
  readonly #links: (Link | typeof detached | undefined)[] = []
  readonly #dueLinks = new Set<Link>()
  readonly #settlement: Settlement
  /** Where each link's count stood when it last moved, as far as was looked. */
  readonly #activity = new WeakMap<Link, { readonly deliveryCount: number; readonly since: number }>()
  #nextIncomingId: number
  #incomingWindow: number
  #nextOutgoingId = initialOutgoingId
  #nextDeliveryId = 0
  #isEnded = false
  readonly #writeOutcome = (first: number, last: number, outcome: Outcome): void => {
    this.#disposition(first, last, outcome)
  }

  constructor(connection: ConnectionHost, channel: number, begin: Begin) {
    const { limits } = connection.context
    this.connection = connection
    this.channel = channel
    this.#nextIncomingId = begin.nextOutgoingId
    this.#incomingWindow = limits.incomingWindow
    this.#handleMax = limits.handleMax
    this.remoteIncomingWindow = begin.incomingWindow
    this.#settlement = new Settlement(() => {
      connection.due(this)
      connection.wake()
    })
    connection.send(channel, {
      kind: 'begin',
      remoteChannel: channel,
      nextOutgoingId: initialOutgoingId,
      incomingWindow: limits.incomingWindow,
      outgoingWindow: limits.outgoingWindow,
      handleMax: limits.handleMax,
    })
  }

  /** Runs of deliveries without an outcome. */
  get unsettledCount(): number {
    return this.#settlement.length
  }

  get settlement(): Settlement {
    return this.#settlement
  }

  get links(): readonly Link[] {
    return this.#links.filter((link): link is Link => link !== undefined && link !== detached)
  }

  // ---------------------------------------------------------------- frames in

  /** A transfer frame. What breaks the session's rules ends the session. */
  transfer(transfer: TransferFields, buffer: Buffer, end: number): void {
    if (this.#isEnded) return
    try {
      if (this.#incomingWindow <= 0) {
        throw new ProtocolViolation('session', conditions.windowViolation, 'a transfer exceeds the incoming window')
      }
      this.#incomingWindow -= 1
      this.#nextIncomingId = (this.#nextIncomingId + 1) >>> 0
      if (this.#incomingWindow <= this.connection.context.limits.incomingWindow / 2) this.connection.due(this)
      const link = this.#links[transfer.handle]
      if (link === undefined) throw unattached(transfer.handle)
      if (link !== detached) link.transfer(transfer, buffer, end)
    } catch (error) {
      this.#endFor(error)
    }
  }

  /** Any other frame of the session but `begin` and `end`. */
  frame(performative: Performative): void {
    if (this.#isEnded) return
    try {
      switch (performative.kind) {
        case 'attach':
          return this.#attach(performative)
        case 'flow':
          return this.#flow(performative)
        case 'disposition':
          return this.#dispositionReceived(performative)
        case 'detach':
          return this.#detachedByPeer(performative.handle)
        default:
          throw framingError(`${performative.kind} is not expected in a session`)
      }
    } catch (error) {
      this.#endFor(error)
    }
  }

  endedByPeer(): void {
    if (!this.#isEnded) this.connection.send(this.channel, { kind: 'end', error: null })
    this.dispose()
  }

  #endFor(error: unknown): void {
    if (!(error instanceof ProtocolViolation) || error.scope !== 'session') throw error
    const { connection, channel } = this
    connection.log.warn('session ended', { channel, condition: error.condition, reason: error.message })
    const description = `${error.message}. ${connection.refusals.gateway()}`
    connection.send(channel, { kind: 'end', error: { condition: error.condition, description } })
    this.dispose()
  }

  #attach(attach: Attach): void {
    const { handle } = attach
    if (handle > this.#handleMax) throw framingError(`handle ${handle} is above the handle-max of ${this.#handleMax}`)
    if (this.#links[handle] !== undefined) {
      throw new ProtocolViolation('session', conditions.handleInUse, `handle ${handle} has a link already`)
    }
    // Before the link exists: its own frames have to follow the attach it sends.
    this.#links[handle] = detached
    this.connection.linkOpened()
    const link = attachLink(this, attach)
    if (link === null) this.connection.linkClosed()
    else this.#links[handle] = link
    if (link !== null) link.resume()
  }

  #flow(flow: Flow): void {
    this.#nextIncomingId = flow.nextOutgoingId
    // Absent until the peer has seen our begin (AMQP 1.0 §2.7.4).
    const from = flow.nextIncomingId ?? initialOutgoingId
    const underWay = (this.#nextOutgoingId - from) | 0
    // A window may be as wide as the numbers, so only the difference of two positions is taken modulo 2^32.
    this.remoteIncomingWindow = Math.max(0, flow.incomingWindow - underWay)
    if (flow.handle !== null) {
      const link = this.#links[flow.handle]
      if (link === undefined) throw unattached(flow.handle)
      if (link !== detached) link.flow(flow)
    } else if (flow.echo) {
      this.#writeFlow(-1, 0, 0, false)
    }
    for (const link of this.#links) if (link !== undefined && link !== detached) link.resume()
  }

  /**
   * The peer's word on our deliveries: they are settled when sent, but for replies a client wanted unsettled. Those are
   * settled when it asks for that; our deliveries of a disposition by the sender were settled by us first.
   */
  #dispositionReceived(disposition: Disposition): void {
    if (disposition.role !== 'receiver' || disposition.settled) return
    const { first, last, state } = disposition
    this.connection.send(this.channel, { kind: 'disposition', role: 'sender', first, last, settled: true, state })
  }

  #detachedByPeer(handle: number): void {
    const link = this.#links[handle]
    if (link === undefined) throw unattached(handle)
    this.#links[handle] = undefined
    if (link === detached) return
    this.#close(link)
    // Some clients take no detach that is not closing.
    this.connection.send(this.channel, { kind: 'detach', handle, closed: true })
  }

  // ---------------------------------------------------------------- what links ask for

  /** Detaches with an error; the link is disposed of. */
  detach(link: Link, refusal: Refusal): void {
    if (this.#links[link.handle] !== link) return
    this.#links[link.handle] = detached
    this.#close(link)
    this.connection.send(this.channel, { kind: 'detach', handle: link.handle, closed: true, error: refusal })
    this.connection.wake()
  }

  /** The same for an error of the broker. */
  detachFor(link: Link, error: EhubError, place: Place): void {
    this.connection.log.info('link detached', { code: error.code, reason: error.message, ...place })
    this.detach(link, this.connection.refusals.of(error, place, 'link'))
  }

  /** Has `link.writeDue` called at the end of the turn. */
  linkDue(link: Link): void {
    this.#dueLinks.add(link)
    this.connection.due(this)
  }

  /** Delivery-ids of a session rise by one and wrap at 2^32. */
  takeDeliveryId(): number {
    const id = this.#nextDeliveryId
    this.#nextDeliveryId = (id + 1) >>> 0
    return id
  }

  /** A transfer frame of ours was written. */
  transferSent(): void {
    assert(this.remoteIncomingWindow > 0, 'no transfer is sent beyond the peer window')
    this.remoteIncomingWindow -= 1
    this.#nextOutgoingId = (this.#nextOutgoingId + 1) >>> 0
  }

  writeLinkFlow(handle: number, deliveryCount: number, linkCredit: number, drain: boolean): void {
    this.#writeFlow(handle, deliveryCount, linkCredit, drain)
  }

  // ---------------------------------------------------------------- end of a turn

  /** Dispositions, flows of links, and the window when it is half used. */
  writeDue(): void {
    if (this.#isEnded) return
    this.#settlement.write(this.#writeOutcome)
    // A link may have been detached after it asked.
    for (const link of this.#dueLinks) if (this.#links[link.handle] === link) link.writeDue()
    this.#dueLinks.clear()
    const { incomingWindow } = this.connection.context.limits
    if (this.#incomingWindow <= incomingWindow / 2) this.#writeFlow(-1, 0, 0, false)
  }

  detachIdleLinks(): void {
    const { limits, clock } = this.connection.context
    if (limits.linkIdleMs === null) return
    const now = clock.monotonicMs()
    for (const link of this.links) {
      const seen = this.#activity.get(link)
      if (seen === undefined || seen.deliveryCount !== link.deliveryCount) {
        this.#activity.set(link, { deliveryCount: link.deliveryCount, since: now })
        continue
      }
      if (now - seen.since < limits.linkIdleMs) continue
      const seconds = Math.round(limits.linkIdleMs / 1000)
      const text = `The link is force detached by the broker. IdleTimerExpired: Idle timeout: ${seconds} s.`
      const description = `${text} ${this.connection.refusals.gateway()}`
      this.detach(link, { condition: conditions.detachForced, description })
    }
  }

  /** Gives everything up; writes nothing. Idempotent. */
  dispose(): void {
    this.#isEnded = true
    for (const [handle, link] of this.#links.entries()) {
      this.#links[handle] = undefined
      if (link !== undefined && link !== detached) this.#close(link)
    }
    this.#settlement.clear()
  }

  #close(link: Link): void {
    this.#dueLinks.delete(link)
    this.connection.linkClosed()
    link.dispose()
  }

  #disposition(first: number, last: number, outcome: Outcome): void {
    const { output } = this.connection
    if (outcome === 'stored') {
      output.reserve(dispositionFrameBytes)
      const { chunk, position } = output
      output.position = writeDisposition(chunk, position, this.channel, 'receiver', first, last, acceptedCode)
      return
    }
    const error = this.connection.refusals.of(outcome)
    const state = { kind: 'rejected', error } as const
    this.connection.send(this.channel, { kind: 'disposition', role: 'receiver', first, last, settled: true, state })
  }

  /** @param handle -1 for the session alone. The window is whole again with every flow. */
  #writeFlow(handle: number, deliveryCount: number, linkCredit: number, drain: boolean): void {
    const { output, context } = this.connection
    this.#incomingWindow = context.limits.incomingWindow
    output.reserve(flowFrameBytesMax)
    output.position = writeFlow(output.chunk, output.position, this.channel, {
      nextIncomingId: this.#nextIncomingId,
      incomingWindow: this.#incomingWindow,
      nextOutgoingId: this.#nextOutgoingId,
      outgoingWindow: context.limits.outgoingWindow,
      handle,
      deliveryCount,
      linkCredit,
      available: -1,
      drain,
      echo: false,
    })
  }
}

function unattached(handle: number): ProtocolViolation {
  return new ProtocolViolation('session', conditions.unattachedHandle, `no link on handle ${handle}`)
}
