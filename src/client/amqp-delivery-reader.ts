// The receiving side of one link, below rhea: counts transfers, joins deliveries, grants credit, settles. One link a
// session, so the session's window and ids are this link's alone. Exact bytes of every message are handed on.
//
//   credit    outstanding = granted - received; the owner grants as its consumer takes
//   window    never the limit: memory is bounded by credit and by pausing the stream (AMQP 1.0 §2.5.6)

import { ByteWriter } from '../base/byte-writer.ts'
import { writeFrame } from '../wire/amqp/frame.ts'
import { decodePerformative } from '../wire/amqp/performatives.ts'
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
  #isAborted = false

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
    const transfer = decodePerformative(buffer, start, end)
    if (transfer.kind !== 'transfer') return
    this.#nextIncomingId = (this.#nextIncomingId + 1) >>> 0
    if (transfer.deliveryId !== null) this.#deliveryId = transfer.deliveryId
    if (transfer.aborted) this.#isAborted = true
    const payloadStart = end - transfer.payload.length
    if (this.#parts.length === 0 && !transfer.more && !isShared) {
      this.#endDelivery(transfer.settled === true)
      if (this.#isAborted) this.#isAborted = false
      else this.#options.onMessage(buffer, payloadStart, end)
      return
    }
    this.#parts.push(isShared ? Buffer.from(transfer.payload) : transfer.payload)
    if (transfer.more) return
    const message = this.#parts.length === 1 ? (this.#parts[0] ?? Buffer.alloc(0)) : Buffer.concat(this.#parts)
    this.#parts = []
    this.#endDelivery(transfer.settled === true)
    if (this.#isAborted) this.#isAborted = false
    else this.#options.onMessage(message, 0, message.length)
  }

  onFlow(buffer: Buffer, start: number, end: number): void {
    const flow = decodePerformative(buffer, start, end)
    if (flow.kind === 'flow' && flow.echo) this.#writeFlow()
  }

  onReadEnd(): void {
    this.#settle()
    this.#options.onReadEnd()
  }

  #endDelivery(isSettled: boolean): void {
    this.#deliveryCount = (this.#deliveryCount + 1) >>> 0
    this.#credit = Math.max(0, this.#credit - 1)
    if (isSettled) return
    this.#unsettledFirst ??= this.#deliveryId
    this.#unsettledLast = this.#deliveryId
  }

  /** Event Hubs settles what it sends; a generic peer may leave it to us. */
  #settle(): void {
    if (this.#unsettledFirst === null) return
    const { localChannel, write } = this.#options
    const writer = new ByteWriter()
    writeFrame(writer, localChannel, {
      kind: 'disposition',
      role: 'receiver',
      first: this.#unsettledFirst,
      last: this.#unsettledLast,
      settled: true,
      state: { kind: 'accepted' },
    })
    this.#unsettledFirst = null
    write(writer.takeCopy())
  }

  #writeFlow(): void {
    const { localChannel, localHandle, write } = this.#options
    const writer = new ByteWriter()
    writeFrame(writer, localChannel, {
      kind: 'flow',
      nextIncomingId: this.#nextIncomingId,
      incomingWindow: windowTransfers,
      nextOutgoingId: 0,
      outgoingWindow: windowTransfers,
      handle: localHandle,
      deliveryCount: this.#deliveryCount,
      linkCredit: this.#credit,
    })
    write(writer.takeCopy())
  }
}
