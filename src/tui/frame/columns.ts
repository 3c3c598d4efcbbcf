// The tables of the groups and of a group's partitions.

import type { GroupLag, PartitionLag } from '../../wire/lag/snapshot.ts'
import type { LagStatus } from '../../wire/lag/status.ts'
import { type Glyphs, sparkline } from '../glyphs.ts'
import { printable, type Role, span } from '../line.ts'
import { age, count, rate } from '../numbers.ts'
import { isNested, type OverviewRow } from '../rows.ts'
import { type TopState, trendKey } from '../state.ts'
import { cellOf, type Column, type Table } from './table.ts'

const statusRoles: Readonly<Record<LagStatus, Role>> = {
  LOST: 'lost',
  INVAL: 'bad',
  STOP: 'bad',
  STALL: 'bad',
  REWIND: 'rewind',
  WARN: 'warn',
  NOCKPT: 'warn',
  UNKNOWN: 'dim',
  PENDING: 'dim',
  OK: 'good',
  IDLE: 'dim',
  UNUSED: 'dim',
}

export function statusSpan(status: LagStatus, glyphs: Glyphs) {
  const shown = status === 'UNKNOWN' ? '?' : status === 'PENDING' ? glyphs.ellipsis : status
  return span(shown, statusRoles[status])
}

function ageText(ageMs: number | null, isEstimated: boolean): string {
  return ageMs === null ? '-' : `${isEstimated ? '~' : ''}${age(ageMs)}`
}

/** The greatest lag anywhere, for trends on one scale; undefined: each row on its own. */
function scaleOf(state: TopState): number | undefined {
  return state.isAbsolute ? Math.max(1, ...[...state.trends.values()].flat()) : undefined
}

export function overviewTable(state: TopState, glyphs: Glyphs): Table<OverviewRow> {
  const scale = scaleOf(state)
  const group = (show: (group: GroupLag) => ReturnType<typeof span>) => (row: OverviewRow) =>
    row.kind === 'group' ? show(row.group) : span('')
  const quiet = (row: GroupLag, text: string) => cellOf(row.status === 'UNUSED' ? '-' : text, 'plain')
  const columns: readonly Column<OverviewRow>[] = [
    {
      name: 'name',
      title: 'HUB/GROUP',
      width: 18,
      align: 'left',
      cell: (row) => {
        if (row.kind === 'hub') {
          const folded = row.isFolded ? ` (${row.groups})` : ''
          return cellOf(`${row.isFolded ? glyphs.closed : glyphs.open} ${printable(row.hub)}${folded}`, 'strong')
        }
        const { hub, group: name } = row.group
        return cellOf(isNested(state) ? `   ${printable(name)}` : `${printable(hub)}/${printable(name)}`)
      },
    },
    { name: 'status', title: 'ST', width: 6, align: 'left', cell: group((row) => statusSpan(row.status, glyphs)) },
    { name: 'lag', title: 'LAG', width: 9, align: 'right', cell: group((row) => quiet(row, count(row.lag))) },
    {
      name: 'age',
      title: 'AGE',
      width: 7,
      align: 'right',
      cell: group((row) => quiet(row, ageText(row.ageMs, row.isAgeEstimated))),
    },
    {
      name: 'trend',
      title: 'TREND(60s)',
      width: 12,
      align: 'left',
      cell: (row, width) => {
        if (row.kind === 'hub') return span('')
        const values = state.trends.get(trendKey(row.group.hub, row.group.group, null)) ?? []
        return cellOf(row.group.status === 'UNUSED' ? '' : sparkline(values, width, glyphs, scale), 'trend')
      },
    },
    { name: 'in', title: 'IN/s', width: 6, align: 'right', cell: group((row) => cellOf(rate(row.inRate))) },
    { name: 'out', title: 'OUT/s', width: 6, align: 'right', cell: group((row) => cellOf(rate(row.outRate))) },
    { name: 'owners', title: 'OWN', width: 3, align: 'right', cell: group((row) => cellOf(String(row.owners))) },
  ]
  return { columns, stretch: 'name', dropOrder: ['trend', 'owners', 'out', 'in', 'age'], ellipsis: glyphs.ellipsis }
}

export function partitionTable(state: TopState, glyphs: Glyphs): Table<PartitionLag> {
  const scale = scaleOf(state)
  const columns: readonly Column<PartitionLag>[] = [
    { name: 'partition', title: 'P', width: 4, align: 'left', cell: (row) => cellOf(String(row.partition), 'strong') },
    { name: 'first', title: 'FIRST', width: 7, align: 'right', cell: (row) => cellOf(count(row.first)) },
    {
      name: 'last',
      title: 'LAST',
      width: 7,
      align: 'right',
      cell: (row) => cellOf(row.last < 0 ? '-' : count(row.last)),
    },
    {
      name: 'checkpoint',
      title: 'CKPT',
      width: 7,
      align: 'right',
      cell: (row) => cellOf(row.checkpoint === null ? '-' : count(row.checkpoint)),
    },
    {
      name: 'lag',
      title: 'LAG',
      width: 7,
      align: 'right',
      cell: (row) => cellOf(count(row.lag), row.lag > 0 ? 'strong' : 'plain'),
    },
    {
      name: 'age',
      title: 'AGE',
      width: 6,
      align: 'right',
      cell: (row) => cellOf(ageText(row.ageMs, row.isAgeEstimated)),
    },
    {
      name: 'trend',
      title: 'TREND',
      width: 8,
      align: 'left',
      cell: (row, width) =>
        cellOf(
          sparkline(state.trends.get(trendKey(row.hub, row.group, row.partition)) ?? [], width, glyphs, scale),
          'trend',
        ),
    },
    { name: 'in', title: 'IN/s', width: 5, align: 'right', cell: (row) => cellOf(rate(row.inRate)) },
    { name: 'out', title: 'OUT/s', width: 5, align: 'right', cell: (row) => cellOf(rate(row.outRate)) },
    {
      name: 'owner',
      title: 'OWNER',
      width: 8,
      align: 'left',
      cell: (row) => cellOf(row.owner === null ? '-' : printable(row.owner)),
    },
    {
      name: 'level',
      title: 'EP',
      width: 3,
      align: 'right',
      cell: (row) => cellOf(row.ownerLevel === null ? '-' : String(row.ownerLevel)),
    },
    { name: 'status', title: 'ST', width: 6, align: 'left', cell: (row) => statusSpan(row.status, glyphs) },
  ]
  return {
    columns,
    stretch: 'owner',
    dropOrder: ['trend', 'level', 'first', 'out', 'in', 'age', 'owner', 'last', 'checkpoint'],
    ellipsis: glyphs.ellipsis,
  }
}
