// Who is at the other end of a connection, once it is open: its name, its rights, and how much it may hold.

import { EhubError } from '../../../base/error.ts'
import type { Caller, TokenCaller } from '../../broker/broker-api.ts'
import type { AmqpLimits } from './limits.ts'

export class Peer {
  /** Container id: the name the client gives itself. */
  readonly name: string
  readonly caller: Caller
  /** Null when the peer authenticated with PLAIN, whose rights need no tokens. */
  readonly #tokenCaller: TokenCaller | null
  readonly #limits: AmqpLimits
  #isAuthorized: boolean

  /** @param authenticated Null when rights come by tokens; `anonymous` then makes the caller that gains them. */
  constructor(name: string, authenticated: Caller | null, anonymous: () => TokenCaller, limits: AmqpLimits) {
    this.name = name
    this.#tokenCaller = authenticated === null ? anonymous() : null
    this.caller = authenticated ?? (this.#tokenCaller as TokenCaller)
    this.#limits = limits
    this.#isAuthorized = authenticated !== null
  }

  get takesTokens(): boolean {
    return this.#tokenCaller !== null
  }

  /** Sessions the peer may have: few before it has shown a token or a key that is good. */
  get sessionsMax(): number {
    return this.#isAuthorized ? this.#limits.channelMax + 1 : this.#limits.unauthorizedMax
  }

  /** Links on all its sessions. */
  get linksMax(): number {
    return this.#isAuthorized ? this.#limits.linksMax : this.#limits.unauthorizedMax
  }

  /** @throws EhubError what `TokenCaller.putToken` throws; `not-allowed` after PLAIN. */
  takeToken(audience: string, kind: string, token: string): void {
    if (this.#tokenCaller === null) {
      throw new EhubError(
        'not-allowed',
        'The connection has the rights of its SASL PLAIN credentials and takes no tokens.',
      )
    }
    this.#tokenCaller.putToken(audience, kind, token)
    this.#isAuthorized = true
  }

  /** Its rights end. */
  close(): void {
    this.caller.close()
  }
}
