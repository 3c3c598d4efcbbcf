// What `ehub checkpoint` would change, partition by partition: pure functions of what is there. A checkpoint is the sequence number
// of the last event handled; null is none, which also stands for the place before the very first event.

import { EhubError } from '../base/error.ts'
import type { CheckpointReply, PartitionReply } from '../wire/control/contract.ts'

/** One partition's change; null: no checkpoint. */
export interface Change {
  readonly partition: number
  readonly before: number | null
  readonly after: number | null
}

export type Checkpoints = ReadonlyMap<number, Pick<CheckpointReply, 'sequence'>>

type Bounds = Pick<PartitionReply, 'partition' | 'beginSequence' | 'lastSequence'>

export function deletions(partitions: readonly Bounds[], checkpoints: Checkpoints): readonly Change[] {
  return changesOf(partitions, checkpoints, () => null)
}

/** Forward or, below 0, back by so many events, within what is stored; a partition without a checkpoint stays without. */
export function shifts(partitions: readonly Bounds[], checkpoints: Checkpoints, by: number): readonly Change[] {
  return changesOf(partitions, checkpoints, ({ beginSequence, lastSequence }, before) =>
    before === null ? null : placeOf(Math.min(lastSequence, Math.max(beginSequence - 1, before + by))),
  )
}

/** Where another group is; partitions it has no checkpoint of stay as they are. */
export function copies(partitions: readonly Bounds[], checkpoints: Checkpoints, from: Checkpoints): readonly Change[] {
  return changesOf(partitions, checkpoints, ({ partition }, before) => from.get(partition)?.sequence ?? before)
}

/** Checkpoints beyond the last event, which no reader can go on from, to the last event: the hub was made anew. */
export function repairs(partitions: readonly Bounds[], checkpoints: Checkpoints): readonly Change[] {
  return changesOf(partitions, checkpoints, ({ lastSequence }, before) =>
    before !== null && before > lastSequence ? placeOf(lastSequence) : before,
  )
}

/**
 * To what a file says; partitions it does not name stay as they are.
 * @throws EhubError `position-out-of-range` for an event that is not there yet, before anything is changed.
 */
export function imports(
  partitions: readonly Bounds[],
  checkpoints: Checkpoints,
  wanted: ReadonlyMap<number, number>,
): readonly Change[] {
  return changesOf(partitions, checkpoints, ({ partition, lastSequence }, before) => {
    const sequence = wanted.get(partition)
    if (sequence === undefined) return before
    if (sequence <= lastSequence) return placeOf(sequence)
    throw new EhubError(
      'position-out-of-range',
      `sequence number ${sequence} is not there yet, partition ${partition} ends at ${lastSequence + 1}`,
    )
  })
}

/** Only partitions that would change. */
export function changesOf<B extends Bounds>(
  partitions: readonly B[],
  checkpoints: Checkpoints,
  afterOf: (partition: B, before: number | null) => number | null,
): readonly Change[] {
  return partitions.flatMap((bounds) => {
    const { partition } = bounds
    const before = checkpoints.get(partition)?.sequence ?? null
    const after = afterOf(bounds, before)
    return after === before ? [] : [{ partition, before, after }]
  })
}

function placeOf(sequence: number): number | null {
  return sequence < 0 ? null : sequence
}
