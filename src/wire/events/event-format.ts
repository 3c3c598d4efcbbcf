// `--format`: kcat's letters, ours beside them, and `{{…}}` templates, compiled once into a list of writers. Bodies are
// bytes, so the result is bytes too.
//
//   %s body       %S its length    %k key         %K its length   %h properties   %h{name} one property
//   %p partition  %n sequence      %o offset      %t hub          %T enqueued, Unix ms
//   %D enqueued, ISO 8601          %D{%Y-%m-%d %H:%M:%S.%L} in UTC
//   %i messageId  %u publisher     %%  a percent sign
//   modifiers behind %s %k and %h{name}: {hex} {base64} {json}
//   {{partition}} {{seq}} {{offset}} {{key}} {{body}} {{hub}} {{enqueued}} {{publisher}} {{messageId}} {{prop.NAME}} {{sys.NAME}}
//   escapes \n \r \t \0 \\ \xNN

import type { ByteWriter } from '../../base/byte-writer.ts'
import { EhubError } from '../../base/error.ts'
import { type AmqpValue, mapEntry } from '../amqp/types.ts'
import type { Event } from './event.ts'
import { eventToJson } from './event-json.ts'
import { isoTime, jsonOfValue } from './json-value.ts'
import { systemProperty, systemPropertyNames } from './system-properties.ts'

export type EventFormat = (event: Event, writer: ByteWriter) => void

type Piece = (event: Event) => string | Buffer
type Modifier = 'hex' | 'base64' | 'json' | null

/** @throws EhubError `usage` naming what is not understood. */
export function compileFormat(template: string): EventFormat {
  const pieces: (Piece | Buffer)[] = []
  const scanner = new Scanner(template)
  while (!scanner.isAtEnd()) {
    const literal = scanner.literal()
    if (literal !== '') pieces.push(Buffer.from(unescape(literal)))
    if (scanner.isAtEnd()) break
    pieces.push(scanner.take('{{') ? namedPiece(scanner.until('}}')) : letterPiece(scanner))
  }
  return (event, writer) => {
    for (const piece of pieces) {
      const value = typeof piece === 'function' ? piece(event) : piece
      if (typeof value === 'string') writer.utf8(value, Buffer.byteLength(value))
      else writer.bytes(value)
    }
  }
}

/** `\n \r \t \0 \\ \xNN` as the characters they mean. @throws EhubError `usage`. */
export function unescape(text: string): string {
  return text.replace(/\\(x[0-9a-f]{2}|[\s\S]|$)/gi, (_, escape: string) => {
    if (escape.length === 3) return String.fromCharCode(Number.parseInt(escape.slice(1), 16))
    const character = simpleEscapes[escape]
    if (character === undefined) {
      throw new EhubError('usage', `"\\${escape}" is no escape`, { hint: 'escapes are \\n \\r \\t \\0 \\\\ \\xNN' })
    }
    return character
  })
}

const simpleEscapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '0': '\0', '\\': '\\' }

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  isAtEnd(): boolean {
    return this.#at >= this.#text.length
  }

  /** Text up to the next `%` or `{{`. */
  literal(): string {
    const rest = this.#text.slice(this.#at)
    const length = rest.search(/%|\{\{/)
    const literal = length === -1 ? rest : rest.slice(0, length)
    this.#at += literal.length
    return literal
  }

  take(expected: string): boolean {
    if (!this.#text.startsWith(expected, this.#at)) return false
    this.#at += expected.length
    return true
  }

  character(): string {
    const character = this.#text[this.#at] ?? ''
    this.#at += 1
    return character
  }

  until(close: string): string {
    const end = this.#text.indexOf(close, this.#at)
    if (end === -1) throw wrong(`"${this.#text}" lacks "${close}"`)
    const inside = this.#text.slice(this.#at, end)
    this.#at = end + close.length
    return inside
  }

  /** What stands in braces right here, null when there are none. */
  braces(): string | null {
    return this.#text[this.#at] === '{' && this.#text[this.#at + 1] !== '{' && this.take('{') ? this.until('}') : null
  }
}

function letterPiece(scanner: Scanner): Piece {
  scanner.take('%')
  const letter = scanner.character()
  switch (letter) {
    case '%':
      return () => '%'
    case 's':
      return modified(bodyBytes, modifierOf(scanner))
    case 'S':
      return (event) => String(bodyBytes(event).length)
    case 'k':
      return modified((event) => Buffer.from(event.key ?? ''), modifierOf(scanner))
    case 'K':
      return (event) => (event.key === null ? '-1' : String(Buffer.byteLength(event.key)))
    case 'h': {
      const name = scanner.braces()
      return name === null ? allProperties : modified((event) => property(event, name), modifierOf(scanner))
    }
    case 'D': {
      const format = scanner.braces()
      return format === null ? named.enqueued : (event) => formatTime(event.enqueuedTimeMs, format)
    }
    default: {
      const name = letters[letter]
      if (name === undefined) throw wrong(`"%${letter}" is no format letter`)
      return named[name]
    }
  }
}

const named = {
  partition: (event: Event) => event.partition ?? '',
  seq: (event: Event) => String(event.sequence ?? ''),
  offset: (event: Event) => event.offset ?? '',
  hub: (event: Event) => event.hub ?? '',
  key: (event: Event) => event.key ?? '',
  publisher: (event: Event) => event.publisher ?? '',
  enqueued: (event: Event) => (event.enqueuedTimeMs === null ? '' : (isoTime(event.enqueuedTimeMs) ?? '')),
  enqueuedMs: (event: Event) => String(event.enqueuedTimeMs ?? ''),
  messageId: (event: Event) => plainText(systemProperty(event.properties, 'messageId')),
  body: bodyBytes,
  json: (event: Event) => eventToJson(event),
} as const satisfies Record<string, Piece>

const letters: Readonly<Record<string, keyof typeof named>> = {
  p: 'partition',
  n: 'seq',
  o: 'offset',
  t: 'hub',
  T: 'enqueuedMs',
  i: 'messageId',
  u: 'publisher',
}

function namedPiece(inside: string): Piece {
  const name = inside.trim()
  if (Object.hasOwn(named, name)) return named[name as keyof typeof named]
  if (name.startsWith('prop.')) {
    const key = name.slice('prop.'.length)
    return (event) => property(event, key)
  }
  const field = name.startsWith('sys.') ? name.slice('sys.'.length) : null
  if (field !== null && systemPropertyNames.includes(field)) {
    return (event) => plainText(systemProperty(event.properties, field))
  }
  throw wrong(`"{{${name}}}" is no part of an event`)
}

function modifierOf(scanner: Scanner): Modifier {
  const inside = scanner.braces()
  if (inside === null || inside === 'hex' || inside === 'base64' || inside === 'json') return inside
  throw wrong(`"{${inside}}" is no modifier`)
}

function modified(read: (event: Event) => Buffer, modifier: Modifier): Piece {
  if (modifier === null) return read
  if (modifier === 'json') return (event) => JSON.stringify(read(event).toString('utf8'))
  return (event) => read(event).toString(modifier)
}

/** Data as it is; several sections one behind the other; other bodies as JSON. */
export function bodyBytes(event: Event): Buffer {
  const { body } = event
  switch (body.kind) {
    case 'none':
      return Buffer.alloc(0)
    case 'data':
      return body.sections.length === 1 ? (body.sections[0] ?? Buffer.alloc(0)) : Buffer.concat(body.sections)
    case 'value':
      return Buffer.from(plainText(body.value))
    case 'sequence':
      return Buffer.from(JSON.stringify(body.sections.map((items) => items.map(jsonOfValue))))
  }
}

function property(event: Event, name: string): Buffer {
  const value = mapEntry(event.applicationProperties, name)
  return value?.type === 'binary' ? value.value : Buffer.from(plainText(value ?? null))
}

// kcat shows headers as name=value, separated by commas.
function allProperties(event: Event): string {
  return event.applicationProperties.map(([key, value]) => `${plainText(key)}=${plainText(value)}`).join(',')
}

function plainText(value: AmqpValue | null): string {
  if (value === null) return ''
  const json = jsonOfValue(value)
  return typeof json === 'string' ? json : JSON.stringify(json)
}

function formatTime(timeMs: number | null, format: string): string {
  if (timeMs === null) return ''
  const iso = isoTime(timeMs)
  if (iso === null) return String(timeMs)
  // Years outside 0..9999 have a sign and six digits.
  const parts = /^([+-]?\d+)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d\d\d)Z$/.exec(iso)
  const [, year = '', month = '', day = '', hour = '', minute = '', second = '', ms = ''] = parts ?? []
  const values: Readonly<Record<string, string>> = {
    Y: year,
    m: month,
    d: day,
    H: hour,
    M: minute,
    S: second,
    L: ms,
    F: `${year}-${month}-${day}`,
    T: `${hour}:${minute}:${second}`,
    s: String(Math.floor(timeMs / 1000)),
    '%': '%',
  }
  return format.replace(/%(.)/g, (whole, letter: string) => values[letter] ?? whole)
}

function wrong(what: string): EhubError {
  return new EhubError('usage', what, {
    hint: "for example '%p %n %k %s\\n' or '{{partition}} {{prop.type}} {{body}}\\n'",
  })
}
