// The position filter of a receiver: a described string in the source's filter map under the key
// `apache.org:selector-filter:string`. Three descriptors are in use, so only the key counts.
//
//   expression = clause *( AND clause )
//   clause     = [ "amqp.annotation." ] name ( ">=" / ">" / "=" ) value
//   name       = "x-opt-offset" / "x-opt-sequence-number" / "x-opt-enqueued-time"        any case
//   value      = "'" text "'" / text without blanks or quotes
//
// Blanks are allowed anywhere between the parts and needed nowhere but around AND: .NET sends no quotes, Rust no blank
// before the quote. Scanned by hand, in one pass, so that no input takes more time than its length.

import { EhubError } from '../../base/error.ts'
import { annotations, selectorFilterKey } from './names.ts'
import { mapEntry, textOf, type AmqpMap } from './types.ts'

/** Where a reader wants to begin; the same shape as the broker's. */
export type SelectorPosition =
  | { readonly kind: 'beginning' }
  /** Only what is enqueued after the link was attached; inclusive: the last stored event first. */
  | { readonly kind: 'end'; readonly isInclusive: boolean }
  | { readonly kind: 'sequence'; readonly sequence: number; readonly isInclusive: boolean }
  | { readonly kind: 'offset'; readonly offset: number; readonly isInclusive: boolean }
  /** Unix milliseconds. */
  | { readonly kind: 'time'; readonly timeMs: number; readonly isInclusive: boolean }

/** Longest expression looked at; SDKs send fewer than 80 characters. */
export const selectorLengthMax = 1024

/**
 * The position a source's filter asks for; without our filter the beginning, as the service does.
 * @param filter `Source.filter`.
 * @throws EhubError `argument-error` for an expression that is none.
 */
export function positionOfFilter(filter: AmqpMap | null): SelectorPosition {
  const entry = mapEntry(filter, selectorFilterKey)
  if (entry === undefined || entry.type === 'null') return { kind: 'beginning' }
  const text = textOf(entry.type === 'described' ? entry.value : entry)
  if (text === null) throw new EhubError('argument-error', `filter "${selectorFilterKey}" is not a described string`)
  return parseSelector(text)
}

/**
 * Several clauses do not come from SDKs; when they do, the offset counts before the sequence number before the time.
 * @throws EhubError `argument-error` for an expression outside the grammar or a number beyond 2^53 - 1.
 */
export function parseSelector(expression: string): SelectorPosition {
  if (expression.length > selectorLengthMax) {
    throw new EhubError('argument-error', `selector of ${expression.length} characters exceeds ${selectorLengthMax}`)
  }
  const scanner = new Scanner(expression)
  const clauses: Clause[] = [scanner.clause()]
  while (scanner.takeAnd()) clauses.push(scanner.clause())
  if (!scanner.isAtEnd()) throw invalid(expression)
  for (const name of clauseNames) {
    const clause = clauses.find((candidate) => candidate.name === name)
    if (clause !== undefined) return positionOf(clause, expression)
  }
  throw invalid(expression)
}

/** The expression for a position, in the form every SDK sends. */
export function formatSelector(position: SelectorPosition): string {
  switch (position.kind) {
    case 'beginning':
      return formatClause(annotations.offset, false, '-1')
    case 'end':
      return formatClause(annotations.offset, position.isInclusive, '@latest')
    case 'offset':
      return formatClause(annotations.offset, position.isInclusive, String(position.offset))
    case 'sequence':
      return formatClause(annotations.sequenceNumber, position.isInclusive, String(position.sequence))
    case 'time':
      return formatClause(annotations.enqueuedTime, position.isInclusive, String(position.timeMs))
  }
}

function formatClause(name: string, isInclusive: boolean, value: string): string {
  return `amqp.annotation.${name} ${isInclusive ? '>=' : '>'} '${value}'`
}

interface Clause {
  readonly name: (typeof clauseNames)[number]
  readonly isInclusive: boolean
  readonly value: string
}

/** In order of precedence. */
const clauseNames = [annotations.offset, annotations.sequenceNumber, annotations.enqueuedTime] as const
const prefix = 'amqp.annotation.'

class Scanner {
  readonly #text: string
  readonly #lower: string
  #at = 0

  constructor(text: string) {
    this.#text = text
    this.#lower = text.toLowerCase()
    this.#skipBlanks()
  }

  isAtEnd(): boolean {
    return this.#at === this.#text.length
  }

  /** Takes `AND`, which stands between blanks. */
  takeAnd(): boolean {
    const isAnd = this.#lower.startsWith('and', this.#at) && isBlank(this.#text, this.#at + 3)
    if (!isAnd) return false
    this.#at += 3
    this.#skipBlanks()
    return true
  }

  clause(): Clause {
    if (this.#lower.startsWith(prefix, this.#at)) this.#at += prefix.length
    const name = clauseNames.find((candidate) => this.#lower.startsWith(candidate, this.#at))
    if (name === undefined) throw invalid(this.#text)
    this.#at += name.length
    this.#skipBlanks()
    const isInclusive = this.#operator()
    this.#skipBlanks()
    const value = this.#value()
    this.#skipBlanks()
    return { name, isInclusive, value }
  }

  #operator(): boolean {
    if (this.#text.startsWith('>=', this.#at)) {
      this.#at += 2
      return true
    }
    const isEqual = this.#text[this.#at] === '='
    if (!isEqual && this.#text[this.#at] !== '>') throw invalid(this.#text)
    this.#at += 1
    return isEqual
  }

  #value(): string {
    if (this.#text[this.#at] === "'") {
      const close = this.#text.indexOf("'", this.#at + 1)
      if (close < 0) throw invalid(this.#text)
      const value = this.#text.slice(this.#at + 1, close)
      this.#at = close + 1
      return value
    }
    const start = this.#at
    while (this.#at < this.#text.length && !isBlank(this.#text, this.#at) && this.#text[this.#at] !== "'") this.#at += 1
    return this.#text.slice(start, this.#at)
  }

  #skipBlanks(): void {
    while (isBlank(this.#text, this.#at)) this.#at += 1
  }
}

function isBlank(text: string, at: number): boolean {
  const code = text.charCodeAt(at)
  return code === 0x20 || (code >= 0x09 && code <= 0x0d)
}

function positionOf(clause: Clause, expression: string): SelectorPosition {
  const { name, isInclusive } = clause
  const value = clause.value.trim()
  if (value.toLowerCase() === '@latest') return { kind: 'end', isInclusive }
  if (!/^-?\d{1,16}$/.test(value)) throw invalid(expression)
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw invalid(expression)
  if (name === annotations.enqueuedTime) return { kind: 'time', timeMs: number, isInclusive }
  // -1 is before everything, in either comparison.
  if (number === -1) return { kind: 'beginning' }
  if (number < 0) throw invalid(expression)
  if (name === annotations.offset) return { kind: 'offset', offset: number, isInclusive }
  return { kind: 'sequence', sequence: number, isInclusive }
}

function invalid(expression: string): EhubError {
  const shown = expression.length > 100 ? `${expression.slice(0, 100)}…` : expression
  return new EhubError('argument-error', `selector "${shown}" is not understood`, {
    hint: "write for example: amqp.annotation.x-opt-offset > '1234', '-1' for the beginning, '@latest' for the end",
  })
}
