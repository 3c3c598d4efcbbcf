// Where reading each partition begins and ends: positions as people write them, resolved against what the partition holds
// now. Pure. `--from` is the first event read; `--to` is inclusive where it names an event (sequence number, offset), and
// where it names a place between events (a time, `+10`, `-10`, `end`) everything before that place is read.

import { EhubError } from '../base/error.ts'
import type { PartitionEnds } from '../client/hub-client.ts'
import { annotations } from '../wire/amqp/names.ts'
import { formatSelector } from '../wire/amqp/selector.ts'
import type { Position } from '../wire/events/position.ts'

export interface PartitionPlan {
  readonly partition: string
  /** Expression of the position filter. */
  readonly selector: string
  /** Events before this sequence number are not wanted although the selector may let them through. */
  readonly skipBelow: number
  readonly stop: StopBound
  /** Nothing that is wanted is there or will come. */
  readonly isEmpty: boolean
}

/** Whichever comes first; all null: reading goes on for ever. */
export interface StopBound {
  /** First sequence number that is not wanted. */
  readonly sequence: number | null
  /** First enqueued time that is not wanted, Unix milliseconds. */
  readonly timeMs: number | null
  /** Last offset that is wanted. */
  readonly offset: bigint | null
}

export interface PlanRequest {
  readonly partition: string
  readonly ends: PartitionEnds
  readonly from: Position
  /** null: no end asked for. */
  readonly to: Position | null
  /** Stop at the end as it is now. */
  readonly exitsAtEnd: boolean
  /** Sequence number of the group's checkpoint in this partition; null: it has none. */
  readonly checkpoint: number | null
  /** In place of a checkpoint that is not there. */
  readonly fallback: Position
  readonly nowMs: number
}

/** @throws EhubError `checkpoint-not-found` when reading is to end at a checkpoint that is not there. */
export function planPartition(request: PlanRequest): PartitionPlan {
  const { partition, ends, from, checkpoint, fallback } = request
  const start = from.kind === 'checkpoint' && checkpoint === null ? fallback : from
  const stop = stopOf(request)
  return {
    partition,
    selector: selectorOf(start, ends, checkpoint),
    skipBelow: start.kind === 'relative' && start.to === 'beginning' ? ends.beginSequence + start.count : 0,
    stop,
    isEmpty: stop.sequence !== null && firstSequence(start, ends, checkpoint) >= stop.sequence,
  }
}

/** No event before this one is read: exact, but for a time or offset inside the partition. */
function firstSequence(start: Position, ends: PartitionEnds, checkpoint: number | null): number {
  const { beginSequence, endSequence } = ends
  switch (start.kind) {
    case 'beginning':
      return beginSequence
    case 'end':
      return endSequence
    case 'checkpoint':
      return Math.max(beginSequence, (checkpoint ?? endSequence - 1) + 1)
    case 'sequence':
      return Math.max(beginSequence, start.isInclusive ? start.sequence : start.sequence + 1)
    case 'relative':
      return start.to === 'beginning' ? beginSequence + start.count : relativeSequence(start, ends)
    case 'time':
      return endSequence === 0 || start.timeMs > ends.lastEnqueuedTimeMs ? endSequence : beginSequence
    case 'offset': {
      if (!/^-?\d+$/.test(start.offset)) return beginSequence
      const last = offsetNumber(ends.lastOffset)
      const isBehind = start.isInclusive ? BigInt(start.offset) > last : BigInt(start.offset) >= last
      return isBehind ? endSequence : beginSequence
    }
  }
}

/** Expression that begins behind `sequence`. */
export function selectorAfter(sequence: number): string {
  return formatSelector({ kind: 'sequence', sequence, isInclusive: false })
}

/** Differs from the service's `>= N`: an event about to come is no error, so N may be the end itself. */
function selectorOf(position: Position, ends: PartitionEnds, checkpoint: number | null): string {
  switch (position.kind) {
    case 'beginning':
      return formatSelector({ kind: 'beginning' })
    case 'end':
      return selectorAfter(ends.endSequence - 1)
    case 'checkpoint':
      return selectorAfter(checkpoint ?? ends.endSequence - 1)
    case 'sequence':
      return selectorAfter(position.isInclusive ? position.sequence - 1 : position.sequence)
    case 'offset':
      // By hand: the service calls offsets opaque, so they are text here.
      return `amqp.annotation.${annotations.offset} ${position.isInclusive ? '>=' : '>'} '${position.offset}'`
    case 'relative':
      return selectorAfter(relativeSequence(position, ends) - 1)
    case 'time':
      // Every client of the service asks with ">": times are whole milliseconds.
      return formatSelector({ kind: 'time', timeMs: position.timeMs - 1, isInclusive: false })
  }
}

function relativeSequence(position: Position & { readonly kind: 'relative' }, ends: PartitionEnds): number {
  const { beginSequence, endSequence } = ends
  return position.to === 'beginning'
    ? Math.min(beginSequence + position.count, endSequence)
    : Math.max(beginSequence, endSequence - position.count)
}

function stopOf({ partition, to, exitsAtEnd, ends, checkpoint, nowMs }: PlanRequest): StopBound {
  const atEnd = exitsAtEnd ? ends.endSequence : null
  const bound = (more: Partial<StopBound>): StopBound => {
    const { sequence = null, timeMs = null, offset = null } = more
    return { sequence: least(sequence, atEnd), timeMs, offset }
  }
  switch (to?.kind) {
    case undefined:
      return bound({})
    case 'beginning':
      return bound({ sequence: ends.beginSequence })
    case 'end':
      return bound({ sequence: ends.endSequence })
    case 'sequence':
      return bound({ sequence: to.sequence + 1 })
    case 'relative':
      return bound({
        sequence: to.to === 'beginning' ? ends.beginSequence + to.count : ends.endSequence - to.count,
      })
    case 'time':
      // Nothing more can be enqueued before a time that has passed.
      return bound({ timeMs: to.timeMs, sequence: to.timeMs <= nowMs ? ends.endSequence : null })
    case 'offset': {
      const offset = offsetNumber(to.offset)
      const isReached = offsetNumber(ends.lastOffset) >= offset
      return bound({ offset, sequence: isReached ? ends.endSequence : null })
    }
    case 'checkpoint':
      if (checkpoint === null) {
        throw new EhubError('checkpoint-not-found', `partition ${partition} has no checkpoint to read up to`)
      }
      return bound({ sequence: checkpoint + 1 })
  }
}

function least(a: number | null, b: number | null): number | null {
  if (a === null || b === null) return a ?? b
  return Math.min(a, b)
}

/** @throws EhubError `usage`: only numbers can be compared. */
export function offsetNumber(offset: string): bigint {
  if (/^-?\d+$/.test(offset)) return BigInt(offset)
  throw new EhubError('usage', `reading cannot end at the offset "${offset}", which is no number`)
}
