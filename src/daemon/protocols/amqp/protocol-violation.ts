// A peer that breaks the protocol: the connection or the session it did so on ends with this condition (AMQP 1.0 §2.8).
// Thrown where it is noticed, turned into `close` or `end` by the connection. What is wrong with a link or a delivery is
// no violation but a refusal, see `refusals.ts`.

import { conditions } from '../../../wire/amqp/names.ts'

export class ProtocolViolation extends Error {
  override readonly name = 'ProtocolViolation'
  readonly scope: 'connection' | 'session'
  readonly condition: string

  constructor(scope: 'connection' | 'session', condition: string, message: string) {
    super(message)
    this.scope = scope
    this.condition = condition
  }
}

/** Frames in an order, of a kind or on a channel that the connection's state does not allow. */
export function framingError(message: string): ProtocolViolation {
  return new ProtocolViolation('connection', conditions.framingError, message)
}
