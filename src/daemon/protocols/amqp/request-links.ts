// Links to the two nodes that answer requests, `$cbs` and `$management`: one on which requests come, one on which replies go.
// A reply finds its way by what clients do have in common: the reply link is of the same node, on the same session or at
// least connection; with several, the request's reply-to is the target address or the name of the right one. Python's
// requests name no reply-to at all.
//
// Replies wait for the client's credit (Java grants exactly one per request), at most a bounded number a link.

import { EhubError, isEhubError } from '../../../base/error.ts'
import { type AmqpMessage, decodeMessage } from '../../../wire/amqp/message.ts'
import { conditions } from '../../../wire/amqp/names.ts'
import type { Attach, Flow } from '../../../wire/amqp/performatives.ts'
import type { TransferFields } from '../../../wire/amqp/transfer.ts'
import type { Address } from './addresses.ts'
import { cbsNode } from './cbs.ts'
import type { Feeder } from './feeders.ts'
import type { LinkHost } from './hosts.ts'
import { type Delivery, Inlet, type InletOwner } from './inlet.ts'
import type { Link } from './link.ts'
import { managementNode } from './management.ts'
import { Outlet } from './outlet.ts'
import type { Refusal } from './refusals.ts'
import { replyTo, type RequestNode } from './request-node.ts'

/** The node of an address; null for addresses of events. */
export function nodeOf(address: Address): RequestNode | null {
  if (address.kind === 'cbs') return cbsNode
  return address.kind === 'management' ? managementNode(address.hub) : null
}

/** snd-settle-mode of a client that wants replies unsettled. */
const unsettled = 0

export class RequestLink implements Link, InletOwner {
  readonly handle: number
  readonly #session: LinkHost
  readonly #node: RequestNode
  readonly #inlet: Inlet

  constructor(session: LinkHost, attach: Attach, node: RequestNode) {
    const { limits, gatherPool } = session.connection.context
    this.handle = attach.handle
    this.#session = session
    this.#node = node
    const isPresettled = attach.sndSettleMode === 1
    this.#inlet = new Inlet(this, attach.initialDeliveryCount ?? 0, limits.requestBytesMax, isPresettled, gatherPool)
    session.linkDue(this)
  }

  get deliveryCount(): number {
    return this.#inlet.deliveryCount
  }

  transfer(transfer: TransferFields, buffer: Buffer, end: number): void {
    this.#inlet.transfer(transfer, buffer, end)
    const { limits } = this.#session.connection.context
    if (this.#inlet.credit <= limits.requestCredit / 2) this.#session.linkDue(this)
  }

  deliver(delivery: Delivery): void {
    const { settlement } = this.#session
    try {
      if (delivery.size > delivery.end - delivery.start) {
        throw new EhubError('event-too-large', `a request of ${delivery.size} bytes is too large`)
      }
      this.#answer(decodeMessage(delivery.buffer, delivery.start, delivery.end))
      if (!delivery.isSettled) settlement.decided(delivery.id, 'stored')
    } catch (error) {
      if (!isEhubError(error)) throw error
      if (delivery.isSettled) this.#session.detachFor(this, error, {})
      else settlement.decided(delivery.id, error)
    }
  }

  refuse(refusal: Refusal): void {
    this.#session.detach(this, refusal)
  }

  flow(flow: Flow): void {
    if (flow.echo) this.#session.linkDue(this)
  }

  resume(): void {}

  writeDue(): void {
    this.#inlet.credit = this.#session.connection.context.limits.requestCredit
    this.#session.writeLinkFlow(this.handle, this.#inlet.deliveryCount, this.#inlet.credit, false)
  }

  dispose(): void {
    this.#inlet.drop()
  }

  #answer(request: AmqpMessage): void {
    const link = this.#replyLink(request.properties?.replyTo ?? null)
    if (link === null) throw new EhubError('not-allowed', `no link receives the replies of ${this.#node.name}`)
    const reply = replyTo(this.#node, request, this.#session)
    if (reply instanceof Promise) void reply.then((late) => this.#replyLate(link, late))
    else link.reply(reply)
  }

  /** A late reply may find a link that is gone, and has nobody to tell but the request's own link. */
  #replyLate(link: ReplyLink, reply: Buffer): void {
    try {
      if (!link.isDisposed) link.reply(reply)
    } catch (error) {
      if (!isEhubError(error)) throw error
      if (this.#session.links.includes(this)) this.#session.detachFor(this, error, {})
    }
  }

  #replyLink(replyTo: string | null): ReplyLink | null {
    const near = this.#replyLinksOf(this.#session)
    const candidates =
      near.length > 0 ? near : [...this.#session.connection.sessions].flatMap((session) => this.#replyLinksOf(session))
    return (
      candidates.find(({ targetAddress }) => replyTo !== null && targetAddress === replyTo) ??
      candidates.find(({ name }) => replyTo !== null && name === replyTo) ??
      // The newest: what is left of a link its client has forgotten is older.
      candidates.at(-1) ??
      null
    )
  }

  #replyLinksOf(session: LinkHost): ReplyLink[] {
    return session.links.filter(
      (link): link is ReplyLink => link instanceof ReplyLink && link.node.isSameAs(this.#node),
    )
  }
}

export class ReplyLink implements Link, Feeder {
  readonly handle: number
  readonly name: string
  readonly targetAddress: string | null
  readonly node: RequestNode
  readonly #session: LinkHost
  readonly #outlet: Outlet
  readonly #replies: Buffer[] = []
  #isQueued = false
  #isDisposed = false

  constructor(session: LinkHost, attach: Attach, node: RequestNode) {
    this.handle = attach.handle
    this.name = attach.name
    this.targetAddress = attach.target?.address ?? null
    this.node = node
    this.#session = session
    this.#outlet = new Outlet(session, attach.handle, attach.sndSettleMode !== unsettled)
  }

  get deliveryCount(): number {
    return this.#outlet.deliveryCount
  }

  get isDisposed(): boolean {
    return this.#isDisposed
  }

  /** Queues a reply. @throws EhubError `quota-exceeded` when the client takes none of those that wait. */
  reply(message: Buffer): void {
    const { repliesMax } = this.#session.connection.context.limits
    if (this.#replies.length >= repliesMax) {
      throw new EhubError('quota-exceeded', `${repliesMax} replies wait for credit on link '${this.name}'`)
    }
    this.#replies.push(message)
    this.resume()
  }

  transfer(): void {
    const description = 'a transfer came on a link on which the peer receives'
    this.#session.detach(this, { condition: conditions.notAllowed, description })
  }

  flow(flow: Flow): void {
    this.#outlet.flow(flow)
    if (this.#outlet.isDraining && !this.#canSend()) this.#outlet.drained()
    else if (flow.echo) {
      this.#session.writeLinkFlow(this.handle, this.#outlet.deliveryCount, this.#outlet.credit, false)
    }
  }

  resume(): void {
    if (this.#isQueued || this.#isDisposed || !this.#canSend()) return
    this.#isQueued = true
    this.#session.connection.feed(this)
    this.#session.connection.wake()
  }

  writeDue(): void {}

  pump(): number {
    this.#isQueued = false
    if (this.#isDisposed) return 0
    const { output } = this.#session.connection
    let sent = this.#outlet.isSending ? this.#outlet.continue() : 0
    while (!this.#outlet.isSending && this.#outlet.isOpen && !output.isBlocked) {
      const reply = this.#replies.shift()
      if (reply === undefined) break
      sent += this.#outlet.send(reply)
    }
    if (this.#outlet.isDraining && !this.#canSend()) this.#outlet.drained()
    this.resume()
    return sent
  }

  dispose(): void {
    this.#isDisposed = true
    this.#replies.length = 0
  }

  #canSend(): boolean {
    if (this.#outlet.isSending) return this.#outlet.canContinue
    return this.#replies.length > 0 && this.#outlet.isOpen
  }
}
