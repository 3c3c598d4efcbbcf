// JSON Lines envelope, version 1 (docs/CLI.md, "The JSON envelope"): one event a line, both ways, without loss. The text is
// put together by hand, so that a map's entries keep the order they have on the wire.
//
//   body            one data section that is UTF-8; null: an empty one of an event with a key, which is a tombstone
//   bodyBase64      one data section that is not UTF-8; a list: several data sections
//   bodyType        "value", "sequence", "none" where the body is not data; then body is in the tagged form (json-value.ts)
//   props propTypes application properties and the types JSON cannot say
//   sys sysTypes    the AMQP properties section
//   annotations annotationTypes, header, footer footerTypes

import { isUtf8 } from 'node:buffer'
import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import type { MessageBody } from '../amqp/message.ts'
import type { AmqpMap, AmqpValue } from '../amqp/types.ts'
import { checkPartitionKey, type Event, type EventContent } from './event.ts'
import {
  bytesOfBase64,
  isAmqpTypeName,
  isoTime,
  isSelfEvident,
  type Json,
  jsonOfValue,
  taggedJsonOfValue,
  valueOfJson,
  valueOfTaggedJson,
} from './json-value.ts'
import { jsonMembersOfSystem, systemOfJson } from './system-properties.ts'

export type BodyMode = 'auto' | 'utf8' | 'json' | 'base64' | 'hex' | 'none'

/** One line, without a newline. @param bodyMode Anything but `auto` may lose the body's exact bytes or kind. */
export function eventToJson(event: Event, bodyMode: BodyMode = 'auto'): string {
  return headMembers(event) + bodyMembers(event, bodyMode) + tailMembers(event)
}

/**
 * Appends the line, without a newline. As `eventToJson`, but the bytes of a body that is text are never made a string: at a
 * kilobyte an event that is most of the work.
 */
export function writeEventJson(writer: ByteWriter, event: Event, bodyMode: BodyMode = 'auto'): void {
  writeText(writer, headMembers(event))
  const { body } = event
  const data = body.kind === 'data' && body.sections.length === 1 ? body.sections[0] : undefined
  const isText = data !== undefined && data.length > 0 && bodyMode === 'auto' && isUtf8(data)
  if (isText) writeTextBody(writer, data)
  else writeText(writer, bodyMembers(event, bodyMode))
  writeText(writer, tailMembers(event))
}

function headMembers({ sequence, offset, partition, hub, publisher, key, enqueuedTimeMs }: Event): string {
  const text = `${placeText(hub, partition)},"seq":${sequence},"offset":${digitsOrNull(offset)}`
  return `${text},"enqueued":${timeText(enqueuedTimeMs)},"key":${quoteOrNull(key)},"publisher":${quoteOrNull(publisher)}`
}

const emptyTail = ',"props":{},"sys":{},"annotations":{}}'

function tailMembers({ applicationProperties, properties, annotations, header, footer }: Event): string {
  if (applicationProperties.length + annotations.length + footer.length === 0 && !properties && !header)
    return emptyTail
  let text = mapMembers('props', 'propTypes', applicationProperties, 'string')
  text += properties ? jsonMembersOfSystem(properties) : ',"sys":{}'
  text += mapMembers('annotations', 'annotationTypes', annotations, 'symbol')
  if (header) text += headerMember(header)
  if (footer.length > 0) text += mapMembers('footer', 'footerTypes', footer, 'symbol')
  return `${text}}`
}

/**
 * The event of one line; members we do not know are ignored, and so is where the event was.
 * @throws EhubError `argument-error` saying which member is wrong and why.
 */
export function eventOfJson(line: string): EventContent {
  return eventOfEnvelope(parseEnvelope(line))
}

export type Envelope = Readonly<Record<string, Json>>

/** @throws EhubError `argument-error`. */
export function parseEnvelope(line: string): Envelope {
  let value: Json
  try {
    value = JSON.parse(line) as Json
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : 'no JSON')
  }
  if (!isObject(value)) throw wrong('the line is no JSON object')
  return value
}

/** As `eventOfJson`. @throws EhubError `argument-error`. */
export function eventOfEnvelope(value: Envelope): EventContent {
  const { v = 1, key = null } = value
  if (v !== 1) throw wrong(`"v" is ${JSON.stringify(v)}, this program reads version 1`)
  if (key !== null && typeof key !== 'string') throw wrong('"key" is neither text nor null')
  if (key !== null) checkPartitionKey(key)
  return {
    key,
    header: headerOfJson(value.header ?? null),
    annotations: mapOfJson(value, 'annotations', 'annotationTypes', 'symbol'),
    properties: systemOfJson(value.sys ?? null, value.sysTypes ?? null),
    applicationProperties: mapOfJson(value, 'props', 'propTypes', 'string'),
    body: bodyOfJson(value),
    footer: mapOfJson(value, 'footer', 'footerTypes', 'symbol'),
  }
}

// ---------------------------------------------------------------- body

function bodyMembers(event: Event, mode: BodyMode): string {
  const { body, key } = event
  if (mode === 'none') return ''
  switch (body.kind) {
    case 'none':
      return ',"body":null,"bodyType":"none"'
    case 'value':
      return `,"body":${JSON.stringify(taggedJsonOfValue(body.value))},"bodyType":"value"`
    case 'sequence':
      return `,"body":${JSON.stringify(body.sections.map((items) => items.map(taggedJsonOfValue)))},"bodyType":"sequence"`
    case 'data':
      return body.sections.length === 1
        ? dataMember(body.sections[0] ?? Buffer.alloc(0), key, mode)
        : sectionsMember(body)
  }
}

function dataMember(data: Buffer, key: string | null, mode: BodyMode): string {
  if (mode === 'base64') return `,"bodyBase64":"${data.toString('base64')}"`
  if (mode === 'hex') return `,"bodyHex":"${data.toString('hex')}"`
  if (data.length === 0) return key === null ? ',"body":""' : ',"body":null'
  if (mode !== 'utf8' && !isUtf8(data)) return `,"bodyBase64":"${data.toString('base64')}"`
  const text = data.toString('utf8')
  if (mode === 'json') {
    const embedded = embeddable(text)
    if (embedded !== null) return `,"body":${embedded}`
  }
  return `,"body":${JSON.stringify(text)}`
}

function sectionsMember(body: MessageBody & { readonly kind: 'data' }): string {
  return `,"bodyBase64":${JSON.stringify(body.sections.map((section) => section.toString('base64')))}`
}

function writeText(writer: ByteWriter, text: string): void {
  // UTF-8 has at most three bytes for each unit of a string.
  writer.reserve(text.length * 3)
  writer.position += writer.buffer.write(text, writer.position)
}

const bodyHead = Buffer.from(',"body":"')
const hexDigits = Buffer.from('0123456789abcdef')
const escapes: Readonly<Record<number, string>> = { 8: 'b', 9: 't', 10: 'n', 12: 'f', 13: 'r', 34: '"', 92: '\\' }

/** For each byte of UTF-8: 0, as it is; the letter behind a backslash; 117 (`u`), four hexadecimal digits. */
const escapeLetters = (() => {
  const table = new Uint8Array(256)
  for (let byte = 0; byte < 0x20; byte += 1) table[byte] = 117
  for (const [byte, letter] of Object.entries(escapes)) table[Number(byte)] = letter.charCodeAt(0)
  return table
})()

/** `,"body":"…"`, escaped as `JSON.stringify` does. @param data UTF-8. */
function writeTextBody(writer: ByteWriter, data: Buffer): void {
  writer.reserve(bodyHead.length + data.length * 6 + 1)
  const { buffer } = writer
  bodyHead.copy(buffer, writer.position)
  let at = writer.position + bodyHead.length
  const { length } = data
  for (let i = 0; i < length; i += 1) {
    // Both indexes are inside; a default beside each read costs half as much again.
    const byte = data[i] as number
    const letter = escapeLetters[byte] as number
    if (letter === 0) {
      buffer[at] = byte
      at += 1
      continue
    }
    buffer[at] = 0x5c
    buffer[at + 1] = letter
    at += 2
    if (letter !== 117) continue
    buffer[at] = 0x30
    buffer[at + 1] = 0x30
    buffer[at + 2] = hexDigits[byte >> 4] ?? 0
    buffer[at + 3] = hexDigits[byte & 15] ?? 0
    at += 4
  }
  buffer[at] = 0x22
  writer.position = at + 1
}

/** Objects and arrays only: a text or number embedded could not be told from the body of that text. */
function embeddable(text: string): string | null {
  if (!/^\s*[[{]/.test(text)) return null
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    // Not JSON: it stays text, which is what the mode promises.
    return null
  }
}

function bodyOfJson(value: Readonly<Record<string, Json>>): MessageBody {
  const { body, bodyBase64, bodyHex, bodyType } = value
  if ([body, bodyBase64, bodyHex].filter((member) => member !== undefined).length > 1) {
    throw wrong('more than one of "body", "bodyBase64" and "bodyHex"')
  }
  switch (bodyType ?? 'data') {
    case 'none':
      return { kind: 'none' }
    case 'value':
      return { kind: 'value', value: at('body', () => valueOfTaggedJson(body ?? null)) }
    case 'sequence':
      return { kind: 'sequence', sections: at('body', () => sequencesOfJson(body ?? null)) }
    case 'data':
      return { kind: 'data', sections: dataOfJson(body, bodyBase64, bodyHex) }
    default:
      throw wrong(`"bodyType" is ${JSON.stringify(bodyType)}, not data, value, sequence or none`)
  }
}

function dataOfJson(body?: Json, base64?: Json, hex?: Json): readonly Buffer[] {
  if (Array.isArray(base64)) return base64.map((section: Json) => base64Data(section))
  if (base64 !== undefined) return [base64Data(base64)]
  if (hex !== undefined) {
    if (typeof hex !== 'string' || !/^([0-9a-f]{2})*$/i.test(hex)) throw wrong('"bodyHex" is no hexadecimal text')
    return [Buffer.from(hex, 'hex')]
  }
  if (body === undefined) throw wrong('no "body", "bodyBase64" or "bodyHex"')
  if (body === null) return [Buffer.alloc(0)]
  return [Buffer.from(typeof body === 'string' ? body : JSON.stringify(body), 'utf8')]
}

function base64Data(json: Json): Buffer {
  if (typeof json !== 'string') throw wrong('"bodyBase64" is no text')
  return at('bodyBase64', () => bytesOfBase64(json))
}

function sequencesOfJson(json: Json): readonly (readonly AmqpValue[])[] {
  if (!Array.isArray(json)) throw wrong('is no list of lists')
  return (json as readonly Json[]).map((section) => {
    if (!Array.isArray(section)) throw wrong('is no list of lists')
    return (section as readonly Json[]).map(valueOfTaggedJson)
  })
}

// ---------------------------------------------------------------- maps

/** An object where that keeps keys and order, else a list of pairs in the tagged form. */
function mapMembers(name: string, typesName: string, map: AmqpMap, keyType: 'string' | 'symbol'): string {
  if (map.length === 0) return `,"${name}":{}`
  if (!fitsObject(map, keyType)) {
    return `,"${name}":${JSON.stringify(jsonOfValue({ type: 'map', value: map }))}`
  }
  let members = ''
  let types = ''
  for (const [key, value] of map) {
    const quoted = JSON.stringify(key.type === 'described' ? '' : key.value)
    members += `${members === '' ? '' : ','}${quoted}:${JSON.stringify(jsonOfValue(value))}`
    if (!isSelfEvident(value.type)) types += `${types === '' ? '' : ','}${quoted}:"${value.type}"`
  }
  return `,"${name}":{${members}}${types === '' ? '' : `,"${typesName}":{${types}}`}`
}

/** JavaScript moves keys that are array indexes to the front; repeated keys and keys of other types do not fit either. */
function fitsObject(map: AmqpMap, keyType: 'string' | 'symbol'): boolean {
  const keys = new Set<string>()
  for (const [key] of map) {
    if (key.type !== keyType || keys.has(key.value) || (map.length > 1 && /^\d+$/.test(key.value))) return false
    keys.add(key.value)
  }
  return true
}

function mapOfJson(
  value: Readonly<Record<string, Json>>,
  name: string,
  typesName: string,
  keyType: 'string' | 'symbol',
): AmqpMap {
  const json = value[name] ?? null
  const types = value[typesName] ?? null
  if (json === null) return []
  if (Array.isArray(json)) {
    const map = at(name, () => valueOfJson(json, 'map'))
    return map.type === 'map' ? map.value : []
  }
  if (!isObject(json)) throw wrong(`"${name}" is no object`)
  if (types !== null && !isObject(types)) throw wrong(`"${typesName}" is no object`)
  return Object.entries(json).map(([key, item]) => {
    const type = types !== null && Object.hasOwn(types, key) ? types[key] : undefined
    if (type !== undefined && (typeof type !== 'string' || !isAmqpTypeName(type))) {
      throw wrong(`"${typesName}" gives "${key}" a type that is none: ${JSON.stringify(type)}`)
    }
    return [{ type: keyType, value: key }, at(`${name}.${key}`, () => valueOfJson(item, type))] as const
  })
}

// ---------------------------------------------------------------- header

const headerFields = [
  ['durable', 'boolean'],
  ['priority', 'ubyte'],
  ['ttl', 'uint'],
  ['firstAcquirer', 'boolean'],
  ['deliveryCount', 'uint'],
] as const

function headerMember(header: NonNullable<EventContent['header']>): string {
  const fields = headerFields.flatMap(([name]) => {
    const value = header[name] ?? null
    return value === null ? [] : [`"${name}":${JSON.stringify(value)}`]
  })
  return fields.length === 0 ? '' : `,"header":{${fields.join(',')}}`
}

function headerOfJson(json: Json): EventContent['header'] {
  if (json === null) return null
  if (!isObject(json)) throw wrong('"header" is no object')
  const fields: Record<string, unknown> = {}
  for (const [name, type] of headerFields) {
    const value = json[name] ?? null
    if (value !== null) fields[name] = at(`header.${name}`, () => valueOfJson(value, type)).value
  }
  return Object.keys(fields).length === 0 ? null : fields
}

// ---------------------------------------------------------------- small things

function isObject(json: Json): json is { readonly [name: string]: Json } {
  return typeof json === 'object' && json !== null && !Array.isArray(json)
}

function quoteOrNull(text: string | null): string {
  return text === null ? 'null' : JSON.stringify(text)
}

// The hub is one and partitions come in runs: the last text made is nearly always the next one asked for.
let lastHub: string | null = null
let lastPartition: string | null = null
let lastPlaceText = '{"v":1,"hub":null,"partition":null'

function placeText(hub: string | null, partition: string | null): string {
  if (hub !== lastHub || partition !== lastPartition) {
    lastHub = hub
    lastPartition = partition
    lastPlaceText = `{"v":1,"hub":${quoteOrNull(hub)},"partition":${quoteOrNull(partition)}`
  }
  return lastPlaceText
}

function digitsOrNull(text: string | null): string {
  return text !== null && /^\d+$/.test(text) ? `"${text}"` : quoteOrNull(text)
}

// Events of one batch share their time.
let lastTimeMs = Number.NaN
let lastTimeText = 'null'

function timeText(timeMs: number | null): string {
  if (timeMs === null) return 'null'
  if (timeMs !== lastTimeMs) {
    lastTimeMs = timeMs
    lastTimeText = quoteOrNull(isoTime(timeMs))
  }
  return lastTimeText
}

/** Names the member in the errors of what is inside it. */
function at<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof EhubError) throw wrong(`"${name}": ${error.message}`)
    throw error
  }
}

function wrong(what: string): EhubError {
  return new EhubError('argument-error', what)
}
