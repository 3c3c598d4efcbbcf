// Where a reader begins. Pure: what can be said from the log's ends alone is answered at once, the rest is named as a search.
//
//      start            last   end            events are numbered start..last, `end` is the next to be assigned
//   ···  |e|e|e| ... |e|e|  |                 before start: trimmed; begins at start
//                        ^beyond last: refused; exactly last and exclusive: waits for what comes
//
// Boundaries: as the live tests of the official JS SDK assert them. `> last` replays nothing, `>= last` exactly one event;
// times compare in whole milliseconds and `> t` leaves out what was stored at exactly t.

import { EhubError, isEhubError } from '../../base/error.ts'
import type { Batch, PartitionLog, Position } from '../storage/storage-engine.ts'
import { countBelow, eventCount, indexAtSequence, sequenceOfIndex } from '../storage/survivors.ts'
import type { StartPosition } from './broker-api.ts'
import { indexOfPosition } from './event-positions.ts'
import type { LastEvent } from './flights.ts'

export interface LogEnds {
  readonly start: Position
  readonly end: Position
  readonly last: LastEvent
}

export type Placement =
  | { readonly kind: 'at'; readonly sequence: number }
  /** The first event enqueued at or after `timeMs`, or what is enqueued from now on. */
  | { readonly kind: 'by-time'; readonly timeMs: number }
  | ByOffset

interface ByOffset {
  readonly kind: 'by-offset'
  readonly offset: number
  readonly isInclusive: boolean
}

/**
 * @throws EhubError `position-out-of-range` beyond the last event, in the service's words; `argument-error` for what is no
 *   integer.
 */
export function placePosition(position: StartPosition, { start, end, last }: LogEnds): Placement {
  switch (position.kind) {
    case 'beginning':
      return at(start.sequence)
    case 'end':
      return at(position.isInclusive ? Math.max(start.sequence, end.sequence - 1) : end.sequence)
    case 'sequence': {
      const sequence = integer(position.sequence, 'sequence number')
      const lastSequence = end.sequence - 1
      if (sequence > lastSequence) {
        throw outOfRange('sequence number', sequence, lastSequence)
      }
      return at(Math.max(start.sequence, position.isInclusive ? sequence : sequence + 1))
    }
    case 'offset': {
      const offset = integer(position.offset, 'offset')
      if (offset > last.offset) throw outOfRange('offset', offset, last.offset)
      if (offset === last.offset && !position.isInclusive) return at(end.sequence)
      if (offset < start.offset) return at(start.sequence)
      return { kind: 'by-offset', offset, isInclusive: position.isInclusive }
    }
    case 'time': {
      const timeMs = integer(position.timeMs, 'enqueued time') + (position.isInclusive ? 0 : 1)
      if (last.timeMs === null || timeMs > last.timeMs) return at(end.sequence)
      return { kind: 'by-time', timeMs }
    }
  }
}

/** The log, and where it begins for readers. */
export interface Searched {
  readonly log: PartitionLog
  readonly retained: { readonly start: Position }
}

/** Answers a placement that needs the log itself. Storage's errors pass through. */
export async function searchPlacement(partition: Searched, placement: Placement): Promise<number> {
  const { log, retained } = partition
  if (placement.kind === 'at') return placement.sequence
  if (placement.kind === 'by-time') {
    return Math.max(await log.findByTime(placement.timeMs), retained.start.sequence)
  }
  try {
    return await searchOffset(partition, placement)
  } catch (error) {
    // Trimmed while we looked: what is left begins at the start.
    if (isEhubError(error, 'sequence-trimmed')) return retained.start.sequence
    throw error
  }
}

async function searchOffset({ log, retained }: Searched, { offset, isInclusive }: ByOffset): Promise<number> {
  const baseSequence = await log.findByOffset(offset)
  if (baseSequence >= log.end.sequence) return log.end.sequence
  const [batch] = await log.read(Math.max(baseSequence, log.start.sequence), 1)
  if (batch === undefined || batch.encoding !== 'amqp') return baseSequence
  if (batch.survivors !== undefined) return Math.max(retained.start.sequence, survivorAt(batch, offset, isInclusive))
  // Behind the batch's last event this is the base of the next batch.
  const index = indexOfPosition(batch.payload, offset - batch.baseOffset, isInclusive)
  return Math.max(retained.start.sequence, batch.baseSequence + index)
}

/** The first event of a compacted batch at the offset or behind it; the base of the next batch when none is. */
function survivorAt(batch: Batch, offset: number, isInclusive: boolean): number {
  const { survivors, baseOffset, baseSequence, count, payload } = batch
  if (survivors === undefined || survivors.count === 0) return baseSequence + count
  const distance = Math.max(0, offset - baseOffset + (isInclusive ? 0 : 1))
  const index =
    survivors.listed === null
      ? indexOfPosition(payload, distance, true)
      : countBelow(survivors.listed.offsets, distance)
  return index >= survivors.count ? baseSequence + count : sequenceOfIndex(batch, index)
}

/**
 * The event a reader at `sequence` gets first: the next one where compaction took some; `end` when none is there yet.
 * @throws EhubError storage's errors.
 */
export async function nextEventAt(
  log: PartitionLog,
  sequence: number,
): Promise<{ sequence: number; timeMs: number | null }> {
  for (let from = Math.max(sequence, log.start.sequence); from < log.end.sequence; ) {
    const batches = log.readCached(from, lookBytes) ?? (await log.read(from, lookBytes))
    for (const batch of batches) {
      const index = indexAtSequence(batch, from)
      if (index < eventCount(batch)) return { sequence: sequenceOfIndex(batch, index), timeMs: batch.enqueuedTimeMs }
      from = batch.baseSequence + batch.count
    }
    if (batches.length === 0) break
  }
  return { sequence: log.end.sequence, timeMs: null }
}

// Enough to pass many batches of which nothing is left with one read.
const lookBytes = 64 * 1024

function at(sequence: number): Placement {
  return { kind: 'at', sequence }
}

function integer(value: number, what: string): number {
  if (!Number.isSafeInteger(value))
    throw new EhubError('argument-error', `${value} is no ${what}: it must be an integer`)
  return value
}

export function outOfRange(what: string, asked: number, last: number): EhubError {
  return new EhubError(
    'position-out-of-range',
    `The supplied ${what} '${asked}' is invalid. The last ${what} in the system is '${last}'`,
  )
}
