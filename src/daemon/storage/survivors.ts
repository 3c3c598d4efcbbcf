// What compaction left of a batch. A batch that lost events keeps its range of sequences and offsets, so that logs stay without
// gaps between batches: `baseSequence + count` is still where the next one begins. Only what lies inside is thinner, and
// whoever needs the number of one event asks here instead of counting.

import type { Batch } from './storage-engine.ts'

/** Events that can be read from the batch. */
export function eventCount(batch: Batch): number {
  return batch.survivors === undefined ? batch.count : batch.survivors.count
}

/** Sequence of the event with this index in the payload, below `eventCount`. */
export function sequenceOfIndex(batch: Batch, index: number): number {
  return batch.baseSequence + (batch.survivors?.listed?.sequences[index] ?? index)
}

/** Offset of the event with this index. @param position Where it begins in the payload. */
export function offsetOfIndex(batch: Batch, index: number, position: number): number {
  return batch.baseOffset + (batch.survivors?.listed?.offsets[index] ?? position)
}

/** Index of the first event at or behind `sequence`; `eventCount` when there is none. */
export function indexAtSequence(batch: Batch, sequence: number): number {
  const { survivors } = batch
  const distance = Math.max(0, sequence - batch.baseSequence)
  if (survivors === undefined) return Math.min(distance, batch.count)
  if (survivors.listed === null) return Math.min(distance, survivors.count)
  return countBelow(survivors.listed.sequences, distance)
}

/** Where the offsets of the batch end, exclusive. */
export function offsetEnd(batch: Batch): number {
  return batch.baseOffset + (batch.survivors === undefined ? batch.payload.length : batch.survivors.offsetSpan)
}

/** How many of the rising numbers are below `value`. */
export function countBelow(numbers: Uint32Array, value: number): number {
  let low = 0
  let high = numbers.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((numbers[middle] ?? 0) < value) low = middle + 1
    else high = middle
  }
  return low
}
