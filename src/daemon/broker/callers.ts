// Who is asking, when no token is involved: the owner of the daemon, and a connection that gave a rule's name and key (SASL PLAIN).

import { createHash, timingSafeEqual } from 'node:crypto'
import { EhubError } from '../../base/error.ts'
import { entityKey } from '../../wire/entity-names.ts'
import type { AuthorizationRule, Caller, Right } from './broker-api.ts'
import { quoted, unauthorized } from './error-texts.ts'
import type { NamespaceState } from './state.ts'

const nothingToStop = { stop: () => undefined }

/** `manage` includes the other two. */
export function includesRight(held: readonly Right[], right: Right): boolean {
  return held.includes(right) || held.includes('manage')
}

/** May do everything; for the control socket, whose file permissions are the authentication, and for the daemon itself. */
export function ownerCaller(namespace: string): Caller {
  return lastingCaller('owner', namespace, ['manage'])
}

/**
 * A caller with the rights of a namespace rule for as long as its connection lives; a changed key does not end it, as in the
 * service.
 * @throws EhubError `unauthorized` for an unknown rule or a wrong key, in the same words and the same time.
 */
export function plainCaller(namespace: NamespaceState, ruleName: string, key: string): Caller {
  const rule = namespace.rules.get(entityKey(ruleName))
  if (!isKeyOf(rule, key) || rule === undefined) {
    throw new EhubError('unauthorized', `rule ${quoted(ruleName)} and this key do not belong together`, {
      hint: `"ehub connection-string" shows the rules of namespace "${namespace.name}"`,
    })
  }
  return lastingCaller(rule.name, namespace.name, rule.rights)
}

/** Both keys are compared whatever the first says, as digests of one length. */
function isKeyOf(rule: AuthorizationRule | undefined, key: string): boolean {
  const given = digest(key)
  const isPrimary = timingSafeEqual(given, digest(rule?.primaryKey ?? ''))
  const isSecondary = timingSafeEqual(given, digest(rule?.secondaryKey ?? ''))
  return rule !== undefined && (isPrimary || isSecondary)
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest()
}

function lastingCaller(name: string, namespace: string, rights: readonly Right[]): Caller {
  let isClosed = false
  return {
    name,
    namespace,
    can: (right) => !isClosed && includesRight(rights, right),
    whenRightsLapse: () => nothingToStop,
    close: () => {
      isClosed = true
    },
  }
}

const anyRight = ['listen', 'send', 'manage'] as const satisfies readonly Right[]

/** @throws EhubError `unauthorized` unless the caller has the right (`any`: one of the three) for the entity path. */
export function checkRight(caller: Caller, right: Right | 'any', path: string): void {
  const rights: readonly Right[] = right === 'any' ? anyRight : [right]
  if (!rights.some((candidate) => caller.can(candidate, path))) throw unauthorized(right, caller.namespace, path)
}
