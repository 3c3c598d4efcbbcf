// Which records of Capture files are wanted: positions as people write them, against what a record says of itself. Pure.
// As in `receive`: `--from` is the first event, `--to` is inclusive where it names an event and exclusive where it names a time.

import { EhubError } from '../base/error.ts'
import type { CaptureRecord } from '../wire/capture/capture-record.ts'
import { type Position, type PositionSpec, positionOf } from '../wire/events/position.ts'

export type RecordVerdict = 'before' | 'wanted' | 'after'

/**
 * @param partition Of the file; null: not known, then only a spec for all partitions alike can be applied.
 * @throws EhubError `usage` for a position files know nothing of.
 */
export function recordSelector(
  from: PositionSpec | null,
  to: PositionSpec | null,
  partition: number | null,
): (record: CaptureRecord) => RecordVerdict {
  const first = positionFor(from, partition, '--from')
  const last = positionFor(to, partition, '--to')
  const isBefore = first === 'none' ? () => true : first === null ? () => false : lowerBound(first)
  const isAfter = last === 'none' ? () => true : last === null ? () => false : upperBound(last)
  return (record) => (isBefore(record) ? 'before' : isAfter(record) ? 'after' : 'wanted')
}

/** `none`: the spec leaves this partition out. */
function positionFor(spec: PositionSpec | null, partition: number | null, flag: string): Position | 'none' | null {
  if (spec === null) return null
  if (partition !== null) return positionOf(spec, partition) ?? 'none'
  if (spec.byPartition.size > 0) {
    throw new EhubError('usage', `${flag} names partitions, but the files' names do not say theirs`, {
      hint: 'give --name-format as the files were named with',
    })
  }
  return spec.others
}

type Bound = (record: CaptureRecord) => boolean

function lowerBound(position: Position): Bound {
  switch (position.kind) {
    case 'beginning':
      return () => false
    case 'end':
      return () => true
    case 'sequence': {
      const first = position.isInclusive ? position.sequence : position.sequence + 1
      return ({ sequence }) => sequence < first
    }
    case 'offset': {
      const { offset, isInclusive } = position
      return (record) => compareOffsets(record.offset, offset) < (isInclusive ? 0 : 1)
    }
    case 'time':
      return ({ enqueuedTimeMs }) => enqueuedTimeMs < position.timeMs
    default:
      throw noPosition(position)
  }
}

function upperBound(position: Position): Bound {
  switch (position.kind) {
    case 'beginning':
      return () => true
    case 'end':
      return () => false
    case 'sequence':
      return ({ sequence }) => sequence > (position.isInclusive ? position.sequence : position.sequence - 1)
    case 'offset': {
      const { offset, isInclusive } = position
      return (record) => compareOffsets(record.offset, offset) > (isInclusive ? 0 : -1)
    }
    case 'time':
      return ({ enqueuedTimeMs }) => enqueuedTimeMs >= position.timeMs
    default:
      throw noPosition(position)
  }
}

function noPosition(position: Position): EhubError {
  const what = position.kind === 'checkpoint' ? 'a checkpoint' : 'a number of events from an end'
  return new EhubError('usage', `Capture files cannot be read from ${what}`, {
    hint: 'positions in files are sequence numbers, offsets and times',
  })
}

/** Offsets are decimal text that may be longer than a number is exact. */
function compareOffsets(a: string, b: string): number {
  const one = a.replace(/^0+(?=\d)/, '')
  const other = b.replace(/^0+(?=\d)/, '')
  if (one.length !== other.length) return one.length - other.length
  return one < other ? -1 : one > other ? 1 : 0
}
