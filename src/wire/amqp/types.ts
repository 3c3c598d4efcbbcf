// Values of the AMQP 1.0 type system (specification part 1) with their exact types kept, because the type is part of the
// contract: clients compare a message-id by type, and unbox `int` and `long` without looking. Pure data; decoding is in
// `decode-value.ts`, encoding in `encode-value.ts`.
//
// 64-bit integers and timestamps are bigint, so that any eight bytes survive a round trip; whoever uses them as a time or a
// sequence number calls `safeIntegerOf`. Decimals are opaque bytes. Maps are pairs in the order of the wire, never objects:
// a key `__proto__` is a key like any other.

export type AmqpScalarType =
  | 'null'
  | 'boolean'
  | 'ubyte'
  | 'ushort'
  | 'uint'
  | 'ulong'
  | 'byte'
  | 'short'
  | 'int'
  | 'long'
  | 'float'
  | 'double'
  | 'decimal32'
  | 'decimal64'
  | 'decimal128'
  | 'char'
  | 'timestamp'
  | 'uuid'
  | 'binary'
  | 'string'
  | 'symbol'

/** What an array may be made of: everything but `described`, which an array carries once for all its elements. */
export type AmqpElementType = AmqpScalarType | 'list' | 'map' | 'array'

/** Pairs in the order of the wire. Keys may repeat on the wire; `mapEntry` takes the first. */
export type AmqpMap = readonly (readonly [AmqpValue, AmqpValue])[]

export type AmqpValue =
  | { readonly type: 'null'; readonly value: null }
  | { readonly type: 'boolean'; readonly value: boolean }
  | { readonly type: 'ubyte' | 'ushort' | 'uint' | 'byte' | 'short' | 'int'; readonly value: number }
  | { readonly type: 'ulong' | 'long'; readonly value: bigint }
  | { readonly type: 'float' | 'double'; readonly value: number }
  /** 4, 8 or 16 bytes of IEEE 754-2008 decimal, as on the wire. */
  | { readonly type: 'decimal32' | 'decimal64' | 'decimal128'; readonly value: Buffer }
  /** A Unicode code point. */
  | { readonly type: 'char'; readonly value: number }
  /** Unix milliseconds, signed. */
  | { readonly type: 'timestamp'; readonly value: bigint }
  /** 16 bytes. */
  | { readonly type: 'uuid'; readonly value: Buffer }
  | { readonly type: 'binary'; readonly value: Buffer }
  | { readonly type: 'string'; readonly value: string }
  /** ASCII by the specification; other text is carried as UTF-8 rather than damaged. */
  | { readonly type: 'symbol'; readonly value: string }
  | { readonly type: 'list'; readonly value: readonly AmqpValue[] }
  | { readonly type: 'map'; readonly value: AmqpMap }
  | AmqpArray
  | { readonly type: 'described'; readonly descriptor: AmqpValue; readonly value: AmqpValue }

export interface AmqpArray {
  readonly type: 'array'
  readonly elementType: AmqpElementType
  /** Descriptors the element constructor carries, outermost first; every element has them. Usually not given. */
  readonly descriptors?: readonly AmqpValue[]
  /** All of type `elementType`. */
  readonly value: readonly AmqpValue[]
}

// ---------------------------------------------------------------- making values

export const nullValue: AmqpValue = { type: 'null', value: null }
export const trueValue: AmqpValue = { type: 'boolean', value: true }
export const falseValue: AmqpValue = { type: 'boolean', value: false }
export const emptyList: AmqpValue = { type: 'list', value: [] }

export const booleanValue = (value: boolean): AmqpValue => (value ? trueValue : falseValue)
export const uintValue = (value: number): AmqpValue => ({ type: 'uint', value })
export const ushortValue = (value: number): AmqpValue => ({ type: 'ushort', value })
export const ubyteValue = (value: number): AmqpValue => ({ type: 'ubyte', value })
export const shortValue = (value: number): AmqpValue => ({ type: 'short', value })
export const intValue = (value: number): AmqpValue => ({ type: 'int', value })
export const doubleValue = (value: number): AmqpValue => ({ type: 'double', value })
export const longValue = (value: number | bigint): AmqpValue => ({ type: 'long', value: BigInt(value) })
export const ulongValue = (value: number | bigint): AmqpValue => ({ type: 'ulong', value: BigInt(value) })
/** @param ms Unix milliseconds, an integer. */
export const timestampValue = (ms: number | bigint): AmqpValue => ({ type: 'timestamp', value: BigInt(ms) })
export const stringValue = (value: string): AmqpValue => ({ type: 'string', value })
export const symbolValue = (value: string): AmqpValue => ({ type: 'symbol', value })
export const binaryValue = (value: Buffer): AmqpValue => ({ type: 'binary', value })
export const listValue = (value: readonly AmqpValue[]): AmqpValue => ({ type: 'list', value })
export const mapValue = (value: AmqpMap): AmqpValue => ({ type: 'map', value })
export const describedValue = (descriptor: AmqpValue, value: AmqpValue): AmqpValue => ({
  type: 'described',
  descriptor,
  value,
})
/** @param value All of type `elementType`. */
export const arrayValue = (elementType: AmqpElementType, value: readonly AmqpValue[]): AmqpValue => ({
  type: 'array',
  elementType,
  value,
})

// ---------------------------------------------------------------- reading values

/**
 * The text of a string, a symbol or a binary (as UTF-8); null for everything else. Python sends names and tokens as
 * binary, .NET looks up symbols, so text from a peer is compared through this one.
 */
export function textOf(value: AmqpValue | undefined): string | null {
  if (value === undefined) return null
  if (value.type === 'string' || value.type === 'symbol') return value.value
  return value.type === 'binary' ? value.value.toString('utf8') : null
}

/** An integer or timestamp of any width as a number; null when it is something else or beyond 2^53 - 1. */
export function safeIntegerOf(value: AmqpValue | undefined): number | null {
  switch (value?.type) {
    case 'ubyte':
    case 'ushort':
    case 'uint':
    case 'byte':
    case 'short':
    case 'int':
      return value.value
    case 'ulong':
    case 'long':
    case 'timestamp': {
      const number = Number(value.value)
      return Number.isSafeInteger(number) ? number : null
    }
    default:
      return null
  }
}

/** The value behind the first key that is the string or the symbol `key`; undefined when there is none. */
export function mapEntry(map: AmqpMap | null | undefined, key: string): AmqpValue | undefined {
  if (map === null || map === undefined) return undefined
  for (const [name, value] of map) {
    if ((name.type === 'symbol' || name.type === 'string') && name.value === key) return value
  }
  return undefined
}
