// A link on which a client publishes. Credit is granted at once and topped up when half of it is used, as long as the broker
// has room; when it has not, the connection is not read either, so that what the client has credit for does not pile up.

import { EhubError, type EhubErrorCode, isEhubError } from '../../../base/error.ts'
import { IncomingPayload } from '../../../wire/amqp/batch-payload.ts'
import type { Attach, Flow } from '../../../wire/amqp/performatives.ts'
import type { TransferFields } from '../../../wire/amqp/transfer.ts'
import type { Publication, Publisher } from '../../broker/broker-api.ts'
import { type Delivery, Inlet, type InletOwner } from './inlet.ts'
import type { Link } from './link.ts'
import { messageTooLargeText, type Place, type Refusal } from './refusals.ts'
import type { LinkHost } from './hosts.ts'

/** Errors that mean the link has lost its ground, not that one delivery is wrong. */
const fatalCodes: ReadonlySet<EhubErrorCode> = new Set([
  'unauthorized',
  'hub-not-found',
  'shutting-down',
  'token-expired',
])

type Reusable<T> = { -readonly [K in keyof T]: T[K] }

export interface IngressInput {
  readonly publisher: Publisher
  /** What we announced. */
  readonly messageBytesMax: number
  readonly place: Place
}

export class IngressLink implements Link, InletOwner {
  readonly handle: number
  readonly #session: LinkHost
  readonly #publisher: Publisher
  readonly #messageBytesMax: number
  readonly #place: Place
  readonly #inlet: Inlet
  readonly #payload = new IncomingPayload()
  // What is handed to the broker; one object for all, valid only during `publish`.
  readonly #publication: Reusable<Publication> = { payload: Buffer.alloc(0), count: 0, partitionKey: null }
  #isStalled = false
  #isDisposed = false
  readonly #onWritable = (): void => this.#unstall()

  constructor(session: LinkHost, attach: Attach, { publisher, messageBytesMax, place }: IngressInput) {
    const { context } = session.connection
    this.handle = attach.handle
    this.#session = session
    this.#publisher = publisher
    this.#messageBytesMax = messageBytesMax
    this.#place = place
    const keptBytesMax = messageBytesMax + context.limits.publicationMarginBytes
    const isPresettled = attach.sndSettleMode === 1
    this.#inlet = new Inlet(this, attach.initialDeliveryCount ?? 0, keptBytesMax, isPresettled, context.gatherPool)
    publisher.onDetached((reason) => session.connection.guarded(() => session.detachFor(this, reason, place)))
    session.linkDue(this)
  }

  get deliveryCount(): number {
    return this.#inlet.deliveryCount
  }

  transfer(transfer: TransferFields, buffer: Buffer, end: number): void {
    this.#inlet.transfer(transfer, buffer, end)
    if (this.#inlet.credit <= this.#session.connection.context.limits.senderCredit / 2) this.#session.linkDue(this)
  }

  deliver(delivery: Delivery): void {
    try {
      this.#publish(delivery)
    } catch (error) {
      if (!isEhubError(error)) throw error
      // Nobody would hear of a settled delivery that is refused.
      if (delivery.isSettled || fatalCodes.has(error.code)) return this.#session.detachFor(this, error, this.#place)
      this.#session.settlement.decided(delivery.id, error)
    }
  }

  refuse(refusal: Refusal): void {
    this.#session.detach(this, refusal)
  }

  flow(flow: Flow): void {
    // The sender may have given credit up (AMQP 1.0 §2.6.7).
    if (flow.deliveryCount !== null) {
      const skipped = (flow.deliveryCount - this.#inlet.deliveryCount) | 0
      if (skipped > 0) {
        this.#inlet.deliveryCount = flow.deliveryCount
        this.#inlet.credit = Math.max(0, this.#inlet.credit - skipped)
      }
    }
    if (flow.echo || this.#inlet.credit === 0) this.#session.linkDue(this)
  }

  resume(): void {}

  writeDue(): void {
    const { limits } = this.#session.connection.context
    if (!this.#isStalled) this.#inlet.credit = limits.senderCredit
    this.#session.writeLinkFlow(this.handle, this.#inlet.deliveryCount, this.#inlet.credit, false)
  }

  dispose(): void {
    this.#isDisposed = true
    this.#session.connection.stall(this, false)
    this.#inlet.drop()
    this.#publisher.close()
  }

  #publish(delivery: Delivery): void {
    if (delivery.size > this.#messageBytesMax) {
      throw new EhubError('event-too-large', messageTooLargeText(delivery.id, delivery.size, this.#messageBytesMax))
    }
    const payload = this.#payload
    payload.read(delivery.messageFormat, delivery.buffer, delivery.start, delivery.end)
    // A batch without events has nothing to store.
    if (payload.count === 0) {
      if (!delivery.isSettled) this.#session.settlement.decided(delivery.id, 'stored')
      return
    }
    const publication = this.#publication
    publication.payload = payload.buffer.subarray(payload.start, payload.end)
    publication.count = payload.count
    publication.partitionKey = payload.partitionKey
    const { group } = this.#publisher.publish(publication)
    if (!delivery.isSettled) this.#session.settlement.published(delivery.id, group)
    if (!this.#isStalled && !this.#publisher.isWritable) this.#stall()
  }

  #stall(): void {
    this.#isStalled = true
    this.#session.connection.stall(this, true)
    this.#publisher.whenWritable(this.#onWritable)
  }

  #unstall(): void {
    if (this.#isDisposed) return
    this.#isStalled = false
    const { connection } = this.#session
    connection.stall(this, false)
    if (this.#inlet.credit <= connection.context.limits.senderCredit / 2) this.#session.linkDue(this)
    connection.wake()
  }
}
