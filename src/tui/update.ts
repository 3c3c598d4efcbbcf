// How the state moves: one function from state and action to state and effects. Effects are what the shell shall do (load,
// write, copy, quit); their results come back as actions.

import { groupKey } from '../wire/lag/snapshot.ts'
import type { LagSnapshot } from '../wire/lag/snapshot.ts'
import { type Effect, step, type Step } from './effects.ts'
import { press } from './keys.ts'
import { groupsIn, overviewRows } from './rows.ts'
import { type Alert, type EventRow, type ReaderRow, type TopState, trendKey, trendSamples } from './state.ts'
import type { Sample } from './graph.ts'

export type Action =
  | { readonly kind: 'sampled'; readonly snapshot: LagSnapshot }
  | { readonly kind: 'sourceFailed'; readonly reason: string }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'eventsLoaded'; readonly events: readonly EventRow[] }
  | { readonly kind: 'readersLoaded'; readonly readers: readonly ReaderRow[] }
  | { readonly kind: 'historyLoaded'; readonly samples: readonly Sample[] }
  | { readonly kind: 'nextEventLoaded'; readonly text: string | null }
  | { readonly kind: 'previewed'; readonly text: string; readonly preview: string; readonly isRefused: boolean }
  | { readonly kind: 'said'; readonly message: string }

const alertsMax = 50

export function update(state: TopState, action: Action): Step {
  switch (action.kind) {
    case 'sampled':
      return step(withSnapshot(state, action.snapshot), ...refreshing(state))
    case 'sourceFailed':
      return step({ ...state, sourceError: action.reason })
    case 'key':
      return press({ ...state, message: null }, action.key)
    case 'eventsLoaded': {
      const selectedRow = state.view === 'events' && state.isFollowing ? action.events.length - 1 : state.selectedRow
      return step({ ...state, events: action.events, selectedRow: Math.max(0, selectedRow) })
    }
    case 'readersLoaded':
      return step({ ...state, readers: action.readers })
    case 'historyLoaded':
      return step({ ...state, history: action.samples })
    case 'nextEventLoaded':
      return step({ ...state, nextEvent: action.text })
    case 'previewed': {
      const { overlay } = state
      // The text has been edited meanwhile: this preview is of another position.
      if (overlay?.kind !== 'checkpoint' || overlay.text !== action.text) return step(state)
      return step({ ...state, overlay: { ...overlay, preview: action.preview, isRefused: action.isRefused } })
    }
    case 'said':
      return step({ ...state, message: action.message })
  }
}

/** What to load again after each sample, so that the open view stays as fresh as the numbers. */
function refreshing(state: TopState): readonly Effect[] {
  if (state.isPaused) return []
  const [hub, group] = state.selectedGroup?.split('\n') ?? []
  if (hub === undefined || group === undefined) return []
  const ref = { hub, group, partition: state.selectedPartition }
  switch (state.view) {
    case 'events':
      return state.isFollowing ? [{ kind: 'loadEvents', ...ref }] : []
    case 'readers':
      return [{ kind: 'loadReaders', hub }]
    // On a large screen the graph stands beside the list of groups.
    case 'groups':
    case 'graph':
    case 'partitions':
      return [
        { kind: 'loadHistory', spanMs: state.graphSpanMs, ...ref },
        { kind: 'loadNext', ...ref },
      ]
  }
}

function withSnapshot(state: TopState, snapshot: LagSnapshot): TopState {
  if (state.isPaused) return state
  const next = {
    ...state,
    snapshot,
    sourceError: null,
    trends: withTrends(state, snapshot),
    alerts: withAlerts(state, snapshot),
  }
  if (state.selectedGroup !== null) return next
  // The cursor opens on the worst status.
  const worst = overviewRows({ ...next, sort: 'status' }).find((row) => row.kind === 'group')
  if (worst?.kind !== 'group') return next
  const selectedRow = overviewRows(next).findIndex((row) => row.kind === 'group' && row.key === worst.key)
  return { ...next, selectedGroup: worst.key, selectedRow: Math.max(0, selectedRow) }
}

function withTrends(state: TopState, snapshot: LagSnapshot): ReadonlyMap<string, readonly number[]> {
  const trends = new Map<string, readonly number[]>()
  const keep = (key: string, value: number) => {
    // One copy: there are thousands of them.
    const samples = state.trends.get(key)?.slice(1 - trendSamples) ?? []
    samples.push(value)
    trends.set(key, samples)
  }
  for (const group of groupsIn(snapshot)) {
    keep(trendKey(group.hub, group.group, null), group.lag)
    for (const row of group.partitions) keep(trendKey(row.hub, row.group, row.partition), row.lag)
  }
  return trends
}

/** A line for every group that got worse or better since the last sample, and for every owner level that moved. */
function withAlerts(state: TopState, snapshot: LagSnapshot): readonly Alert[] {
  if (state.snapshot === null) return state.alerts
  const before = new Map(groupsIn(state.snapshot).map((group) => [groupKey(group.hub, group.group), group]))
  const found: Alert[] = []
  for (const group of groupsIn(snapshot)) {
    const was = before.get(groupKey(group.hub, group.group))
    if (was === undefined || was.level === group.level) continue
    found.push({
      atMs: snapshot.atMs,
      level: group.level,
      text: `${group.hub}/${group.group} ${was.status} to ${group.status} (${group.reason})`,
    })
  }
  return [...state.alerts, ...found].slice(-alertsMax)
}
