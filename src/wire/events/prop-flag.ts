// `--prop NAME[:TYPE]=VALUE` and `--sys NAME=VALUE`: values as people type them, with exact AMQP types.

import { EhubError } from '../../base/error.ts'
import type { AmqpValue } from '../amqp/types.ts'
import { type AmqpTypeName, isAmqpTypeName, valueOfJson } from './json-value.ts'

// What people of other languages write, beside the AMQP names.
const typeAliases: Readonly<Record<string, AmqpTypeName>> = {
  bool: 'boolean',
  date: 'timestamp',
  time: 'timestamp',
  bytes: 'binary',
  base64: 'binary',
  str: 'string',
}

const compounds: readonly AmqpTypeName[] = ['list', 'map', 'array', 'described']

/**
 * `type=OrderPlaced`, `n:int=5`, `ok:bool=true`, `at:date=2026-11-20T09:00:00Z`; without a type the value is a string.
 * A name that holds a colon needs its type: `urn:x:string=1`.
 * @throws EhubError `usage`.
 */
export function parsePropertyFlag(text: string): readonly [name: string, value: AmqpValue] {
  const equals = text.indexOf('=')
  if (equals <= 0) {
    throw new EhubError('usage', `"${text}" is no property`, {
      hint: 'write NAME=VALUE or NAME:TYPE=VALUE, e.g. n:int=5',
    })
  }
  const name = text.slice(0, equals)
  const value = text.slice(equals + 1)
  const colon = name.lastIndexOf(':')
  if (colon === -1) return [name, { type: 'string', value }]
  return [propertyName(name.slice(0, colon), text), typedValue(value, propertyType(name.slice(colon + 1), text), text)]
}

function propertyName(name: string, text: string): string {
  if (name === '') throw new EhubError('usage', `"${text}" lacks the property's name`)
  return name
}

function propertyType(name: string, text: string): AmqpTypeName {
  const type = typeAliases[name.toLowerCase()] ?? name.toLowerCase()
  if (isAmqpTypeName(type) && !compounds.includes(type)) return type
  throw new EhubError('usage', `"${name}" in "${text}" is no type`, {
    hint: 'types are string, int, long, short, byte, uint, ulong, ushort, ubyte, float, double, bool, date, uuid, binary (base64), symbol, char, null',
  })
}

/** Text as a value of a scalar type. @throws EhubError `usage` naming `flag`. */
export function typedValue(text: string, type: AmqpTypeName, flag: string): AmqpValue {
  try {
    switch (type) {
      case 'boolean':
        if (text !== 'true' && text !== 'false') throw new EhubError('argument-error', `"${text}" is no boolean`)
        return { type, value: text === 'true' }
      case 'null':
        if (text !== '' && text !== 'null') throw new EhubError('argument-error', `"${text}" is no null`)
        return { type, value: null }
      default:
        return valueOfJson(text, type)
    }
  } catch (error) {
    if (error instanceof EhubError) throw new EhubError('usage', `${error.message} in "${flag}"`, { cause: error })
    throw error
  }
}
