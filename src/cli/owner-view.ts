// Owners of partitions as rows of a table.

import { formatDuration } from '../base/duration.ts'
import type { OwnershipReply } from '../wire/control/contract.ts'
import type { Cell, Column } from './output.ts'

export const ownerColumns: readonly Column[] = [
  { title: 'GROUP' },
  { title: 'PARTITION', align: 'right' },
  { title: 'OWNER' },
  { title: 'RENEWED' },
  { title: 'AGO', align: 'right' },
  { title: 'STORE' },
]

/** @param nowMs Of the daemon's machine, which is this one. */
export function ownerRow(
  { group, partition, owner, updatedAtMs, store }: OwnershipReply,
  nowMs: number,
): readonly Cell[] {
  const ago = formatDuration(Math.max(0, nowMs - updatedAtMs))
  return [group, partition, owner, new Date(updatedAtMs).toISOString(), ago, store]
}
