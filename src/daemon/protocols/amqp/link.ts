// What a session knows of a link.

import type { Flow } from '../../../wire/amqp/performatives.ts'
import type { TransferFields } from '../../../wire/amqp/transfer.ts'

export interface Link {
  /** The same number in both directions. */
  readonly handle: number
  /** Deliveries so far, modulo 2^32: a link on which it stands still is idle. */
  readonly deliveryCount: number
  /** A frame of a delivery; its payload is `buffer[transfer.payloadStart, end)`, valid during the call. */
  transfer(transfer: TransferFields, buffer: Buffer, end: number): void
  flow(flow: Flow): void
  /** The session's window opened or the output drained: go on sending, if there is anything. */
  resume(): void
  /** At the end of a turn after `Session.linkDue`. */
  writeDue(): void
  /** Gives up what it holds; nothing is sent or taken any more. Called once. */
  dispose(): void
}
