// The receiving end of a link on which the client sends: credit, and deliveries put together from their transfers.
//
// A delivery in one frame is handed over where it lies in the read buffer. One in several frames is gathered in a buffer
// borrowed for it, never larger than the limit: beyond that its bytes are counted and dropped, so that the refusal can name the
// size, and the link is detached when a sender does not stop.

import { conditions } from '../../../wire/amqp/names.ts'
import type { TransferFields } from '../../../wire/amqp/transfer.ts'
import { payloadHeadroomBytes } from '../../../wire/amqp/batch-payload.ts'
import type { GatherPool } from './gather-pool.ts'
import { ProtocolViolation } from './protocol-violation.ts'
import type { Refusal } from './refusals.ts'

/** One delivery; its payload is `buffer[start, end)` and may be overwritten, with `payloadHeadroomBytes` in front. */
export interface Delivery {
  readonly id: number
  readonly isSettled: boolean
  readonly messageFormat: number
  readonly buffer: Buffer
  readonly start: number
  readonly end: number
  /** As sent; more than `end - start` when it was too large to be kept. */
  readonly size: number
}

type Reusable<T> = { -readonly [K in keyof T]: T[K] }

export interface InletOwner {
  deliver(delivery: Delivery): void
  /** The client breaks the rules of the link. */
  refuse(refusal: Refusal): void
}

// An oversized delivery is followed to its end to name its size, but not for ever.
const droppedBytesFactor = 64
// Most deliveries of several frames are complete within this many times their first frame.
const gatherFactor = 4

export class Inlet {
  credit = 0
  deliveryCount = 0
  readonly #owner: InletOwner
  readonly #bytesMax: number
  readonly #isPresettled: boolean
  readonly #pool: GatherPool
  // The current delivery; one object for all, filled anew by each.
  readonly #delivery: Reusable<Delivery> = {
    id: 0,
    isSettled: false,
    messageFormat: 0,
    buffer: Buffer.alloc(0),
    start: 0,
    end: 0,
    size: 0,
  }
  /** Bytes of the delivery being gathered; null between deliveries. */
  #partial: Buffer | null = null

  /**
   * @param bytesMax Largest delivery that is kept.
   * @param isPresettled The sender said it settles everything (snd-settle-mode 1).
   */
  constructor(
    owner: InletOwner,
    initialDeliveryCount: number,
    bytesMax: number,
    isPresettled: boolean,
    pool: GatherPool,
  ) {
    this.#owner = owner
    this.deliveryCount = initialDeliveryCount
    this.#bytesMax = bytesMax
    this.#isPresettled = isPresettled
    this.#pool = pool
  }

  /** @throws ProtocolViolation of the session for a delivery without an id. */
  transfer(transfer: TransferFields, buffer: Buffer, end: number): void {
    const delivery = this.#delivery
    if (this.#partial === null) {
      if (transfer.deliveryId < 0) {
        throw new ProtocolViolation('session', conditions.invalidField, 'a delivery begins without delivery-id')
      }
      if (this.credit <= 0) {
        const description = `delivery ${transfer.deliveryId} exceeds the credit of the link`
        return this.#owner.refuse({ condition: conditions.transferLimitExceeded, description })
      }
      this.credit -= 1
      this.deliveryCount = (this.deliveryCount + 1) >>> 0
      delivery.id = transfer.deliveryId
      delivery.messageFormat = Math.max(0, transfer.messageFormat)
      delivery.isSettled = this.#isPresettled || transfer.settled === 1
      if (transfer.aborted) return
      if (!transfer.more) {
        delivery.buffer = buffer
        delivery.start = transfer.payloadStart
        delivery.end = end
        delivery.size = end - transfer.payloadStart
        return this.#owner.deliver(delivery)
      }
      const expected = payloadHeadroomBytes + gatherFactor * (end - transfer.payloadStart)
      this.#partial = this.#pool.take(Math.min(expected, this.#bytesMax + payloadHeadroomBytes))
      delivery.end = payloadHeadroomBytes
      delivery.size = 0
    } else {
      if (transfer.deliveryId >= 0 && transfer.deliveryId !== delivery.id) {
        const text = `delivery ${transfer.deliveryId} begins inside delivery ${delivery.id} of the same link`
        throw new ProtocolViolation('session', conditions.notAllowed, text)
      }
      if (transfer.settled === 1) delivery.isSettled = true
      if (transfer.aborted) return this.drop()
    }
    this.#gather(buffer, transfer.payloadStart, end)
    if (!transfer.more) this.#complete()
  }

  /** Forgets a delivery that has begun. */
  drop(): void {
    if (this.#partial !== null) this.#pool.give(this.#partial)
    this.#partial = null
    this.#delivery.buffer = none
  }

  #gather(buffer: Buffer, start: number, end: number): void {
    const delivery = this.#delivery
    delivery.size += end - start
    if (delivery.size > this.#bytesMax) {
      // What was kept is of no use any more.
      if (this.#partial !== null) this.#pool.give(this.#partial)
      this.#partial = none
      if (delivery.size <= droppedBytesFactor * this.#bytesMax) return
      this.drop()
      const description = `a delivery of more than ${delivery.size} bytes exceeds every limit of the link`
      return this.#owner.refuse({ condition: conditions.messageSizeExceeded, description })
    }
    const needed = delivery.end + end - start
    let partial = this.#partial ?? none
    if (needed > partial.length) {
      const bytesMax = this.#bytesMax + payloadHeadroomBytes
      const grown = this.#pool.take(Math.min(Math.max(needed, 2 * partial.length), bytesMax))
      partial.copy(grown, 0, 0, delivery.end)
      this.#pool.give(partial)
      partial = grown
      this.#partial = grown
    }
    buffer.copy(partial, delivery.end, start, end)
    delivery.end = needed
  }

  #complete(): void {
    const delivery = this.#delivery
    // A refusal inside `#gather` has dropped it.
    if (this.#partial === null) return
    const gathered = this.#partial
    delivery.buffer = gathered
    delivery.start = payloadHeadroomBytes
    if (gathered === none) delivery.end = delivery.start
    this.#partial = null
    this.#owner.deliver(delivery)
    delivery.buffer = none
    // The owner has copied what it keeps.
    this.#pool.give(gathered)
  }
}

const none = Buffer.alloc(0)
