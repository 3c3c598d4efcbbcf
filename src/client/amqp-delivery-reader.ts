// The receiving side of one link, below rhea: counts transfers, joins deliveries, grants credit, settles. One link a
// session, so the session's window and ids are this link's alone. Exact bytes of every message are handed on.
//
//   credit    outstanding = granted - received; the owner grants as its consumer takes
//   window    never the limit: memory is bounded by credit and by pausing the stream (AMQP 1.0 §2.5.6)

import { decodePerformative } from '../wire/amqp/performatives.ts'
import {
  dispositionFrameBytes,
  flowFrameBytesMax,
  TransferFields,
  writeDisposition,
  writeFlow,
} from '../wire/amqp/transfer.ts'
import type { ChannelTap } from './frame-tap.ts'

export interface DeliveryReaderOptions {
  readonly localChannel: number
  readonly localHandle: number
  /** The peer's `next-outgoing-id` of its begin. */
  readonly nextIncomingId: number
  /** The peer's `initial-delivery-count` of its attach. */
  readonly deliveryCount: number
  /** Takes whole frames to the socket. */
  readonly write: (bytes: Buffer) => void
  /** One message's bytes, the consumer's to keep. */
  readonly onMessage: (buffer: Buffer, start: number, end: number) => void
  /** All messages of one read were handed over. */
  readonly onReadEnd: () => void
}

// Transfers we let the peer have under way: as good as no limit, renewed with every flow.
const windowTransfers = 0x7fff_ffff

export class DeliveryReader implements ChannelTap {
  readonly #options: DeliveryReaderOptions
  #nextIncomingId: number
  #deliveryCount: number
  #credit = 0
  /** Frames of a delivery whose last one has not come. */
  #parts: Buffer[] = []
  /** Deliveries the peer did not settle itself, as one range. */
  #unsettledFirst: number | null = null
  #unsettledLast = 0
  #deliveryId = 0
  #isSettled = false
  #isAborted = false
  readonly #transfer = new TransferFields()

  constructor(options: DeliveryReaderOptions) {
    this.#options = options
    this.#nextIncomingId = options.nextIncomingId
    this.#deliveryCount = options.deliveryCount
  }

  /** Messages granted and not received yet. */
  get credit(): number {
    return this.#credit
  }

  addCredit(count: number): void {
    this.#credit += count
    this.#writeFlow()
  }

  onTransfer(buffer: Buffer, start: number, end: number, isShared: boolean): void {
    const transfer = this.#transfer
    transfer.read(buffer, start, end)
    this.#nextIncomingId = (this.#nextIncomingId + 1) >>> 0
    // Continuations need not repeat what the first frame said (AMQP 1.0 §2.7.5).
    if (transfer.deliveryId >= 0) this.#deliveryId = transfer.deliveryId
    if (transfer.settled === 1) this.#isSettled = true
    if (transfer.aborted) this.#isAborted = true
    const isWhole = this.#parts.length === 0 && !transfer.more
    if (isWhole && !isShared) return this.#endDelivery(buffer, transfer.payloadStart, end)
    const payload = buffer.subarray(transfer.payloadStart, end)
    this.#parts.push(isShared ? Buffer.from(payload) : payload)
    if (transfer.more && !transfer.aborted) return
    const message = isWhole ? (this.#parts[0] ?? payload) : Buffer.concat(this.#parts)
    this.#parts = []
    this.#endDelivery(message, 0, message.length)
  }

  onFlow(buffer: Buffer, start: number, end: number): void {
    const flow = decodePerformative(buffer, start, end)
    if (flow.kind === 'flow' && flow.echo) this.#writeFlow()
  }

  onReadEnd(): void {
    this.#settle()
    this.#options.onReadEnd()
  }

  #endDelivery(buffer: Buffer, start: number, end: number): void {
    const isAborted = this.#isAborted
    if (!this.#isSettled && !isAborted) {
      this.#unsettledFirst ??= this.#deliveryId
      this.#unsettledLast = this.#deliveryId
    }
    this.#deliveryCount = (this.#deliveryCount + 1) >>> 0
    this.#credit = Math.max(0, this.#credit - 1)
    this.#isSettled = false
    this.#isAborted = false
    if (!isAborted) this.#options.onMessage(buffer, start, end)
  }

  /** Event Hubs settles what it sends; a generic peer may leave it to us. */
  #settle(): void {
    if (this.#unsettledFirst === null) return
    const frame = Buffer.alloc(dispositionFrameBytes)
    const accepted = 0x24
    writeDisposition(
      frame,
      0,
      this.#options.localChannel,
      'receiver',
      this.#unsettledFirst,
      this.#unsettledLast,
      accepted,
    )
    this.#unsettledFirst = null
    this.#options.write(frame)
  }

  #writeFlow(): void {
    const frame = Buffer.alloc(flowFrameBytesMax)
    const frameEnd = writeFlow(frame, 0, this.#options.localChannel, {
      nextIncomingId: this.#nextIncomingId,
      incomingWindow: windowTransfers,
      nextOutgoingId: 0,
      outgoingWindow: windowTransfers,
      handle: this.#options.localHandle,
      deliveryCount: this.#deliveryCount,
      linkCredit: this.#credit,
      available: -1,
      drain: false,
      echo: false,
    })
    this.#options.write(frame.subarray(0, frameEnd))
  }
}
