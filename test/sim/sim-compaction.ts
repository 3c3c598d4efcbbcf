// Compaction as the storage simulation does it: takes the events below a level from the even pieces the models' batches are made of.

import type { Batch, KeepFunction } from '../../src/daemon/storage/storage-engine.ts'
import { eventCount, offsetEnd } from '../../src/daemon/storage/survivors.ts'
import { levelOf, pieceStart } from './model.ts'

/** @param originals What was appended, by base sequence: what is left of a batch is cut where it was whole. */
export function keepAbove(level: number, originals: (baseSequence: number) => Batch | undefined): KeepFunction {
  return (batch) => {
    const original = originals(batch.baseSequence)
    if (original === undefined) throw new Error(`compaction read ${batch.baseSequence}, which nobody appended`)
    const listed = batch.survivors?.listed ?? null
    const present = Array.from({ length: eventCount(batch) }, (_, index) => listed?.sequences[index] ?? index)
    const kept = present.filter((distance) => levelOf(batch.baseSequence + distance) >= level)
    if (kept.length === present.length) return batch
    if (kept.length === 0 && batch.producer === null) return null
    const starts = kept.map((distance) => pieceStart(original, distance))
    const isNone = kept.length === 0
    return {
      ...batch,
      // From what was read, so that a wrong payload is seen.
      payload: Buffer.concat(piecesOf(batch, original, present).filter((_, index) => kept.includes(present[index]!))),
      survivors: {
        count: kept.length,
        listed: isNone ? null : { sequences: Uint32Array.from(kept), offsets: Uint32Array.from(starts) },
        offsetSpan: offsetEnd(batch) - batch.baseOffset,
        cleanedAtMs: null,
      },
    }
  }
}

function piecesOf(batch: Batch, original: Batch, present: readonly number[]): readonly Buffer[] {
  let at = 0
  return present.map((distance) => {
    const from = at
    at += pieceStart(original, distance + 1) - pieceStart(original, distance)
    return batch.payload.subarray(from, at)
  })
}
