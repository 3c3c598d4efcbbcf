// What the state shows as rows: groups folded under their hubs, filtered and sorted; partitions; which row is selected.

import {
  groupKey,
  type GroupLag,
  groupsOf,
  type LagSnapshot,
  type PartitionLag,
  statusRank,
} from '../wire/lag/snapshot.ts'
import type { EventRow, GroupSort, TopState } from './state.ts'

export type OverviewRow =
  | { readonly kind: 'hub'; readonly hub: string; readonly isFolded: boolean; readonly groups: number }
  | { readonly kind: 'group'; readonly key: string; readonly group: GroupLag }

const levelRank = { ERR: 0, WARN: 1, UNKNOWN: 2, OK: 3 } as const

const orders: Readonly<Record<GroupSort, (a: GroupLag, b: GroupLag) => number>> = {
  status: (a, b) =>
    levelRank[a.level] - levelRank[b.level] || statusRank(a.status) - statusRank(b.status) || b.lag - a.lag,
  lag: (a, b) => b.lag - a.lag,
  age: (a, b) => (b.ageMs ?? -1) - (a.ageMs ?? -1),
  name: (a, b) => byName(a, b),
  in: (a, b) => b.inRate - a.inRate,
  out: (a, b) => b.outRate - a.outRate,
}

function byName(a: GroupLag, b: GroupLag): number {
  return a.hub === b.hub ? compare(a.group, b.group) : compare(a.hub, b.hub)
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

// One snapshot is drawn many times while keys are pressed; the groups are made once for each.
const groupsBySnapshot = new WeakMap<LagSnapshot, readonly GroupLag[]>()

export function groupsIn(snapshot: LagSnapshot | null): readonly GroupLag[] {
  if (snapshot === null) return []
  const known = groupsBySnapshot.get(snapshot)
  if (known !== undefined) return known
  const groups = groupsOf(snapshot)
  groupsBySnapshot.set(snapshot, groups)
  return groups
}

/** Sorted by name, groups stand under their hubs; sorted by anything else, the list is flat and every row names both. */
export function isNested(state: TopState): boolean {
  return state.sort === 'name'
}

export function overviewRows(state: TopState): readonly OverviewRow[] {
  const matches = matcher(state.filter)
  const groups = groupsIn(state.snapshot).filter((group) => matches(`${group.hub}/${group.group} ${group.status}`))
  const ordered = groups.toSorted((a, b) => {
    const order = orders[state.sort](a, b) * (state.isReversed ? -1 : 1)
    return order === 0 ? byName(a, b) : order
  })
  const rows: OverviewRow[] = []
  let hub: string | null = null
  for (const group of ordered) {
    if (isNested(state) && group.hub !== hub) {
      hub = group.hub
      const name = group.hub
      const isFolded = state.folded.has(name)
      rows.push({ kind: 'hub', hub: name, isFolded, groups: ordered.filter((other) => other.hub === name).length })
    }
    if (isNested(state) && state.folded.has(group.hub)) continue
    rows.push({ kind: 'group', key: groupKey(group.hub, group.group), group })
  }
  return rows
}

/** `/text`, `/!text` for the inverse; a pattern when it is one, plain text when it is not. */
export function matcher(filter: string): (text: string) => boolean {
  if (filter === '') return () => true
  const isInverse = filter.startsWith('!')
  const wanted = isInverse ? filter.slice(1) : filter
  if (wanted === '') return () => true
  let pattern: RegExp | null = null
  try {
    pattern = new RegExp(wanted, 'i')
  } catch {
    // Not a pattern (yet, while it is typed): taken as text.
  }
  const lower = wanted.toLowerCase()
  return (text) => (pattern === null ? text.toLowerCase().includes(lower) : pattern.test(text)) !== isInverse
}

export function selectedGroup(state: TopState): GroupLag | null {
  return groupsIn(state.snapshot).find((group) => groupKey(group.hub, group.group) === state.selectedGroup) ?? null
}

export function selectedPartition(state: TopState): PartitionLag | null {
  return selectedGroup(state)?.partitions.find((row) => row.partition === state.selectedPartition) ?? null
}

export function visibleEvents(state: TopState): readonly EventRow[] {
  if (state.filter === '') return state.events
  const matches = matcher(state.filter)
  return state.events.filter((event) =>
    matches(
      `${event.sequence} ${event.key ?? ''} ${Buffer.from(event.body).toString('utf8')} ${event.properties.join(' ')}`,
    ),
  )
}

/** How many rows the present view has for the cursor to move over. */
export function rowCount(state: TopState): number {
  switch (state.view) {
    case 'groups':
      return overviewRows(state).length
    case 'partitions':
    case 'graph':
      return selectedGroup(state)?.partitions.length ?? 0
    case 'events':
      return visibleEvents(state).length
    case 'readers':
      return state.readers.length
  }
}

/** First row to draw so that the cursor stays visible, moving as little as possible from the top. */
export function scrollTop(selected: number, total: number, room: number): number {
  if (total <= room) return 0
  return Math.max(0, Math.min(selected - Math.floor(room / 2), total - room))
}
