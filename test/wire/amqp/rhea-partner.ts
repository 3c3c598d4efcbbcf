// rhea's codec as the independent implementation we compare with. Internal modules without types, named here once.

import { createRequire } from 'node:module'
import type { AmqpElementType, AmqpValue } from '../../../src/wire/amqp/types.ts'

export interface RheaTyped {
  readonly type: { readonly name: string; readonly typecode: number }
  readonly value: unknown
  descriptor?: RheaTyped
}

interface RheaTypes {
  Reader: new (buffer: Buffer) => { read(): RheaTyped; remaining(): number }
  Writer: new () => { write(value: RheaTyped): void; toBuffer(): Buffer }
  described(descriptor: RheaTyped, value: RheaTyped): RheaTyped
  [name: string]: unknown
}

interface RheaFrame {
  readonly type: number
  readonly channel: number
  readonly performative?: {
    readonly descriptor?: unknown
    readonly value: readonly unknown[]
    [field: string]: unknown
  }
  readonly payload?: Buffer
}

const require = createRequire(import.meta.url)
const types = require('rhea/lib/types.js') as RheaTypes
const frames = require('rhea/lib/frames.js') as {
  read_frame(buffer: Buffer): RheaFrame
  write_frame(frame: unknown): Buffer
  [name: string]: unknown
}
export const rheaMessage = (require('rhea') as { message: Record<string, (...values: unknown[]) => unknown> })
  .message as unknown as {
  encode(message: object): Buffer
  decode(bytes: Buffer): Record<string, unknown> & { body: unknown }
  data_section(content: Buffer): unknown
  data_sections(content: readonly Buffer[]): unknown
  sequence_section(list: unknown[]): unknown
}

export function rheaRead(bytes: Buffer): RheaTyped {
  const reader = new types.Reader(bytes)
  const value = reader.read()
  if (reader.remaining() !== 0) throw new Error(`rhea left ${reader.remaining()} bytes`)
  return value
}

export function rheaWrite(value: RheaTyped): Buffer {
  const writer = new types.Writer()
  writer.write(withRawElements(value))
  return Buffer.from(writer.toBuffer())
}

/** rhea reads the elements of an array as typed values and writes them as raw ones. */
function withRawElements(value: RheaTyped): RheaTyped {
  if (!Array.isArray(value.value)) return value
  const items = value.value as RheaTyped[]
  const inner = value.type.name.startsWith('Array') ? items.map((item) => item.value) : items.map(withRawElements)
  return Object.assign(Object.create(Object.getPrototypeOf(value) as object) as RheaTyped, value, { value: inner })
}

export const rheaFrames = frames

const create = (name: string, ...values: unknown[]): RheaTyped =>
  (types[name] as (...parameters: unknown[]) => RheaTyped)(...values)

function eightBytes(value: bigint): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, value))
  return bytes
}

const wideNames: Record<AmqpElementType, string> = {
  null: 'Null',
  boolean: 'Boolean',
  ubyte: 'Ubyte',
  ushort: 'Ushort',
  uint: 'Uint',
  ulong: 'Ulong',
  byte: 'Byte',
  short: 'Short',
  int: 'Int',
  long: 'Long',
  float: 'Float',
  double: 'Double',
  decimal32: 'Decimal32',
  decimal64: 'Decimal64',
  decimal128: 'Decimal128',
  char: 'CharUTF32',
  timestamp: 'Timestamp',
  uuid: 'Uuid',
  binary: 'Vbin32',
  string: 'Str32',
  symbol: 'Sym32',
  list: 'List32',
  map: 'Map32',
  array: 'Array32',
}

/** The value as rhea has it, every part in its widest encoding. */
export function toRhea(value: AmqpValue): RheaTyped {
  switch (value.type) {
    case 'described':
      return types.described(toRhea(value.descriptor), toRhea(value.value))
    case 'ulong':
    case 'long':
    case 'timestamp':
      return create(wideNames[value.type], eightBytes(value.value))
    case 'boolean':
      return create('Boolean', value.value ? 1 : 0)
    case 'list':
      return create('List32', value.value.map(toRhea))
    case 'map':
      return create(
        'Map32',
        value.value.flatMap(([key, item]) => [toRhea(key), toRhea(item)]),
      )
    case 'array': {
      const code = (types[wideNames[value.elementType]] as { typecode: number }).typecode
      return create('Array32', value.value.map(toRhea), code)
    }
    default:
      return create(wideNames[value.type], value.value)
  }
}
