// AMQP values in the unions of Capture's maps, which have four branches (five in `Properties`). What the service does with a
// type is known from its files for timestamps and strings only; the others follow from what the union leaves (reference facts
// of docs/PROTOCOLS.md, "Capture"):
//
//   ubyte … long, timestamp   long; a ulong above 2^63 - 1 is text of its digits, so that nothing is lost
//   float, double             double
//   decimal32/64/128          string, exact decimal text
//   string, symbol, char      string
//   boolean                   string "True" or "False", as .NET writes it
//   uuid                      string with dashes
//   binary                    bytes
//   null                      null in `Properties`; in `SystemProperties` the entry is left out
//   described                 as the value described: .NET's timespan and datetime-offset are ticks, its uri is text
//   list, map, array          bytes of the AMQP encoding

import { ByteWriter } from '../../base/byte-writer.ts'
import { unreachable } from '../../base/assert.ts'
import { writeValue } from '../amqp/encode-value.ts'
import type { AmqpValue } from '../amqp/types.ts'
import { decimalText } from './decimal-text.ts'

export type CaptureValue =
  /** A number where it is a safe integer, else a bigint: always made by `longOf`. */
  | { readonly branch: 'long'; readonly value: number | bigint }
  | { readonly branch: 'double'; readonly value: number }
  | { readonly branch: 'string'; readonly value: string }
  | { readonly branch: 'bytes'; readonly value: Buffer }
  | { readonly branch: 'null'; readonly value: null }

const nullCapture: CaptureValue = { branch: 'null', value: null }
const longMax = 0x7fff_ffff_ffff_ffffn

/** The branch and value an AMQP value is captured as. Total: every type has one. */
export function captureValue(value: AmqpValue): CaptureValue {
  switch (value.type) {
    case 'null':
      return nullCapture
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'byte':
    case 'short':
    case 'int':
      return { branch: 'long', value: value.value }
    case 'long':
    case 'timestamp':
      return { branch: 'long', value: longOf(value.value) }
    case 'ulong':
      return value.value > longMax
        ? { branch: 'string', value: value.value.toString() }
        : { branch: 'long', value: longOf(value.value) }
    case 'float':
    case 'double':
      return { branch: 'double', value: value.value }
    case 'decimal32':
    case 'decimal64':
    case 'decimal128':
      return { branch: 'string', value: decimalText(value.value) }
    case 'string':
    case 'symbol':
      return { branch: 'string', value: value.value }
    case 'char':
      return { branch: 'string', value: String.fromCodePoint(value.value) }
    case 'boolean':
      return { branch: 'string', value: value.value ? 'True' : 'False' }
    case 'uuid':
      return { branch: 'string', value: uuidText(value.value) }
    case 'binary':
      return { branch: 'bytes', value: value.value }
    case 'described':
      return captureValue(value.value)
    case 'list':
    case 'map':
    case 'array':
      return { branch: 'bytes', value: encoded(value) }
    default:
      return unreachable(value)
  }
}

/** A captured value back as an event's: long, double, string, binary and null. */
export function amqpValue(captured: CaptureValue): AmqpValue {
  switch (captured.branch) {
    case 'long':
      return { type: 'long', value: BigInt(captured.value) }
    case 'double':
      return { type: 'double', value: captured.value }
    case 'string':
      return { type: 'string', value: captured.value }
    case 'bytes':
      return { type: 'binary', value: captured.value }
    case 'null':
      return { type: 'null', value: null }
  }
}

/** The one form of a long in a `CaptureValue`. */
export function longOf(value: bigint): number | bigint {
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

function encoded(value: AmqpValue): Buffer {
  const writer = new ByteWriter(64)
  writeValue(writer, value, 1)
  return writer.takeCopy()
}

function uuidText(bytes: Buffer): string {
  const hex = bytes.toString('hex')
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`
}
