// A caller that gains its rights token by token ($cbs). Each audience has one token; what a token allows reaches as far as its own
// `sr` does, by whole path segments, with the rights of the rule that signed it, until it expires. Expiry is checked at each use;
// one timer, set for the earliest expiry, tells those whose rights lapse.

import type { Clock, Timer } from '../../base/clock.ts'
import { EhubError } from '../../base/error.ts'
import { entityKey } from '../../wire/entity-names.ts'
import { coversEntityPath, entityPathOfUri, parseSasToken, type SasToken, verifySasSignature } from '../../wire/sas.ts'
import type { Right, TokenCaller } from './broker-api.ts'
import { includesRight } from './callers.ts'
import { grouped, quoted } from './error-texts.ts'
import type { NamespaceState } from './state.ts'

export const sasTokenKind = 'servicebus.windows.net:sastoken'
/** More audiences than any connection has links: 5,000 sessions of one link. */
const audiencesMax = 5000
const audienceLengthMax = 2048

interface Grant {
  /** Entity path the rights reach down from. */
  readonly scope: string
  readonly ruleName: string
  readonly rights: readonly Right[]
  readonly expiresAtMs: number
}

export class SasCaller implements TokenCaller {
  readonly #namespace: NamespaceState
  readonly #clock: Clock
  readonly #grants = new Map<string, Grant>()
  readonly #listeners = new Set<() => void>()
  #timer: Timer | null = null
  #isClosed = false

  /** @param namespace As it is when the connection opens; its rules are looked up at every token. */
  constructor(namespace: NamespaceState, clock: Clock) {
    this.#namespace = namespace
    this.#clock = clock
  }

  /** The rule of the first token, `anonymous` before. */
  get name(): string {
    const [first] = this.#grants.values()
    return first?.ruleName ?? 'anonymous'
  }

  get namespace(): string {
    return this.#namespace.name
  }

  can(right: Right, path: string): boolean {
    if (this.#grants.size === 0 || this.#isClosed) return false
    const key = entityKey(path)
    const nowMs = this.#clock.now()
    for (const { scope, rights, expiresAtMs } of this.#grants.values()) {
      if (expiresAtMs > nowMs && includesRight(rights, right) && coversEntityPath(scope, key)) return true
    }
    return false
  }

  putToken(audience: string, kind: string, text: string): { readonly expiresAtMs: number } {
    if (this.#isClosed) throw new EhubError('unauthorized', 'the connection is closed')
    if (kind !== sasTokenKind) {
      throw new EhubError('not-supported', `tokens of type ${quoted(kind)} are not known`, {
        hint: `the known type is ${sasTokenKind}`,
      })
    }
    const path = audience.length > audienceLengthMax ? null : entityPathOfUri(decodedOnce(audience))
    if (path === null) throw new EhubError('argument-error', `${quoted(audience)} is no audience: the URI of an entity`)
    const grant = this.#verify(parseSasToken(text), path)
    if (!this.#grants.has(path) && this.#grants.size >= audiencesMax) {
      throw new EhubError('quota-exceeded', `a connection keeps tokens for at most ${grouped(audiencesMax)} audiences`)
    }
    const replaced = this.#grants.get(path)
    this.#grants.set(path, grant)
    this.#setTimer()
    // The new token may allow less than the old one did.
    if (replaced !== undefined && !isSameReach(replaced, grant)) this.#tellListeners()
    return { expiresAtMs: grant.expiresAtMs }
  }

  whenRightsLapse(run: () => void): { stop(): void } {
    // Each call has its own entry, also when the same function is given twice.
    const listener = () => run()
    this.#listeners.add(listener)
    return { stop: () => void this.#listeners.delete(listener) }
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#timer = null
    this.#grants.clear()
    this.#listeners.clear()
  }

  #verify(token: SasToken, audiencePath: string): Grant {
    const rule = this.#namespace.rules.get(entityKey(token.ruleName))
    // Both keys are always tried.
    const isPrimary = verifySasSignature(token, rule?.primaryKey ?? '')
    const isSecondary = verifySasSignature(token, rule?.secondaryKey ?? '')
    if (rule === undefined || !(isPrimary || isSecondary)) {
      throw new EhubError('token-invalid', `no key of rule ${quoted(token.ruleName)} signed it`, {
        hint: `"ehub connection-string" shows the rules of namespace "${this.#namespace.name}"`,
      })
    }
    const expiresAtMs = token.expiresAtSeconds * 1000
    if (expiresAtMs <= this.#clock.now()) {
      throw new EhubError('token-expired', `Expiration time: '${new Date(expiresAtMs).toISOString()}'`, {
        hint: 'compare the clocks of client and daemon when the token is new',
      })
    }
    if (!coversEntityPath(token.resourcePath, audiencePath)) {
      throw new EhubError(
        'token-invalid',
        `a token for "${token.resourcePath}" does not cover the audience ${quoted(audiencePath)}`,
      )
    }
    return { scope: token.resourcePath, ruleName: rule.name, rights: rule.rights, expiresAtMs }
  }

  /** Set anew for the earliest expiry. */
  #setTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
    let earliestMs = Number.POSITIVE_INFINITY
    for (const { expiresAtMs } of this.#grants.values()) earliestMs = Math.min(earliestMs, expiresAtMs)
    if (earliestMs === Number.POSITIVE_INFINITY) return
    this.#timer = this.#clock.schedule(Math.max(0, earliestMs - this.#clock.now()), () => this.#expire())
  }

  #expire(): void {
    this.#timer = null
    const nowMs = this.#clock.now()
    let isLapsed = false
    for (const [audience, { expiresAtMs }] of this.#grants) {
      if (expiresAtMs > nowMs) continue
      this.#grants.delete(audience)
      isLapsed = true
    }
    this.#setTimer()
    if (isLapsed) this.#tellListeners()
  }

  #tellListeners(): void {
    for (const listener of [...this.#listeners]) listener()
  }
}

function isSameReach(one: Grant, other: Grant): boolean {
  return (
    one.scope === other.scope &&
    one.rights.length === other.rights.length &&
    one.rights.every((right) => other.rights.includes(right))
  )
}

/** Some clients send the audience percent-encoded; what is not is left as it is. */
function decodedOnce(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch (error) {
    if (error instanceof URIError) return text
    throw error
  }
}
