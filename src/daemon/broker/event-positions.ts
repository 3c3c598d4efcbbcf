// Where events lie inside a batch of encoding `amqp` (`wire/amqp/batch-payload.ts` has the drawing): an event's offset is the batch's
// base offset plus the position of its data section. Only lengths are read, never contents.

import { EhubError } from '../../base/error.ts'
import { eventIndexAt, PayloadReader } from '../../wire/amqp/batch-payload.ts'
import { grouped } from './error-texts.ts'

/**
 * Position of the last of `count` events, which must fill the payload; leaves `reader.annotationsEnd` at the end of the shared
 * annotations, -1 without them.
 * @param reader Reused, since this is on the hot path.
 * @throws EhubError `decode-error` for anything else than `count` whole data sections.
 */
export function lastEventPosition(reader: PayloadReader, payload: Buffer, count: number): number {
  reader.open(payload)
  while (reader.next());
  if (reader.index + 1 === count && count > 0) return reader.sectionStart
  throw new EhubError(
    'decode-error',
    `a publication said to hold ${grouped(count)} events holds ${grouped(reader.index + 1)}`,
  )
}

/** Position of the event with this index, which must exist. */
export function positionOfEvent(payload: Buffer, index: number): number {
  const reader = new PayloadReader()
  reader.open(payload)
  if (reader.seek(index)) return reader.sectionStart
  throw new EhubError('decode-error', `a batch has no event ${grouped(index)}`)
}

/** Index of the first event at `position` or behind it (only behind it when exclusive); the batch's count when none is. */
export function indexOfPosition(payload: Buffer, position: number, isInclusive: boolean): number {
  return eventIndexAt(payload, isInclusive ? position : position + 1)
}

/** Bytes of the annotations that all events of a batch share, in front of the first; 0 without them. */
export function sharedAnnotationsLength(payload: Buffer): number {
  const reader = new PayloadReader()
  reader.open(payload)
  return Math.max(0, reader.annotationsEnd)
}
