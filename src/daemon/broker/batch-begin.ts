// A batch that begins in the middle of a stored one: what the first read after an offset or time look-up gives, when nobody could
// know the sequence number beforehand. Numbers and offsets of the events stay what they are.

import type { Batch } from '../storage/storage-engine.ts'
import { positionOfEvent, sharedAnnotationsLength } from './event-positions.ts'

/** `batch` without the events below `sequence`, which must be one of its own; the same batch when it begins there. */
export function beginBatchAt(batch: Batch, sequence: number): Batch {
  const skipped = sequence - batch.baseSequence
  if (skipped <= 0 || batch.encoding !== 'amqp') return batch
  const { payload } = batch
  const at = positionOfEvent(payload, skipped)
  const annotations = sharedAnnotationsLength(payload)
  const rest = payload.subarray(at)
  return {
    ...batch,
    baseSequence: sequence,
    count: batch.count - skipped,
    // An event's offset is the base plus its position, and the annotations of the whole batch come first.
    baseOffset: batch.baseOffset + at - annotations,
    payload: annotations === 0 ? rest : Buffer.concat([payload.subarray(0, annotations), rest]),
  }
}
