// The whole state of the screen as one immutable value. `update.ts` moves it, `frame/*` draws it, nothing else knows it.

import type { LagLevel } from '../wire/lag/status.ts'
import type { LagSnapshot } from '../wire/lag/snapshot.ts'
import type { Sample } from './graph.ts'

export const views = ['groups', 'partitions', 'events', 'readers', 'graph'] as const
export type View = (typeof views)[number]

export const groupSorts = ['name', 'status', 'lag', 'age', 'in', 'out'] as const
export type GroupSort = (typeof groupSorts)[number]

export const bodyModes = ['text', 'hex', 'none'] as const
export type BodyMode = (typeof bodyModes)[number]

/** Spans of the big graph. */
export const graphSpansMs = [60_000, 600_000, 3_600_000, 86_400_000] as const

/** Sampling intervals that `+` and `-` step through, milliseconds. */
export const intervalsMs = [500, 1000, 2000, 5000, 10_000, 30_000, 60_000] as const

export interface EventRow {
  readonly partition: number
  readonly sequence: number
  readonly enqueuedMs: number
  readonly key: string | null
  readonly body: Uint8Array
  /** `name=value` of the application properties, in order. */
  readonly properties: readonly string[]
}

export interface ReaderRow {
  readonly id: number
  readonly group: string
  readonly partition: number
  readonly name: string | null
  readonly origin: string
  readonly ownerLevel: number | null
  readonly credit: number
  readonly delivered: number
  readonly openedAtMs: number
}

export interface Alert {
  readonly atMs: number
  readonly level: LagLevel
  readonly text: string
}

export type Overlay =
  | { readonly kind: 'help' }
  | { readonly kind: 'filter'; readonly text: string }
  | { readonly kind: 'goto'; readonly text: string }
  | { readonly kind: 'checkpoint'; readonly text: string; readonly preview: string | null; readonly isRefused: boolean }
  | { readonly kind: 'kick'; readonly reader: ReaderRow }

export interface Target {
  /** Profile, connection or data folder, as a person calls it. */
  readonly name: string
  readonly isLocal: boolean
}

export interface TopState {
  readonly target: Target
  readonly isReadOnly: boolean
  readonly snapshot: LagSnapshot | null
  /** Why there is no fresh snapshot; null while the source answers. */
  readonly sourceError: string | null
  /** Lag of the last samples, oldest first, by `trendKey`. */
  readonly trends: ReadonlyMap<string, readonly number[]>
  readonly alerts: readonly Alert[]

  readonly view: View
  readonly overlay: Overlay | null
  readonly message: string | null

  /** Key of the selected group (`groupKey`), null until there is one. */
  readonly selectedGroup: string | null
  readonly selectedPartition: number
  readonly selectedRow: number
  readonly folded: ReadonlySet<string>
  readonly filter: string
  readonly sort: GroupSort
  readonly isReversed: boolean
  readonly isAbsolute: boolean
  readonly isPaused: boolean
  readonly intervalMs: number

  readonly events: readonly EventRow[]
  readonly isFollowing: boolean
  readonly isWrapped: boolean
  readonly bodyMode: BodyMode
  readonly isEventOpen: boolean
  readonly readers: readonly ReaderRow[]
  readonly history: readonly Sample[]
  readonly graphSpanMs: number
  /** The event a resuming consumer of the selected partition would get next, as one line; null: not known. */
  readonly nextEvent: string | null
}

/** How many samples a trend keeps; the widest trend column shows fewer. */
export const trendSamples = 60

export function initialState(options: {
  readonly target: Target
  readonly isReadOnly: boolean
  readonly intervalMs: number
}): TopState {
  return {
    target: options.target,
    isReadOnly: options.isReadOnly,
    snapshot: null,
    sourceError: null,
    trends: new Map(),
    alerts: [],
    view: 'groups',
    overlay: null,
    message: null,
    selectedGroup: null,
    selectedPartition: 0,
    selectedRow: 0,
    folded: new Set(),
    filter: '',
    sort: 'name',
    isReversed: false,
    isAbsolute: false,
    isPaused: false,
    intervalMs: options.intervalMs,
    events: [],
    isFollowing: true,
    isWrapped: false,
    bodyMode: 'text',
    isEventOpen: false,
    readers: [],
    history: [],
    graphSpanMs: 600_000,
    nextEvent: null,
  }
}

export function trendKey(hub: string, group: string, partition: number | null): string {
  return `${hub}\n${group}\n${partition ?? '*'}`
}
