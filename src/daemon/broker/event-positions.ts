// Where events lie inside the stored payload of encoding `amqp`: `[message-annotations 00 53 72 …] data-section+`, each data
// section `00 53 75 a0 len8 …` or `00 53 75 b0 len32 …`. An event's offset is the batch's base offset plus the position of its
// data section. Only lengths are read, never contents.

import { EhubError } from '../../base/error.ts'
import { grouped } from './error-texts.ts'

const annotationsCode = 0x72
const dataCode = 0x75

/**
 * Length of the annotations section a payload begins with, 0 when it begins with an event.
 * @throws EhubError `decode-error`.
 */
export function leadingAnnotationsLength(payload: Buffer): number {
  if (payload[2] !== annotationsCode || payload[0] !== 0 || payload[1] !== 0x53) return 0
  const constructor = payload[3]
  let length = -1
  if (constructor === 0xc1 && payload.length >= 5) length = 5 + payload.readUInt8(4)
  else if (constructor === 0xd1 && payload.length >= 8) length = 8 + payload.readUInt32BE(4)
  if (length < 0 || length > payload.length) throw malformed(0)
  return length
}

/**
 * Position behind the event whose data section begins at `at`.
 * @throws EhubError `decode-error` when there is no whole data section.
 */
export function afterEvent(payload: Buffer, at: number): number {
  if (payload[at] !== 0 || payload[at + 1] !== 0x53 || payload[at + 2] !== dataCode) throw malformed(at)
  const constructor = payload[at + 3]
  let after = -1
  if (constructor === 0xa0 && payload.length >= at + 5) after = at + 5 + payload.readUInt8(at + 4)
  else if (constructor === 0xb0 && payload.length >= at + 8) after = at + 8 + payload.readUInt32BE(at + 4)
  if (after < 0 || after > payload.length) throw malformed(at)
  return after
}

/** Position of the event with this index, the first being 0. */
export function positionOfEvent(payload: Buffer, index: number): number {
  let at = leadingAnnotationsLength(payload)
  for (let left = index; left > 0; left -= 1) at = afterEvent(payload, at)
  return at
}

/** Index of the first event whose position is at least `position` (more than it when exclusive); `count` when none is. */
export function indexOfPosition(payload: Buffer, count: number, position: number, isInclusive: boolean): number {
  let at = leadingAnnotationsLength(payload)
  let index = 0
  while (index < count && (at < position || (at === position && !isInclusive))) {
    at = afterEvent(payload, at)
    index += 1
  }
  return index
}

function malformed(at: number): EhubError {
  return new EhubError('decode-error', `the payload holds no whole data section at byte ${grouped(at)}`)
}
