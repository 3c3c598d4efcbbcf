// Sender links of one connection that push as fast as credit, the session's window and `inFlightMax` allow. Deliveries are
// copies of one template with patched ids, joined into large writes, so that the generator costs next to nothing.
//
//   chunk:  [delivery 0 | delivery 1 | … ]  one buffer, patched in place, one socket.write; busy until the write is done

import { skipValue } from '../../../src/wire/amqp/decode-value.ts'
import {
  falseValue,
  listValue,
  stringValue,
  ubyteValue,
  uintValue,
  describedValue,
  ulongValue,
} from '../../../src/wire/amqp/types.ts'
import { type AmqpConnection, decodeFields, describe, fieldsStart, uintAt } from './amqp-connection.ts'
import { type DeliveryTemplate, frame, idAfterHandle, none, performativeCode, tagAfterHandle } from './amqp-frames.ts'

/** Handles of one session: Event Hubs allows 256 (handle-max 255). */
const linksPerSession = 200
const chunkBytes = 256 * 1024
const chunkCount = 8

interface Link {
  readonly session: Session
  readonly handle: number
  sent: number
  /** Deliveries the peer allows in all, counted from the attach. */
  limit: number
}

interface Session {
  readonly channel: number
  nextTransferId: number
  nextDeliveryId: number
  /** First transfer id the peer's window does not allow. */
  windowEnd: number
  /** The peer's incoming window as last announced. */
  window: number
}

/** Chunks shared by every sender of the process: the template is the same for all. */
export class ChunkPool {
  readonly template: DeliveryTemplate
  readonly deliveriesPerChunk: number
  readonly #free: Buffer[] = []
  readonly #waiting = new Set<() => void>()

  constructor(template: DeliveryTemplate) {
    this.template = template
    this.deliveriesPerChunk = Math.max(1, Math.floor(chunkBytes / template.bytes.length))
    for (let index = 0; index < chunkCount; index++) {
      const chunk = Buffer.allocUnsafeSlow(this.deliveriesPerChunk * template.bytes.length)
      for (let at = 0; at < chunk.length; at += template.bytes.length) template.bytes.copy(chunk, at)
      this.#free.push(chunk)
    }
  }

  /** A free chunk; or null, and `onFree` is called once there is one. */
  take(onFree: () => void): Buffer | null {
    const chunk = this.#free.pop()
    if (chunk === undefined) this.#waiting.add(onFree)
    return chunk ?? null
  }

  give(chunk: Buffer): void {
    this.#free.push(chunk)
    for (const onFree of this.#waiting) {
      this.#waiting.delete(onFree)
      return onFree()
    }
  }
}

export class AmqpSender {
  readonly #connection: AmqpConnection
  readonly #pool: ChunkPool
  readonly #inFlightMax: number
  readonly #links: Link[] = []
  readonly #sessions = new Map<number, Session>()
  #turn = 0
  #isStarted = false
  readonly #onFree = () => this.pump()
  /** Deliveries that may still be sent; for bursts, and 0 to stop. */
  budget = Number.POSITIVE_INFINITY
  inFlight = 0
  settled = 0
  onSettled: () => void = () => undefined
  /** Writes into a delivery about to leave, when given. */
  prepare: ((chunk: Buffer, at: number) => void) | null = null

  constructor(connection: AmqpConnection, pool: ChunkPool, inFlightMax: number) {
    this.#connection = connection
    this.#pool = pool
    this.#inFlightMax = inFlightMax
    connection.onFrame = (code, channel, buffer, start, end) => {
      if (code === performativeCode.disposition) this.#onDisposition(buffer, start, end)
      else if (code === performativeCode.flow) this.#onFlow(channel, buffer, start, end)
    }
  }

  /** Attaches one link an address; resolves when every one of them is attached and has credit. */
  async attach(addresses: readonly string[]): Promise<void> {
    for (let first = 0; first < addresses.length; first += linksPerSession) {
      const session = await this.#begin(first / linksPerSession)
      for (const [handle, address] of addresses.slice(first, first + linksPerSession).entries()) {
        // Known before the attach leaves: credit may come in the same read as the reply.
        this.#links.push({ session, handle, sent: 0, limit: 0 })
        const attached = this.#connection.expect(performativeCode.attach, session.channel)
        this.#connection.socket.write(frame(performativeCode.attach, session.channel, attachFields(handle, address)))
        const reply = await attached
        if (reply[6]?.type === 'null') throw new Error(`attach to ${address} was refused`)
      }
    }
    while (this.#links.some((link) => link.limit === 0)) await new Promise((resolve) => setTimeout(resolve, 1))
  }

  start(): void {
    this.#isStarted = true
    this.pump()
  }

  /** Sends what may be sent now. */
  pump(): void {
    const { template, deliveriesPerChunk } = this.#pool
    for (;;) {
      if (!this.#isStarted || this.budget === 0 || this.inFlight >= this.#inFlightMax) return
      const chunk = this.#pool.take(this.#onFree)
      if (chunk === null) return
      let count = 0
      const most = Math.min(deliveriesPerChunk, this.budget, this.#inFlightMax - this.inFlight)
      while (count < most) {
        const link = this.#nextLink(template.frameCount)
        if (link === null) break
        this.#patch(chunk, count * template.bytes.length, link)
        this.prepare?.(chunk, count * template.bytes.length)
        count++
      }
      if (count === 0) return this.#pool.give(chunk)
      this.inFlight += count
      this.budget -= count
      this.#connection.socket.write(chunk.subarray(0, count * template.bytes.length), () => {
        this.#pool.give(chunk)
        this.pump()
      })
      if (this.#connection.socket.writableNeedDrain) return
    }
  }

  async #begin(channel: number): Promise<Session> {
    const begun = this.#connection.expect(performativeCode.begin, channel)
    // next-outgoing-id 1, windows wide enough never to be the limit, handle-max 255.
    this.#connection.socket.write(
      frame(performativeCode.begin, channel, [
        none,
        uintValue(1),
        uintValue(100_000),
        uintValue(100_000),
        uintValue(255),
        none,
        none,
        none,
      ]),
    )
    const reply = await begun
    const window = reply[2]?.type === 'uint' ? reply[2].value : 0
    const session = { channel, nextTransferId: 1, nextDeliveryId: 1, windowEnd: 1 + window, window }
    this.#sessions.set(channel, session)
    return session
  }

  // Round robin over the links that may send a delivery of `frames` frames.
  #nextLink(frames: number): Link | null {
    for (let tried = 0; tried < this.#links.length; tried++) {
      const link = this.#links[this.#turn]
      this.#turn = this.#turn + 1 === this.#links.length ? 0 : this.#turn + 1
      // A window below a whole delivery is used frame by frame by others; we wait for its refill, or overdraw one too small.
      const frameNeed = Math.min(frames, link?.session.window ?? 0)
      if (
        link !== undefined &&
        link.sent < link.limit &&
        link.session.nextTransferId + frameNeed <= link.session.windowEnd
      )
        return link
    }
    return null
  }

  #patch(chunk: Buffer, at: number, link: Link): void {
    const { template } = this.#pool
    const { session } = link
    for (let index = 0; index < template.frameCount; index++) {
      chunk.writeUInt16BE(session.channel, at + (template.channelsAt[index] ?? 0))
      const handleAt = at + (template.handlesAt[index] ?? 0)
      chunk.writeUInt32BE(link.handle, handleAt)
      // Id and tag follow the handle at fixed distances in every frame of the delivery.
      chunk.writeUInt32BE(session.nextDeliveryId, handleAt + idAfterHandle)
      chunk.writeUInt32BE(session.nextDeliveryId, handleAt + tagAfterHandle)
    }
    session.nextTransferId += template.frameCount
    session.nextDeliveryId++
    link.sent++
  }

  #onDisposition(buffer: Buffer, start: number, end: number): void {
    const firstAt = skipValue(buffer, fieldsStart(buffer, start), end)
    const lastAt = skipValue(buffer, firstAt, end)
    const settledAt = skipValue(buffer, lastAt, end)
    const stateAt = skipValue(buffer, settledAt, end)
    const first = uintAt(buffer, firstAt, 0)
    const last = uintAt(buffer, lastAt, first)
    // Accepted is `00 53 24`.
    if (buffer[stateAt] !== 0 || buffer[stateAt + 2] !== 0x24) {
      throw new Error(`not accepted: ${describe(decodeFields(buffer, start, end))}`)
    }
    this.settled += last - first + 1
    this.inFlight -= last - first + 1
    this.onSettled()
    this.pump()
  }

  #onFlow(channel: number, buffer: Buffer, start: number, end: number): void {
    const session = this.#sessions.get(channel)
    const fields = decodeFields(buffer, start, end)
    const number = (index: number, otherwise: number) => {
      const field = fields[index]
      return field?.type === 'uint' ? field.value : otherwise
    }
    if (session === undefined) return
    // AMQP 1.0 §2.5.6: next-incoming-id-flow + incoming-window-flow.
    session.window = number(1, session.window)
    session.windowEnd = number(0, 1) + session.window
    const handle = number(4, -1)
    const link = this.#links[channel * linksPerSession + handle]
    // AMQP 1.0 §2.6.7: delivery-count + link-credit of the receiving side is how far we may go.
    if (link !== undefined && handle >= 0) link.limit = number(5, 0) + number(6, 0)
    this.pump()
  }
}

function attachFields(handle: number, address: string) {
  const source = describedValue(
    ulongValue(0x28),
    listValue([stringValue('bench'), ...Array.from({ length: 10 }, () => none)]),
  )
  const target = describedValue(
    ulongValue(0x29),
    listValue([stringValue(address), ...Array.from({ length: 6 }, () => none)]),
  )
  return [
    stringValue(`sender-${handle}-${address}`),
    uintValue(handle),
    falseValue,
    // snd-settle-mode unsettled, rcv-settle-mode first.
    ubyteValue(0),
    ubyteValue(0),
    source,
    target,
    none,
    none,
    uintValue(0),
    none,
    none,
    none,
    none,
  ]
}
