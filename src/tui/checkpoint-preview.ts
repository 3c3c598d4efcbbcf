// What moving a checkpoint would do, in one line; and positions that need nobody to be asked. Pure.

import type { Position } from '../wire/events/position.ts'
import type { PartitionLag } from '../wire/lag/snapshot.ts'
import { count } from './numbers.ts'

/** @param next Sequence number the group would get next. */
export function previewText(row: PartitionLag, next: number): string {
  const lag = Math.max(0, row.last - next + 1)
  const before = (row.checkpoint ?? row.first - 1) + 1
  const moved = next - before
  const effect =
    moved === 0
      ? 'nothing changes'
      : moved > 0
        ? `${moved.toLocaleString('en-US')} events will be skipped`
        : `${(-moved).toLocaleString('en-US')} events will be read again`
  return `lag ${count(row.lag)} to ${count(lag)}: ${effect}`
}

/** Sequence number of the next event, within what is stored. */
export function relativeNext(position: Position & { readonly kind: 'relative' }, row: PartitionLag): number {
  const next = position.to === 'beginning' ? row.first + position.count : row.last + 1 - position.count
  return Math.max(row.first, Math.min(next, row.last + 1))
}
