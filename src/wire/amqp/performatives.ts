// The nine performatives (AMQP 1.0 §2.7) and the five SASL frames (§5.3.3) as plain typed objects. `kind` tells them
// apart. Transfers, dispositions and flows of a busy link go through the fast paths of `transfer.ts` instead.

import type { ByteWriter } from '../../base/byte-writer.ts'
import { performativeTables, saslTables, type Composite, type CompositeInput } from './composite-tables.ts'
import { readDescriptorCode, readFields, writeComposite, type Fields } from './composites.ts'
import { decodeError, ValueDecoder } from './decode-value.ts'

type PerformativeTables = typeof performativeTables
type SaslTables = typeof saslTables

export type Open = { readonly kind: 'open' } & Composite<PerformativeTables['open']>
export type Begin = { readonly kind: 'begin' } & Composite<PerformativeTables['begin']>
export type Attach = { readonly kind: 'attach' } & Composite<PerformativeTables['attach']>
export type Flow = { readonly kind: 'flow' } & Composite<PerformativeTables['flow']>
/** `payload` is a view of the buffer decoded. */
export type Transfer = { readonly kind: 'transfer'; readonly payload: Buffer } & Composite<
  PerformativeTables['transfer']
>
export type Disposition = { readonly kind: 'disposition' } & Composite<PerformativeTables['disposition']>
export type Detach = { readonly kind: 'detach' } & Composite<PerformativeTables['detach']>
export type End = { readonly kind: 'end' } & Composite<PerformativeTables['end']>
export type Close = { readonly kind: 'close' } & Composite<PerformativeTables['close']>
export type Performative = Open | Begin | Attach | Flow | Transfer | Disposition | Detach | End | Close

export type SaslMechanisms = { readonly kind: 'sasl-mechanisms' } & Composite<SaslTables['sasl-mechanisms']>
export type SaslInit = { readonly kind: 'sasl-init' } & Composite<SaslTables['sasl-init']>
export type SaslChallenge = { readonly kind: 'sasl-challenge' } & Composite<SaslTables['sasl-challenge']>
export type SaslResponse = { readonly kind: 'sasl-response' } & Composite<SaslTables['sasl-response']>
export type SaslOutcome = { readonly kind: 'sasl-outcome' } & Composite<SaslTables['sasl-outcome']>
export type SaslFrame = SaslMechanisms | SaslInit | SaslChallenge | SaslResponse | SaslOutcome

/** What `writePerformative` takes: mandatory fields must be there, any other may be left out or null. */
export type PerformativeInput = {
  readonly [K in keyof PerformativeTables]: { readonly kind: K; readonly payload?: Buffer } & CompositeInput<
    PerformativeTables[K]
  >
}[keyof PerformativeTables]
export type SaslFrameInput = {
  readonly [K in keyof SaslTables]: { readonly kind: K } & CompositeInput<SaslTables[K]>
}[keyof SaslTables]

/**
 * The body of an AMQP frame, without its 8-byte header. Only a transfer may have bytes behind its performative.
 * @throws EhubError `decode-error`.
 */
export function decodePerformative(buffer: Buffer, start = 0, end = buffer.length): Performative {
  const decoder = new ValueDecoder(buffer, start, end)
  const table = performativesByCode.get(readDescriptorCode(decoder) ?? -1)
  if (table === undefined) throw decodeError('the frame holds no performative', start)
  const fields: Fields = { kind: table.name }
  readFields(decoder, table, fields, 2)
  if (table.name === 'transfer') fields['payload'] = buffer.subarray(decoder.position, end)
  else if (decoder.position !== end) throw decodeError(`bytes follow the ${table.name}`, decoder.position)
  // The table that was read is what the type is made from.
  return fields as unknown as Performative
}

/** The body of a SASL frame, without its 8-byte header. @throws EhubError `decode-error`. */
export function decodeSaslFrame(buffer: Buffer, start = 0, end = buffer.length): SaslFrame {
  const decoder = new ValueDecoder(buffer, start, end)
  const table = saslFramesByCode.get(readDescriptorCode(decoder) ?? -1)
  if (table === undefined) throw decodeError('the frame holds no SASL frame', start)
  const fields: Fields = { kind: table.name }
  readFields(decoder, table, fields, 2)
  if (decoder.position !== end) throw decodeError(`bytes follow the ${table.name}`, decoder.position)
  return fields as unknown as SaslFrame
}

/**
 * Writes the performative with its full field count, and a transfer's payload behind it.
 * @throws EhubError `argument-error` for a value its field cannot hold.
 */
export function writePerformative(writer: ByteWriter, performative: PerformativeInput): void {
  writeComposite(writer, performativeTables[performative.kind], performative)
  if (performative.payload !== undefined) writer.bytes(performative.payload)
}

/** @throws EhubError `argument-error` for a value its field cannot hold. */
export function writeSaslFrame(writer: ByteWriter, frame: SaslFrameInput): void {
  writeComposite(writer, saslTables[frame.kind], frame)
}

const performativesByCode = new Map(Object.values(performativeTables).map((table) => [table.code as number, table]))
const saslFramesByCode = new Map(Object.values(saslTables).map((table) => [table.code as number, table]))
