// What entities may be called. ASCII letters and digits with `.`, `-` and `_` between them, so that no name is a path, hides a
// control character or looks like another one. Folders never carry these names (they are called by internal ids).
// Lengths: Event Hubs quota page. Differs from Azure: `/` inside a hub or group name is refused, because an address such as
// `a/consumergroups/b` would mean two things; namespaces may be shorter than 6 characters, so that `local` is one.

import { EhubError } from '../base/error.ts'

export type NamedEntity = 'namespace' | 'hub' | 'group' | 'rule'

/** Always exists, cannot be deleted. */
export const defaultGroup = '$Default'

interface NameRule {
  readonly label: string
  readonly lengthMax: number
  readonly pattern: RegExp
  readonly allowed: string
}

const words = /^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/
const wordsAllowed = 'letters, digits, ".", "-" and "_", beginning and ending with a letter or digit'

const rules = {
  namespace: {
    label: 'namespace',
    lengthMax: 50,
    pattern: /^[A-Za-z](?:[A-Za-z0-9-]*[A-Za-z0-9])?$/,
    allowed: 'letters, digits and "-", beginning with a letter and ending with a letter or digit',
  },
  hub: { label: 'hub', lengthMax: 256, pattern: words, allowed: wordsAllowed },
  // 50 over AMQP; Kafka group ids may be longer and are no consumer groups of this kind.
  group: { label: 'consumer group', lengthMax: 50, pattern: words, allowed: wordsAllowed },
  rule: { label: 'authorization rule', lengthMax: 256, pattern: words, allowed: wordsAllowed },
} as const satisfies Record<NamedEntity, NameRule>

/** Whether an entity of this kind may be called so. `$Default` is a group's name, in any case. */
export function isEntityName(kind: NamedEntity, name: string): boolean {
  if (kind === 'group' && isDefaultGroup(name)) return true
  const rule = rules[kind]
  return name.length <= rule.lengthMax && rule.pattern.test(name)
}

/** @throws EhubError `argument-error` that names the entity, the name and the rule it breaks. */
export function checkEntityName(kind: NamedEntity, name: string): void {
  if (isEntityName(kind, name)) return
  const rule = rules[kind]
  if (name.length > rule.lengthMax) {
    throw new EhubError(
      'argument-error',
      `a ${rule.label} name has at most ${rule.lengthMax} characters, this one has ${name.length}`,
    )
  }
  throw new EhubError('argument-error', `${JSON.stringify(name)} cannot be the name of a ${rule.label}`, {
    hint: `use ${rule.allowed}, 1 to ${rule.lengthMax} characters`,
  })
}

/**
 * Names that differ only in the case of ASCII letters are the same entity: maps are keyed by this. Other letters are left as
 * they are, since some (the Kelvin sign) turn into ASCII ones and would find an entity of another name.
 */
export function entityKey(name: string): string {
  return /^[\x20-\x7e]*$/.test(name) ? name.toLowerCase() : name
}

export function isDefaultGroup(name: string): boolean {
  return name.length === defaultGroup.length && entityKey(name) === '$default'
}
