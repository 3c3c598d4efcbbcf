// Lag as rows of a table and as JSON. The JSON's names are a contract (docs/CLI.md, "Lag").

import { type GroupLag, groupsOf, type LagSnapshot, type PartitionLag } from '../wire/lag/snapshot.ts'
import type { Cell, Column } from './output.ts'

export const lagSorts = ['name', 'lag', 'age'] as const
export type LagSort = (typeof lagSorts)[number]

export interface LagSelection {
  readonly groups: readonly string[]
  readonly isOnlyWithLag: boolean
  readonly sort: LagSort
}

/** The snapshot with only what was asked for, partitions in the order asked for. */
export function selectLag(snapshot: LagSnapshot, selection: LagSelection): LagSnapshot {
  const wanted = new Set(selection.groups.map((group) => group.toLowerCase()))
  const partitions = snapshot.partitions.filter(
    (row) =>
      (wanted.size === 0 || wanted.has(row.group.toLowerCase())) &&
      (!selection.isOnlyWithLag || (row.lag > 0 && row.status !== 'UNUSED')),
  )
  return { ...snapshot, partitions: sorted(partitions, selection.sort) }
}

/** Groups in the order asked for. */
export function sortedGroups(snapshot: LagSnapshot, sort: LagSort): readonly GroupLag[] {
  return sorted(groupsOf(snapshot), sort)
}

function sorted<Row extends { readonly lag: number; readonly ageMs: number | null }>(
  rows: readonly Row[],
  sort: LagSort,
): readonly Row[] {
  if (sort === 'lag') return rows.toSorted((a, b) => b.lag - a.lag)
  if (sort === 'age') return rows.toSorted((a, b) => (b.ageMs ?? -1) - (a.ageMs ?? -1))
  return rows
}

export const groupColumns: readonly Column[] = [
  { title: 'HUB' },
  { title: 'GROUP' },
  { title: 'ST' },
  { title: 'LAG', align: 'right' },
  { title: 'AGE', align: 'right' },
  { title: 'IN/s', align: 'right' },
  { title: 'OUT/s', align: 'right' },
  { title: 'OWNERS', align: 'right' },
  { title: 'WHY' },
]

export function groupRow(row: GroupLag): readonly Cell[] {
  const isUnused = row.status === 'UNUSED'
  return [
    row.hub,
    row.group,
    row.status,
    isUnused ? null : row.lag,
    ageCell(row.ageMs, row.isAgeEstimated),
    rateCell(row.inRate),
    rateCell(row.outRate),
    row.owners,
    row.reason,
  ]
}

export const partitionColumns: readonly Column[] = [
  { title: 'HUB' },
  { title: 'GROUP' },
  { title: 'P', align: 'right' },
  { title: 'FIRST', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'CHECKPOINT', align: 'right' },
  { title: 'LAG', align: 'right' },
  { title: 'BYTES', align: 'right' },
  { title: 'AGE', align: 'right' },
  { title: 'IN/s', align: 'right' },
  { title: 'OUT/s', align: 'right' },
  { title: 'OWNER' },
  { title: 'ST' },
]

export function partitionRow(row: PartitionLag): readonly Cell[] {
  return [
    row.hub,
    row.group,
    row.partition,
    row.first,
    row.last,
    row.checkpoint,
    row.lag,
    row.lagBytes,
    ageCell(row.ageMs, row.isAgeEstimated),
    rateCell(row.inRate),
    rateCell(row.outRate),
    row.owner,
    row.status,
  ]
}

/** One partition of one group, as `ehub lag --json` prints it. */
export function lagJson(row: PartitionLag, snapshot: LagSnapshot): Readonly<Record<string, unknown>> {
  return {
    ts: new Date(snapshot.atMs).toISOString(),
    hub: row.hub,
    group: row.group,
    partition: row.partition,
    first: row.first,
    last: row.last,
    checkpoint: row.checkpoint,
    lag: row.lag,
    lagBytes: row.lagBytes,
    lost: row.lost,
    ageMs: row.ageMs,
    ageEstimated: row.isAgeEstimated,
    inRate: rounded(row.inRate),
    outRate: rounded(row.outRate),
    owner: row.owner,
    epoch: row.ownerLevel,
    readers: row.readers,
    status: row.status,
    level: row.level,
    reason: row.reason,
    store: snapshot.store,
  }
}

function rateCell(perSecond: number): number {
  return rounded(perSecond)
}

function rounded(value: number): number {
  return Math.round(value * 10) / 10
}

function ageCell(ageMs: number | null, isEstimated: boolean): string | null {
  return ageMs === null ? null : `${isEstimated ? '~' : ''}${(ageMs / 1000).toFixed(1)}s`
}
