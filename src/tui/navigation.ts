// Moving about: the cursor, the views, and what each view has to load when it opens.

import { groupKey } from '../wire/lag/snapshot.ts'
import { type Effect, type PartitionRef, step, type Step } from './effects.ts'
import { overviewRows, rowCount, selectedGroup } from './rows.ts'
import type { TopState, View } from './state.ts'

/** Moves the cursor, clamped; the selection of the view follows it. */
export function moved(state: TopState, row: number): TopState {
  const selectedRow = Math.max(0, Math.min(row, rowCount(state) - 1))
  switch (state.view) {
    case 'groups': {
      const at = overviewRows(state)[selectedRow]
      return { ...state, selectedRow, selectedGroup: at?.kind === 'group' ? at.key : state.selectedGroup }
    }
    case 'partitions':
    case 'graph': {
      const partition = selectedGroup(state)?.partitions[selectedRow]?.partition
      return {
        ...state,
        selectedRow,
        selectedPartition: partition ?? state.selectedPartition,
        nextEvent: null,
        history: [],
      }
    }
    case 'events':
      // Somebody who moves wants to read, not to be carried on.
      return { ...state, selectedRow, isFollowing: selectedRow === rowCount(state) - 1 && state.isFollowing }
    case 'readers':
      return { ...state, selectedRow }
  }
}

/** Opens a view and loads what it shows. */
export function opened(state: TopState, view: View): Step {
  const group = selectedGroup(state)
  if (view !== 'groups' && group === null) return step({ ...state, message: 'no consumer group is selected' })
  const next: TopState = { ...state, view, overlay: null, isEventOpen: false }
  switch (view) {
    case 'groups':
      return step(followingSelection(next))
    case 'partitions':
    case 'graph': {
      const index = group?.partitions.findIndex((row) => row.partition === worstPartition(state)) ?? 0
      const row = state.view === 'graph' || state.view === 'partitions' ? state.selectedRow : Math.max(0, index)
      const at = moved({ ...next, selectedRow: row }, row)
      const ref = partitionRef(at)
      if (ref === null) return step(at)
      return step(at, { kind: 'loadHistory', spanMs: at.graphSpanMs, ...ref }, { kind: 'loadNext', ...ref })
    }
    case 'events':
      return step({ ...next, events: [], selectedRow: 0, isFollowing: true }, ...loadEvents(next))
    case 'readers':
      return step({ ...next, readers: [], selectedRow: 0 }, { kind: 'loadReaders', hub: group?.hub ?? '' })
  }
}

/** One level up; never quits. */
export function back(state: TopState): Step {
  if (state.isEventOpen) return step({ ...state, isEventOpen: false })
  if (state.view === 'groups') return step(state.filter === '' ? state : followingSelection({ ...state, filter: '' }))
  return opened(state, state.view === 'partitions' ? 'groups' : 'partitions')
}

/** Puts the cursor on the selected group wherever sorting, folding or filtering has moved it. */
export function followingSelection(state: TopState): TopState {
  const rows = overviewRows(state)
  const at = rows.findIndex((row) => row.kind === 'group' && row.key === state.selectedGroup)
  return { ...state, selectedRow: at >= 0 ? at : Math.max(0, Math.min(state.selectedRow, rows.length - 1)) }
}

/** The partition to look at first: the one the group's verdict comes from. */
function worstPartition(state: TopState): number {
  const group = selectedGroup(state)
  const worst = group?.partitions.find((row) => row.status === group.status)
  return worst?.partition ?? 0
}

export function partitionRef(state: TopState): PartitionRef | null {
  const group = selectedGroup(state)
  return group === null ? null : { hub: group.hub, group: group.group, partition: state.selectedPartition }
}

export function loadEvents(state: TopState): readonly Effect[] {
  const ref = partitionRef(state)
  return ref === null ? [] : [{ kind: 'loadEvents', ...ref }]
}

/** Selects a group by name, as `:` does. */
export function goTo(state: TopState, text: string): Step {
  const [hub = '', group = ''] = text.split('/')
  const rows = overviewRows({ ...state, filter: '', folded: new Set() })
  const lower = (value: string) => value.toLowerCase()
  const found = rows.find(
    (row) =>
      row.kind === 'group' &&
      lower(row.group.hub).startsWith(lower(hub)) &&
      lower(row.group.group).startsWith(lower(group)),
  )
  if (found?.kind !== 'group') return step({ ...state, overlay: null, message: `nothing is called ${text}` })
  const selected = groupKey(found.group.hub, found.group.group)
  const next = { ...state, overlay: null, filter: '', folded: new Set<string>(), selectedGroup: selected }
  return group === '' ? opened(next, 'groups') : opened({ ...next, view: 'groups' }, 'partitions')
}
