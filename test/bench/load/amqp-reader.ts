// A receiver link that takes whatever comes and counts it: frames are looked at, never decoded, never copied. Credit is
// granted again when half of it is used.

import { skipValue } from '../../../src/wire/amqp/decode-value.ts'
import {
  describedValue,
  listValue,
  stringValue,
  trueValue,
  ubyteValue,
  uintValue,
  ulongValue,
} from '../../../src/wire/amqp/types.ts'
import { type AmqpConnection, fieldsStart } from './amqp-connection.ts'
import { frame, none, performativeCode } from './amqp-frames.ts'

/** Payload of one transfer frame in `buffer[start, end)`. */
export type OnPayload = (buffer: Buffer, start: number, end: number) => void

const window = 1_000_000

export class AmqpReader {
  readonly #connection: AmqpConnection
  readonly #credit: number
  readonly #onPayload: OnPayload | null
  #transfers = 0
  #granted = 0
  /** Complete deliveries. */
  deliveries = 0
  /** Payload bytes, annotations included. */
  bytes = 0
  onDelivery: () => void = () => undefined

  /** @param onPayload Called for each transfer frame; null: only counted. */
  constructor(connection: AmqpConnection, credit: number, onPayload: OnPayload | null) {
    this.#connection = connection
    this.#credit = credit
    this.#onPayload = onPayload
    connection.onFrame = (code, _channel, buffer, start, end) => {
      if (code === performativeCode.transfer) this.#onTransfer(buffer, start, end)
    }
  }

  /** @param selector Position filter as Event Hubs' clients send it; null: from the beginning. */
  async attach(address: string, selector: string | null): Promise<void> {
    const begun = this.#connection.expect(performativeCode.begin, 0)
    this.#connection.socket.write(
      frame(performativeCode.begin, 0, [
        none,
        uintValue(1),
        uintValue(window),
        uintValue(window),
        uintValue(255),
        none,
        none,
        none,
      ]),
    )
    const reply = await begun
    // The peer's transfer ids count from its next-outgoing-id.
    this.#transfers = reply[1]?.type === 'uint' ? reply[1].value : 0
    const attached = this.#connection.expect(performativeCode.attach, 0)
    this.#connection.socket.write(frame(performativeCode.attach, 0, attachFields(address, selector)))
    const attach = await attached
    if (attach[5]?.type === 'null') throw new Error(`attach to ${address} was refused`)
  }

  start(): void {
    this.#grant()
  }

  #grant(): void {
    this.#granted = this.deliveries + this.#credit
    this.#connection.socket.write(
      frame(performativeCode.flow, 0, [
        uintValue(this.#transfers),
        uintValue(window),
        uintValue(1),
        uintValue(window),
        uintValue(0),
        uintValue(this.deliveries),
        uintValue(this.#credit),
        none,
        none,
        none,
        none,
      ]),
    )
  }

  #onTransfer(buffer: Buffer, start: number, end: number): void {
    this.#transfers++
    const payloadAt = skipValue(buffer, start, end)
    this.bytes += end - payloadAt
    this.#onPayload?.(buffer, payloadAt, end)
    // handle, delivery-id, delivery-tag, message-format, settled, more; what a peer leaves out at the end is false.
    let at = fieldsStart(buffer, start)
    for (let field = 0; field < 5 && at < payloadAt; field++) at = skipValue(buffer, at, payloadAt)
    const isMore = at < payloadAt && (buffer[at] === 0x41 || (buffer[at] === 0x56 && buffer[at + 1] === 1))
    if (isMore) return
    this.deliveries++
    if (this.#granted - this.deliveries <= this.#credit >> 1) this.#grant()
    this.onDelivery()
  }
}

function attachFields(address: string, selector: string | null) {
  const key = 'apache.org:selector-filter:string'
  const filter =
    selector === null
      ? none
      : ({
          type: 'map',
          value: [
            [{ type: 'symbol', value: key }, describedValue(ulongValue(0x0000468c00000004n), stringValue(selector))],
          ],
        } as const)
  const source = describedValue(
    ulongValue(0x28),
    listValue([stringValue(address), none, none, none, none, none, none, filter, none, none, none]),
  )
  const target = describedValue(
    ulongValue(0x29),
    listValue([stringValue('bench'), ...Array.from({ length: 6 }, () => none)]),
  )
  return [
    stringValue(`reader-${address}`),
    uintValue(0),
    trueValue,
    // Event Hubs delivers settled whatever is asked; a stock server does so when asked.
    ubyteValue(1),
    ubyteValue(0),
    source,
    target,
    ...Array.from({ length: 7 }, () => none),
  ]
}
