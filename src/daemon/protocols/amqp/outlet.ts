// The sending end of a link on which the client receives: its credit, and one delivery at a time put into frames. A delivery
// that fits one frame is written in place by the link itself (`sendSingle`); a larger one goes out piece by piece, as the
// session's window and the peer's reading allow, while other links of the session go on in between.

import { TransferTemplate } from '../../../wire/amqp/transfer.ts'
import type { Flow } from '../../../wire/amqp/performatives.ts'
import type { LinkHost } from './hosts.ts'

// Head of a transfer frame with every field at its longest.
const pieceOverheadBytes = 64

export class Outlet {
  readonly handle: number
  credit = 0
  deliveryCount = 0
  /** The peer wants what there is and the rest of its credit back. */
  isDraining = false
  readonly #session: LinkHost
  readonly #isSettled: boolean
  readonly #template: TransferTemplate
  #message: Buffer | null = null
  #sent = 0
  #deliveryId = 0

  constructor(session: LinkHost, handle: number, isSettled: boolean) {
    this.#session = session
    this.handle = handle
    this.#isSettled = isSettled
    this.#template = new TransferTemplate({ channel: session.channel, handle, messageFormat: 0, isSettled })
  }

  /** A delivery has begun and is not complete. */
  get isSending(): boolean {
    return this.#message !== null
  }

  /** A delivery has begun and the peer takes more of it. */
  get canContinue(): boolean {
    return this.#message !== null && this.#session.remoteIncomingWindow > 0
  }

  /** Whether a new delivery may begin. */
  get isOpen(): boolean {
    return this.credit > 0 && this.#session.remoteIncomingWindow > 0
  }

  /** Takes the peer's word on credit (AMQP 1.0 §2.6.7). */
  flow(flow: Flow): void {
    if (flow.linkCredit !== null) {
      const underWay = (this.deliveryCount - (flow.deliveryCount ?? 0)) | 0
      this.credit = Math.max(0, flow.linkCredit - underWay)
    }
    this.isDraining = flow.drain
  }

  /** Gives the rest of the credit back: everything there was has been sent. */
  drained(): void {
    this.deliveryCount = (this.deliveryCount + this.credit) >>> 0
    this.credit = 0
    this.#session.writeLinkFlow(this.handle, this.deliveryCount, 0, true)
    this.isDraining = false
  }

  /**
   * Puts the frame around a message the caller has written to `output.chunk` at `output.position + transferHeadBytes`.
   * The whole frame fits the peer's max-frame-size.
   */
  sendSingle(end: number): void {
    const { output } = this.#session.connection
    const id = this.#begin()
    output.position = this.#template.frame(output.chunk, output.position, end, id, end - output.position)
    this.#session.transferSent()
  }

  /** Begins a delivery of any size; owns `message` until it is sent. @returns Bytes sent at once. */
  send(message: Buffer): number {
    this.#deliveryId = this.#begin()
    this.#message = message
    this.#sent = 0
    return this.continue()
  }

  /** Sends what may be sent of a delivery that has begun. @returns Bytes sent. */
  continue(): number {
    const { connection, channel } = this.#session
    const pieceBytes = connection.frameBytesMax - pieceOverheadBytes
    const before = this.#sent
    while (this.#message !== null && this.#session.remoteIncomingWindow > 0 && !connection.output.isBlocked) {
      const message = this.#message
      const payload = message.subarray(this.#sent, this.#sent + pieceBytes)
      this.#sent += payload.length
      const more = this.#sent < message.length
      connection.send(channel, {
        kind: 'transfer',
        handle: this.handle,
        deliveryId: this.#deliveryId,
        deliveryTag: tagOf(this.#deliveryId),
        messageFormat: 0,
        settled: this.#isSettled,
        more,
        payload,
      })
      this.#session.transferSent()
      if (!more) this.#message = null
    }
    return this.#sent - before
  }

  #begin(): number {
    this.credit -= 1
    this.deliveryCount = (this.deliveryCount + 1) >>> 0
    return this.#session.takeDeliveryId()
  }
}

/** The delivery-id in four bytes, as `TransferTemplate` writes it. */
function tagOf(deliveryId: number): Buffer {
  const tag = Buffer.allocUnsafe(4)
  tag.writeUInt32BE(deliveryId)
  return tag
}
