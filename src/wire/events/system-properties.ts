// The thirteen AMQP properties of a message by the names people use, to and from JSON and flags: one table.

import { EhubError } from '../../base/error.ts'
import type { MessageInput } from '../amqp/message.ts'
import type { AmqpValue } from '../amqp/types.ts'
import { type AmqpTypeName, isAmqpTypeName, type Json, jsonOfValue, valueOfJson } from './json-value.ts'
import { typedValue } from './prop-flag.ts'

type Properties = NonNullable<MessageInput['properties']>
type Name = keyof Properties

/** In the order of AMQP 1.0 §3.2.4. Identifiers may be of other types than text, told by `sysTypes`. */
const fields: readonly { readonly name: Name; readonly type: AmqpTypeName }[] = [
  { name: 'messageId', type: 'string' },
  { name: 'userId', type: 'binary' },
  { name: 'to', type: 'string' },
  { name: 'subject', type: 'string' },
  { name: 'replyTo', type: 'string' },
  { name: 'correlationId', type: 'string' },
  { name: 'contentType', type: 'symbol' },
  { name: 'contentEncoding', type: 'symbol' },
  { name: 'absoluteExpiryTime', type: 'timestamp' },
  { name: 'creationTime', type: 'timestamp' },
  { name: 'groupId', type: 'string' },
  { name: 'groupSequence', type: 'uint' },
  { name: 'replyToGroupId', type: 'string' },
]

export const systemPropertyNames: readonly string[] = fields.map(({ name }) => name)

/** `,"sys":{…}` and, where a type is not the usual one, `,"sysTypes":{…}`. Fields that are not set are left out. */
export function jsonMembersOfSystem(properties: Properties): string {
  let members = ''
  let types = ''
  for (const { name, type } of fields) {
    const value = valueOfField(properties, name, type)
    if (value === null) continue
    members += `${members === '' ? '' : ','}"${name}":${JSON.stringify(jsonOfValue(value))}`
    if (value.type !== type) types += `${types === '' ? '' : ','}"${name}":"${value.type}"`
  }
  return `,"sys":{${members}}${types === '' ? '' : `,"sysTypes":{${types}}`}`
}

/** Null when nothing is set. @throws EhubError `argument-error` naming the member. */
export function systemOfJson(json: Json, types: Json): MessageInput['properties'] {
  const properties: Record<string, unknown> = {}
  for (const { name, type } of fields) {
    const value = memberOf(json, name, 'sys')
    if (value === null) continue
    const given = memberOf(types, name, 'sysTypes') ?? type
    if (typeof given !== 'string' || !isAmqpTypeName(given) || (given !== type && !isIdentifier(name))) {
      throw new EhubError(
        'argument-error',
        `"sysTypes" gives "${name}" a type it cannot have: ${JSON.stringify(given)}`,
      )
    }
    try {
      properties[name] = fieldOfValue(valueOfJson(value, given), name)
    } catch (error) {
      if (error instanceof EhubError) throw new EhubError('argument-error', `"sys.${name}": ${error.message}`)
      throw error
    }
  }
  return Object.keys(properties).length === 0 ? null : properties
}

/** The value of a field by name, for output; null when it is not set or there is no such field. */
export function systemProperty(properties: MessageInput['properties'], name: string): AmqpValue | null {
  const field = fields.find((row) => row.name === name)
  return field === undefined || !properties ? null : valueOfField(properties, field.name, field.type)
}

/** Properties of `--sys NAME=VALUE` flags, null when there are none. @throws EhubError `usage`. */
export function systemOfFlags(flags: readonly string[]): MessageInput['properties'] {
  const properties: Record<string, unknown> = {}
  for (const flag of flags) {
    const equals = flag.indexOf('=')
    const field = fields.find(({ name }) => name.toLowerCase() === flag.slice(0, Math.max(0, equals)).toLowerCase())
    if (field === undefined) {
      const hint = `names are ${systemPropertyNames.join(', ')}`
      throw new EhubError('usage', `"${flag}" is no system property`, { hint })
    }
    const value = flag.slice(equals + 1)
    properties[field.name] = fieldOfValue(typedValue(value, field.type, flag), field.name)
  }
  return Object.keys(properties).length === 0 ? null : properties
}

function valueOfField(properties: Properties, name: Name, type: AmqpTypeName): AmqpValue | null {
  const value: unknown = properties[name] ?? null
  if (value === null) return null
  // Identifiers keep their AMQP value; the other fields are bare, their type is the table's.
  return isIdentifier(name) ? (value as AmqpValue) : ({ type, value } as AmqpValue)
}

function fieldOfValue(value: AmqpValue, name: Name): unknown {
  if (isIdentifier(name)) return value
  return value.type === 'described' ? null : value.value
}

function isIdentifier(name: Name): boolean {
  return name === 'messageId' || name === 'correlationId'
}

function memberOf(json: Json, name: string, what: string): Json {
  if (json === null) return null
  if (typeof json !== 'object' || Array.isArray(json)) throw new EhubError('argument-error', `"${what}" is no object`)
  return (json as Readonly<Record<string, Json>>)[name] ?? null
}
