// A batch that begins in the middle of a stored one: what the first read after an offset or time look-up gives, when nobody could
// know the sequence number beforehand. Numbers and offsets of the events stay what they are.

import type { Batch, Survivors } from '../storage/storage-engine.ts'
import { indexAtSequence, offsetEnd } from '../storage/survivors.ts'
import { positionOfEvent, sharedAnnotationsLength } from './event-positions.ts'

/** `batch` without the events below `sequence`, which must be one of its own; the same batch when it begins there. */
export function beginBatchAt(batch: Batch, sequence: number): Batch {
  const skipped = sequence - batch.baseSequence
  if (skipped <= 0 || batch.encoding !== 'amqp') return batch
  const { payload, survivors } = batch
  if (survivors !== undefined) return { ...batch, ...compactedFrom(batch, survivors, sequence) }
  const at = positionOfEvent(payload, skipped)
  const annotations = sharedAnnotationsLength(payload)
  return {
    ...batch,
    baseSequence: sequence,
    count: batch.count - skipped,
    // An event's offset is the base plus its position, and the annotations of the whole batch come first.
    baseOffset: batch.baseOffset + at - annotations,
    payload: withAnnotations(payload, annotations, at),
  }
}

type Rest = Pick<Batch, 'baseSequence' | 'count' | 'payload'> & { readonly survivors: Survivors }

/** Survivors say their distances, so that base offset and annotations stay. */
function compactedFrom(batch: Batch, survivors: Survivors, sequence: number): Rest {
  const { baseSequence, payload } = batch
  const skipped = sequence - baseSequence
  const index = indexAtSequence(batch, sequence)
  const range = { baseSequence: sequence, count: batch.count - skipped }
  const span = { offsetSpan: offsetEnd(batch) - batch.baseOffset, cleanedAtMs: survivors.cleanedAtMs }
  if (index >= survivors.count)
    return { ...range, payload: payload.subarray(0, 0), survivors: { count: 0, listed: null, ...span } }
  const positions = positionsFrom(payload, index, survivors.count)
  const count = survivors.count - index
  const listed = {
    sequences: Uint32Array.from(
      { length: count },
      (_, i) => (survivors.listed?.sequences[index + i] ?? index + i) - skipped,
    ),
    offsets: Uint32Array.from({ length: count }, (_, i) => survivors.listed?.offsets[index + i] ?? positions[i] ?? 0),
  }
  const rest = withAnnotations(payload, sharedAnnotationsLength(payload), positions[0] ?? 0)
  return { ...range, payload: rest, survivors: { count, listed, ...span } }
}

function positionsFrom(payload: Buffer, first: number, end: number): readonly number[] {
  return Array.from({ length: end - first }, (_, index) => positionOfEvent(payload, first + index))
}

function withAnnotations(payload: Buffer, annotations: number, from: number): Buffer {
  const rest = payload.subarray(from)
  return annotations === 0 ? rest : Buffer.concat([payload.subarray(0, annotations), rest])
}
