// The server's side of SASL (AMQP 1.0 §5.3). ANONYMOUS, MSSBCBS (.NET's name for the same) and EXTERNAL succeed at once and
// give no rights: those come token by token through `$cbs`. PLAIN carries a rule's name and key and gives its rights.
//
//   client: init(ANONYMOUS) -> outcome ok
//   client: init(PLAIN, response) -> outcome ok | auth
//   client: init(PLAIN) -> challenge '' ; client: response -> outcome

import { isEhubError } from '../../../base/error.ts'
import { saslMechanisms } from '../../../wire/amqp/names.ts'
import type { SaslFrame } from '../../../wire/amqp/performatives.ts'
import type { Broker, Caller } from '../../broker/broker-api.ts'
import { namespaceOfHost } from './addresses.ts'
import { framingError } from './protocol-violation.ts'

/** In the service's order. */
export const offeredMechanisms: readonly string[] = [
  saslMechanisms.cbs,
  saslMechanisms.plain,
  saslMechanisms.anonymous,
  saslMechanisms.external,
]

export type SaslStep =
  | { readonly kind: 'challenge' }
  /** `caller` is null without rights yet. */
  | { readonly kind: 'ok'; readonly caller: Caller | null }
  | { readonly kind: 'refused'; readonly reason: string }

export class SaslServer {
  readonly #broker: Broker
  #isChallenged = false
  /** The host the client gave with its init; null when none. */
  hostname: string | null = null

  constructor(broker: Broker) {
    this.#broker = broker
  }

  /** @throws ProtocolViolation for a frame that is not the client's turn. */
  next(frame: SaslFrame): SaslStep {
    if (frame.kind === 'sasl-response' && this.#isChallenged) return this.#plain(frame.response)
    if (frame.kind !== 'sasl-init' || this.#isChallenged) throw framingError(`${frame.kind} is not expected now`)
    this.hostname = frame.hostname
    switch (frame.mechanism.toUpperCase()) {
      case saslMechanisms.anonymous:
      case saslMechanisms.cbs:
      case saslMechanisms.external:
        return { kind: 'ok', caller: null }
      case saslMechanisms.plain:
        if (frame.initialResponse !== null) return this.#plain(frame.initialResponse)
        this.#isChallenged = true
        return { kind: 'challenge' }
      default:
        return { kind: 'refused', reason: 'unknown mechanism' }
    }
  }

  /** RFC 4616: authorization identity, NUL, rule name, NUL, key. */
  #plain(response: Buffer): SaslStep {
    const parts = response.toString('utf8').split('\0')
    const [, rule = '', key = ''] = parts
    if (parts.length !== 3) return { kind: 'refused', reason: 'malformed PLAIN response' }
    try {
      return { kind: 'ok', caller: this.#broker.plainCaller(namespaceOfHost(this.hostname), rule, key) }
    } catch (error) {
      if (!isEhubError(error)) throw error
      return { kind: 'refused', reason: error.message }
    }
  }
}
