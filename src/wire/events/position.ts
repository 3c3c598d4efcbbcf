// Positions in a partition as people write them: the one grammar behind `--from`, `--to`, `--between` and
// `checkpoint --to` (docs/CLI.md, "Positions"). Pure: the present is an argument, nothing is looked up. What a position
// means for a partition is decided where its ends are known, in `resolve-position.ts`.
//
//   spec     = position | assignment ("," assignment)*
//   assignment = (partition | "*") "=" position
//   position = "beginning" | "end" | "checkpoint" | [seq:][>]N | off:[>]N | +N | -N | @time

import { parseDuration } from '../../base/duration.ts'
import { EhubError, isEhubError } from '../../base/error.ts'

export type Position =
  /** First retained event. */
  | { readonly kind: 'beginning' }
  /** Next to arrive. */
  | { readonly kind: 'end' }
  /** The group's checkpoint: the event after the one it names. */
  | { readonly kind: 'checkpoint' }
  | { readonly kind: 'sequence'; readonly sequence: number; readonly isInclusive: boolean }
  /** Decimal text: the service calls offsets opaque. */
  | { readonly kind: 'offset'; readonly offset: string; readonly isInclusive: boolean }
  /** `count` events after the beginning, or before the end. */
  | { readonly kind: 'relative'; readonly to: 'beginning' | 'end'; readonly count: number }
  /** First event enqueued at or after `timeMs`, Unix milliseconds. */
  | { readonly kind: 'time'; readonly timeMs: number }

/** A position for each partition: those named, and one for all others (null: partitions not named are left out). */
export interface PositionSpec {
  readonly byPartition: ReadonlyMap<number, Position>
  readonly others: Position | null
}

const hint =
  'positions are beginning, end, 42, seq:>42, off:1024, +10, -10, @2026-11-20T09:00:00Z, @-15m, checkpoint, or 0=seq:5,*=end'

const words: ReadonlyMap<string, Position> = new Map([
  ['beginning', { kind: 'beginning' }],
  ['start', { kind: 'beginning' }],
  ['earliest', { kind: 'beginning' }],
  ['end', { kind: 'end' }],
  ['latest', { kind: 'end' }],
  ['new', { kind: 'end' }],
  ['checkpoint', { kind: 'checkpoint' }],
  ['stored', { kind: 'checkpoint' }],
])

/**
 * One position, for one partition or for all alike.
 * @param nowMs Unix milliseconds that `@-15m` counts from.
 * @throws EhubError `usage`.
 */
export function parsePosition(text: string, nowMs: number): Position {
  const word = words.get(text.toLowerCase())
  if (word !== undefined) return word
  if (text.startsWith('@')) return { kind: 'time', timeMs: parseTime(text, nowMs) }

  const sequence = /^(?:seq:(>?))?(\d+)$/.exec(text)
  if (sequence !== null) {
    return { kind: 'sequence', sequence: wholeNumber(sequence[2] ?? '', text), isInclusive: sequence[1] !== '>' }
  }
  const offset = /^off:(>?)(\S+)$/.exec(text)
  if (offset !== null) return { kind: 'offset', offset: offset[2] ?? '', isInclusive: offset[1] !== '>' }
  const relative = /^([+-])(\d+)$/.exec(text)
  if (relative !== null) {
    const to = relative[1] === '+' ? 'beginning' : 'end'
    return { kind: 'relative', to, count: wholeNumber(relative[2] ?? '', text) }
  }
  throw new EhubError('usage', `"${text}" is no position`, { hint })
}

/**
 * A position for every partition, or `0=seq:5,1=@-1h,*=end`.
 * @throws EhubError `usage`, also when a partition is named twice.
 */
export function parsePositionSpec(text: string, nowMs: number): PositionSpec {
  if (!text.includes('=')) return { byPartition: new Map(), others: parsePosition(text, nowMs) }
  const byPartition = new Map<number, Position>()
  let others: Position | null = null
  for (const part of text.split(',')) {
    const [, name = '', value = ''] = /^(\*|\d+)=(.+)$/.exec(part.trim()) ?? []
    if (value === '') throw new EhubError('usage', `"${part}" is no position of a partition`, { hint })
    const position = parsePosition(value, nowMs)
    if (name === '*') {
      if (others !== null) throw new EhubError('usage', 'positions name "*" twice')
      others = position
    } else {
      const partition = wholeNumber(name, part)
      if (byPartition.has(partition)) throw new EhubError('usage', `positions name partition ${partition} twice`)
      byPartition.set(partition, position)
    }
  }
  return { byPartition, others }
}

/** The position of `partition`, or null when the spec leaves it out. */
export function positionOf(spec: PositionSpec, partition: number): Position | null {
  return spec.byPartition.get(partition) ?? spec.others
}

/** Whether any partition's position is of this kind. */
export function specHas(spec: PositionSpec, kind: Position['kind']): boolean {
  return spec.others?.kind === kind || [...spec.byPartition.values()].some((position) => position.kind === kind)
}

/** Text that `parsePosition` reads back as the same position. */
export function formatPosition(position: Position): string {
  switch (position.kind) {
    case 'beginning':
    case 'end':
    case 'checkpoint':
      return position.kind
    case 'sequence':
      return `seq:${position.isInclusive ? '' : '>'}${position.sequence}`
    case 'offset':
      return `off:${position.isInclusive ? '' : '>'}${position.offset}`
    case 'relative':
      return `${position.to === 'beginning' ? '+' : '-'}${position.count}`
    case 'time':
      return `@${new Date(position.timeMs).toISOString()}`
  }
}

/** Text that `parsePositionSpec` reads back. */
export function formatPositionSpec(spec: PositionSpec): string {
  if (spec.byPartition.size === 0 && spec.others !== null) return formatPosition(spec.others)
  const parts = [...spec.byPartition].map(([partition, position]) => `${partition}=${formatPosition(position)}`)
  if (spec.others !== null) parts.push(`*=${formatPosition(spec.others)}`)
  return parts.join(',')
}

/**
 * `@T1..@T2` of `--between`.
 * @throws EhubError `usage`, also when the second time is before the first.
 */
export function parseBetween(text: string, nowMs: number): { readonly from: Position; readonly to: Position } {
  const [from = '', to = '', ...rest] = text.split('..')
  if (!from.startsWith('@') || !to.startsWith('@') || rest.length > 0) {
    throw new EhubError('usage', `"${text}" is no range of times`, { hint: 'write for instance @-1h..@-30m' })
  }
  const range = { from: parsePosition(from, nowMs), to: parsePosition(to, nowMs) }
  if (range.from.kind === 'time' && range.to.kind === 'time' && range.to.timeMs < range.from.timeMs) {
    throw new EhubError('usage', `"${text}" ends before it begins`)
  }
  return range
}

/**
 * Partitions of `0,2,4-7`, ascending and without repetition.
 * @throws EhubError `usage`.
 */
export function parsePartitionList(text: string): readonly number[] {
  const partitions = new Set<number>()
  for (const part of text.split(',')) {
    const [, first = '', last] = /^(\d+)(?:-(\d+))?$/.exec(part.trim()) ?? []
    if (first === '') {
      throw new EhubError('usage', `"${part}" is no partition`, { hint: 'write for instance 0 or 0,2,4-7' })
    }
    const low = wholeNumber(first, part)
    const high = last === undefined ? low : wholeNumber(last, part)
    // More than any hub has; keeps "0-99999999999" from filling memory.
    if (high < low || high - low > 4096) throw new EhubError('usage', `"${part}" is no range of partitions`)
    for (let partition = low; partition <= high; partition++) partitions.add(partition)
  }
  return [...partitions].sort((a, b) => a - b)
}

// "@…": date (midnight UTC), ISO 8601 (UTC unless it says otherwise), Unix seconds (10 digits) or milliseconds (13),
// or a duration before or after the present.
function parseTime(text: string, nowMs: number): number {
  const time = text.slice(1)
  if (/^\d{10}$/.test(time)) return Number(time) * 1000
  if (/^\d{13}$/.test(time)) return Number(time)
  const sign = time.startsWith('-') ? -1 : time.startsWith('+') ? 1 : 0
  if (sign !== 0) return nowMs + sign * span(time.slice(1), text)
  const iso = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:?\d{2})?)?$/i.exec(time)
  if (iso !== null) {
    const [, date = '', clock = '00:00', zone = 'Z'] = iso
    const timeMs = Date.parse(`${date}T${clock}${zone.toUpperCase()}`)
    // Date.parse turns 31 February into March; a date that does not exist is a slip of the hand.
    if (!Number.isNaN(timeMs) && new Date(`${date}T00:00:00Z`).toISOString().startsWith(date)) return timeMs
  }
  throw noTime(text)
}

function span(duration: string, text: string): number {
  try {
    return parseDuration(duration)
  } catch (error) {
    if (isEhubError(error, 'usage')) throw noTime(text)
    throw error
  }
}

function noTime(text: string): EhubError {
  return new EhubError('usage', `"${text}" is no time`, {
    hint: 'write @2026-11-20, @2026-11-20T09:00:00Z, @1763629200 (s), @1763629200000 (ms) or @-15m',
  })
}

function wholeNumber(digits: string, text: string): number {
  const value = Number(digits)
  if (!Number.isSafeInteger(value)) throw new EhubError('usage', `number in "${text}" exceeds 2^53 - 1`)
  return value
}
